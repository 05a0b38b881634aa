package zone

import (
	"math"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// maxCrossings bounds what is remembered of an object; the newest stay.
const maxCrossings = 64

// Watcher follows the objects of one camera through its zones and over its lines.
type Watcher struct {
	areas   []area
	lines   []Line
	objects map[uint64]*object
	free    []*object
}

type area struct {
	Zone
	plane *plane // nil: measures no speed
}

// object is what is remembered of one track.
type object struct {
	place     uint64     // where it was told
	places    []presence // by zone
	sides     []side     // by line
	zones     []string
	entered   []string
	crossings []nvr.Crossing
	speed     speed
}

// presence is an object's relation to one zone.
type presence struct {
	in    bool      // by inertia
	told  bool      // by inertia and loitering
	count int       // frames in a row that say otherwise than in
	since time.Time // of the first frame inside
}

// side is on which side of a line an object was last, clearly off the line.
type side struct {
	at   nvr.Point
	sign int // -1: a, 1: b, 0: not known yet
}

// Apply fills in the zones, crossings and speeds of the objects of one frame.
func (w *Watcher) Apply(now time.Time, objects []nvr.TrackedObject) {
	if len(w.areas) == 0 && len(w.lines) == 0 {
		return
	}
	for i := range objects {
		w.apply(now, &objects[i])
	}
}

// Forget drops what is remembered of tracks that ended.
func (w *Watcher) Forget(tracks []uint64) {
	for _, id := range tracks {
		if o := w.objects[id]; o != nil {
			delete(w.objects, id)
			w.free = append(w.free, o)
		}
	}
}

func (w *Watcher) apply(now time.Time, t *nvr.TrackedObject) {
	o := w.objects[t.TrackID]
	if o == nil {
		o = w.remember(t.TrackID)
	}
	if o.place != t.Place { // it crossed no line on the way, and was not that fast
		o.place = t.Place
		clear(o.sides)
		o.speed.restart()
	}
	foot, seen := t.Box.Foot(), t.Score > 0
	changed := false
	for i := range w.areas {
		if wants(w.areas[i].Labels, t.Label) {
			changed = o.places[i].update(&w.areas[i].Zone, now, foot, seen, t.Stationary) || changed
		}
	}
	if changed {
		w.tell(o)
	}
	if seen {
		for i := range w.lines {
			if wants(w.lines[i].Labels, t.Label) {
				o.cross(&w.lines[i], &o.sides[i], now, foot, t.Box.H)
			}
		}
		o.speed.update(w.areas, now, foot, t.Stationary)
	}
	t.Zones, t.EnteredZones, t.Crossings = o.zones, o.entered, o.crossings
	t.Speed, t.MaxSpeed = o.speed.now, o.speed.max
}

func (w *Watcher) remember(id uint64) *object {
	var o *object
	if n := len(w.free); n > 0 {
		o, w.free = w.free[n-1], w.free[:n-1]
		clear(o.places)
		clear(o.sides)
		*o = object{places: o.places, sides: o.sides}
	} else {
		o = &object{places: make([]presence, len(w.areas)), sides: make([]side, len(w.lines))}
	}
	w.objects[id] = o
	return o
}

// update takes one frame in and reports whether the object is in the zone now and was not, or the other way round. A
// frame in which the object was not found says nothing, but one that stands still goes on to loiter.
func (p *presence) update(z *Zone, now time.Time, foot nvr.Point, seen, still bool) bool {
	if seen {
		p.see(z, now, foot)
	} else if !still {
		return false
	}
	// A frame outside is no time to become a loiterer, though inertia still holds it inside.
	in := p.in && (p.told || p.count == 0 && now.Sub(p.since) >= z.Loitering)
	changed := in != p.told
	p.told = in
	return changed
}

func (p *presence) see(z *Zone, now time.Time, foot nvr.Point) {
	in := z.Area.Contains(foot)
	if in == p.in {
		p.count = 0
		return
	}
	if p.count == 0 && in {
		p.since = now
	}
	if p.count++; p.count >= z.Inertia {
		p.in, p.count = in, 0
	}
}

// tell makes new slices of what changed: those told before may still be read.
func (w *Watcher) tell(o *object) {
	o.zones = nil
	for i, p := range o.places {
		if !p.told {
			continue
		}
		name := w.areas[i].Name
		o.zones = append(o.zones, name)
		if !slices.Contains(o.entered, name) {
			o.entered = append(slices.Clip(o.entered), name)
		}
	}
}

// cross follows on which side of a line the object is. Near the line it is on neither, so that a box that jitters there
// crosses once; a detector's box jitters by about a twentieth of its size.
func (o *object) cross(l *Line, s *side, now time.Time, foot nvr.Point, height float32) {
	away := nvr.Cross(l.From, l.To, foot) / math.Hypot(float64(l.To.X-l.From.X), float64(l.To.Y-l.From.Y))
	if math.Abs(away) < min(max(0.01, 0.05*float64(height)), 0.04) {
		return
	}
	sign := -1
	if away > 0 {
		sign = 1
	}
	// Who goes around an end of the line changes sides too, and crosses nothing.
	if s.sign != 0 && s.sign != sign && nvr.Intersect(s.at, foot, l.From, l.To) {
		d := nvr.AToB
		if sign < 0 {
			d = nvr.BToA
		}
		kept := o.crossings[max(0, len(o.crossings)+1-maxCrossings):]
		o.crossings = append(slices.Clip(kept), nvr.Crossing{Line: l.Name, Direction: d, Time: now})
	}
	s.at, s.sign = foot, sign
}
