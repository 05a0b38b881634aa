package export

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// job is one export in memory. All fields are guarded by the Exporter's mutex.
type job struct {
	record
	cancel  context.CancelFunc // while it runs
	done    chan struct{}      // closed when it has stopped running
	began   time.Time
	untold  bool      // Changed has not heard of the job yet
	told    time.Time // when Changed last heard of progress
	handled float64   // work done so far
	total   float64
}

// export returns a copy for the outside.
func (j *job) export() Export {
	x := j.Export
	switch {
	case x.State == Done:
		x.Progress = 1
	case x.State == Running && j.total > 0:
		x.Progress = min(1, j.handled/j.total)
		if took := time.Since(j.began); x.Progress > 0.01 {
			x.ETA = time.Duration(float64(took) * (1 - x.Progress) / x.Progress).Round(time.Second)
		}
	}
	return x
}

const (
	// tellEvery is how often Changed hears of progress.
	tellEvery = 500 * time.Millisecond
	// maxCrashes is how often the process may end under a job before the job is thought to be the cause.
	maxCrashes = 3
	// expireEvery is how often the age of exports is looked at.
	expireEvery = time.Minute
)

// Run works on jobs until ctx is done. A job that is cut short by that starts again with the next Run.
func (e *Exporter) Run(ctx context.Context) error {
	e.finishDeletions()
	var wg sync.WaitGroup
	for range e.opts.Workers {
		wg.Go(func() { e.worker(ctx) })
	}
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	e.expire(ctx)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			e.finishDeletions()
			e.expire(ctx)
		}
	}
	wg.Wait()
	return ctx.Err()
}

// Close releases the directory. Nothing may be called afterwards.
func (e *Exporter) Close() error { return e.store.close() }

// finishDeletions ends what a crash cut short.
func (e *Exporter) finishDeletions() {
	for _, r := range e.records(func(j *job) bool { return j.Deleting && j.done == nil }) {
		if err := e.drop(r); err != nil {
			e.opts.Logger.Warn("export cannot be removed", "export", r.ID, "err", err)
		}
	}
}

func (e *Exporter) records(want func(*job) bool) []record {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []record
	for _, j := range e.jobs {
		if want(j) {
			out = append(out, j.record)
		}
	}
	return out
}

func (e *Exporter) expire(ctx context.Context) {
	old := e.records(func(j *job) bool {
		return !j.Deleting && !j.ExpiresAt.IsZero() && time.Now().After(j.ExpiresAt)
	})
	for _, r := range old {
		if err := e.Delete(ctx, r.ID); err != nil {
			e.opts.Logger.Warn("expired export cannot be removed", "export", r.ID, "err", err)
			continue
		}
		e.opts.Logger.Info("expired export removed", "export", r.ID)
	}
}

func (e *Exporter) signal() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// worker runs one job after the other.
func (e *Exporter) worker(ctx context.Context) {
	for ctx.Err() == nil {
		j, jctx := e.next(ctx)
		if j == nil {
			select {
			case <-ctx.Done():
			case <-e.wake:
			}
			continue
		}
		e.signal() // there may be another one for the other worker
		e.run(ctx, jctx, j)
	}
}

// next claims the oldest queued job. Whoever listens hears that a job is queued before it hears that it runs.
func (e *Exporter) next(ctx context.Context) (*job, context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var best *job
	for _, j := range e.jobs {
		if j.State == Queued && !j.untold && !j.Deleting && (best == nil || j.ID < best.ID) {
			best = j
		}
	}
	if best == nil {
		return nil, nil
	}
	jctx, cancel := context.WithCancel(ctx)
	best.State, best.cancel, best.done, best.began = Running, cancel, make(chan struct{}), time.Now()
	best.handled, best.total = 0, 0
	return best, jctx
}

// run does one job and records how it ended.
func (e *Exporter) run(ctx, jctx context.Context, j *job) {
	e.mu.Lock()
	rec := j.record
	e.mu.Unlock()
	e.tell(rec.Export)
	err := e.store.save(&rec)
	var res result
	if err == nil && rec.Crashes >= maxCrashes {
		err = &nvr.Error{Code: nvr.CodeUnavailable, Message: fmt.Sprintf(
			"Nightjar ended %d times while it worked on this export, so it is given up. Export a shorter range, and look at the log.", rec.Crashes)}
	}
	if err == nil {
		res, err = e.work(jctx, j, rec.Export)
	}
	j.cancel() // set by next, changed by nobody else
	rec = e.conclude(rec, res, err, ctx.Err() != nil)
	if !e.deleting(j) {
		e.settle(&rec)
	}
	e.mu.Lock()
	deleted := j.Deleting
	if deleted {
		rec.State = Cancelled
	} else {
		j.record = rec // only now can it be seen: its files are where it says
	}
	if rec.State != Queued {
		e.metrics.jobs.WithLabelValues(string(rec.State)).Inc()
	}
	close(j.done) // whoever deletes waited for this
	j.cancel, j.done = nil, nil
	x := j.export()
	e.mu.Unlock()
	if !deleted {
		e.tell(x)
	}
}

