package face

import (
	"image"
	"slices"
	"sync"
	"time"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

const (
	personLabel = "person"
	maxTries    = 60 // of one track: whoever hides a face for so long will not show it
	sure        = 0.9
	calmFactor  = 6                      // a person who is surely known is looked at so much less often
	boxesKept   = 40                     // 8 s at 5 frames per second: as far back as a key picture may be
	boxSlack    = 300 * time.Millisecond // between a key picture and the nearest frame
	seenKept    = 24                     // faces of a track that vote
	enoughAlone = 1.0 / 3                // evidence by which one face names a person
	machineSure = 0.99                   // only people are surer
	betterView  = 0.1                    // of quality, for another sample of the same unknown face
)

// Watcher follows the people of one camera: it decides whom to look at, and gathers what the tries say. Look is for one
// goroutine.
type Watcher struct {
	camera nvr.CameraID
	r      *Recogniser
	main   KeyPicture // nil: no larger picture is to be had

	mu     sync.Mutex
	people map[uint64]*person
}

// person is what is known of one track.
type person struct {
	first      time.Time
	boxes      []boxAt   // newest last
	last       time.Time // of the last try
	main       time.Time // of the last key picture that was looked at
	tries      int
	seen       []seen
	generation uint64 // of the gallery that the verdict is by
	verdict    Verdict
	changed    bool    // faces came since the verdict
	offered    float32 // quality of the last sample told
}

type boxAt struct {
	at     time.Time
	box    nvr.Box
	others []nvr.Box
}

// seen is one face of a track.
type seen struct {
	embedding Embedding
	score     float32
	sample    *nvr.FaceSample // nil for an unfit one
}

// Watch returns the watcher of one camera. main may be nil.
func (r *Recogniser) Watch(camera nvr.CameraID, main KeyPicture) *Watcher {
	return &Watcher{camera: camera, r: r, main: main, people: make(map[uint64]*person)}
}

// Look hears what is in one frame of size pixels, has a face looked for where that is due, and sets Identity, and Face once for
// each better view of an unknown one. bgr gives the frame's pixels, which are not kept; it is asked only when they are needed.
func (w *Watcher) Look(now time.Time, size image.Point, bgr func() (gocv.Mat, error), objects []nvr.TrackedObject, ended []uint64) {
	w.mu.Lock()
	for _, id := range ended {
		delete(w.people, id)
	}
	var next *nvr.TrackedObject
	for i := range objects {
		o := &objects[i]
		if o.Label != personLabel {
			continue
		}
		p := w.note(now, o, objects)
		o.Identity, o.Face = p.answer(w.r.gallery)
		if w.due(p, o, now, size) && (next == nil || p.last.Before(w.people[next.TrackID].last)) {
			next = o
		}
	}
	w.mu.Unlock()
	switch {
	case next == nil:
	case !w.r.idle.CompareAndSwap(true, false):
		w.r.metrics.dropped.Inc()
	default:
		w.r.tries <- w.cutOut(now, bgr, next) // never blocks: see Recogniser.idle
	}
}

func (w *Watcher) note(now time.Time, o *nvr.TrackedObject, all []nvr.TrackedObject) *person {
	p := w.people[o.TrackID]
	if p == nil || !p.first.Equal(o.FirstSeen) {
		p = &person{first: o.FirstSeen}
		w.people[o.TrackID] = p
	}
	if len(p.boxes) >= boxesKept {
		p.boxes = slices.Delete(p.boxes, 0, 1)
	}
	p.boxes = append(p.boxes, boxAt{at: now, box: o.Box, others: othersOf(o, all)})
	return p
}

func othersOf(o *nvr.TrackedObject, all []nvr.TrackedObject) []nvr.Box {
	var out []nvr.Box
	for i := range all {
		if a := &all[i]; a.Label == personLabel && a.TrackID != o.TrackID && a.Box.IoU(o.Box) > 0 {
			out = append(out, a.Box)
		}
	}
	return out
}

// due reports whether the person should be looked at in this frame. A box that was only predicted shows where nobody is.
func (w *Watcher) due(p *person, o *nvr.TrackedObject, now time.Time, size image.Point) bool {
	if !o.Confirmed || o.Score <= 0 || p.tries >= maxTries {
		return false
	}
	pause := time.Duration(float64(time.Second) / w.r.o.Rate)
	if p.verdict.State == Named && p.verdict.Confidence >= sure {
		pause *= calmFactor
	}
	if now.Sub(p.last) < pause && !now.Before(p.last) {
		return false
	}
	return w.main != nil || newPlace(now, o.Box, nil, size.X, size.Y, 0).plenty(tooSmallToTry)
}

// cutOut returns the person's picture for the recogniser, nil where there is none.
func (w *Watcher) cutOut(now time.Time, bgr func() (gocv.Mat, error), o *nvr.TrackedObject) *attempt {
	frame, err := bgr()
	if err != nil {
		return nil // whoever converts frames complains
	}
	w.mu.Lock()
	p := w.people[o.TrackID]
	here := p.boxes[len(p.boxes)-1]
	a := &attempt{
		watcher: w, track: o.TrackID, first: p.first, after: p.first.Add(-boxSlack),
		place: newPlace(now, o.Box, here.others, frame.Cols(), frame.Rows(), 0),
	}
	if p.main.After(a.after) {
		a.after = p.main
	}
	a.small = w.main != nil && !a.place.plenty(wellSized)
	w.mu.Unlock()
	view, err := cv.Crop(frame, a.place.crop)
	if err != nil {
		return nil
	}
	a.crop = view.Clone()
	_ = view.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	p.last = now
	p.tries++
	return a
}

// placeAt returns where a person was at some time, in a picture of w×h pixels.
func (w *Watcher) placeAt(track uint64, first, at time.Time, width, height int) (place, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.people[track]
	if p == nil || !p.first.Equal(first) {
		return place{}, false
	}
	p.main = at
	best := -1
	for i := range p.boxes {
		if best < 0 || p.boxes[i].at.Sub(at).Abs() < p.boxes[best].at.Sub(at).Abs() {
			best = i
		}
	}
	if best < 0 || p.boxes[best].at.Sub(at).Abs() > boxSlack {
		return place{}, false
	}
	return newPlace(at, p.boxes[best].box, p.boxes[best].others, width, height, mainSlack), true
}

// add takes in a face, unless its track has ended meanwhile. Of many the best vote.
func (w *Watcher) add(track uint64, first time.Time, s seen) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.people[track]
	if p == nil || !p.first.Equal(first) {
		return
	}
	p.changed = true
	if len(p.seen) < seenKept {
		p.seen = append(p.seen, s)
		return
	}
	worst := 0
	for i := range p.seen {
		if p.seen[i].score < p.seen[worst].score {
			worst = i
		}
	}
	if s.score > p.seen[worst].score {
		p.seen[worst] = s
	}
}

