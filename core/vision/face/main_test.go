package face

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

func TestMain(m *testing.M) {
	cv.SingleThread()
	goleak.VerifyTestMain(m)
}

// realModels returns the folder with dlib's own weights, or skips: the stand-in of the test data tells few people apart.
func realModels(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("NIGHTJAR_FACE_MODELS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "nightjar-tools", "face-models")
	}
	if !isFile(filepath.Join(dir, resnetFile)) {
		t.Skipf("SKIPPED: no face models in %s; run make face-models, or set NIGHTJAR_FACE_MODELS", dir)
	}
	return dir
}

// standIn returns a folder with weights that load and tell the people of the test data apart, more or less. Its finder
// of landmarks is the one of Debian's libdlib-data.
func standIn(t testing.TB) string {
	t.Helper()
	from, dir := filepath.Join(footage.Dir(t), "models", "dlib"), t.TempDir()
	if !isFile(filepath.Join(systemDir, landmarks68File)) {
		t.Skip("SKIPPED: no landmarks; install libdlib-data")
	}
	packed, err := os.Open(filepath.Join(from, "STANDIN_"+resnetFile+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, resnetFile))
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close(), os.Symlink(filepath.Join(from, detectorFile), filepath.Join(dir, detectorFile))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// start runs an engine until the test ends.
func start(t testing.TB, dir string) *Engine {
	t.Helper()
	e, err := Open(dir, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	run(t, e)
	return e
}

func run(t testing.TB, e *Engine) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("engine ended: %v", err)
		}
	})
	wait(t, "the engine runs", func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.running
	})
}

func wait(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(30 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func picture(t testing.TB, name string) gocv.Mat {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(footage.Dir(t), name))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode(b)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}
