// Package eval says how well the pipeline turns clips into events: it holds what offline saw against what a person
// labelled, one event to one object, and counts. It owns the labels' format, the matching, the scores and the report. It
// neither decodes nor detects.
package eval

import (
	"math"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/offline"
)

const (
	// tolerance widens an object's time: people differ about when something can be recognised.
	tolerance = time.Second
	// minCover is how much of an event must lie in the object's time.
	minCover = 0.5
	// minIoU is how much of the label's box and the event's must be common, on average over the labelled moments that
	// the event has a sighting for. Labels are drawn by eye.
	minIoU = 0.3
	// near is how far a sighting may be from the moment of a labelled box.
	near = 300 * time.Millisecond
)

// Kind says what became of an event.
type Kind string

// The kinds of events.
const (
	Hit       Kind = "hit"
	Duplicate Kind = "duplicate" // of an object that has an event already
	Wrong     Kind = "wrong"     // of nothing that is labelled
	Ignored   Kind = "ignored"   // of an optional object, or a label that does not count
)

// Verdict is one event and what became of it.
type Verdict struct {
	Event  *offline.Event
	Kind   Kind
	Object int  // index into the labels' objects; -1 for Wrong
	Empty  bool // it began while nothing was to be seen
}

// Clip is the judgement of one clip.
type Clip struct {
	Labels *Labels
	Result *offline.Result
	Events []Verdict
	Found  []bool // by object
}

// Judge matches the events of a clip to its objects: the best pairs first. Each object takes one event; what is left
// over and still fits an object that has one is a duplicate.
func Judge(l *Labels, r *offline.Result) *Clip {
	c := &Clip{Labels: l, Result: r, Found: make([]bool, len(l.Objects)), Events: make([]Verdict, len(r.Events))}
	fit := make([][]float64, len(r.Events))
	for i := range r.Events {
		e := &r.Events[i]
		c.Events[i] = Verdict{Event: e, Kind: Wrong, Object: -1}
		fit[i] = make([]float64, len(l.Objects))
		for k := range l.Objects {
			fit[i][k] = likeness(e, &l.Objects[k])
		}
	}
	for {
		i, k := c.best(fit)
		if i < 0 {
			break
		}
		c.Events[i].Kind, c.Events[i].Object, c.Found[k] = Hit, k, true
	}
	for i := range c.Events {
		c.settle(&c.Events[i], fit[i])
	}
	return c
}

// best returns the pair that fits best of those that are free, or -1.
func (c *Clip) best(fit [][]float64) (event, object int) {
	event, object = -1, -1
	top := 0.0
	for i := range fit {
		if c.Events[i].Kind == Hit {
			continue
		}
		for k, v := range fit[i] {
			if v > top && !c.Found[k] {
				top, event, object = v, i, k
			}
		}
	}
	return event, object
}

// settle says what an event without an object is.
func (c *Clip) settle(v *Verdict, fit []float64) {
	if v.Kind == Wrong {
		top := 0.0
		for k, f := range fit {
			if f > top {
				top, v.Object, v.Kind = f, k, Duplicate
			}
		}
	}
	if v.Object >= 0 && c.Labels.Objects[v.Object].Optional || !c.counts(v.Event.Label) {
		v.Kind = Ignored
	}
	for _, e := range c.Labels.Empty {
		v.Empty = v.Empty || v.Kind == Wrong && v.Event.From >= seconds(e[0]) && v.Event.From < seconds(e[1])
	}
}

func (c *Clip) counts(label string) bool {
	for _, l := range c.Labels.Count {
		if l == label {
			return true
		}
	}
	return false
}

// likeness is 0 when e cannot be an event of o, else larger the better it fits: how much of both times is common, plus
// how well the boxes agree. A track may begin late or end early: that lowers the fit, and does not forbid it.
func likeness(e *offline.Event, o *Object) float64 {
	if e.Label != o.Label {
		return 0
	}
	from, to := seconds(o.From)-tolerance, seconds(o.To)+tolerance
	common := min(to, e.To) - max(from, e.From)
	if common < 0 || float64(common) < minCover*float64(e.To-e.From) {
		return 0
	}
	overlap := float64(common) / math.Max(1, float64(max(to, e.To)-min(from, e.From)))
	if len(o.Boxes) == 0 {
		return overlap + 0.001
	}
	sum, n := 0.0, 0
	for _, p := range o.Boxes {
		if s, ok := e.At(p.at(), near); ok {
			sum += float64(p.box().IoU(s.Box))
			n++
		}
	}
	if n == 0 {
		// It was seen between two labelled moments only: hold it against the place in between.
		return between(e, o, overlap)
	}
	if iou := sum / float64(n); iou >= minIoU {
		return overlap + iou
	}
	return 0
}

// between judges a short event at its middle by the labelled places before and after.
func between(e *offline.Event, o *Object, overlap float64) float64 {
	if len(e.Path) == 0 {
		return 0
	}
	s := e.Path[len(e.Path)/2]
	want, ok := o.At(s.At)
	if iou := float64(want.IoU(s.Box)); ok && iou >= minIoU {
		return overlap + iou
	}
	return 0
}

// At returns where the object is at a moment, on a straight line between its labelled places.
func (o *Object) At(at time.Duration) (nvr.Box, bool) {
	if len(o.Boxes) == 0 {
		return nvr.Box{}, false
	}
	if at <= o.Boxes[0].at() {
		return o.Boxes[0].box(), true
	}
	for i := 1; i < len(o.Boxes); i++ {
		a, b := o.Boxes[i-1], o.Boxes[i]
		if at > b.at() {
			continue
		}
		f := float32(at-a.at()) / float32(max(1, b.at()-a.at()))
		mix := func(k int) float32 { return float32(a[k]) + (float32(b[k])-float32(a[k]))*f }
		return nvr.Box{X: mix(1), Y: mix(2), W: mix(3), H: mix(4)}, true
	}
	return o.Boxes[len(o.Boxes)-1].box(), true
}
