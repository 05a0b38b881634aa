package detect

import (
	"context"
	"errors"
	"image"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// fake stands in for a session: it asks a function what to do with a region.
type fake struct {
	do     func(roi image.Rectangle) error
	first  func() error // the warm-up, where a test has one
	stop   chan struct{}
	once   sync.Once
	closed *atomic.Int32
}

func (f *fake) infer(dst []Found, _ gocv.Mat, roi image.Rectangle, region int) ([]Found, error) {
	if err := f.do(roi); err != nil {
		return dst, err
	}
	return append(dst, Found{Region: region, Detection: nvr.Detection{Label: "x", Score: float32(roi.Min.X)}}), nil
}

func (f *fake) look(jobs []job) error {
	for _, j := range jobs {
		if j.task.err == nil {
			j.task.found, j.task.err = f.infer(j.task.found, j.task.bgr, j.roi, j.region)
		}
	}
	return nil
}

func (f *fake) warm() error {
	if f.first == nil {
		return nil
	}
	return f.first()
}
func (f *fake) terminate() { f.once.Do(func() { close(f.stop) }) }
func (f *fake) close()     { f.closed.Add(1) }

type bench struct {
	*Pool
	opened, closed atomic.Int32
}

// startPool runs a pool of stand-ins; the test ends only when Run has.
func startPool(t *testing.T, cfg PoolConfig, do func(f *fake, roi image.Rectangle) error) *bench {
	t.Helper()
	b := &bench{Pool: NewPool(&Model{}, cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())}
	b.open = func() (inferer, error) {
		b.opened.Add(1)
		f := &fake{stop: make(chan struct{}), closed: &b.closed}
		f.do = func(roi image.Rectangle) error { return do(f, roi) }
		return f, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		if b.opened.Load() != b.closed.Load() {
			t.Errorf("%d sessions opened, %d closed", b.opened.Load(), b.closed.Load())
		}
	})
	return b
}

func roi(x int) []image.Rectangle { return []image.Rectangle{image.Rect(x, 0, x+1, 1)} }

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("waited 30 s for: %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// count reads a counter.
func count(t *testing.T, c prometheus.Collector) float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}

func (p *Pool) queued() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}

func TestPoolServesCamerasInTurn(t *testing.T) {
	gate := make(chan struct{})
	var order []int
	p := startPool(t, PoolConfig{Workers: 1}, func(_ *fake, roi image.Rectangle) error {
		<-gate
		order = append(order, roi.Min.X)
		return nil
	})
	var all sync.WaitGroup
	detect := func(c *Client, x int) {
		all.Go(func() {
			if _, err := c.Detect(context.Background(), gocv.Mat{}, roi(x), nil); err != nil {
				t.Errorf("camera %d: %v", x, err)
			}
		})
	}
	clients := []*Client{p.Client(), p.Client(), p.Client()}
	detect(clients[0], 0)
	wait(t, "the worker takes the first", func() bool { return p.busy() == 1 })
	for i, c := range []*Client{clients[1], clients[2], clients[0]} {
		detect(c, 1+i)
		wait(t, "the request is queued", func() bool { return p.queued() == i+1 })
	}
	close(gate)
	all.Wait()
	for i, x := range order {
		if i != x {
			t.Fatalf("served in order %v", order)
		}
	}
}

func (p *Pool) busy() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.workers {
		if len(w.requests) > 0 {
			n++
		}
	}
	return n
}

func TestPoolNewestRequestWins(t *testing.T) {
	gate := make(chan struct{})
	p := startPool(t, PoolConfig{Workers: 1}, func(*fake, image.Rectangle) error { <-gate; return nil })
	c := p.Client()
	type answer struct {
		found []Found
		err   error
	}
	detect := func(x int) chan answer {
		a := make(chan answer, 1)
		go func() {
			f, err := c.Detect(context.Background(), gocv.Mat{}, roi(x), nil)
			a <- answer{f, err}
		}()
		return a
	}
	first := detect(1)
	wait(t, "the worker takes the first", func() bool { return p.busy() == 1 })
	second := detect(2)
	wait(t, "the second waits", func() bool { return p.queued() == 1 })
	third := detect(3)
	if a := <-second; !errors.Is(a.err, ErrReplaced) {
		t.Fatalf("second: %v", a.err)
	}
	close(gate)
	if a := <-first; a.err != nil || a.found[0].Score != 1 {
		t.Fatalf("first: %+v", a)
	}
	if a := <-third; a.err != nil || a.found[0].Score != 3 {
		t.Fatalf("third: %+v", a)
	}
	if n := count(t, p.metrics.replaced); n != 1 {
		t.Fatalf("%v replaced", n)
	}
}

