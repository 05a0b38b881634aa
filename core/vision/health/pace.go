package health

import (
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	paceWindow = 5 * time.Second
	paceFirst  = 12          // windows that are averaged before anything is held against the camera
	paceFollow = 1.0 / 360   // of a window: half an hour at a new rate makes it the usual one
	paceFine   = 1.4         // times the rate at which the camera is slow: the problem is over
	paceLimit  = time.Minute // a longer pause is not a slow camera but another story
)

// pace counts pictures.
type pace struct {
	start   time.Time
	n       int
	usual   float64 // pictures per second
	windows int
}

func (p *pace) restart() { p.start, p.n = time.Time{}, 0 }

// Unit shows a coded picture of the stream, decoded or not. What it returns is valid until the next call.
func (a *Analyser) Unit(u *media.AccessUnit) []nvr.HealthChange {
	a.out = a.out[:0]
	if u.Key {
		same := a.coded.repeats(u)
		a.note(frozen, same && !a.hidden, u.NTP)
	}
	if rate, ok := a.pace.count(u.NTP); ok {
		a.note(slow, a.judgePace(rate), u.NTP)
	}
	return a.out
}

// count takes one picture and returns the rate of a window that it completes.
func (p *pace) count(at time.Time) (rate float64, complete bool) {
	d := at.Sub(p.start)
	if p.start.IsZero() || d < -time.Second || d > paceLimit {
		p.start, p.n = at, 0
		return 0, false
	}
	p.n++
	if d < paceWindow {
		return 0, false
	}
	rate = float64(p.n) / d.Seconds()
	p.start, p.n = at, 0
	return rate, true
}

// judgePace reports whether rate is too low, and learns it.
func (a *Analyser) judgePace(rate float64) bool {
	p := &a.pace
	p.windows++
	if p.windows <= paceFirst {
		p.usual += (rate - p.usual) / float64(p.windows)
		return false
	}
	part := a.cfg.SlowBelow
	if a.states[slow].active {
		part = min(part*paceFine, 0.95)
	}
	low := rate < part*p.usual
	p.usual += (rate - p.usual) * paceFollow
	return low
}

// Lost says that pictures were lost on our side: the camera is not to blame for the ones that are missing.
func (a *Analyser) Lost() { a.pace.restart() }
