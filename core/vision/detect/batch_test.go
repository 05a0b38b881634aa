package detect

import (
	"context"
	"encoding/json"
	"errors"
	"image"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
)

func openPath(t testing.TB, path string) *Model {
	t.Helper()
	m, err := OpenModel(library(t), path, "")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func openBatchSession(t testing.TB, m *Model, n int, minScore float32) *session {
	t.Helper()
	s, err := newSession(m, n, minScore, 0.45)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	if err := s.warm(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Real networks with a free first dimension, and with one of four, must find in a batch what the independent reference
// finds in each picture, within its tolerances, and what they find alone.
func TestBatchAgreesWithReference(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(footage.Dir(t), "expected_images.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want expectedImages
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		threshold float32
		axis      pb
	}{{"yolox_nano.onnx", 0.30, freeAxis()}, {"yolov8n_320.onnx", 0.25, freeAxis()}, {"yolov8n_320.onnx", 0.25, fixedAxis(4)}} {
		m := openPath(t, withBatch(t, c.name, c.axis))
		s := openBatchSession(t, m, 4, c.threshold)
		if len(s.canvases) != 4 {
			t.Fatalf("%s: %d pictures at once", c.name, len(s.canvases))
		}
		checked, swapped := 0, 0
		for at := 0; at < len(want.Images); at += 4 {
			images := want.Images[at:min(at+4, len(want.Images))]
			tasks, jobs := make([]task, len(images)), make([]job, len(images))
			for i, img := range images {
				tasks[i].bgr = picture(t, img.File)
				jobs[i] = job{task: &tasks[i], roi: image.Rect(0, 0, tasks[i].bgr.Cols(), tasks[i].bgr.Rows())}
			}
			if err := s.look(jobs); err != nil {
				t.Fatal(err)
			}
			for i, img := range images {
				if m.FreeBatch() { // else one picture costs as much as four
					alone, err := s.infer(nil, tasks[i].bgr, jobs[i].roi, 0)
					if err != nil || !same(alone, tasks[i].found) {
						t.Errorf("%s %s: alone %v (%v), in a batch %v", c.name, img.File, alone, err, tasks[i].found)
					}
				}
				ref, ok := img.Results[c.name]
				if !ok {
					continue
				}
				checked += len(ref.Detections)
				swapped += differences(t, img.expectedImage, ref.Detections, tasks[i].found, c.threshold+0.05)
			}
		}
		t.Logf("%s: %d detections compared", c.name, checked)
		if checked < 30 || swapped > 2 {
			t.Fatalf("%s: %d detections, %d differences beyond the borderline", c.name, checked, swapped)
		}
	}
}

// same allows for sums that are added in another order.
func same(a, b []Found) bool {
	if len(a) != len(b) {
		return false
	}
	near := func(x, y float32) bool { return math.Abs(float64(x-y)) < 1e-3 }
	for i, f := range a {
		g := b[i]
		if f.Label != g.Label || f.Region != g.Region || !near(f.Score, g.Score) ||
			!near(f.Box.X, g.Box.X) || !near(f.Box.Y, g.Box.Y) || !near(f.Box.W, g.Box.W) || !near(f.Box.H, g.Box.H) {
			return false
		}
	}
	return true
}

// colours is a picture whose colour channels have these values.
func colours(t testing.TB, red, green, blue float64) gocv.Mat {
	t.Helper()
	m := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(blue, green, red, 0), 32, 32, gocv.MatTypeCV8UC3)
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func whole(bgr gocv.Mat) image.Rectangle { return image.Rect(0, 0, bgr.Cols(), bgr.Rows()) }

// Each camera gets what is in its own pictures, whatever batch they were in, from sessions that are always busy.
func TestBatchesOfAPoolGiveEveryoneTheirOwn(t *testing.T) {
	for name, path := range map[string]string{
		"free": colourModel(t, freeAxis(), 0, false), "four": colourModel(t, fixedAxis(4), 4, false), "one": colourModel(t, fixedAxis(1), 1, false),
	} {
		t.Run(name, func(t *testing.T) {
			m := openPath(t, path)
			p := NewPool(m, PoolConfig{Workers: 1, Batch: 4, MinScore: 0.1}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- p.Run(ctx) }()
			var all sync.WaitGroup
			for i := range 10 {
				bgr := colours(t, float64(25*i), 255-float64(25*i), 0)
				want := float64(25*i) / 255
				all.Go(func() {
					c, found := p.Client(), []Found(nil)
					for range 50 {
						var err error
						if found, err = c.Detect(ctx, bgr, []image.Rectangle{whole(bgr), image.Rect(2, 2, 30, 30)}[:1+i%2], found[:0]); err != nil {
							t.Error(err)
							return
						}
						for _, f := range found {
							if got := float64(f.Score); f.Label == "red" && math.Abs(got-want) > 0.01 || f.Label == "green" && math.Abs(1-got-want) > 0.01 || f.Label == "blue" {
								t.Errorf("camera %d: %s %.2f, want red %.2f", i, f.Label, got, want)
							}
						}
						if want > 0.12 && want < 0.88 && len(found) != 2*(1+i%2) {
							t.Errorf("camera %d found %v", i, found)
						}
					}
				})
			}
			all.Wait()
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			runs, pictures := batches(t, p)
			t.Logf("%d pictures in %d inferences", pictures, runs)
			if pictures != 750 || (runs < pictures) != (name != "one") {
				t.Errorf("%d pictures in %d inferences", pictures, runs)
			}
		})
	}
}

func batches(t *testing.T, p *Pool) (runs, pictures int) {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(p.metrics.batch)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	h := families[0].GetMetric()[0].GetHistogram()
	return int(h.GetSampleCount()), int(h.GetSampleSum()) //nolint:gosec // a test's few
}

func TestBatchIsChosenByWhatTheModelCanDo(t *testing.T) {
	free := openPath(t, colourModel(t, freeAxis(), 0, false))
	for _, c := range []struct {
		name   string
		model  *Model
		want   int
		size   int
		reason string
	}{
		{"as asked", free, 8, 8, "up to 8"},
		{"one by one", free, 1, 1, "detect.batch is 1"},
		{"too many", free, BatchMost + 1, 1, "cannot take 33 pictures"},
		{"one alone", openPath(t, colourModel(t, fixedAxis(1), 1, false)), 4, 1, "free first dimension"},
		{"always four", openPath(t, colourModel(t, fixedAxis(4), 4, false)), 1, 4, "always takes 4"},
		{"free in name only", openPath(t, colourModel(t, freeAxis(), 1, false)), 4, 1, "although its first dimension is free"},
		{"free in name only, auto", openPath(t, colourModel(t, freeAxis(), 1, false)), BatchAuto, 1, "although its first dimension is free"},
		{"mixes its pictures", openPath(t, colourModel(t, freeAxis(), 0, true)), 4, 1, "mixes the pictures"},
		{"remote", &Model{Name: "there"}, 4, 1, "model there takes one picture"},
	} {
		if b := c.model.ChooseBatch(c.want, 0); b.Size != c.size || !strings.Contains(b.Reason, c.reason) || b.Cost.Ratio() != 0 {
			t.Errorf("%s: %+v", c.name, b)
		}
	}
	b := free.ChooseBatch(BatchAuto, time.Millisecond)
	if b.Cost.Pictures != batchOnCPU || b.Cost.Ratio() <= 0 || (b.Size == batchOnCPU) != (b.Cost.Ratio() < batchPays) {
		t.Errorf("measured: %+v, ratio %v", b, b.Cost.Ratio())
	}
	card := *free
	card.provider = ProviderCUDA // which the library here does not have
	if b := card.ChooseBatch(BatchAuto, 0); b.Size != 1 || !strings.Contains(b.Reason, "cuda") {
		t.Errorf("on a card that is not there: %+v", b)
	}
}

func TestBatchWithABadPictureServesTheOthers(t *testing.T) {
	s := openBatchSession(t, openPath(t, colourModel(t, freeAxis(), 0, false)), 4, 0.1)
	bgr, grey := colours(t, 200, 0, 0), gocv.NewMatWithSize(40, 40, gocv.MatTypeCV8UC1)
	defer grey.Close()
	tasks := []task{{bgr: bgr}, {bgr: grey}, {bgr: bgr}}
	jobs := []job{{task: &tasks[0], roi: whole(bgr)}, {task: &tasks[1], roi: whole(grey)}, {task: &tasks[2], roi: whole(bgr), region: 3}}
	if err := s.look(jobs); err != nil || tasks[0].err != nil || tasks[1].err == nil || tasks[2].err != nil {
		t.Fatalf("%v, %v, %v, %v", err, tasks[0].err, tasks[1].err, tasks[2].err)
	}
	if len(tasks[0].found) != 1 || len(tasks[1].found) != 0 || len(tasks[2].found) != 1 || tasks[2].found[0].Region != 3 {
		t.Fatalf("%+v", tasks)
	}
	if err := s.look(jobs[1:2]); err != nil {
		t.Fatalf("nothing to look at: %v", err)
	}
}

// In steady state a batch allocates nothing, whatever the number of pictures and whether it is full.
func TestBatchAllocatesNothing(t *testing.T) {
	const most = 8
	for name, path := range map[string]string{"free": colourModel(t, freeAxis(), 0, false), "eight": colourModel(t, fixedAxis(most), most, false)} {
		s := openBatchSession(t, openPath(t, path), most, 0.1)
		for _, pictures := range []int{1, 5, most} {
			bgr := colours(t, 200, 100, 0)
			tasks, jobs := make([]task, pictures), make([]job, pictures)
			for i := range jobs {
				tasks[i].bgr, jobs[i] = bgr, job{task: &tasks[i], roi: whole(bgr)}
			}
			n := testing.AllocsPerRun(20, func() {
				for i := range tasks {
					tasks[i].found = tasks[i].found[:0]
				}
				if err := s.look(jobs); err != nil {
					t.Fatal(err)
				}
			})
			if n > 0 {
				t.Errorf("%s: %v allocations for %d pictures", name, n, pictures)
			}
		}
	}
}

// TestBatchRatio holds a batch against its pictures one by one.
func TestBatchRatio(t *testing.T) {
	if os.Getenv("NIGHTJAR_BENCH") == "" {
		t.Skip("SKIPPED: a measurement; make bench runs it (NIGHTJAR_BENCH=1)")
	}
	for _, name := range []string{"yolox_nano.onnx", "yolov8n_320.onnx", "yolov8n.onnx"} {
		m := openPath(t, withBatch(t, name, freeAxis()))
		for _, n := range []int{2, 4, 8} {
			c, err := m.MeasureBatch(n, 3*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("RATIO %s: a batch of %d / its pictures one by one: %.3f, %.1f ms against %.1f ms", name, n, c.Ratio(),
				float64(c.Batched)/1e6, float64(c.Single)/1e6)
		}
	}
}
