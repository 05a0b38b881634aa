// Package health judges from a camera's pictures alone whether they are still worth recording: black, frozen, covered,
// blurred, moved or too few. It looks at a small grey copy of one picture a second and at the bytes of key pictures,
// learns what is usual for the camera and tells when a problem begins and ends. It does not decode, and it does not
// notice a camera that is away or whose clock is wrong (core/camera does).
//
// A problem must last for a while before it counts, and be gone for a while before it is over. Of several problems of
// the picture only the gravest is told, since it explains the others: a black picture is never sharp.
package health

import (
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	lookEvery = 900 * time.Millisecond // a camera's key frames come each second at best when detection is off
	// gap is the time without a picture after which what was pending is forgotten.
	gap = 45 * time.Second
	// overlook is how long a graver problem may hide another: who walks past a blurred lens makes it look moved.
	overlook = 5 * time.Second
	// learning is how long a view must have been seen before anything is held against it.
	learning = 60 * time.Second
	// relearn is how long it takes the learned view to follow what changes slowly, such as shadows.
	relearn = 10 * time.Minute
)

// confirm says how long each problem must be seen, and then not be seen, to count.
var confirm = [...]struct {
	problem nvr.HealthProblem
	on, off time.Duration
	detail  string
}{
	black: {
		nvr.HealthBlack, 10 * time.Second, 3 * time.Second,
		"The picture is black. Check that nothing lies on the lens and that the camera's sensor and infrared light work.",
	},
	frozen: {
		nvr.HealthFrozen, 30 * time.Second, 2 * time.Second,
		"The camera sends the same picture again and again. Restart the camera.",
	},
	covered: {
		nvr.HealthCovered, 5 * time.Second, 5 * time.Second,
		"What the camera used to show is hidden. Check whether something covers the lens.",
	},
	moved: {
		nvr.HealthMoved, 10 * time.Second, 5 * time.Second,
		"The camera looks elsewhere than before. Check its mount, and its zones and masks.",
	},
	blurred: {
		nvr.HealthBlurred, 60 * time.Second, 10 * time.Second,
		"The picture is much less sharp than usual. Check the focus and clean the lens.",
	},
	slow: {
		nvr.HealthSlow, 30 * time.Second, 10 * time.Second,
		"The camera sends far fewer pictures per second than usual. Check the network and the camera's load.",
	},
}

// The problems by gravity: one that is seen hides those of the picture that follow, also where it is not asked for.
const (
	black = iota
	frozen
	covered
	moved
	blurred
	slow
	problems
)

// state is how one problem stands.
type state struct {
	active bool
	since  time.Time // when the present opinion, seen or not seen, began; zero: none yet
	seen   bool
	began  time.Time // of the problem, while active
	judged time.Time // when there was an opinion at all
}

// Config says what is looked for and how strictly. Zero values mean the defaults given.
type Config struct {
	Checks       []nvr.HealthProblem // what is told; nil: everything
	SlowBelow    float64             // part of the usual frame rate under which a camera is slow; 0.4, because some halve it at night
	BlurredBelow float64             // part of the usual sharpness under which a picture is blurred; 0.33
}

// Analyser follows one camera. It is for one goroutine.
type Analyser struct {
	camera nvr.CameraID
	cfg    Config
	told   [problems]bool // by configuration
	states [problems]state
	out    []nvr.HealthChange

	last          time.Time // picture looked at
	width, height int
	now           view
	hidden        bool // the last picture was black, covered or empty: equal pictures mean nothing then

	coded   coded
	learned scene
	pace    pace
}

// New returns an analyser that knows nothing yet.
func New(camera nvr.CameraID, cfg Config) *Analyser {
	if cfg.SlowBelow == 0 {
		cfg.SlowBelow = 0.4
	}
	if cfg.BlurredBelow == 0 {
		cfg.BlurredBelow = 1.0 / 3
	}
	a := &Analyser{camera: camera, cfg: cfg, out: make([]nvr.HealthChange, 0, problems)}
	for p := range confirm {
		a.told[p] = cfg.Checks == nil || slices.Contains(cfg.Checks, confirm[p].problem)
	}
	a.learned.blurredBelow = float32(cfg.BlurredBelow)
	return a
}

