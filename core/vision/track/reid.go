package track

import (
	"math"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// hiddenAtMost is how long an object may be hidden and still be taken for the same by its label, size and way alone.
const hiddenAtMost = 3 * time.Second

// lost is where an object was seen last and how it moved, in fractions of the picture and per second. The filter itself
// slows down what is not seen, which is right for most, but loses who walks on behind a tree.
type lost struct {
	box    nvr.Box
	vx, vy float64
}

// reidentify continues tracks that were hidden for a short time with the sure detections that found no track, and takes
// those out of t.sure.
func (t *Tracker) reidentify(now time.Time, found []nvr.Detection) {
	t.rows = t.rows[:0]
	for _, o := range t.objects {
		if gone := now.Sub(o.last); !t.matched[o] && o.confirmed && !o.stationary && !o.missing.IsZero() && gone > 0 && gone <= hiddenAtMost {
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
		o.state.cx.v, o.state.cy.v = o.lost.vx, o.lost.vy
		o.hit(now, d, t.cfg.StationaryAfter)
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
	b := o.lost.box
	if o.label != d.Label || !similar(b.W, d.Box.W, 2) || !similar(b.H, d.Box.H, 1.5) {
		return impossible
	}
	gone := now.Sub(o.last).Seconds()
	aspect := float64(t.aspect)
	unit := max(float64(d.Box.W)*aspect, float64(d.Box.H))
	dx := float64(d.Box.X+d.Box.W/2) - float64(b.X+b.W/2)
	dy := float64(d.Box.Y+d.Box.H/2) - float64(b.Y+b.H/2)
	far := min(math.Hypot(dx*aspect, dy), math.Hypot((dx-o.lost.vx*gone)*aspect, dy-o.lost.vy*gone)) / unit
	if far > 0.3+0.3*gone {
		return impossible
	}
	return far
}

func similar(a, b, factor float32) bool { return a <= b*factor && b <= a*factor }
