package track

import (
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	// A detector that is not sure of a thing which never moved takes a bin for a person, and goes on doing so all day: such a
	// track must be surer by this much.
	stillMargin = 0.1
	mostSure    = 0.9  // and that is always enough
	stirredBy   = 0.15 // of its box in motion when it was seen first, or it moved itself
	stirredHits = 3

	// A box in another of its label, less than half as large, is a part of that (the handlebars of a bicycle) as long as it
	// has not been seen outside.
	partInside = 0.85
	partArea   = 0.5
	besideIoU  = 0.3
	partMemory = time.Second // how long the whole may go unseen
)

// SetMotion tells where the next frame differs from the scene. A tracker that is never told knows nothing of motion and
// doubts nothing for the want of it.
func (t *Tracker) SetMotion(boxes []nvr.Box) {
	t.motion, t.motionKnown = append(t.motion[:0], boxes...), true
}

// weigh notes for an object that was seen now what speaks for it.
func (t *Tracker) weigh(o *object, now time.Time) {
	if !o.last.Equal(now) || o.confirmed {
		return
	}
	if !t.part(o, now) {
		o.apart++
	}
	if o.hits > stirredHits {
		return // who passes a thing later does not speak for it
	}
	for _, m := range t.motion {
		if common(m, o.box) >= stirredBy*o.box.Area() {
			o.stirred = true
			return
		}
	}
}

// real reports whether enough speaks for an object.
func (t *Tracker) real(o *object) bool {
	need := t.threshold(o.label)
	if t.motionKnown && !o.stirred {
		need = max(need, min(need+stillMargin, mostSure))
	}
	return min(o.hits, o.apart) >= t.cfg.MinHits && o.confidence >= need
}

// part reports whether o lies in a larger and surer object of its label.
func (t *Tracker) part(o *object, now time.Time) bool {
	for _, w := range t.objects {
		if w != o && w.label == o.label && now.Sub(w.last) <= partMemory && (w.confirmed || w.confidence > o.confidence) &&
			o.box.Area() < partArea*w.box.Area() && common(o.box, w.box) >= partInside*o.box.Area() {
			return true
		}
	}
	return false
}

// common is the area of both.
func common(a, b nvr.Box) float32 {
	w := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
	h := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
	return max(w, 0) * max(h, 0)
}
