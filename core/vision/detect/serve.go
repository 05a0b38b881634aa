package detect

import (
	"context"
	"image"
	"time"

	"gocv.io/x/gocv"
)

// task is a worker's own account of a request. A hung worker may still write to it after the request was answered.
type task struct {
	bgr     gocv.Mat
	regions []image.Rectangle
	found   []Found
	err     error
}

// job is one region of a task: a picture for the model.
type job struct {
	task   *task
	roi    image.Rectangle
	region int

	size image.Point // of the task's picture
	slot int         // in the session's input; -1: none
}

// take hands w the requests that have waited longest, as many as fit into one inference, and reports whether there are any.
// Otherwise w sleeps: for pause, while others may come to share an inference, or without one until there is work.
func (p *Pool) take(w *worker, now time.Time) (ok bool, pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-w.wake: // it came too late to be needed
	default:
	}
	if p.gatherer == w {
		p.gatherer = nil
	}
	if len(p.queue) > 0 {
		pause = p.patience(now)
	}
	if len(p.queue) == 0 || pause > 0 && p.gatherer != nil {
		p.idle = append(p.idle, w)
		return false, 0
	}
	if pause > 0 {
		p.gatherer = w
		return false, pause
	}
	w.requests, w.tasks, w.jobs = w.requests[:0], w.tasks[:0], w.jobs[:0]
	pictures, taken := 0, 0
	for share := p.share(); taken < share; taken++ {
		r := p.queue[taken].waiting
		if pictures += len(r.regions); taken > 0 && pictures > p.cfg.Batch {
			break
		}
		p.queue[taken].waiting = nil
		w.requests = append(w.requests, r)
		w.tasks = append(w.tasks, task{bgr: r.bgr, regions: r.regions, found: r.found})
	}
	p.queue = append(p.queue[:0], p.queue[taken:]...)
	w.since = now
	if len(p.queue) > 0 {
		p.rouse()
	}
	return true, 0
}

// share is how many requests a worker may take at most. Where batches need not be full, the sessions divide what has come:
// one that takes all while others are about to be free would only be late.
func (p *Pool) share() int {
	n := len(p.queue)
	if !p.fill {
		n = (n + p.cfg.Workers - 1) / p.cfg.Workers
	}
	return min(n, p.cfg.Batch)
}

// patience is how long to wait for more requests: not at all unless that was asked for, when there are enough or when the
// first has waited long enough.
func (p *Pool) patience(now time.Time) time.Duration {
	if p.cfg.BatchWait == 0 || p.enough() {
		return 0
	}
	return max(0, p.cfg.BatchWait-now.Sub(p.queue[0].waiting.since))
}

func (p *Pool) enough() bool {
	pictures := 0
	for _, c := range p.queue {
		pictures += len(c.waiting.regions)
	}
	return pictures >= p.cfg.Batch
}

// rouse wakes a worker for what is in the queue.
func (p *Pool) rouse() {
	if g := p.gatherer; g != nil {
		if p.enough() {
			p.gatherer = nil
			g.wake <- struct{}{}
		}
		return
	}
	if n := len(p.idle); n > 0 {
		p.idle[n-1].wake <- struct{}{}
		p.idle = p.idle[:n-1]
	}
}

// sleep waits until there is work, for pause if that is set.
func (w *worker) sleep(ctx context.Context, pause time.Duration) {
	var timeout <-chan time.Time
	if pause > 0 {
		if w.timer == nil {
			w.timer = time.NewTimer(pause)
		} else {
			w.timer.Reset(pause)
		}
		timeout = w.timer.C
	}
	select {
	case <-ctx.Done():
	case <-w.wake:
	case <-timeout:
	}
}

// serve answers the requests that w took and reports whether w may go on. Only a request alone can have more regions than
// fit into one inference.
func (w *worker) serve(ctx context.Context) bool {
	for i := range w.tasks {
		for k, roi := range w.tasks[i].regions {
			w.jobs = append(w.jobs, job{task: &w.tasks[i], roi: roi, region: k})
		}
	}
	for jobs := w.jobs; len(jobs) > 0 && jobs[0].task.err == nil; {
		n := min(len(jobs), w.pool.cfg.Batch)
		if ctx.Err() != nil {
			looked(jobs[:n], ErrStopped)
			break
		}
		started := time.Now()
		if !w.begin(started) {
			return false
		}
		err := w.session.look(jobs[:n])
		w.pool.observe(time.Since(started), looked(jobs[:n], err))
		jobs = jobs[n:]
	}
	return w.answer()
}

// looked hands an error of all jobs to their tasks and returns how many had none.
func looked(jobs []job, err error) (n int) {
	for _, j := range jobs {
		if err != nil {
			j.task.err = err
		}
		if j.task.err == nil {
			n++
		}
	}
	return n
}

// begin starts the watchdog's clock for one inference.
func (w *worker) begin(now time.Time) bool {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	w.since = now
	return !w.abandoned
}

func (w *worker) answer() bool {
	p := w.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.abandoned {
		return false // the requests were answered and may be another's by now
	}
	for i, r := range w.requests {
		r.found = w.tasks[i].found
		r.finish(w.tasks[i].err)
	}
	clear(w.requests)
	w.requests = w.requests[:0]
	return true
}

// observe counts an inference on n pictures. Its time is shared by them.
func (p *Pool) observe(d time.Duration, n int) {
	if n == 0 {
		return
	}
	p.metrics.batch.Observe(float64(n))
	each := d / time.Duration(n)
	for range n {
		p.metrics.seconds.Observe(each.Seconds())
	}
	old := p.ewma.Load()
	if old == 0 {
		old = int64(each)
	}
	p.ewma.Store(old + (int64(each)-old)/10)
}
