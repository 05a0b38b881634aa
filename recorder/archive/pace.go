package archive

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Window is a span of local time of day in which uploads may run. The zero value is always open.
type Window struct {
	from, to int // minutes since midnight; equal when always open
}

// ParseWindow reads "HH:MM-HH:MM". A window whose end lies before its start crosses midnight; "" is always open.
func ParseWindow(s string) (Window, error) {
	if s == "" {
		return Window{}, nil
	}
	bad := fmt.Errorf("upload window %q: want two different times of day such as 01:00-06:00", s)
	if len(s) != len("01:00-06:00") || s[5] != '-' {
		return Window{}, bad
	}
	from, err := time.Parse("15:04", s[:5])
	if err != nil {
		return Window{}, bad
	}
	to, err := time.Parse("15:04", s[6:])
	if err != nil || from.Equal(to) {
		return Window{}, bad
	}
	return Window{from: from.Hour()*60 + from.Minute(), to: to.Hour()*60 + to.Minute()}, nil
}

// Open reports whether t, on the clock of its own location, lies in the window. What the clock shows decides, so an hour
// that daylight saving repeats counts twice, and one that it skips not at all.
func (w Window) Open(t time.Time) bool {
	at := t.Hour()*60 + t.Minute()
	switch {
	case w.from == w.to:
		return true
	case w.from < w.to:
		return at >= w.from && at < w.to
	default:
		return at >= w.from || at < w.to
	}
}

// Next returns the first moment from t on at which the window is open.
func (w Window) Next(t time.Time) time.Time {
	if w.Open(t) {
		return t
	}
	next := t.Truncate(time.Minute)
	for !w.Open(next) { // at most the minutes of two days, the first of which may lack the window
		next = next.Add(time.Minute)
	}
	return next
}

// pacer bounds how many bytes move per second, over all readers that share it.
type pacer struct {
	rate  float64 // bytes per second
	chunk int     // most that moves at once

	mu   sync.Mutex
	free time.Time // when the next byte may move
}

// newPacer returns nil, which bounds nothing, for a rate of 0.
func newPacer(rate int64) *pacer {
	if rate <= 0 {
		return nil
	}
	// Small enough that one piece takes no more than a second at any rate, and a tenth of one at usual ones.
	return &pacer{rate: float64(rate), chunk: int(max(1, min(rate, max(rate/10, 1<<10), 64<<10)))}
}

// wait blocks until n more bytes may move.
func (p *pacer) wait(ctx context.Context, n int) error {
	p.mu.Lock()
	now := time.Now()
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
	pause := p.free.Sub(now)
	p.mu.Unlock()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// reader returns r at the pace.
func (p *pacer) reader(ctx context.Context, r io.Reader) io.Reader {
	if p == nil {
		return struct{ io.Reader }{r} // without Seek: a body is sent once
	}
	return readFunc(func(b []byte) (int, error) {
		n, err := r.Read(b[:min(len(b), p.chunk)])
		if n > 0 {
			if werr := p.wait(ctx, n); werr != nil {
				return 0, werr
			}
		}
		return n, err
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }
