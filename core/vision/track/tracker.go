// Package track follows detections over frames: a Kalman filter per object, an optimal assignment in two passes (sure
// detections first, weak ones only to keep what is known, as ByteTrack does), and a score history that decides whether
// an object is real. Who was mistaken for each other where they met is told apart by how they look. Objects that stand
// still are looked for seldom. Time comes from the frames, never from the clock, so the same frames give the same tracks.
// A Tracker is for one goroutine.
package track

import (
	"fmt"
	"math"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Config tunes a Tracker. Zero values mean the defaults given.
type Config struct {
	Labels     []string           // what is tracked; empty: everything
	MinScore   float32            // a detection below this starts no track; 0.4
	LowScore   float32            // a detection below this does not exist; half of MinScore
	Threshold  float32            // median score that confirms a track; 0.6
	Thresholds map[string]float32 // by label, instead of Threshold
	MinHits    int                // detections a confirmed track has had; 2
	Filters    map[string]Filter  // by label: what a detection must be like
	Masks      []Mask             // where detections do not count

	MaxMissing      time.Duration // a track that is not found for so long has ended; 5 s
	StationaryAfter time.Duration // without a change of position; 10 s
	VerifyEvery     time.Duration // how often a stationary object is looked for when nothing moves; 10 s
}

// maxObjects bounds the tracks of one camera: what comes after is ignored until some end.
const maxObjects = 128

// Tracker follows the objects of one camera.
type Tracker struct {
	cfg     Config
	labels  map[string]bool
	objects []*object
	next    uint64
	now     time.Time
	aspect  float32 // width over height of the picture

	motion      []nvr.Box
	motionKnown bool

	assign   assigner
	rows     []*object // left to match in a pass
	cols     []int     // detections left to match, as indices
	sure     []int
	out      []nvr.TrackedObject
	ended    []uint64
	matched  map[*object]bool
	freeList []*object

	eye   *eye
	views []view // by detection
}

// New returns a Tracker without tracks.
func New(cfg Config) (*Tracker, error) {
	def := func(v *float32, d float32) {
		if *v == 0 {
			*v = d
		}
	}
	def(&cfg.MinScore, 0.4)
	def(&cfg.LowScore, cfg.MinScore/2)
	def(&cfg.Threshold, 0.6)
	if cfg.MinHits == 0 {
		cfg.MinHits = 2
	}
	for v, d := range map[*time.Duration]time.Duration{
		&cfg.MaxMissing: 5 * time.Second, &cfg.StationaryAfter: 10 * time.Second, &cfg.VerifyEvery: 10 * time.Second,
	} {
		if *v == 0 {
			*v = d
		}
		if *v < 0 {
			return nil, fmt.Errorf("tracker: durations must be positive: %v", *v)
		}
	}
	if !(0 < cfg.LowScore && cfg.LowScore <= cfg.MinScore && cfg.MinScore <= 1 && cfg.Threshold > 0 && cfg.Threshold <= 1) {
		return nil, fmt.Errorf("tracker: scores must be 0 < low (%v) <= min (%v) <= 1 and 0 < threshold (%v) <= 1",
			cfg.LowScore, cfg.MinScore, cfg.Threshold)
	}
	if err := checkFilters(cfg.Filters, cfg.Masks); err != nil {
		return nil, fmt.Errorf("tracker: %w", err)
	}
	t := &Tracker{cfg: cfg, next: 1, aspect: 1, matched: make(map[*object]bool), eye: newEye()}
	if len(cfg.Labels) > 0 {
		t.labels = make(map[string]bool, len(cfg.Labels))
		for _, l := range cfg.Labels {
			t.labels[l] = true
		}
	}
	return t, nil
}

// Wants reports whether detections of label are tracked.
func (t *Tracker) Wants(label string) bool { return t.labels == nil || t.labels[label] }

// Len returns the number of tracks.
func (t *Tracker) Len() int { return len(t.objects) }

// Regions appends the boxes where something must be looked for at time now: the predicted place of all that moves or
// is missing, and that of stationary objects whose turn it is.
func (t *Tracker) Regions(now time.Time, dst []nvr.Box) []nvr.Box {
	for _, o := range t.objects {
		switch {
		case !o.stationary:
			dst = append(dst, clip(o.state.at(t.step(now))))
		case !o.missing.IsZero() || now.Sub(o.looked) >= t.cfg.VerifyEvery:
			dst = append(dst, o.box)
		}
	}
	return dst
}

// step returns the seconds from the last update to now, bounded: after a gap velocities mean nothing.
func (t *Tracker) step(now time.Time) float64 {
	if t.now.IsZero() {
		return 0
	}
	return min(max(now.Sub(t.now).Seconds(), 0), 1)
}

// Update advances all tracks to now with the detections of a frame. searched are the parts of the picture that were
// looked at; a track elsewhere is neither seen nor missed. Both results are valid until the next call: all tracks as
// they are now, and the ids of those that ended.
func (t *Tracker) Update(now time.Time, found []nvr.Detection, searched []nvr.Box) (objects []nvr.TrackedObject, ended []uint64) {
	dt := t.step(now)
	t.now = now
	clear(t.matched)
	t.ended = t.ended[:0]
	for _, o := range t.objects {
		o.score = 0
		if !o.stationary {
			o.state.predict(dt)
		}
	}
	t.views = resize(t.views, len(found))
	clear(t.views)
	t.choose(found, true)
	// A track that may be a second box around a known object takes only what that one leaves.
	t.pass(now, found, func(o *object) bool { return o.confirmed || !o.beside })
	t.pass(now, found, func(*object) bool { return true })
	t.sure = append(t.sure[:0], t.cols...) // those that found no track
	t.choose(found, false)
	t.pass(now, found, func(o *object) bool { return o.hits > 1 })
	t.reidentify(now, found)
	for _, o := range t.objects {
		if !t.matched[o] && covered(o.box, searched) {
			o.miss(now, dt)
		}
	}
	for _, i := range t.sure {
		t.begin(now, found, i)
	}
	t.identities(now, found)
	t.sweep(now)
	t.out = t.out[:0]
	for _, o := range t.objects {
		t.out = append(t.out, o.tracked())
	}
	return t.out, t.ended
}

// Flush ends all tracks, for example when the camera went away, and returns their ids.
func (t *Tracker) Flush() []uint64 {
	t.ended = t.ended[:0]
	for _, o := range t.objects {
		t.end(o)
	}
	t.objects = t.objects[:0]
	return t.ended
}

// choose puts the sure or the weak detections that count into t.cols.
func (t *Tracker) choose(found []nvr.Detection, sure bool) {
	t.cols = t.cols[:0]
	for i, d := range found {
		if low, least := t.scores(d.Label); d.Score >= low && (d.Score >= least) == sure && t.Wants(d.Label) && sane(d.Box) && t.admits(&d) {
			t.cols = append(t.cols, i)
		}
	}
}

// pass matches the detections in t.cols to the tracks that are left and eligible. Those that found no track stay in t.cols.
func (t *Tracker) pass(now time.Time, found []nvr.Detection, eligible func(*object) bool) {
	t.rows = t.rows[:0]
	for _, o := range t.objects {
		if !t.matched[o] && !t.lost(o, now) && eligible(o) {
			t.rows = append(t.rows, o)
		}
	}
	for r, c := range t.assign.solve(len(t.rows), len(t.cols), func(r, c int) float64 {
		cost := distance(t.rows[r], found[t.cols[c]])
		if cost < impossible {
			cost += t.resemble(t.rows[r], found, t.cols[c])
		}
		return cost
	}) {
		if c < 0 {
			continue
		}
		o := t.rows[r]
		o.hit(now, found[t.cols[c]], t.cfg.StationaryAfter)
		o.detection = t.cols[c]
		t.matched[o] = true
		t.cols[c] = -1
	}
	left := t.cols[:0]
	for _, i := range t.cols {
		if i >= 0 {
			left = append(left, i)
		}
	}
	t.cols = left
}

// distance is what it costs to say that d is o: little overlap with the prediction and, so that small fast objects
// without overlap are still found, the shift of the centre in units of the object's size.
func distance(o *object, d nvr.Detection) float64 {
	if o.label != d.Label {
		return impossible
	}
	p := o.state.at(0)
	if o.stationary {
		p = o.box
	}
	iou := float64(p.IoU(d.Box))
	w, h := float64(max(p.W, d.Box.W)), float64(max(p.H, d.Box.H))
	dx := float64(p.X+p.W/2) - float64(d.Box.X+d.Box.W/2)
	dy := float64(p.Y+p.H/2) - float64(d.Box.Y+d.Box.H/2)
	shift := math.Hypot(dx/w, dy/h)
	reach := 1.0
	if o.hits < 3 {
		reach = 1.5 // its velocity is not known yet
	}
	ratio := float64(p.W*p.H) / float64(d.Box.W*d.Box.H)
	if iou < 0.1 && (shift > reach || ratio > 4 || ratio < 0.25) {
		return impossible
	}
	return 1 - iou + shift
}

// begin starts a track for a detection, unless it is a second box around an object that was just found.
func (t *Tracker) begin(now time.Time, found []nvr.Detection, i int) {
	d := found[i]
	if len(t.objects) >= maxObjects {
		return
	}
	beside := false
	for _, o := range t.objects {
		if o.label != d.Label || !o.last.Equal(now) {
			continue
		}
		iou := o.box.IoU(d.Box)
		if iou > 0.6 {
			return
		}
		beside = beside || iou > besideIoU || common(o.box, d.Box) >= partInside*min(o.box.Area(), d.Box.Area())
	}
	o := &object{}
	if n := len(t.freeList); n > 0 {
		o, t.freeList = t.freeList[n-1], t.freeList[:n-1]
	}
	*o = object{
		identity: identity{id: t.next, label: d.Label, first: now, beside: beside},
		place:    t.next, detection: i, state: newMotion(d.Box), still: now, met: o.met[:0],
	}
	t.next++
	o.hit(now, d, t.cfg.StationaryAfter)
	t.objects = append(t.objects, o)
}

// sweep confirms tracks and ends those that are gone.
func (t *Tracker) sweep(now time.Time) {
	kept := t.objects[:0]
	for _, o := range t.objects {
		if t.weigh(o, now); !o.confirmed && t.real(o) && !t.suspect(o, now) {
			o.confirmed = true
		}
		if t.gone(o, now) {
			t.end(o)
			continue
		}
		kept = append(kept, o)
	}
	clear(t.objects[len(kept):])
	t.objects = kept
}

func (t *Tracker) end(o *object) {
	o.part()
	t.ended = append(t.ended, o.id)
	t.freeList = append(t.freeList, o)
}

func (t *Tracker) gone(o *object, now time.Time) bool {
	switch {
	case o.stationary: // not to be seen only counts when it was looked for
		return !o.missing.IsZero() && now.Sub(o.missing) >= t.cfg.MaxMissing
	case now.Sub(o.last) >= t.memory(o):
		return true
	case !o.confirmed:
		return o.misses >= 3
	default: // it walked out of the picture
		return o.misses > 0 && now.Sub(o.last) >= time.Second && !inside(o.state.at(0))
	}
}

// sane reports whether b is a box near the picture. A comparison with NaN is false.
func sane(b nvr.Box) bool {
	return b.X > -1 && b.Y > -1 && b.X < 1 && b.Y < 1 && b.W > 0 && b.H > 0 && b.W < 2 && b.H < 2
}

// covered reports whether most of b lies in one of the areas.
func covered(b nvr.Box, areas []nvr.Box) bool {
	for _, a := range areas {
		if c := common(a, b); c > 0 && c >= 0.6*b.Area() {
			return true
		}
	}
	return false
}
