package app

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
)

func TestBenchStreamIsParsed(t *testing.T) {
	for in, want := range map[string]BenchStream{
		"640x360@15": {Width: 640, Height: 360, FPS: 15}, "641x361@5": {Width: 640, Height: 360, FPS: 5},
		"videos/a@b.mp4": {File: "videos/a@b.mp4"}, "clip": {File: "clip"},
	} {
		if got, err := ParseBenchStream(in); err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{"0x0@15", "640x360@500", "axb@c", "640x@15"} {
		if _, err := ParseBenchStream(in); err == nil || !strings.Contains(err.Error(), "640x360@15") {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestCarried(t *testing.T) {
	for _, c := range []struct {
		cores, watch, looks, rate float64
		shared                    bool
		want                      int
	}{
		{4, 0.04, 0, 100, true, 80},    // decoding alone
		{4, 0.04, 5, 100, true, 13},    // 1 % and 5 % each
		{4, 0.04, 5, 1000, false, 80},  // the card is faster than the cores can feed it
		{4, 0.04, 50, 1000, false, 16}, // and here it is not
	} {
		if got := carried(c.cores, c.watch, c.looks, c.rate, c.shared); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// The real model, a drawn stream and a real one; figures are not judged here, only that all are there and agree.
func TestBenchDetectMeasures(t *testing.T) {
	dir := footage.Dir(t)
	if os.Getenv(detect.LibraryEnv) == "" {
		t.Skipf("SKIPPED: no ONNX Runtime; set %s", detect.LibraryEnv)
	}
	cfg := config.Default()
	cfg.Detect.Decode = "vaapi"
	file := filepath.Join(dir, "videos/parking_sub.mp4")
	b, err := BenchDetect(t.Context(), cfg, BenchOptions{
		Models:  []string{filepath.Join(dir, "models/yolox_nano.onnx"), "no_such_model"},
		Streams: []BenchStream{{Width: 320, Height: 180, FPS: 5}, {File: file}}, Busy: 0.2, Budget: 200 * time.Millisecond,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Models) != 1 || len(b.Streams) != 2 || len(b.Capacity) != 2 || len(b.Decoders) != 4 || len(b.Providers) < 4 || b.Runtime == "" {
		t.Fatalf("%+v", b)
	}
	m := b.Models[0]
	if m.Name != "yolox_nano" || m.P50MS <= 0 || m.P95MS < m.P50MS || m.PerSecond <= 0 || m.Width != 416 || m.Looks < 1 || m.FirstMS < m.P50MS/2 ||
		m.Batch != 1 || m.BatchTried != 0 || !strings.Contains(m.BatchReason, "one picture at a time") {
		t.Errorf("model %+v", m)
	}
	for _, s := range b.Streams {
		if s.PictureMS <= 0 || s.WatchCores < s.DecodeCores || s.DecodedOn != "cpu" && s.DecodedOn != "vaapi" {
			t.Errorf("stream %+v", s)
		}
	}
	for _, c := range b.Capacity {
		if c.Still < c.Gated || c.Gated < c.Always {
			t.Errorf("capacity %+v", c)
		}
	}
	problems := strings.Join(b.Problems, "\n")
	if !strings.Contains(problems, "no_such_model") {
		t.Errorf("nothing is said of the missing model: %q", problems)
	}
	if _, err := decode.OpenHardware(decode.VAAPI); err != nil && !strings.Contains(problems, "VAAPI cannot decode") {
		t.Errorf("nothing is said of the missing hardware: %q", problems)
	}
	if _, err := json.Marshal(b); err != nil {
		t.Error(err)
	}
}