func TestPoolDeadlineAndErrors(t *testing.T) {
	gate := make(chan struct{})
	boom := errors.New("boom")
	p := startPool(t, PoolConfig{Workers: 1}, func(_ *fake, roi image.Rectangle) error {
		if roi.Min.X == 9 {
			return boom
		}
		<-gate
		return nil
	})
	var all sync.WaitGroup
	all.Go(func() { _, _ = p.Client().Detect(context.Background(), gocv.Mat{}, roi(1), nil) })
	wait(t, "the worker is busy", func() bool { return p.busy() == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.Client().Detect(ctx, gocv.Mat{}, roi(2), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("deadline: %v", err)
	}
	if p.queued() != 0 || count(t, p.metrics.expired) != 1 {
		t.Fatal("the expired request is still queued, or not counted")
	}
	close(gate)
	all.Wait()
	if _, err := p.Client().Detect(context.Background(), gocv.Mat{}, roi(9), nil); !errors.Is(err, boom) {
		t.Fatalf("inference error: %v", err)
	}
	if f, err := p.Client().Detect(context.Background(), gocv.Mat{}, nil, nil); err != nil || len(f) != 0 {
		t.Fatalf("no regions: %v %v", f, err)
	}
}

func TestPoolReplacesAHungSession(t *testing.T) {
	var hang atomic.Bool
	hang.Store(true)
	p := startPool(t, PoolConfig{Workers: 1, HangAfter: 30 * time.Millisecond}, func(f *fake, _ image.Rectangle) error {
		if hang.Load() {
			<-f.stop
		}
		return nil
	})
	c := p.Client()
	if _, err := c.Detect(context.Background(), gocv.Mat{}, roi(1), nil); !errors.Is(err, ErrHung) {
		t.Fatalf("hung: %v", err)
	}
	hang.Store(false)
	if f, err := c.Detect(context.Background(), gocv.Mat{}, roi(2), nil); err != nil || f[0].Score != 2 {
		t.Fatalf("after the replacement: %v %v", f, err)
	}
	if n := count(t, p.metrics.hangs); n != 1 {
		t.Fatalf("%v hangs counted", n)
	}
}

// A session that never returns must not keep Run from ending.
func TestPoolStopsBesideAStuckSession(t *testing.T) {
	release := make(chan struct{})
	p := NewPool(&Model{}, PoolConfig{Workers: 2, HangAfter: 20 * time.Millisecond}, slog.New(slog.DiscardHandler), nil)
	var opened, closed atomic.Int32
	p.open = func() (inferer, error) {
		opened.Add(1)
		return &fake{do: func(image.Rectangle) error { <-release; return nil }, stop: make(chan struct{}), closed: &closed}, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	if _, err := p.Client().Detect(context.Background(), gocv.Mat{}, roi(1), nil); !errors.Is(err, ErrHung) {
		t.Fatalf("hung: %v", err)
	}
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Run did not end")
	}
	close(release)
	wait(t, "the stuck session frees itself", func() bool { return closed.Load() == opened.Load() })
}

func TestPoolReportsASessionThatCannotOpen(t *testing.T) {
	p := NewPool(&Model{}, PoolConfig{Workers: 2}, slog.New(slog.DiscardHandler), nil)
	boom := errors.New("no memory")
	p.open = func() (inferer, error) { return nil, boom }
	if err := p.Run(context.Background()); !errors.Is(err, boom) {
		t.Fatalf("Run: %v", err)
	}
}

func TestPoolRunsTheRealModel(t *testing.T) {
	m := open(t, "yolox_nano.onnx")
	p := NewPool(m, PoolConfig{Workers: 2, MinScore: 0.4}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	bgr := picture(t, "images/bus.jpg")
	whole := []image.Rectangle{image.Rect(0, 0, bgr.Cols(), bgr.Rows())}
	var all sync.WaitGroup
	for range 4 {
		c := p.Client()
		all.Go(func() {
			var found []Found
			for range 3 {
				var err error
				if found, err = c.Detect(ctx, bgr, whole, found[:0]); err != nil {
					t.Error(err)
				}
				persons := 0
				for _, f := range found {
					if f.Label == "person" {
						persons++
					}
				}
				if persons < 3 {
					t.Errorf("%d persons", persons)
				}
			}
		})
	}
	all.Wait()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if p.InferenceTime() <= 0 || RuntimeVersion() == "" {
		t.Fatal("no figures")
	}
}

// Sixteen cameras wait, one of them greedy: it asks again the moment it is answered. Nobody is served twice while another
// waits for the first time.
func TestPoolSharesAreFairAmongSixteenCameras(t *testing.T) {
	const cameras = 16
	gate := make(chan struct{})
	served := make(chan int, 4*cameras)
	p := startPool(t, PoolConfig{Workers: 1}, func(_ *fake, roi image.Rectangle) error {
		<-gate
		served <- roi.Min.X
		return nil
	})
	var all sync.WaitGroup
	ask := func(c *Client, camera, times int) {
		all.Go(func() {
			for range times {
				if _, err := c.Detect(context.Background(), gocv.Mat{}, roi(camera), nil); err != nil {
					t.Errorf("camera %d: %v", camera, err)
				}
			}
		})
	}
	ask(p.Client(), 0, cameras) // the greedy one
	wait(t, "the first is taken", func() bool { return p.busy() == 1 })
	for i := 1; i < cameras; i++ {
		ask(p.Client(), i, 1)
		wait(t, "all wait", func() bool { return p.busy()+p.queued() == i+1 })
	}
	first := make(map[int]int)
	for range cameras {
		gate <- struct{}{}
		first[<-served]++
	}
	if len(first) != cameras {
		t.Errorf("served %v in %d turns", first, cameras)
	}
	close(gate)
	all.Wait()
}
