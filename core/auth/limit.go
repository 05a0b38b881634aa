package auth

import (
	"net/netip"
	"sync"
	"time"
)

// limiter slows guessing down: after freeAttempts failures of an account or an address, each further one doubles the
// wait, up to maxWait. It never locks for good, so nobody can lock an owner out.
type limiter struct {
	mu      sync.Mutex
	entries map[string]attempt
}

type attempt struct {
	failures int
	until    time.Time // no attempt is looked at before
}

const (
	freeAttempts = 5
	firstWait    = 2 * time.Second
	maxWait      = 15 * time.Minute
	maxEntries   = 10_000
)

func newLimiter() *limiter { return &limiter{entries: make(map[string]attempt)} }

// keys are the account and the address; an IPv6 address counts as its /64.
func keys(name, peer string) [2]string {
	if a, err := netip.ParseAddr(peer); err == nil && a.Is6() && !a.Is4In6() {
		if p, err := a.Prefix(64); err == nil {
			peer = p.String()
		}
	}
	return [2]string{"name " + name, "peer " + peer}
}

func (l *limiter) blocked(now time.Time, name, peer string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var wait time.Duration
	for _, k := range keys(name, peer) {
		wait = max(wait, l.entries[k].until.Sub(now))
	}
	return wait
}

func (l *limiter) failed(now time.Time, name, peer string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) >= maxEntries {
		for k, a := range l.entries {
			if now.After(a.until) {
				delete(l.entries, k)
			}
		}
		if len(l.entries) >= maxEntries {
			clear(l.entries)
		}
	}
	for _, k := range keys(name, peer) {
		a := l.entries[k]
		a.failures++
		if over := a.failures - freeAttempts; over >= 0 {
			wait := maxWait
			if over < 9 {
				wait = min(firstWait<<over, maxWait)
			}
			a.until = now.Add(wait)
		}
		l.entries[k] = a
	}
}

func (l *limiter) succeeded(name, peer string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys(name, peer) {
		delete(l.entries, k)
	}
}
