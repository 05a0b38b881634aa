package export_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/export"
)

func TestClip(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	clip := bars(t, 16, plain...)
	p.session(front, clip, epoch, 8*time.Second)
	p.session(front, clip, epoch.Add(12*time.Second), 8*time.Second)
	path := filepath.Join(t.TempDir(), "clip.mp4")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	span := between(5000, 15000)
	if _, err := export.Clip(t.Context(), p, front, span, 1000, f); nvr.ErrorCode(err) != nvr.CodeTooMany {
		t.Errorf("a film of more than 1000 bytes: %v", err)
	}
	if _, err := export.Clip(t.Context(), p, front, between(60000, 70000), 1<<30, f); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("a film of nothing: %v", err)
	}
	pieces, err := export.Clip(t.Context(), p, front, span, 1<<30, f)
	if err != nil || len(pieces) < 2 {
		t.Fatalf("%+v, %v", pieces, err)
	}
	run(t, "ffmpeg", "-v", "error", "-i", path, "-f", "null", "-")
	if d := seconds(t, path, "v:0"); d < 5.9 || d > 9 { // 3 s before the outage and 3 s after it, from key pictures
		t.Errorf("lasts %f s", d)
	}
}
