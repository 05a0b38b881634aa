package track

import (
	"math"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	maxPath   = 256
	pathShift = 0.02        // of the picture
	pathStep  = time.Second // between points of an object that hardly moves
)

// path is where an object went. Slices told are never changed, only continued behind their end.
type path struct {
	points []nvr.PathPoint
	every  time.Duration // at least between points; grows with the path
}

// add takes a position in when it is news: the object moved, or time passed while it is not at rest.
func (p *path) add(after time.Duration, foot nvr.Point, still bool) {
	if n := len(p.points); n > 0 {
		last := p.points[n-1]
		moved := math.Hypot(float64(foot.X-last.X), float64(foot.Y-last.Y)) > pathShift
		passed := after - last.After
		if passed < p.every || !moved && (still || passed < pathStep) {
			return
		}
	}
	if len(p.points) == maxPath {
		p.thin()
	}
	p.points = append(p.points, nvr.PathPoint{Point: foot, After: after})
}

// thin keeps every second point, the newest among them, and lets fewer in from now on.
func (p *path) thin() {
	kept := make([]nvr.PathPoint, 0, maxPath)
	for i, q := range p.points {
		if i == 0 || i%2 == 1 {
			kept = append(kept, q)
		}
	}
	last := p.points[len(p.points)-1].After
	p.points, p.every = kept, last/maxPath*2
}
