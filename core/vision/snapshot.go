package vision

import (
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// bestView is what is known of a track's best snapshot.
type bestView struct {
	place uint64
	score float32
	area  float32
	edge  bool // the object touched the edge of the picture
	at    time.Time
}

// better reports whether the view of o is so much better than b that a new snapshot is worth it: whole instead of cut
// off, surer by 0.05, or larger by a tenth without being less sure.
func (b bestView) better(o *nvr.TrackedObject) bool {
	edge := onEdge(o.Box)
	if b.at.IsZero() || edge != b.edge {
		return b.at.IsZero() || b.edge
	}
	return o.Score > b.score+0.05 || (o.Box.Area() > 1.1*b.area && o.Score > b.score-0.05)
}

func onEdge(b nvr.Box) bool {
	const near = 0.01
	return b.X < near || b.Y < near || b.X+b.W > 1-near || b.Y+b.H > 1-near
}
