package track

import (
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// historyLen is how many scores decide whether a track is real.
const historyLen = 10

// object is one track: who is followed, and what is known of the place where it is.
type object struct {
	identity
	place uint64 // the id of who was there first
	state motion
	box   nvr.Box // last detection, or the prediction while it is missing

	score     float32 // this frame's
	detection int     // index of the detection it was seen as last
	misses    int     // in a row, in frames that looked for it

	last    time.Time // seen
	looked  time.Time // last time it was looked for
	missing time.Time // since when it was looked for in vain; zero while it is seen
	whole   sight     // where it was seen whole
	partial bool      // now only a part of it is seen

	anchor     nvr.Box   // where it stood still
	anchorHits int       // detections averaged into anchor
	away       int       // detections in a row away from it
	still      time.Time // since when
	stationary bool

	met    []*object // that it may be mistaken for, until it has been seen alone for a while
	recent look      // since the last meeting
	clear  bool      // seen now, whole, and nothing of its label covers it
}

// identity is who is followed. When objects were mistaken for each other, this is what they exchange.
type identity struct {
	id    uint64
	label string

	scores     [historyLen]float32 // ring
	scored     int                 // scores ever written
	confidence float32
	top        float32
	hits       int
	confirmed  bool
	apart      int  // hits that were no part of another object
	beside     bool // began as a box that overlapped that of another object
	stirred    bool // something moved where it is, or it moved

	first, seen time.Time // seen never goes back, also when the place it gets was left before

	path path
	look look // before it met anybody
}

func (o *object) addScore(s float32) {
	o.scores[o.scored%historyLen] = s
	o.scored++
	o.confidence = o.median()
	o.top = max(o.top, o.confidence)
}

// median of the recent scores. Fewer than three count as followed by zeros, so that one lucky frame proves nothing.
func (o *object) median() float32 {
	var sorted [historyLen]float32
	n := copy(sorted[:], o.scores[:min(o.scored, historyLen)])
	n = max(n, 3)
	slices.Sort(sorted[:n])
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// hit takes a detection in.
func (o *object) hit(now time.Time, d nvr.Detection, stationaryAfter time.Duration) {
	o.state.update(d.Box)
	o.box, o.score, o.last, o.looked, o.seen = d.Box, d.Score, now, now, now
	o.missing = time.Time{}
	o.misses = 0
	o.hits++
	o.addScore(d.Score)
	o.remember(now)
	o.rest(now, stationaryAfter)
	o.path.add(now.Sub(o.first), d.Box.Foot(), o.stationary)
}

// rest decides whether the object stands still. Boxes jitter: it has moved when two in a row left half of the anchor.
func (o *object) rest(now time.Time, after time.Duration) {
	if o.anchorHits > 0 && o.anchor.IoU(o.box) < 0.5 {
		if o.away++; o.away < 2 {
			return
		}
		o.anchorHits, o.stirred = 0, true
	}
	o.away = 0
	if o.anchorHits == 0 {
		o.anchor, o.still, o.stationary = o.box, now, false
	} else if o.anchorHits < 5 {
		f := 1 / float32(o.anchorHits+1)
		mix := func(a, b float32) float32 { return a + (b-a)*f }
		o.anchor = nvr.Box{
			X: mix(o.anchor.X, o.box.X), Y: mix(o.anchor.Y, o.box.Y), W: mix(o.anchor.W, o.box.W), H: mix(o.anchor.H, o.box.H),
		}
	}
	o.anchorHits++
	if now.Sub(o.still) >= after {
		o.stationary = true
	}
}

// miss notes that the object was looked for in vain.
func (o *object) miss(now time.Time, dt float64) {
	if o.missing.IsZero() {
		o.missing = now
	}
	o.looked = now
	o.misses++
	o.addScore(0)
	o.state.damp(dt)
	if !o.stationary {
		o.box = clip(o.state.at(0))
	}
}

func (o *object) tracked() nvr.TrackedObject {
	return nvr.TrackedObject{
		TrackID: o.id, Place: o.place, Label: o.label, Score: o.score, Confidence: o.confidence, TopScore: o.top, Box: o.box,
		FirstSeen: o.first, LastSeen: o.seen, Confirmed: o.confirmed, Stationary: o.stationary, Path: o.path.points,
	}
}

// clip cuts a box to the picture; what lies outside becomes a sliver at the edge.
func clip(b nvr.Box) nvr.Box {
	x1, y1 := min(max(b.X, 0), 1-minSide), min(max(b.Y, 0), 1-minSide)
	x2, y2 := min(max(b.X+b.W, x1+minSide), 1), min(max(b.Y+b.H, y1+minSide), 1)
	return nvr.Box{X: x1, Y: y1, W: x2 - x1, H: y2 - y1}
}

func inside(b nvr.Box) bool {
	cx, cy := b.X+b.W/2, b.Y+b.H/2
	return cx > 0 && cx < 1 && cy > 0 && cy < 1
}
