package sound

import (
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	floorSeconds = 30 // what goes on longer is background
	floorMargin  = 6  // dB over the background from which a sound counts
	hysteresis   = 3  // dB under the threshold at which a sound still goes on
	// togetherness is the pause after which loud moments that made no event are forgotten.
	togetherness = time.Second
)

// floor is the level of the background: the least of the last seconds. Rain, a fan or a road raise it within half a minute,
// so that they make one event at most; speech, barking and alarms have pauses and do not.
type floor struct {
	levels [floorSeconds]float32
	n      int
}

func (f *floor) add(rms float32) {
	f.levels[f.n%floorSeconds] = rms
	f.n++
}

// level returns the background in dBFS; known is false until a second was heard.
func (f *floor) level() (dbfs float32, known bool) {
	if f.n == 0 {
		return nvr.SoundSilence, false
	}
	least := f.levels[0]
	for _, l := range f.levels[1:min(f.n, floorSeconds)] {
		least = min(least, l)
	}
	return least, true
}

// gate tells sounds from the background by their level alone.
type gate struct {
	threshold float32 // dBFS
	least     time.Duration
	hold      time.Duration
	floor     floor

	active   bool
	since    time.Time // of the first loud block; zero: it is quiet
	lastLoud time.Time
	loud     time.Duration
	max      float32 // dBFS
}

// hear takes a block that ends at at and reports whether a sound began.
func (g *gate) hear(rms float32, at time.Time) (began bool) {
	background, known := g.floor.level()
	threshold := g.threshold
	if g.active {
		threshold -= hysteresis
	}
	if !known || rms < max(threshold, background+floorMargin) {
		return false
	}
	if g.since.IsZero() {
		g.since, g.loud, g.max = at.Add(-block), 0, rms
	}
	g.loud += block
	g.lastLoud, g.max = at, max(g.max, rms)
	if g.active || g.loud < g.least {
		return false
	}
	g.active = true
	return true
}

// pass lets time pass and reports whether the sound has ended; its end is lastLoud.
func (g *gate) pass(now time.Time) (ended bool) {
	if g.since.IsZero() {
		return false
	}
	quiet := now.Sub(g.lastLoud)
	switch {
	case quiet < 0: // the clock was set back
		g.lastLoud = now
	case g.active && quiet >= g.hold:
		g.active, g.since = false, time.Time{}
		return true
	case !g.active && quiet >= togetherness:
		g.since = time.Time{}
	}
	return false
}
