package track

import (
	"math"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// hiddenAtMost is how long an object may be hidden and still be taken for the same by its label, size and way alone.
const hiddenAtMost = 3 * time.Second

// sight is where an object was seen whole the last time and how it moved, in fractions of the picture and per second. The
// filter itself slows down what is not seen, which is right for most, but loses who walks on behind a tree; and of who is
// half hidden it sees a half.
type sight struct {
	box    nvr.Box
	vx, vy float64
	at     time.Time
}

// remember takes the box of a hit as the object's sight, unless its size changed suddenly: then a part was seen, or something
// in the background that looks like it. A change that lasts is the object's.
func (o *object) remember(now time.Time) {
	b := o.whole.box
	o.partial = o.hits > 2 && now.Sub(o.whole.at) <= hiddenAtMost && !(similar(b.W, o.box.W, 2) && similar(b.H, o.box.H, 1.5))
	if !o.partial {
		o.whole = sight{box: o.box, vx: o.state.cx.v, vy: o.state.cy.v, at: now}
	}
}

// reidentify continues tracks that were hidden for a short time, or of which only a part is seen, with the sure detections
// that found no track, and takes those out of t.sure.
func (t *Tracker) reidentify(now time.Time, found []nvr.Detection) {
	t.rows = t.rows[:0]
	for _, o := range t.objects {
		hidden := !t.matched[o] && !o.missing.IsZero() || t.matched[o] && o.partial
		if gone := now.Sub(o.whole.at); hidden && o.confirmed && !o.stationary && gone > 0 && gone <= hiddenAtMost {
			t.rows = append(t.rows, o)
		}
	}
	if len(t.rows) == 0 || len(t.sure) == 0 {
		return
	}
	for r, c := range t.assign.solve(len(t.rows), len(t.sure), func(r, c int) float64 {
		return t.astray(t.rows[r], found[t.sure[c]], now)
	}) {
		if c < 0 {
			continue
		}
		o, d := t.rows[r], found[t.sure[c]]
		o.state = newMotion(d.Box)
		o.state.cx.v, o.state.cy.v = o.whole.vx, o.whole.vy
		o.hit(now, d, t.cfg.StationaryAfter)
		o.detection = t.sure[c]
		t.matched[o] = true
		t.sure[c] = -1
	}
	left := t.sure[:0]
	for _, i := range t.sure {
		if i >= 0 {
			left = append(left, i)
		}
	}
	t.sure = left
}

// astray is how far d is from where o would be had it gone on as before, in units of its longer side, or impossible: the
// longer it was hidden the farther off it may be. Who stopped in hiding counts by the place it was seen last.
func (t *Tracker) astray(o *object, d nvr.Detection, now time.Time) float64 {
	b := o.whole.box
	if o.label != d.Label || !similar(b.W, d.Box.W, 2) || !similar(b.H, d.Box.H, 1.5) {
		return impossible
	}
	gone := now.Sub(o.whole.at).Seconds()
	on := b // where it would be
	on.X += float32(o.whole.vx * gone)
	on.Y += float32(o.whole.vy * gone)
	far := min(t.shift(b, d.Box), t.shift(on, d.Box))
	if far > 0.3+0.3*gone {
		return impossible
	}
	return far
}

// shift is the distance of the middles of two boxes, in the longer side of the second.
func (t *Tracker) shift(from, to nvr.Box) float64 {
	aspect := float64(t.aspect)
	dx := float64(to.X+to.W/2) - float64(from.X+from.W/2)
	dy := float64(to.Y+to.H/2) - float64(from.Y+from.H/2)
	return math.Hypot(dx*aspect, dy) / max(float64(to.W)*aspect, float64(to.H))
}

func similar(a, b, factor float32) bool { return a <= b*factor && b <= a*factor }
