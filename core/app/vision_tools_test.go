package app

import (
	"image"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
)

func write(t *testing.T, path string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What nightjar detect is given by mistake is answered with what it is and what to do; a picture is known by what is in it.
func TestDetectSaysWhatIsWrongWithAFile(t *testing.T) {
	data, dir := footage.Dir(t), t.TempDir()
	if os.Getenv(detect.LibraryEnv) == "" {
		t.Skipf("SKIPPED: no ONNX Runtime; set %s", detect.LibraryEnv)
	}
	cfg := config.Default()
	cfg.Detect.Model = filepath.Join(data, "models/yolox_nano.onnx")
	tools, err := OpenVisionTools(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tools.Close(); err != nil {
			t.Error(err)
		}
	}()
	film, err := os.ReadFile(filepath.Join(data, "videos/counter_sub.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	for want, path := range map[string]string{
		"is a folder":            dir,
		"no such file":           filepath.Join(dir, "gone.mp4"),
		"want a JPEG, PNG":       write(t, filepath.Join(dir, "text.jpg"), []byte("this is text")),
		"not a video that":       write(t, filepath.Join(dir, "text.mp4"), []byte("this is text")),
		"in the middle of its p": write(t, filepath.Join(dir, "cut.mp4"), film[:100_000]),
	} {
		out := filepath.Join(dir, "out")
		if d, err := tools.Detect(t.Context(), path, out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v, want %q", path, d, err, want)
		}
		if left, err := os.ReadDir(out); err != nil || len(left) > 0 {
			t.Errorf("%s left %v behind, %v", path, left, err)
		}
	}
	for _, name := range []string{"dot.png", "dot"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, image.NewRGBA(image.Rect(0, 0, 1, 1))); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		if d, err := tools.Detect(t.Context(), f.Name(), dir); err != nil || len(d.Seen) > 0 || d.Video {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	if line, err := DescribeModel(cfg); err != nil || !strings.Contains(line, "layout yolox, pictures of 416x416, finds person, bicycle") || !strings.HasSuffix(line, "75 more") {
		t.Errorf("%q, %v", line, err)
	}
}