// Picture shows a grey picture of width x height bytes, taken at the given wall time. Pictures less than a second after
// the one before are passed over, as are those smaller than 160 x 90. What it returns is valid until the next call.
func (a *Analyser) Picture(luma []byte, width, height int, at time.Time) []nvr.HealthChange {
	since := at.Sub(a.last)
	if (since >= 0 && since < lookEvery) || width < gridW || height < gridH || len(luma) < width*height {
		return nil
	}
	a.out = a.out[:0]
	if since < 0 || since > gap {
		a.forget()
		since = 0
	}
	if width*a.height != height*a.width {
		a.learned.forget() // another shape shows another part of the world
		a.width, a.height = width, height
	}
	a.last = at
	a.now.fill(luma, width, height)
	seen := a.judge(since, at)
	a.hidden = seen == black || seen == covered || a.now.dev <= contrastMin
	for p := range slow {
		if p == frozen || seen < p && at.Sub(a.states[p].judged) < overlook {
			continue // Unit finds what is frozen; what is hidden for a moment may still be there
		}
		a.note(p, seen == p, at)
	}
	return a.out
}

// judge names the gravest problem that the picture shows now, or returns problems for none.
func (a *Analyser) judge(since time.Duration, at time.Time) int {
	if a.isBlack() {
		return black
	}
	lost := a.learned.compare(&a.now, at)
	switch {
	case a.states[moved].active && a.learned.age < learning:
		a.learned.learn(&a.now, since) // moved lasts until the new view is known
		return moved
	case lost == covered:
		return covered
	case a.states[frozen].active:
		return frozen
	case lost == moved && a.certain(moved, at):
		a.learned.forget()
		return moved
	case lost == moved:
		return moved
	case lost == blurred:
		return blurred
	}
	a.learned.learn(&a.now, since)
	return problems
}

// certain reports whether a problem seen now has lasted long enough to count.
func (a *Analyser) certain(p int, at time.Time) bool {
	s := &a.states[p]
	return s.seen && !s.since.IsZero() && at.Sub(s.since) >= confirm[p].on
}

const (
	blackMean = 40  // of 255; black is 16 in most streams, and cameras lift it a little
	blackDev  = 2.5 // between cells
	blackSpan = 10  // a lamp or a lit window in the dark covers more than the brightest hundredth
	blackRaw  = 2.0 // between neighbouring pixels
)

// isBlack tells a black picture from a dark one: at night a sensor that sees anything, were it only its own noise, has
// pixels that differ from their neighbours; a picture that is black has none.
func (a *Analyser) isBlack() bool {
	slack := float32(1)
	if a.states[black].active {
		slack = 1.3
	}
	v := &a.now
	return v.mean < blackMean*slack && v.dev < blackDev*slack && v.span < blackSpan*slack && v.raw < blackRaw*slack
}

// contrastMin is the deviation between cells below which a picture has nothing to compare.
const contrastMin = 3

// note follows one problem and tells when it begins and ends.
func (a *Analyser) note(p int, seen bool, at time.Time) {
	s := &a.states[p]
	seen = seen && a.told[p]
	s.judged = at
	if s.since.IsZero() || seen != s.seen {
		s.seen, s.since = seen, at
	}
	switch held := at.Sub(s.since); {
	case seen && !s.active && held >= confirm[p].on:
		s.active, s.began = true, s.since
		a.tell(p, at)
	case !seen && s.active && held >= confirm[p].off:
		s.active = false
		a.tell(p, at)
	}
}

func (a *Analyser) tell(p int, at time.Time) {
	s := &a.states[p]
	c := nvr.HealthChange{Camera: a.camera, Problem: confirm[p].problem, Active: s.active, Since: s.began, Time: at}
	if s.active {
		c.Detail = confirm[p].detail
	}
	a.out = append(a.out, c)
}

// forget drops what is pending: nobody knows what happened in a gap.
func (a *Analyser) forget() {
	for p := range a.states {
		a.states[p].since, a.states[p].judged = time.Time{}, time.Time{}
	}
	a.coded = coded{}
	a.pace.restart()
}

// End says that the camera's session ended: problems end with it, and are found again if they are still there in the
// next session. What was learned is kept.
func (a *Analyser) End(at time.Time) []nvr.HealthChange {
	a.out = a.out[:0]
	a.forget()
	for p := range a.states {
		if s := &a.states[p]; s.active {
			s.active = false
			a.tell(p, at)
		}
	}
	return a.out
}
