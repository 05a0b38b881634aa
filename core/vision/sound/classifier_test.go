package sound

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
)

func library(t testing.TB) string {
	t.Helper()
	lib := os.Getenv(detect.LibraryEnv)
	if lib == "" {
		arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
		lib = filepath.Join("../detect/ort/node_modules/onnxruntime-node/bin/napi-v6/linux", arch, "libonnxruntime.so.1")
	}
	if _, err := os.Stat(lib); err != nil {
		t.Skipf("SKIPPED: no ONNX Runtime; run npm ci --ignore-scripts in core/vision/detect/ort, or set %s", detect.LibraryEnv)
	}
	return lib
}

func open(t testing.TB, path string) *Classifier {
	t.Helper()
	c, err := OpenClassifier(library(t), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func sine(n int, hz, amplitude float64, rate int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return out
}

func TestClassifierNamesTones(t *testing.T) {
	for _, shape := range [][]int64{{15600}, {1, 15360}} {
		c := open(t, toneModel(t, shape, pyNames("Hum", "Whistle, whistling"), 500, 3000))
		if !slices.Equal(c.Labels, []string{"hum", "whistle, whistling"}) || c.Window != int(shape[len(shape)-1]) {
			t.Fatalf("labels %v, window %d", c.Labels, c.Window)
		}
		for _, tc := range []struct {
			hz           float64
			hum, whistle bool
		}{{500, true, false}, {3000, false, true}, {1500, false, false}} {
			err := c.Classify(sine(c.Window, tc.hz, 0.8, Rate), func(s []float32) {
				if (s[0] > 0.8) != tc.hum || (s[1] > 0.8) != tc.whistle || s[0] > 0.2 && !tc.hum || s[1] > 0.2 && !tc.whistle {
					t.Errorf("%v Hz: %v", tc.hz, s)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Classify(make([]float32, 7), func([]float32) {}); err == nil {
			t.Error("a window of another length was taken")
		}
	}
}

func TestNamesComeFromAFileBesideTheModel(t *testing.T) {
	path := toneModel(t, []int64{15600}, "", 500, 3000)
	if _, err := OpenClassifier(library(t), path); err == nil || !strings.Contains(err.Error(), "2 classes without names") {
		t.Errorf("without names: %v", err)
	}
	if err := os.WriteFile(strings.TrimSuffix(path, ".onnx")+".labels", []byte("Hum\nWhistle\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := open(t, path); !slices.Equal(c.Labels, []string{"hum", "whistle"}) {
		t.Errorf("%v", c.Labels)
	}
}

func TestModelsThatDoNotFitAreRefusedInASentence(t *testing.T) {
	lib := library(t)
	junk := filepath.Join(t.TempDir(), "junk.onnx")
	if err := os.WriteFile(junk, []byte("this is no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "none.onnx"): "correct audio.model",
		junk:                                    "cannot be read as ONNX",
		toneModel(t, []int64{100}, pyNames("a"), 500):                   "want float32 sound",
		toneModel(t, []int64{15600}, pyNames("a", "b", "c"), 500, 3000): "2 classes without names",
		toneModel(t, []int64{3, 15600}, pyNames("a", "b"), 500, 3000):   "want float32 sound",
	} {
		if _, err := OpenClassifier(lib, path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	c := open(t, toneModel(t, []int64{15600}, pyNames("hum"), 500))
	cfg := (&heard{}).config()
	cfg.Classifier, cfg.Labels = c, map[string]float32{"glass": 0.5}
	if _, err := New(cfg, media.NewHub(), quiet()); err == nil || !strings.Contains(err.Error(), `no class "glass"`) {
		t.Errorf("a label the model lacks: %v", err)
	}
}

// TestClassesAreTold plays tones at 48 kHz to a camera with a classifier.
func TestClassesAreTold(t *testing.T) {
	h := &heard{}
	cfg := h.config()
	cfg.Classifier = open(t, toneModel(t, []int64{15600}, pyNames("Hum", "Whistle"), 500, 3000))
	cfg.Labels = map[string]float32{"hum": 0.5, "whistle": 0.99}
	cfg.Hold = 2 * time.Second
	c, err := New(cfg, media.NewHub(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(c)
	at := begin
	feed := func(seconds int, hz, amplitude float64) {
		for range seconds * blocksPerSecond {
			pcm := sine(4800, hz, amplitude, 48000)
			at = at.Add(block)
			l.levels.add(pcm, 48000, at, l.block, l.second)
			l.names.hear(pcm, 48000, at)
			l.pass(at)
		}
	}
	feed(3, 1500, 0.0001)
	hum := at
	feed(4, 500, 0.5)
	quietAgain := at
	feed(5, 1500, 0.0001)
	feed(3, 3000, 0.3) // not as sure as is asked for
	l.endSession()
	var got []nvr.SoundChange
	for _, s := range h.sounds {
		if s.Label != nvr.SoundLabel {
			got = append(got, s)
		}
	}
	if len(got) != 2 || got[0].Label != "hum" || !got[0].Active || got[1].Active || got[0].Score < 0.5 {
		t.Fatalf("%+v", got)
	}
	if d := got[0].Since.Sub(hum); d.Abs() > time.Second {
		t.Errorf("the hum began %v after it did", d)
	}
	if d := got[1].Time.Sub(quietAgain); d.Abs() > time.Second {
		t.Errorf("the hum ended %v after it did", d)
	}
}
