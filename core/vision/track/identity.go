package track

import (
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Where objects of a label meet, their tracks go over from one to the other: the boxes alone do not tell who comes out of a
// group. So each identity keeps how it looked before, each place keeps how what is there looks since, and when the group has
// parted the identities go to where they look best. The figures were chosen on labelled footage, see core/docs/evaluation.md.
const (
	knownViews   = 4    // pictures after which a look means something
	partedViews  = 10   // and after which a meeting is over
	exchangeGain = 0.06 // by how much both must look better to exchange places
	sameLook     = 0.18 // what was lost and what is new are one below this
	otherLook    = 0.35 // and are two above this, with however few pictures
	looksCount   = 0.5  // weight of a look beside place and size when a detection is assigned
	unknownLook  = 0.2  // stands for a look that is not known yet

	meets      = 0.1                     // of the smaller box in the other
	lostReach  = 3.0                     // heights from where an object was lost that it may come out at
	lostNear   = 1.5                     // the same for one that could not be looked at
	lostMemory = 12 * time.Second        // how long what was lost inside the picture is waited for
	lookFirst  = 1500 * time.Millisecond // how long what may be known is not told as new
	edge       = 0.02                    // of the picture
)

// identities notes who meets, learns looks, and gives the identities of a parted group to where they belong.
func (t *Tracker) identities(now time.Time, found []nvr.Detection) {
	for _, o := range t.objects {
		t.gather(o, now)
		o.clear = o.last.Equal(now) && !o.partial && !crowded(o, found)
	}
	for _, o := range t.objects {
		if !o.clear {
			continue
		}
		l := t.view(found, o.detection)
		if l.views == 0 {
			continue
		}
		if len(o.met) == 0 {
			o.look.learn(l)
		}
		o.recent.learn(l)
	}
	for range t.objects { // each exchange makes it better, so this ends by itself; the bound is for rounding
		if !t.exchange() {
			break
		}
	}
	for _, o := range t.objects {
		t.adopt(o, now)
		if o.recent.views >= partedViews {
			o.part()
		}
	}
}

// gather notes the objects that o may be mistaken for from now on.
func (t *Tracker) gather(o *object, now time.Time) {
	if !o.last.Equal(now) {
		return
	}
	for _, p := range t.objects {
		if p == o || p.label != o.label || !p.confirmed && !o.confirmed {
			continue
		}
		seen := p.last.Equal(now)
		touch := common(p.box, o.box) > meets*min(o.box.Area(), p.box.Area())
		if !touch && (seen || !p.confirmed || p.look.views == 0 || o.hits > 3 || t.shift(p.whole.box, o.box) >= min(0.5+now.Sub(p.whole.at).Seconds(), lostReach)) {
			continue
		}
		o.meet(p)
		p.meet(o)
		o.recent, p.recent = look{}, look{}
	}
}

// crowded reports whether another detection of the label covers a part of o.
func crowded(o *object, found []nvr.Detection) bool {
	const least = 0.3 // score
	for i := range found {
		if d := &found[i]; d.Label == o.label && d.Box != o.box && d.Score >= least && common(d.Box, o.box) > meets*o.box.Area() {
			return true
		}
	}
	return false
}

func (o *object) meet(p *object) {
	if !slices.Contains(o.met, p) {
		o.met = append(o.met, p)
	}
}

// part ends the meetings of o.
func (o *object) part() {
	for _, p := range o.met {
		if i := slices.Index(p.met, o); i >= 0 {
			p.met = slices.Delete(p.met, i, i+1)
		}
	}
	clear(o.met)
	o.met = o.met[:0]
	if o.look.views == 0 {
		o.look = o.recent
	}
}

// mistakable reports whether o met p, or somebody who met p.
func (o *object) mistakable(p *object) bool {
	for _, m := range o.met {
		if m == p || slices.Contains(m.met, p) {
			return true
		}
	}
	return false
}

// exchange gives the two identities their places that look better by most, and reports whether there were any.
func (t *Tracker) exchange() bool {
	best := 0.0
	var from, to *object
	for _, o := range t.objects {
		if o.look.views < knownViews || len(o.met) == 0 {
			continue
		}
		for _, p := range t.objects {
			if p == o || p.recent.views < knownViews || !o.mistakable(p) {
				continue
			}
			if g := gain(o, p); g > best {
				best, from, to = g, o, p
			}
		}
	}
	if from == nil {
		return false
	}
	from.identity, to.identity = to.identity, from.identity
	return true
}

// gain is by how much looks agree better when the identity of o goes to the place of p, and that of p to the place of o.
func gain(o, p *object) float64 {
	moved, known := o.look.unlike(&p.recent), p.look.views >= knownViews
	switch {
	case !o.missing.IsZero() && !known: // o is lost and p is new
		return sameLook - moved
	case !o.missing.IsZero(): // o is lost, and it may be p that is
		return p.look.unlike(&p.recent) - moved - exchangeGain
	case o.recent.views < knownViews:
		return 0
	}
	stay := o.look.unlike(&o.recent)
	if known {
		stay += p.look.unlike(&p.recent)
		moved += p.look.unlike(&o.recent)
	}
	return stay - moved - exchangeGain
}

// suspect reports whether an object that is not told yet may be one that was lost near by: it is looked at first.
func (t *Tracker) suspect(o *object, now time.Time) bool {
	if o.recent.views >= knownViews || now.Sub(o.first) >= lookFirst {
		return false
	}
	return slices.ContainsFunc(o.met, func(p *object) bool { return p.confirmed && p.look.views >= knownViews })
}

// adopt takes an object that is about to be told for the nearest one that was lost, when it could not be looked at in time:
// in a group that is what it is most often, and the looks may put it right when the group parts.
func (t *Tracker) adopt(o *object, now time.Time) {
	if o.confirmed || !o.last.Equal(now) || o.recent.views >= knownViews || now.Sub(o.first) < lookFirst || !t.real(o) {
		return
	}
	var lost *object
	least := lostNear
	for _, p := range o.met {
		if !p.confirmed || p.missing.IsZero() || p.look.views == 0 || o.recent.views > 0 && p.look.unlike(&o.recent) > otherLook {
			continue
		}
		if far := t.shift(p.whole.box, o.box); far < least {
			lost, least = p, far
		}
	}
	if lost != nil {
		o.identity, lost.identity = lost.identity, o.identity
	}
}

// memory is how long an object may be missing. Who vanished inside the picture is waited for longer: who looks like that is him.
func (t *Tracker) memory(o *object) time.Duration {
	if o.confirmed && o.look.views >= knownViews && offEdge(o.whole.box) && offEdge(o.box) {
		return max(lostMemory, t.cfg.MaxMissing)
	}
	return t.cfg.MaxMissing
}

// offEdge reports whether a box ends before the edges of the picture.
func offEdge(b nvr.Box) bool {
	return b.X >= edge && b.Y >= edge && b.X+b.W <= 1-edge && b.Y+b.H <= 1-edge
}

// lost reports whether an object is missing for so long that its place says nothing any more: only by its look it is known again.
func (t *Tracker) lost(o *object, now time.Time) bool {
	return !o.missing.IsZero() && now.Sub(o.last) >= t.cfg.MaxMissing && !o.stationary
}

// resemble is what the looks of an object and of a detection add to the cost of the pair.
func (t *Tracker) resemble(o *object, found []nvr.Detection, i int) float64 {
	if t.eye.luma == nil {
		return 0
	}
	if o.look.views < knownViews {
		return looksCount * unknownLook
	}
	l := t.view(found, i)
	if l.views == 0 {
		return looksCount * unknownLook
	}
	unlike := o.look.unlike(l)
	if !o.missing.IsZero() && unlike > otherLook {
		return impossible
	}
	return looksCount * unlike
}

// view is the look of a detection, once somebody asked for it.
type view struct {
	look  look
	asked bool
}

func (t *Tracker) view(found []nvr.Detection, i int) *look {
	v := &t.views[i]
	if !v.asked {
		v.asked = true
		t.eye.see(found[i].Box, &v.look)
	}
	return &v.look
}
