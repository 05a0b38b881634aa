package kserve

import (
	"sync"
	"time"
)

const (
	breakerFailures = 3 // in a row
	breakerFirst    = 10 * time.Second
	breakerLongest  = time.Minute
)

type outcome int

const (
	succeeded outcome = iota
	failed
	unknown // the caller gave up before the server could answer
)

// breaker keeps calls from a server that fails: after three failures in a row it is open for 10 s, then lets one call
// through; each time that fails, it stays open twice as long, up to a minute.
type breaker struct {
	now func() time.Time

	mu       sync.Mutex
	failures int
	wait     time.Duration // 0: closed
	until    time.Time
	probing  bool
}

// allow reports whether a call may be made, and whether it is the one that probes.
func (b *breaker) allow() (ok, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wait == 0 {
		return true, false
	}
	if b.probing || b.now().Before(b.until) {
		return false, false
	}
	b.probing = true
	return true, true
}

// done takes note of how an allowed call ended, and reports whether the breaker opened or closed by it.
func (b *breaker) done(probe bool, o outcome) (opened, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe {
		b.probing = false
	}
	switch {
	case o == succeeded:
		closed = b.wait > 0
		b.failures, b.wait = 0, 0
	case o == unknown:
	case probe:
		b.wait = min(2*b.wait, breakerLongest)
		b.until = b.now().Add(b.wait)
	case b.wait == 0:
		if b.failures++; b.failures >= breakerFailures {
			b.wait, opened = breakerFirst, true
			b.until = b.now().Add(b.wait)
		}
	}
	return opened, closed
}

func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wait > 0
}
