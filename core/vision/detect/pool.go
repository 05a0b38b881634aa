// Package detect finds objects in pictures with one ONNX model shared by all cameras. Model checks a file and says in
// one sentence what is wrong with it; Pool runs it on a bounded number of sessions, serves cameras in turn, keeps at
// most one waiting request per camera (the newest) and replaces a session that hangs.
package detect

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/vision/detect/kserve"
)

// Errors of Client.Detect besides its context's.
var (
	ErrReplaced = errors.New("request replaced by a newer one of the same camera")
	ErrHung     = errors.New("detector hung and was replaced")
	ErrStopped  = errors.New("detector pool stopped")
)

// PoolConfig configures a Pool. Zero values mean the defaults given.
type PoolConfig struct {
	Workers   int           // sessions; one per core
	MinScore  float32       // a box below this is not reported; 0.2, so that a tracker can use weak ones
	IoU       float32       // two boxes of one class that overlap more are one object; 0.45
	HangAfter time.Duration // a session whose inference takes longer is replaced by then; 5 s
	WarmUp    time.Duration // the same for loading the model and its first inference; 1 min, TensorRT 10 min

	// Batch is how many pictures one inference may take, see Model.ChooseBatch; 1. They are those that waited while the
	// sessions were busy, unless BatchWait says how long a session waits for more of them, from the oldest one's arrival: on
	// a graphics card a full batch is worth that. Sessions on the processor share out what waits; others,
	// and those with BatchWait, take all that fits.
	Batch     int
	BatchWait time.Duration

	// Remote is asked in place of local sessions. A model with a local copy steps in when the server fails; without one
	// the frame is skipped with ErrRemote. Many workers are waiting for the server, so there may be more than cores.
	Remote *kserve.Client
}

// inferer is what a worker runs: a session, or a stand-in that hangs in tests.
type inferer interface {
	look(jobs []job) error // at most PoolConfig.Batch; an error fails all
	warm() error           // runs once, so that the first request is served as fast as others
	terminate()
	close()
}

// Pool runs one model for all cameras.
type Pool struct {
	cfg     PoolConfig
	fill    bool // batches are as full as can be
	model   *Model
	open    func() (inferer, error)
	log     *slog.Logger
	metrics *poolMetrics
	remote  *remoteMetrics // nil without a server

	mu       sync.Mutex
	queue    []*Client // clients with a waiting request, in order of arrival
	idle     []*worker // the last to become idle works first: its weights are still in the cache
	gatherer *worker   // waits for a batch to become full; the others leave it the queue until then
	workers  map[*worker]struct{}
	running  bool

	ewma atomic.Int64 // of one inference, ns
}

// NewPool returns a pool that works while Run runs.
func NewPool(m *Model, cfg PoolConfig, log *slog.Logger, reg prometheus.Registerer) *Pool {
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.MinScore <= 0 {
		cfg.MinScore = 0.2
	}
	if cfg.IoU <= 0 {
		cfg.IoU = 0.45
	}
	if cfg.HangAfter <= 0 {
		cfg.HangAfter = 5 * time.Second
	}
	if cfg.WarmUp <= 0 {
		cfg.WarmUp = time.Minute
		if m.provider == ProviderTensorRT {
			cfg.WarmUp = 10 * time.Minute // it compiles the network for the card
		}
	}
	if cfg.Batch = max(cfg.Batch, 1); m.batch > 0 {
		cfg.Batch = m.batch
	}
	if cfg.Remote != nil {
		cfg.Batch = 1 // the server makes batches of its own, of all that ask it
	}
	if cfg.Batch == 1 {
		cfg.BatchWait = 0
	}
	p := &Pool{cfg: cfg, fill: cfg.BatchWait > 0 || m.batch > 1 || !m.onCPU(), model: m, log: log, workers: make(map[*worker]struct{})}
	p.open = func() (inferer, error) { return newSession(m, cfg.Batch, cfg.MinScore, cfg.IoU) }
	if cfg.Remote != nil {
		p.remote = newRemoteMetrics(cfg.Remote, reg)
		p.open = func() (inferer, error) { return newRemote(cfg.Remote, m, cfg, p.remote) }
	}
	p.metrics = newPoolMetrics(p, reg)
	return p
}

// Model returns the model the pool runs.
func (p *Pool) Model() *Model { return p.model }

// InferenceTime returns the moving average of one inference; 0 before the first.
func (p *Pool) InferenceTime() time.Duration { return time.Duration(p.ewma.Load()) }

// request is one picture with its regions on its way through the pool.
type request struct {
	bgr     gocv.Mat
	regions []image.Rectangle
	found   []Found
	err     error
	since   time.Time     // of its arrival, or that of the first one it replaced
	done    chan struct{} // capacity 1
}

// Client is one camera's access to the pool.
type Client struct {
	pool    *Pool
	waiting *request // guarded by pool.mu
	spare   sync.Pool
}

// Client returns an access that counts as one camera.
func (p *Pool) Client() *Client {
	return &Client{pool: p, spare: sync.Pool{New: func() any { return &request{done: make(chan struct{}, 1)} }}}
}

