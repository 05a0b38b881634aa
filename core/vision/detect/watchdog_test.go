package detect

import (
	"context"
	"errors"
	"image"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"gocv.io/x/gocv"
)

func TestWatchdogGivesUpBeforeTheTimeIsOver(t *testing.T) {
	p := NewPool(&Model{}, PoolConfig{}, slog.New(slog.DiscardHandler), nil)
	if p.cfg.HangAfter != 5*time.Second || p.cfg.WarmUp != time.Minute {
		t.Fatalf("defaults %v and %v", p.cfg.HangAfter, p.cfg.WarmUp)
	}
	if tensorRT := NewPool(&Model{provider: ProviderTensorRT}, PoolConfig{}, nil, nil); tensorRT.cfg.WarmUp != 10*time.Minute {
		t.Fatalf("TensorRT gets %v", tensorRT.cfg.WarmUp)
	}
	if latest := p.cfg.HangAfter*9/10 + p.watchInterval(); latest > p.cfg.HangAfter-200*time.Millisecond {
		t.Fatalf("a hung session is found only after %v: too late to replace it within %v", latest, p.cfg.HangAfter)
	}
	began := time.Now()
	for name, c := range map[string]struct {
		w     worker
		after time.Duration
		want  bool
	}{
		"idle":              {worker{}, time.Hour, false},
		"given up":          {worker{requests: []*request{{}}, abandoned: true}, time.Hour, false},
		"busy":              {worker{requests: []*request{{}}}, 4 * time.Second, false},
		"hung":              {worker{requests: []*request{{}}}, 4500 * time.Millisecond, true},
		"starting":          {worker{starting: true}, 50 * time.Second, false},
		"hung at the start": {worker{starting: true}, time.Minute, true},
	} {
		c.w.pool, c.w.since = p, began
		if got := c.w.overdue(began.Add(c.after)); got != c.want {
			t.Errorf("%s after %v: overdue %v", name, c.after, got)
		}
	}
}

// A session may take longer to start than any inference may take, and is not replaced for it.
func TestPoolLetsASessionStartSlowly(t *testing.T) {
	p := NewPool(&Model{}, PoolConfig{Workers: 1, HangAfter: 20 * time.Millisecond, WarmUp: time.Hour}, slog.New(slog.DiscardHandler), nil)
	warm := make(chan struct{})
	var closed atomic.Int32
	p.open = func() (inferer, error) {
		return &fake{
			do: func(image.Rectangle) error { return nil }, stop: make(chan struct{}), closed: &closed,
			first: func() error { <-warm; return nil },
		}, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	answer := make(chan error, 1)
	go func() {
		_, err := p.Client().Detect(context.Background(), gocv.Mat{}, roi(1), nil)
		answer <- err
	}()
	time.AfterFunc(10*p.cfg.HangAfter, func() { close(warm) })
	if err := <-answer; err != nil {
		t.Fatalf("after a slow start: %v", err)
	}
	if n := count(t, p.metrics.hangs); n != 0 {
		t.Fatalf("%v hangs counted", n)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || closed.Load() != 1 {
		t.Fatalf("%v, %d closed", err, closed.Load())
	}
}

// A session that hangs while it starts is replaced too.
func TestPoolReplacesASessionThatHangsAtTheStart(t *testing.T) {
	p := NewPool(&Model{}, PoolConfig{Workers: 1, HangAfter: 20 * time.Millisecond, WarmUp: 40 * time.Millisecond},
		slog.New(slog.DiscardHandler), nil)
	var opened, closed atomic.Int32
	p.open = func() (inferer, error) {
		f := &fake{do: func(image.Rectangle) error { return nil }, stop: make(chan struct{}), closed: &closed}
		if opened.Add(1) == 1 {
			f.first = func() error { <-f.stop; return errors.New("terminated") }
		}
		return f, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	if _, err := p.Client().Detect(context.Background(), gocv.Mat{}, roi(1), nil); err != nil {
		t.Fatal(err)
	}
	if n := count(t, p.metrics.hangs); n != 1 {
		t.Errorf("%v hangs counted", n)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if opened.Load() != 2 || closed.Load() != 2 {
		t.Errorf("%d opened, %d closed", opened.Load(), closed.Load())
	}
}
