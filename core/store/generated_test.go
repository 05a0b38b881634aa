package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestGenerated compares the digest of what sqlc read with the one noted when it last ran, instead of running it: the
// tool takes minutes to build. UPDATE=1 notes the digest of now; `make gen` does both.
func TestGenerated(t *testing.T) {
	h := sha256.New()
	var files []string
	for _, pattern := range []string{"sqlc.yaml", "queries/*.sql", "../../migrations/*.sql"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%s %d\n%s", filepath.Base(f), len(b), b)
	}
	models, err := os.ReadFile("dbsqlc/models.go")
	if err != nil {
		t.Fatal(err)
	}
	got := hex.EncodeToString(h.Sum(nil)) + " sqlc " + versionOf(string(models)) + "\n"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("dbsqlc/generated.sum", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile("dbsqlc/generated.sum"); err != nil || string(want) != got {
		t.Errorf("dbsqlc was not generated from these queries and migrations (%v); run `make gen`", err)
	}
}

func versionOf(generated string) string {
	_, rest, _ := strings.Cut(generated, "sqlc ")
	version, _, _ := strings.Cut(rest, "\n")
	return version
}