func (e *Exporter) deleting(j *job) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return j.Deleting
}

// conclude enters into rec how its job ended.
func (e *Exporter) conclude(rec record, res result, err error, stopped bool) record {
	switch {
	case err != nil && stopped:
		rec.State = Queued
		return rec
	case err != nil:
		rec.State, rec.Error, rec.Bytes = Failed, e.sentence(err), 0
		if !errors.Is(err, context.Canceled) {
			e.opts.Logger.Error("export failed", "export", rec.ID, "err", err)
		}
	default:
		rec.State, rec.Files, rec.Notes, rec.Bytes = Done, res.files, res.notes, 0
		for _, f := range res.files {
			rec.Bytes += f.Bytes
		}
		e.opts.Logger.Info("export done", "export", rec.ID, "bytes", rec.Bytes, "files", len(rec.Files))
		e.metrics.bytes.Add(float64(rec.Bytes))
	}
	if rec.FinishedAt = now(); e.opts.Keep > 0 {
		rec.ExpiresAt = rec.FinishedAt.Add(e.opts.Keep)
	}
	return rec
}

// settle brings the directory up to date with how a job ended.
func (e *Exporter) settle(rec *record) {
	if rec.State != Done {
		if err := e.store.clean(rec); err != nil {
			e.opts.Logger.Warn("files of export cannot be removed", "export", rec.ID, "err", err)
		}
	}
	if err := e.store.save(rec); err != nil {
		e.opts.Logger.Error("export cannot be recorded, it will be made again after a restart", "export", rec.ID, "err", err)
	}
}

// progress is how a running job says how far it is.
type progress struct {
	e *Exporter
	j *job
}

// plan sets how much work there is, in any unit.
func (p progress) plan(total float64) {
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	p.j.total = total
}

// add counts work that was done.
func (p progress) add(n float64) {
	p.e.mu.Lock()
	p.j.handled += n
	due := time.Since(p.j.told) >= tellEvery && !p.j.Deleting
	if due {
		p.j.told = time.Now()
	}
	x := p.j.export()
	p.e.mu.Unlock()
	if due {
		p.e.tell(x)
	}
}

// sentence turns an error into what a person reads. Causes stay in the log.
func (e *Exporter) sentence(err error) string {
	var known *nvr.Error
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return "The disk for exports became full. Make room or export a shorter range."
	case errors.As(err, &known):
		return known.Message
	default:
		return "The export failed for a reason that only the log explains; search it for this export's id."
	}
}

// storeError explains why an export could not even be begun.
func (e *Exporter) storeError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: "the disk for exports is full; make room first", Err: err}
	}
	return &nvr.Error{Code: nvr.CodeUnavailable, Message: fmt.Sprintf("the exports directory %s cannot be written; make it writable for this user", e.opts.Dir), Err: err}
}

type metrics struct {
	jobs  *prometheus.CounterVec
	bytes prometheus.Counter
}

func newMetrics(r prometheus.Registerer, e *Exporter) metrics {
	m := metrics{
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "nvr", Subsystem: "export", Name: "jobs_total", Help: "Exports that ended, by state: done, failed, cancelled.",
		}, []string{"state"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "nvr", Subsystem: "export", Name: "bytes_total", Help: "Bytes of finished exports.",
		}),
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "nvr", Subsystem: "export", Name: "unfinished_jobs", Help: "Exports that wait or run.",
	}, func() float64 {
		return float64(len(e.records(func(j *job) bool { return j.State == Queued || j.State == Running })))
	})
	kept := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "nvr", Subsystem: "export", Name: "kept_bytes", Help: "Bytes of the exports that are kept.",
	}, func() float64 {
		n := int64(0)
		for _, rec := range e.records(func(j *job) bool { return j.State == Done }) {
			n += rec.Bytes
		}
		return float64(n)
	})
	r.MustRegister(m.jobs, m.bytes, waiting, kept)
	return m
}
