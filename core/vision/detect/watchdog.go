package detect

import "time"

// watchInterval is how often the watchdog looks. A session is given up at nine tenths of its time, so that it is found
// and its replacement begun before the time is over.
func (p *Pool) watchInterval() time.Duration { return max(p.cfg.HangAfter/20, time.Millisecond) }

// overdue reports whether w has worked on one thing too long. Loading and the first run have a limit of their own: on a
// cold disk, or where a graphics card compiles the model, they take what no inference may take.
func (w *worker) overdue(now time.Time) bool {
	limit := w.pool.cfg.HangAfter
	switch {
	case w.abandoned:
		return false
	case w.starting:
		limit = w.pool.cfg.WarmUp
	case len(w.requests) == 0:
		return false
	}
	return now.Sub(w.since) >= limit*9/10
}

// abandonHung gives up inferences that take too long: their callers get ErrHung, and the worker ends when, if ever,
// ONNX Runtime returns. It returns how many it gave up.
func (p *Pool) abandonHung() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for w := range p.workers {
		if !w.overdue(now) {
			continue
		}
		w.abandoned = true
		if w.session != nil {
			w.session.terminate()
		}
		for _, r := range w.requests {
			r.finish(ErrHung)
		}
		w.requests = nil
		p.metrics.hangs.Inc()
		p.log.Error("detector session hung and is replaced", "starting", w.starting, "after", now.Sub(w.since))
		n++
	}
	return n
}

// start opens the worker's session and runs it once. A worker that was given up meanwhile returns nothing.
func (w *worker) start() (inferer, error) {
	p := w.pool
	session, err := p.open()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	w.session = session
	ok := !w.abandoned
	p.mu.Unlock()
	if ok {
		err = session.warm()
	}
	p.mu.Lock()
	ok, w.starting = !w.abandoned, false
	p.mu.Unlock()
	if ok && err == nil {
		return session, nil
	}
	p.mu.Lock()
	w.session = nil // nobody may terminate what is closed
	p.mu.Unlock()
	session.close()
	if !ok {
		return nil, nil //nolint:nilnil // given up: neither a session nor a reason to stop the pool
	}
	return nil, err
}
