package app

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
	"github.com/nightjar-nvr/nightjar/core/vision/offline"
)

// BenchOptions say what to measure.
type BenchOptions struct {
	Models  []string      // names or paths; empty: the configured one and all that lie in the models directory
	Streams []BenchStream // what cameras send
	Busy    float64       // fraction of the time in which something moves before a camera, 0 to 1
	Budget  time.Duration // for one model's latency, and again for its rate
}

// Bench is what a machine can carry.
type Bench struct {
	Machine   Machine             `json:"machine"`
	Runtime   string              `json:"onnxruntime"` // version, empty when there is none
	Providers []BenchProvider     `json:"providers"`
	Decoders  []decode.AccelState `json:"decoders"`
	Streams   []StreamCost        `json:"streams"`
	Models    []ModelCost         `json:"models"`
	Capacity  []Capacity          `json:"capacity"`
	FPS       float64             `json:"fps"`  // frames analysed per second and camera
	Busy      float64             `json:"busy"` // as asked
	Problems  []string            `json:"problems"`
}

// BenchProvider says whether models can be run on something.
type BenchProvider struct {
	Name      string `json:"name"`
	Available bool   `json:"available"`
	Chosen    bool   `json:"chosen"` // by detect.provider
	Reason    string `json:"reason,omitempty"`
}

// ModelCost is what one model costs. Times are of a whole look at one picture: scaling, inference, reading the output.
type ModelCost struct {
	Name      string  `json:"name"`
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	Provider  string  `json:"provider"`
	FirstMS   float64 `json:"first_ms"` // from opening the session to its first answer
	P50MS     float64 `json:"p50_ms"`   // one session alone
	P95MS     float64 `json:"p95_ms"`
	Looks     int     `json:"looks"` // that the figures are of
	Sessions  int     `json:"sessions"`
	PerSecond float64 `json:"per_second"` // with all sessions at work

	Batch       int     `json:"batch"` // pictures that one inference takes at most in this configuration
	BatchReason string  `json:"batch_reason"`
	BatchTried  int     `json:"batch_tried"` // pictures of the batch that was measured; 0: the model takes no batches, or only such
	BatchRatio  float64 `json:"batch_ratio"` // time of that batch as part of the time of its pictures one by one; below 1 it is faster
}

// Capacity is how many cameras of one kind a machine carries with one model, with a fifth of it left for all else.
type Capacity struct {
	Model  string `json:"model"`
	Stream string `json:"stream"`
	Still  int    `json:"still"` // while nothing moves anywhere
	Gated  int    `json:"gated"` // while something moves for the asked fraction of the time
	Always int    `json:"always"`
}

// headroom is how much of the machine vision may take: recording, playback and everybody else want some too.
const headroom = 0.8

// BenchDetect measures with the code that serves cameras. What cannot be measured is a sentence in Problems.
func BenchDetect(ctx context.Context, cfg config.Config, o BenchOptions, log *slog.Logger) (*Bench, error) {
	b := &Bench{
		Machine: machine(), Decoders: decode.Accels(), FPS: cfg.Detect.FPS, Busy: o.Busy,
		Providers: []BenchProvider{}, Streams: []StreamCost{}, Models: []ModelCost{}, Capacity: []Capacity{}, Problems: []string{},
	}
	if b.Machine.Load > float64(b.Machine.Cores)/2 {
		b.problem("other programs keep %.1f of %d cores busy: the figures are lower than they would be", b.Machine.Load, b.Machine.Cores)
	}
	b.providers(&cfg)
	hardware, err := decode.OpenHardware(decode.Accel(cfg.Detect.Decode))
	if err != nil {
		b.problem("%s", message(err))
	}
	defer hardware.Close()
	var picture *offline.Picture
	defer func() {
		if picture != nil {
			picture.Close()
		}
	}()
	for _, s := range o.Streams {
		c, p, err := measureStream(ctx, s, cfg.Detect.FPS, hardware, log)
		if err != nil {
			return nil, fmt.Errorf("measure stream %s: %w", s, err)
		}
		if b.Streams = append(b.Streams, *c); picture == nil {
			picture = p
			continue
		}
		p.Close()
	}
	if picture == nil {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: "name at least one kind of stream"}
	}
	for _, name := range benchModels(&cfg, o.Models) {
		c, err := measureModel(ctx, cfg, name, picture, o.Budget, log)
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			b.problem("%s", message(err))
			continue
		}
		b.Models = append(b.Models, *c)
	}
	b.capacity()
	return b, nil
}

func (b *Bench) problem(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(b.Problems, s) {
		b.Problems = append(b.Problems, s)
	}
}

// providers tells what ONNX Runtime can calculate on here.
func (b *Bench) providers(cfg *config.Config) {
	library, err := detect.FindLibrary(cfg.Detect.ONNXRuntime)
	if err != nil {
		b.problem("%s", message(err))
		return
	}
	states, err := detect.Providers(library)
	if err != nil {
		b.problem("%s", message(err))
		return
	}
	b.Runtime = detect.RuntimeVersion()
	for _, s := range states {
		b.Providers = append(b.Providers, BenchProvider{
			Name: string(s.Provider), Available: s.Available, Reason: s.Reason, Chosen: string(s.Provider) == cfg.Detect.Provider,
		})
	}
}

// benchModels are the asked models, else the configured one and whatever lies beside it.
func benchModels(cfg *config.Config, asked []string) []string {
	if len(asked) > 0 {
		return asked
	}
	names := []string{cfg.Detect.Model}
	_ = filepath.WalkDir(cfg.ModelsPath(), func(path string, d fs.DirEntry, err error) error {
		name, ok := strings.CutSuffix(filepath.Base(path), ".onnx")
		if err == nil && ok && !d.IsDir() && !slices.Contains(names, name) {
			names = append(names, name)
		}
		return nil // a directory that cannot be read holds no model for us
	})
	return names
}

