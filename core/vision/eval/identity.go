package eval

import (
	"cmp"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// ambiguous is how much two labelled boxes of one label may overlap before the moment says nothing about whose event it is.
const ambiguous = 0.3

// Identity says whether events stay with their objects, which F1 does not see: an event that goes over from one person to
// another still covers half of one of them. It is counted at the labelled moments, like the identity measures of
// multi-object tracking (Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking", 2016).
type Identity struct {
	Moments   int     `json:"moments"`   // labelled boxes whose object alone is meant
	Followed  int     `json:"followed"`  // of these, those where the object's own event is on it
	Exchanges int     `json:"exchanges"` // how often an event went over to another object
	Recall    float64 `json:"recall"`    // followed / moments; 1 without moments
}

func (i *Identity) add(o Identity) {
	i.Moments += o.Moments
	i.Followed += o.Followed
	i.Exchanges += o.Exchanges
}

func (i *Identity) finish() {
	i.Recall = 1
	if i.Moments > 0 {
		i.Recall = float64(i.Followed) / float64(i.Moments)
	}
}

// exchange is an event that went over from one object to another.
type exchange struct {
	event    int // index into the clip's events
	from, to int // indices into the labels' objects

	left, at time.Duration // last seen on the one, first on the other
}

// moment is one labelled box and the event that is on it, or -1.
type moment struct {
	at            time.Duration
	object, event int
}

// identities counts by label.
func (c *Clip) identities() map[string]Identity {
	own := make(map[int]int) // the event of an object
	for i, v := range c.Events {
		if v.Kind == Hit {
			own[v.Object] = i
		}
	}
	out := make(map[string]Identity)
	for _, m := range c.moments() {
		o := &c.Labels.Objects[m.object]
		if o.Optional {
			continue
		}
		i := out[o.Label]
		i.Moments++
		if e, ok := own[m.object]; ok && e == m.event {
			i.Followed++
		}
		out[o.Label] = i
	}
	for _, x := range c.exchanges() {
		label := c.Labels.Objects[x.from].Label
		i := out[label]
		i.Exchanges++
		out[label] = i
	}
	return out
}

// exchanges lists by time where events went over to other objects.
func (c *Clip) exchanges() []exchange {
	var out []exchange
	last := make(map[int]moment) // by event
	for _, m := range c.moments() {
		if m.event < 0 {
			continue
		}
		if was, known := last[m.event]; known && was.object != m.object {
			out = append(out, exchange{event: m.event, from: was.object, to: m.object, left: was.at, at: m.at})
		}
		last[m.event] = m
	}
	return out
}

// moments lists the labelled boxes by time, without those that overlap another object's.
func (c *Clip) moments() []moment {
	var out []moment
	for k := range c.Labels.Objects {
		for _, p := range c.Labels.Objects[k].Boxes {
			if c.alone(k, p) {
				out = append(out, moment{at: p.at(), object: k, event: c.on(k, p)})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	return out
}

// alone reports whether no other object of the label is at a labelled place.
func (c *Clip) alone(object int, p Place) bool {
	for k := range c.Labels.Objects {
		if b, ok := c.present(k, object, p.at()); ok && b.IoU(p.box()) > ambiguous {
			return false
		}
	}
	return true
}

// present returns where object k is at a moment, if it is another one of the same label.
func (c *Clip) present(k, than int, at time.Duration) (nvr.Box, bool) {
	o := &c.Labels.Objects[k]
	if k == than || o.Label != c.Labels.Objects[than].Label || at < seconds(o.From) || at > seconds(o.To) {
		return nvr.Box{}, false
	}
	return o.At(at)
}

// on returns the event that is on an object at a labelled place, or -1: the one that overlaps it most, unless it overlaps
// another object more.
func (c *Clip) on(object int, p Place) int {
	best, top := -1, float32(minIoU)
	for i, v := range c.Events {
		if v.Event.Label != c.Labels.Objects[object].Label {
			continue
		}
		s, ok := v.Event.At(p.at(), near)
		if !ok {
			continue
		}
		if iou := s.Box.IoU(p.box()); iou >= top && !c.nearer(s.Box, iou, object, p.at()) {
			best, top = i, iou
		}
	}
	return best
}

// nearer reports whether another object than the given one overlaps a box by more than iou.
func (c *Clip) nearer(b nvr.Box, iou float32, object int, at time.Duration) bool {
	for k := range c.Labels.Objects {
		if o, ok := c.present(k, object, at); ok && o.IoU(b) > iou {
			return true
		}
	}
	return false
}