// answer returns who the person is, by the gallery of now, and a sample of an unknown face when there is a better one than
// was told before.
func (p *person) answer(g *Gallery) (nvr.Identity, *nvr.FaceSample) {
	if generation := g.Generation(); p.changed || generation != p.generation {
		var v Vote
		for i := range p.seen {
			m := g.Match(&p.seen[i].embedding)
			v.Add(&m, p.seen[i].score)
		}
		p.verdict, p.changed, p.generation = v.Verdict(), false, generation
	}
	return identityOf(p.verdict), p.sample()
}

func (p *person) sample() *nvr.FaceSample {
	if p.verdict.State != Stranger {
		return nil
	}
	var best *nvr.FaceSample
	for i := range p.seen {
		if s := p.seen[i].sample; s != nil && (best == nil || s.Quality > best.Quality) {
			best = s
		}
	}
	if best == nil || (p.offered > 0 && best.Quality < p.offered+betterView) {
		return nil
	}
	p.offered = best.Quality
	return best
}

func identityOf(v Verdict) nvr.Identity {
	switch v.State {
	case Named:
		return nvr.Identity{State: nvr.IdentityKnown, PersonID: v.ID, Name: v.Name, Similarity: float32(min(v.Confidence, machineSure))}
	case Stranger:
		return nvr.Identity{State: nvr.IdentityUnknown, Similarity: 0}
	case Undecided:
	}
	return nvr.Identity{}
}

// Identify tells what one fit face alone says of whose it is.
func (g *Gallery) Identify(e *Embedding) nvr.Identity {
	m := g.Match(e)
	if worth := evidence(&m); m.Judgement == Known && worth >= enoughAlone {
		return nvr.Identity{State: nvr.IdentityKnown, PersonID: m.ID, Name: m.Name, Similarity: float32(min(worth, machineSure))}
	}
	return nvr.Identity{State: nvr.IdentityUnknown}
}
