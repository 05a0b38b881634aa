package fmp4_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
)

// corpusLimit keeps the committed corpora small: they are read by every run of the tests.
const corpusLimit = 100_000

// realFiles are the muxer's own files in the corpora, by name: of each codec and frame order that is recorded.
var realFiles = map[string][]string{
	"h264-aac":     {"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-c:a", "aac", "-b:a", "4k"},
	"h264-bframes": {"-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-an"},
	"h265-opus":    {"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-c:a", "libopus", "-b:a", "6k"},
	"av1":          {"-c:v", "libsvtav1", "-preset", "10", "-an"},
}

// TestCorpora demands that the real files in the fuzz corpora are still what the reader understands, to the last byte, and
// that the corpora stay small. UPDATE=1 makes the real files anew; what a fuzzer found beside them is kept.
func TestCorpora(t *testing.T) {
	if os.Getenv("UPDATE") != "" {
		for name, encode := range realFiles {
			writeSeeds(t, name, encode)
		}
	}
	size := 0
	for _, target := range []string{"FuzzScan", "FuzzReadSamples"} {
		files, err := filepath.Glob(filepath.Join("testdata", "fuzz", target, "*"))
		if err != nil || len(files) <= len(realFiles) {
			t.Fatalf("%d seeds of %s, error %v", len(files), target, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			size += len(b)
		}
	}
	if size > corpusLimit {
		t.Errorf("the corpora have %d bytes, at most %d are wanted", size, corpusLimit)
	}
	for name := range realFiles {
		file := seed(t, "FuzzScan", name)
		l, err := fmp4.Scan(bytes.NewReader(file), int64(len(file)))
		if err != nil || l.Size != int64(len(file)) || len(l.Parts) < 2 {
			t.Errorf("%s: %+v, error %v", name, l, err)
			continue
		}
		parts := seed(t, "FuzzReadSamples", name)
		if !bytes.Equal(parts, file[l.InitBytes:]) {
			t.Errorf("%s: the samples are of another file", name)
		}
		if samples, err := fmp4.ReadSamples(parts, l.Desc); err != nil || len(samples) < 2 {
			t.Errorf("%s: %d samples, error %v", name, len(samples), err)
		}
	}
}

// writeSeeds has the muxer make a file of 1 s of tiny pictures and keeps it for both targets.
func writeSeeds(t *testing.T, name string, encode []string) {
	t.Helper()
	args := []string{
		"-f", "lavfi", "-i", "testsrc=size=64x64:rate=6:duration=1", "-f", "lavfi", "-i", "sine=sample_rate=16000:duration=1",
		"-pix_fmt", "yuv420p", "-g", "3", "-crf", "50",
	}
	file, _ := write(t, fmp4test.Load(t, append(args, encode...)...))
	l, err := fmp4.Scan(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for target, b := range map[string][]byte{"FuzzScan": file, "FuzzReadSamples": file[l.InitBytes:]} {
		p := seedPath(target, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, fmt.Appendf(nil, "go test fuzz v1\n[]byte(%q)\n", b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func seedPath(target, name string) string { return filepath.Join("testdata", "fuzz", target, name) }

// seed reads the bytes of a seed of one argument.
func seed(t *testing.T, target, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(seedPath(target, name))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) < 2 {
		t.Fatalf("seed %s of %s is not one of go test", name, target)
	}
	s, err := strconv.Unquote(strings.TrimSuffix(strings.TrimPrefix(lines[1], "[]byte("), ")"))
	if err != nil {
		t.Fatalf("seed %s of %s: %v", name, target, err)
	}
	return []byte(s)
}
