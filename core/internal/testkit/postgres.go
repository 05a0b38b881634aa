// Package testkit holds what tests of several packages share: a real PostgreSQL, the test data, the import table.
package testkit

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/store/pgchild"
)

// Postgres starts a PostgreSQL of its own for the test and returns its DSN. The test is skipped, by name, where no
// server is installed.
func Postgres(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nightjar-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the server may run under another account
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	child, err := pgchild.New(dir, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Skipf("SKIP %s: %v", t.Name(), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- child.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("PostgreSQL ended: %v", err)
		}
	})
	select {
	case <-child.Ready():
	case err := <-done:
		done <- err
		t.Fatalf("PostgreSQL ended: %v", err)
	case <-time.After(2 * time.Minute):
		t.Fatal("PostgreSQL was not ready within 2 minutes")
	}
	return child.DSN()
}

// Data returns the path of a file of the shared test data. The test is skipped, by name, where the file is absent.
func Data(t testing.TB, name string) string {
	t.Helper()
	dir := DataDir()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIP %s: test data %s is absent; set NIGHTJAR_TESTDATA to a directory that has it (looked in %s)", t.Name(), name, dir)
	}
	return path
}

// DataDir returns $NIGHTJAR_TESTDATA, or shared/testdata beside the checkout.
func DataDir() string {
	if dir := os.Getenv("NIGHTJAR_TESTDATA"); dir != "" {
		return dir
	}
	return filepath.Join(Root(), "..", "shared", "testdata")
}

// Root returns the top of the checkout.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}
