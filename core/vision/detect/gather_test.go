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
)

// gathered is a stand-in that tells which regions were looked at together.
type gathered struct {
	fake
	looks chan []int
	gate  chan struct{}
}

func (g *gathered) look(jobs []job) error {
	var xs []int
	for _, j := range jobs {
		xs = append(xs, j.roi.Min.X)
	}
	g.looks <- xs
	<-g.gate
	return g.fake.look(jobs)
}

// gatherPool runs a pool whose looks are told on the first channel and go on for each value on the second.
func gatherPool(t *testing.T, cfg PoolConfig) (*Pool, chan []int, chan struct{}) {
	t.Helper()
	looks, gate := make(chan []int, 100), make(chan struct{}, 100)
	var closed atomic.Int32
	p := NewPool(&Model{}, cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	p.open = func() (inferer, error) {
		do := func(roi image.Rectangle) error {
			if roi.Min.X == 13 {
				return errors.New("bad luck")
			}
			return nil
		}
		return &gathered{fake: fake{do: do, stop: make(chan struct{}), closed: &closed}, looks: looks, gate: gate}, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return p, looks, gate
}

func look(t *testing.T, looks <-chan []int, want ...int) {
	t.Helper()
	select {
	case got := <-looks:
		if len(got) != len(want) {
			t.Fatalf("looked at %v, want %v", got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("looked at %v, want %v", got, want)
			}
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("nobody looked at %v", want)
	}
}

// ask has a new camera ask for regions with these numbers and queues it before it returns.
func ask(t *testing.T, p *Pool, all *sync.WaitGroup, want error, xs ...int) *Client {
	t.Helper()
	c := p.Client()
	askAgain(t, c, all, context.Background(), want, xs...)
	return c
}

func askAgain(t *testing.T, c *Client, all *sync.WaitGroup, ctx context.Context, want error, xs ...int) {
	t.Helper()
	var regions []image.Rectangle
	for _, x := range xs {
		regions = append(regions, roi(x)...)
	}
	all.Go(func() {
		found, err := c.Detect(ctx, gocv.Mat{}, regions, nil)
		if want != nil {
			if !errors.Is(err, want) && err.Error() != want.Error() {
				t.Errorf("%v: %v, want %v", xs, err, want)
			}
			return
		}
		if err != nil || len(found) != len(xs) {
			t.Errorf("%v: found %v, %v", xs, found, err)
			return
		}
		for i, f := range found {
			if int(f.Score) != xs[i] || f.Region != i {
				t.Errorf("%v: found %v", xs, found)
			}
		}
	})
}

func queue(t *testing.T, p *Pool, n int) {
	t.Helper()
	wait(t, "requests wait", func() bool { return p.queued() == n })
}

// What came while the session was busy is looked at together, oldest first, whole requests only; a request with more
// regions than a batch has goes alone; one that fails fails alone.
func TestPoolGathersWhatWaits(t *testing.T) {
	p, looks, gate := gatherPool(t, PoolConfig{Workers: 1, Batch: 4})
	var all sync.WaitGroup
	ask(t, p, &all, nil, 1)
	look(t, looks, 1) // alone: nobody waits for company
	for i, xs := range [][]int{{2}, {3, 4}, {5, 6}, {7}, {20, 21, 22, 23, 24, 25}, {13}, {}, {8}} {
		var want error
		if len(xs) == 1 && xs[0] == 13 {
			want = errors.New("bad luck")
		}
		ask(t, p, &all, want, xs...)
		queue(t, p, i+1)
	}
	close(gate)
	look(t, looks, 2, 3, 4)
	look(t, looks, 5, 6, 7)
	look(t, looks, 20, 21, 22, 23)
	look(t, looks, 24, 25)
	look(t, looks, 13, 8)
	all.Wait()
	if runs, pictures := batches(t, p); runs != 6 || pictures != 14 {
		t.Errorf("%d pictures in %d inferences", pictures, runs)
	}
}

// A request that waits for a batch can still be replaced and can still expire; the rest is served.
func TestPoolKeepsDeadlinesAndTheNewestInBatches(t *testing.T) {
	p, looks, gate := gatherPool(t, PoolConfig{Workers: 1, Batch: 4})
	var all, early sync.WaitGroup
	ask(t, p, &all, nil, 1)
	look(t, looks, 1)
	c := ask(t, p, &early, ErrReplaced, 2)
	queue(t, p, 1)
	ctx, cancel := context.WithCancel(context.Background())
	askAgain(t, p.Client(), &early, ctx, context.Canceled, 3)
	queue(t, p, 2)
	ask(t, p, &all, nil, 4)
	queue(t, p, 3)
	askAgain(t, c, &all, context.Background(), nil, 5)
	cancel()
	early.Wait()
	queue(t, p, 2)
	close(gate)
	look(t, looks, 5, 4)
	all.Wait()
}

// Two sessions divide what waits, rather than one being late with all of it.
func TestPoolSharesBatchesAmongSessions(t *testing.T) {
	p, looks, gate := gatherPool(t, PoolConfig{Workers: 2, Batch: 8})
	var all sync.WaitGroup
	for x := range 2 {
		ask(t, p, &all, nil, x)
		look(t, looks, x)
	}
	for x := 2; x < 6; x++ {
		ask(t, p, &all, nil, x)
		queue(t, p, x-1)
	}
	gate <- struct{}{}
	look(t, looks, 2, 3)
	gate <- struct{}{}
	look(t, looks, 4)
	close(gate)
	look(t, looks, 5)
	all.Wait()
}

// With a wait, requests that come one after the other share an inference the moment there are enough; those that remain
// alone are served when the time is over.
func TestPoolWaitsForCompanyWhereAskedTo(t *testing.T) {
	p, looks, gate := gatherPool(t, PoolConfig{Workers: 3, Batch: 3, BatchWait: time.Hour})
	close(gate)
	var all sync.WaitGroup
	for round := range 20 {
		for x := range 3 {
			ask(t, p, &all, nil, 3*round+x+100)
			if x < 2 {
				queue(t, p, x+1)
			}
		}
		look(t, looks, 3*round+100, 3*round+101, 3*round+102)
		all.Wait()
	}
	ctx, cancel := context.WithCancel(context.Background())
	askAgain(t, p.Client(), &all, ctx, context.Canceled, 1)
	queue(t, p, 1)
	cancel()
	all.Wait()

	p, looks, gate = gatherPool(t, PoolConfig{Workers: 2, Batch: 3, BatchWait: 5 * time.Millisecond})
	close(gate)
	for x := range 10 {
		ask(t, p, &all, nil, x)
		look(t, looks, x)
		all.Wait()
	}
}

// Everybody in a batch that hangs is told, and the session is replaced.
func TestPoolTellsAllOfAHungBatch(t *testing.T) {
	var hang atomic.Bool
	gate := make(chan struct{})
	p := startPool(t, PoolConfig{Workers: 1, Batch: 4, HangAfter: 500 * time.Millisecond}, func(f *fake, _ image.Rectangle) error {
		if hang.Load() {
			<-f.stop
		}
		return nil
	})
	close(gate)
	hang.Store(true)
	var all sync.WaitGroup
	for x := range 4 {
		ask(t, p.Pool, &all, ErrHung, x)
	}
	all.Wait()
	hang.Store(false)
	ask(t, p.Pool, &all, nil, 9)
	all.Wait()
	if n := count(t, p.metrics.hangs); n < 1 {
		t.Fatalf("%v hangs counted", n)
	}
}

// Many cameras with hasty deadlines at several sessions that wait for company: all is answered, nobody is forgotten.
func TestPoolBatchesUnderPressure(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Millisecond} {
		p := startPool(t, PoolConfig{Workers: 3, Batch: 5, BatchWait: wait}, func(*fake, image.Rectangle) error { return nil })
		var all sync.WaitGroup
		var served atomic.Int32
		for x := range 16 {
			c := p.Client()
			all.Go(func() {
				for i := range 300 {
					limit := time.Minute
					if i%5 == 0 {
						limit = time.Microsecond
					}
					ctx, cancel := context.WithTimeout(context.Background(), limit)
					found, err := c.Detect(ctx, gocv.Mat{}, roi(x), nil)
					cancel()
					switch {
					case err == nil && len(found) == 1 && int(found[0].Score) == x:
						served.Add(1)
					case !errors.Is(err, context.DeadlineExceeded) || i%5 != 0:
						t.Errorf("camera %d: %v, %v", x, found, err)
					}
				}
			})
		}
		all.Wait()
		if n := served.Load(); n < 16*240 {
			t.Errorf("%d served", n)
		}
	}
}

// A camera whose request is replaced while it waits for company has waited since the first one: it cannot keep others
// waiting by asking again.
func TestPoolCountsTheWaitFromTheFirstRequest(t *testing.T) {
	p := NewPool(&Model{}, PoolConfig{Workers: 1, Batch: 4, BatchWait: time.Hour}, slog.New(slog.DiscardHandler), nil)
	since := func() time.Time {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.queue[0].waiting.since
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all, first sync.WaitGroup
	c := p.Client()
	askAgain(t, c, &first, ctx, ErrReplaced, 1)
	queue(t, p, 1)
	began := since()
	askAgain(t, c, &all, ctx, context.Canceled, 2)
	first.Wait()
	if now := since(); !now.Equal(began) {
		t.Errorf("waits since %v, want %v", now, began)
	}
	cancel()
	all.Wait()
}
