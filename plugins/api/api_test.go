package api

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite generated.sum; run by make gen after buf")

const sumFile = "generated.sum"

// TestGeneratedCodeIsFresh compares digests instead of generating again: building the tools takes minutes. The file
// holds the digest of every input and output, and the tool versions the outputs name.
func TestGeneratedCodeIsFresh(t *testing.T) {
	got := digests(t)
	if *update {
		if err := os.WriteFile(sumFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(sumFile)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the proto files and the generated code do not belong together: run `make gen`\nhave:\n%s\nwant:\n%s", got, want)
	}
}

func digests(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("v1/*")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, "buf.yaml", "buf.gen.yaml", "../python/nightjar_plugin/contract.binpb")
	slices.Sort(files)
	var out strings.Builder
	tool := regexp.MustCompile(`(?m)^//\s+-?\s*(protoc-gen-\S+\s+v\S+)$`)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%x  %s", sha256.Sum256(b), f)
		if m := tool.FindSubmatch(b); m != nil {
			fmt.Fprintf(&out, "  %s", strings.Join(strings.Fields(string(m[1])), " "))
		}
		out.WriteByte('\n')
	}
	return out.String()
}
