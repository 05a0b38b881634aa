package detect

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"go.uber.org/goleak"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("DETECT_TEST_LOAD"); path != "" { // a child that tries one library and tells what happened
		if err := loadLibrary(path); err != nil {
			os.Stdout.WriteString(err.Error())
			os.Exit(3)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// library returns the path of ONNX Runtime, or skips.
func library(t testing.TB) string {
	t.Helper()
	if p := os.Getenv(LibraryEnv); p != "" {
		return p
	}
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	p, err := filepath.Abs(filepath.Join("ort/node_modules/onnxruntime-node/bin/napi-v6/linux", arch, libraryName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p); err != nil {
		t.Skipf("SKIPPED: no ONNX Runtime; run npm ci --ignore-scripts in core/vision/detect/ort, or set %s", LibraryEnv)
	}
	return p
}

func open(t testing.TB, name string) *Model {
	t.Helper()
	m, err := OpenModel(library(t), filepath.Join(footage.Dir(t), "models", name), "")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func openSession(t testing.TB, m *Model, minScore float32) *session {
	t.Helper()
	s, err := newSession(m, 1, minScore, 0.45)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func picture(t testing.TB, name string) gocv.Mat {
	t.Helper()
	p := filepath.Join(footage.Dir(t), name)
	m := gocv.IMRead(p, gocv.IMReadColor)
	if m.Empty() {
		t.Fatalf("cannot read %s", p)
	}
	t.Cleanup(func() { m.Close() })
	return m
}
