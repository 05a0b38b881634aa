package vision

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// openModel opens a model of the test data, or skips.
func openModel(t testing.TB, name string) *detect.Model {
	t.Helper()
	lib := os.Getenv(detect.LibraryEnv)
	if lib == "" {
		arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
		lib = filepath.Join("detect/ort/node_modules/onnxruntime-node/bin/napi-v6/linux", arch, "libonnxruntime.so.1")
	}
	if _, err := os.Stat(lib); err != nil {
		t.Skipf("SKIPPED: no ONNX Runtime; run npm ci --ignore-scripts in core/vision/detect/ort, or set %s", detect.LibraryEnv)
	}
	m, err := detect.OpenModel(lib, filepath.Join(footage.Dir(t), "models", name), "")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// startPool runs a detector pool for the length of the test.
func startPool(t testing.TB, model string) *detect.Pool {
	t.Helper()
	p := detect.NewPool(openModel(t, model), detect.PoolConfig{}, quiet(), prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("pool ended with %v", err)
		}
	})
	return p
}

// recorder is a sink that remembers what it was told.
type recorder struct {
	mu   sync.Mutex
	all  []nvr.Observation
	news chan struct{}
}

func newRecorder() *recorder { return &recorder{news: make(chan struct{}, 1)} }

func (r *recorder) Observe(o nvr.Observation) {
	o.Objects = append([]nvr.TrackedObject(nil), o.Objects...)
	o.Ended = append([]uint64(nil), o.Ended...)
	r.mu.Lock()
	r.all = append(r.all, o)
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

func (r *recorder) seen() []nvr.Observation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]nvr.Observation(nil), r.all...)
}

// wait blocks until ok says yes to what was observed.
func (r *recorder) wait(t testing.TB, what string, ok func([]nvr.Observation) bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !ok(r.seen()) {
		select {
		case <-r.news:
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("waited 20 s for: %s", what)
		}
	}
}

// waitFor blocks until the frame of that time, or a later one, was observed.
func (r *recorder) waitFor(t testing.TB, at time.Time) {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		r.mu.Lock()
		n := len(r.all)
		done := n > 0 && !r.all[n-1].Time.Before(at)
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-r.news:
		case <-limit.C:
			t.Fatalf("waited 20 s for the observation of %v", at)
		}
	}
}

// rig is a running pipeline fed by a test.
type rig struct {
	t    testing.TB
	hub  *media.Hub
	cam  *Camera
	sink *recorder
	stop func() error

	waited []time.Duration // from a unit's publication to its observation
}

func newRig(t testing.TB, cfg Config, pool *detect.Pool) *rig {
	t.Helper()
	return newRigWith(t, cfg, Shared{Decoders: make(chan struct{}, 2), Pool: pool})
}

func newRigWith(t testing.TB, cfg Config, shared Shared) *rig {
	t.Helper()
	if cfg.Camera == "" {
		cfg.Camera = "test"
	}
	r := &rig{t: t, hub: media.NewHub(), sink: newRecorder()}
	var err error
	r.cam, err = New(cfg, r.hub, shared, r.sink, quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.cam.Run(ctx) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = r.stop() })
	for r.hub.Readers() == 0 {
		runtime.Gosched()
	}
	return r
}

// play publishes units as fast as the pipeline takes them: after each unit that is picked it waits for its observation.
func (r *rig) play(units []*media.AccessUnit, every int) {
	r.t.Helper()
	for i, u := range units {
		r.hub.Publish(u)
		if i%every == 0 {
			t0 := time.Now()
			r.sink.waitFor(r.t, u.NTP)
			r.waited = append(r.waited, time.Since(t0))
		}
	}
}

type expectedVideos struct {
	Videos []struct {
		File    string
		Present map[string][][2]int `json:"present_at_score_050"`
	}
}

// expected returns the second ranges in which the reference saw a label.
func expected(t testing.TB, file, label string) [][2]int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(footage.Dir(t), "expected_videos.json"))
	if err != nil {
		t.Fatal(err)
	}
	var e expectedVideos
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	for _, v := range e.Videos {
		if v.File == "videos/"+file {
			return v.Present[label]
		}
	}
	t.Fatalf("%s is not in the reference", file)
	return nil
}