// Detect looks for objects in the regions of a BGR picture and appends them to dst. It waits its turn until ctx ends;
// once its inference has begun it waits for the end, because the worker reads the picture. A newer Detect of the same
// client replaces one that still waits, which then returns ErrReplaced. After ErrHung dst must not be used again.
func (c *Client) Detect(ctx context.Context, bgr gocv.Mat, regions []image.Rectangle, dst []Found) ([]Found, error) {
	r, _ := c.spare.Get().(*request)
	r.bgr, r.regions, r.found, r.err, r.since = bgr, regions, dst, nil, time.Now()
	p := c.pool
	p.mu.Lock()
	old := c.waiting
	if c.waiting = r; old != nil {
		r.since = old.since
		old.finish(ErrReplaced)
		p.metrics.replaced.Inc()
	} else {
		p.queue = append(p.queue, c)
	}
	if old == nil || p.gatherer != nil { // a newer request may fill a batch
		p.rouse()
	}
	p.mu.Unlock()
	select {
	case <-r.done:
	case <-ctx.Done():
		if c.withdraw(r) {
			p.metrics.expired.Inc()
			c.spare.Put(r)
			return dst, ctx.Err()
		}
		<-r.done
	}
	found, err := r.found, r.err
	if errors.Is(err, ErrHung) {
		return nil, err // the hung worker still holds the request, and may yet write to dst
	}
	c.spare.Put(r)
	return found, err
}

// withdraw takes r back unless a worker has it.
func (c *Client) withdraw(r *request) bool {
	p := c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.waiting != r {
		return false
	}
	c.waiting = nil
	for i, q := range p.queue {
		if q == c {
			p.queue = append(p.queue[:i], p.queue[i+1:]...)
			break
		}
	}
	return true
}

func (r *request) finish(err error) {
	r.err = err
	r.done <- struct{}{}
}

// Run serves requests until ctx ends or a session cannot be opened. What waits at the end gets ErrStopped. An
// inference that hangs is abandoned: Run waits a last moment for it, but no longer.
func (p *Pool) Run(ctx context.Context) error {
	p.mu.Lock()
	if p.running {
		p.mu.Unlock()
		return errors.New("detector pool runs already")
	}
	p.running = true
	p.mu.Unlock()
	defer p.stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan *worker)
	alive := 0
	start := func() {
		w := &worker{pool: p, wake: make(chan struct{}, 1), starting: true, since: time.Now()}
		p.mu.Lock()
		p.workers[w] = struct{}{}
		p.mu.Unlock()
		alive++
		go func() {
			if err := w.run(ctx); err != nil {
				cancel(err)
			}
			ended <- w
		}()
	}
	for range p.cfg.Workers {
		start()
	}
	tick := time.NewTicker(p.watchInterval())
	defer tick.Stop()
	done := ctx.Done()
	var lastCall <-chan time.Time
	for alive > 0 {
		select {
		case w := <-ended:
			p.forget(w)
			alive--
		case <-tick.C:
			for range p.abandonHung() {
				if ctx.Err() == nil {
					start()
				}
			}
		case <-done:
			done = nil
			lastCall = time.After(p.cfg.HangAfter + time.Second)
			p.terminateBusy()
		case <-lastCall:
			p.log.Error("detector sessions did not end", "sessions", alive)
			go drain(ended, alive) // so that a late worker can free its memory and go
			alive = 0
		}
	}
	return context.Cause(ctx)
}

func drain(ended <-chan *worker, n int) {
	for range n {
		<-ended
	}
}

func (p *Pool) forget(w *worker) {
	p.mu.Lock()
	delete(p.workers, w)
	if p.gatherer == w {
		p.gatherer = nil
	}
	p.idle = slices.DeleteFunc(p.idle, func(i *worker) bool { return i == w })
	p.mu.Unlock()
}

func (p *Pool) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = false
	for _, c := range p.queue {
		c.waiting.finish(ErrStopped)
		c.waiting = nil
	}
	p.queue = nil
}

func (p *Pool) terminateBusy() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.workers {
		if w.session != nil && (w.starting || len(w.requests) > 0) {
			w.session.terminate()
		}
	}
}

// worker owns one session. Its fields are guarded by the pool's lock, except what is the worker's own.
type worker struct {
	pool      *Pool
	wake      chan struct{} // capacity 1; written when the worker is taken off the idle list
	session   inferer
	requests  []*request // being served
	since     time.Time  // of the inference that runs, or of the start
	starting  bool       // loads the model and runs it the first time
	abandoned bool

	tasks []task // of the requests; these are the worker's own
	jobs  []job
	timer *time.Timer
}

func (w *worker) run(ctx context.Context) error {
	session, err := w.start()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("start detector: %w", err)
	}
	if session == nil {
		return nil
	}
	defer session.close()
	for ctx.Err() == nil {
		ok, pause := w.pool.take(w, time.Now())
		if !ok {
			w.sleep(ctx, pause)
			continue
		}
		if !w.serve(ctx) {
			return nil
		}
	}
	return nil
}
