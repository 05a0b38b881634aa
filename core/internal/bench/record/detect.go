package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const withDetection = "Nightjar with detection"

// startDetecting runs the whole product with detection on the model: every camera is decoded at five pictures a second, and
// its motion is looked at.
func startDetecting(ctx context.Context, g *group, o options, url, dir string, n int) error {
	model, err := filepath.Abs(o.model)
	if err != nil {
		return err
	}
	var c strings.Builder
	fmt.Fprintf(&c, "data_dir: %s/data\nrecordings_dir: %s/recordings\nlog_level: warn\nhttp: {listen: \"127.0.0.1:0\"}\nrtsp: {enabled: false}\n"+
		"detect: {model: %q}\nrecord: {previews: false}\ncameras:\n", dir, dir, model)
	for i := range n {
		fmt.Fprintf(&c, "  cam%d: {main: {url: %q}}\n", i, camera(url, i))
	}
	return startWithConfig(ctx, g, dir, c.String(), o.nightjar, "serve", "-c")
}

// gapsIn counts the intervals that Nightjar's journals below dir call missed.
func gapsIn(dir string) (n int) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(path) != "journal.jsonl" {
			return nil //nolint:nilerr // files come and go while a recorder runs
		}
		b, err := os.ReadFile(path) //nolint:gosec // below a folder of ours
		if err != nil {
			return nil //nolint:nilerr // the same
		}
		for line := range bytes.Lines(b) {
			var l struct {
				Type string `json:"t"`
			}
			if json.Unmarshal(line, &l) == nil && l.Type == "gap" {
				n++
			}
		}
		return nil
	})
	return n
}