// measureModel runs one model on one picture: one session alone for its latency, then as many as cameras would have.
func measureModel(ctx context.Context, cfg config.Config, name string, p *offline.Picture, budget time.Duration, log *slog.Logger) (*ModelCost, error) {
	cfg.Detect.Model = name
	m, _, err := openModel(&cfg)
	if err != nil {
		return nil, err
	}
	workers := cfg.Detect.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	c := &ModelCost{Name: m.Name, Width: m.Width, Height: m.Height, Provider: cfg.Detect.Provider, Sessions: workers}
	if err := c.measureBatch(&cfg, m); err != nil {
		return nil, err
	}
	mb := &modelBench{model: m, picture: p, budget: budget, log: log}
	alone, err := mb.run(ctx, detect.PoolConfig{Workers: 1}, 1)
	if err != nil {
		return nil, err
	}
	slices.Sort(alone.times)
	n := len(alone.times)
	c.FirstMS, c.Looks, c.P50MS, c.P95MS = ms(alone.first), n, ms(alone.times[n/2]), ms(alone.times[n*95/100])
	all, err := mb.run(ctx, detect.PoolConfig{Workers: workers, Batch: c.Batch, BatchWait: cfg.Detect.BatchWait.D}, workers*c.Batch)
	c.PerSecond = all.perSecond
	return c, err
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// warmLooks come before the clock runs: the first ones find cold caches and a processor that has not sped up.
const warmLooks = 3

// modelBench asks a pool as cameras do.
type modelBench struct {
	model   *detect.Model
	picture *offline.Picture
	budget  time.Duration
	log     *slog.Logger
}

// looked is how one run went.
type looked struct {
	first     time.Duration // until the first answer, with opening the session
	times     []time.Duration
	perSecond float64
}

// run has so many cameras keep the sessions busy for about the budget, at least once each.
func (b *modelBench) run(ctx context.Context, cfg detect.PoolConfig, cameras int) (looked, error) {
	var l looked
	pool, stop := startPool(b.model, cfg, b.log)
	var mu sync.Mutex
	var failed error
	var warm, wg sync.WaitGroup
	start := make(chan struct{})
	warm.Add(cameras)
	for range cameras {
		wg.Go(func() {
			first, times, err := b.ask(ctx, pool.Client(), &warm, start)
			mu.Lock()
			l.first, l.times, failed = max(l.first, first), append(l.times, times...), errors.Join(failed, err)
			mu.Unlock()
		})
	}
	warm.Wait()
	began := time.Now()
	close(start)
	wg.Wait()
	l.perSecond = float64(len(l.times)) / time.Since(began).Seconds()
	if err := errors.Join(failed, stop()); err != nil {
		return l, fmt.Errorf("measure model %s: %w", b.model.Name, err)
	}
	return l, nil
}

// ask is one camera: it warms up, waits for start, and then asks again as soon as it is answered.
func (b *modelBench) ask(ctx context.Context, c *detect.Client, warm *sync.WaitGroup, start <-chan struct{}) (first time.Duration, times []time.Duration, err error) {
	regions := []image.Rectangle{b.picture.Bounds()}
	began := time.Now()
	found, err := c.Detect(ctx, b.picture.BGR(), regions, nil) // waits for the session, as a camera would after a start
	first = time.Since(began)
	for i := 0; i < warmLooks && err == nil; i++ {
		found, err = c.Detect(ctx, b.picture.BGR(), regions, found[:0])
	}
	warm.Done()
	<-start
	for end := time.Now().Add(b.budget); err == nil && (len(times) == 0 || time.Now().Before(end)); {
		began = time.Now()
		if found, err = c.Detect(ctx, b.picture.BGR(), regions, found[:0]); err == nil {
			times = append(times, time.Since(began))
		}
	}
	return first, times, err
}

// capacity holds the costs against the machine. On the processor decoding and inference want the same cores; elsewhere the
// scarcer of the two counts.
func (b *Bench) capacity() {
	for _, m := range b.Models {
		for _, s := range b.Streams {
			c := Capacity{Model: m.Name, Stream: s.Stream}
			for _, k := range []struct {
				n    *int
				busy float64
			}{{&c.Still, 0}, {&c.Gated, b.Busy}, {&c.Always, 1}} {
				*k.n = carried(float64(b.Machine.Cores), s.WatchCores, k.busy*b.FPS, m.PerSecond, m.Provider == string(detect.ProviderCPU))
			}
			b.Capacity = append(b.Capacity, c)
		}
	}
}

// carried returns how many cameras fit: watch is the cores one takes without inference, looks the inferences it wants per
// second, rate those that the detector makes.
func carried(cores, watch, looks, rate float64, shared bool) int {
	ofCores, ofDetector := watch/cores, looks/rate
	if shared {
		return int(headroom / (ofCores + ofDetector))
	}
	return int(headroom / max(ofCores, ofDetector))
}

// Machine is what was measured on.
type Machine struct {
	CPU   string  `json:"cpu"`
	Cores int     `json:"cores"` // that this process may use
	Load  float64 `json:"load"`  // of all programs, average of the last minute, before the measurement
}

func machine() Machine {
	m := Machine{CPU: runtime.GOARCH, Cores: runtime.GOMAXPROCS(0)}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(b), &m.Load)
	}
	return m
}
