package health

import "time"

const (
	knownFit    = 0.5 // a view that fits itself less than this, as that of a camera that pans, is not judged
	lostFit     = 0.3 // of the usual fit: below, the learned edges are not where they were
	shiftedFit  = 0.6 // of the usual fit: below, a shift is looked for
	lostEdges   = 0.35
	darkMean    = 40 // in the dark there are no edges to lose
	shiftLeast  = 2  // cells, 1.25 % of the width: a mast in the wind moves less
	sharpRises  = 1e-5
	sharpFalls  = 2e-3
	sharpFirst  = 0.05
	usualFollow = 60 * time.Second
)

// scene is what is usual for a camera's view.
type scene struct {
	age  time.Duration // how long it was looked at
	edge [cells]float32

	fit     float32 // usual correlation of a picture with edge
	edgeDev float32 // usual deviation of the edges' strength
	sharp   float32 // about the median; see learn

	shiftAt  time.Time
	shifted  bool
	wasBlurs bool

	blurredBelow float32 // part of sharp; see Config
}

// forget begins to learn anew.
func (s *scene) forget() { *s = scene{blurredBelow: s.blurredBelow} }

// compare says what became of the learned view: covered, moved, blurred, or problems when it is there.
func (s *scene) compare(v *view, at time.Time) int {
	if s.age < learning {
		return problems
	}
	fit := v.correlate(&s.edge, 0, 0, 1)
	if s.fit >= knownFit && v.mean > darkMean && fit < lostFit*s.fit && v.edgeDev < lostEdges*s.edgeDev {
		return covered
	}
	if s.fit >= knownFit && v.edgeDev >= lostEdges*s.edgeDev && fit < shiftedFit*s.fit && s.elsewhere(v, fit, at) {
		return moved
	}
	part := s.blurredBelow
	if s.wasBlurs {
		part *= 1.3
	}
	s.wasBlurs = v.dev > contrastMin && v.sharp < part*s.sharp
	if s.wasBlurs {
		return blurred
	}
	return problems
}

// elsewhere looks for the learned view beside its place. The search is dear, so one in four seconds must do.
func (s *scene) elsewhere(v *view, fit float32, at time.Time) bool {
	if fit < lostFit*s.fit {
		return true
	}
	if d := at.Sub(s.shiftAt); d >= 0 && d < 4*time.Second {
		return s.shifted
	}
	dx, dy, there := v.shift(&s.edge)
	far := max(dx, -dx) >= shiftLeast || max(dy, -dy) >= shiftLeast
	s.shifted = far && there > fit+0.15
	s.shiftAt = at
	return s.shifted
}

// learn takes in a picture that shows nothing wrong. The first minute is averaged, what comes after is followed slowly.
func (s *scene) learn(v *view, since time.Duration) {
	if s.age == 0 {
		s.edge, s.edgeDev, s.sharp, s.fit = v.edge, v.edgeDev, v.sharp, 1
		s.age = max(since, time.Millisecond)
		return
	}
	fit := v.correlate(&s.edge, 0, 0, 1)
	s.age += since
	dt := float32(since.Seconds())
	weight := dt / float32(min(s.age, relearn).Seconds())
	if s.age < learning {
		weight = max(weight, dt/float32(learning.Seconds()))
	}
	weight = min(weight, 0.5)
	for i := range s.edge {
		s.edge[i] += (v.edge[i] - s.edge[i]) * weight
	}
	slow := min(dt/float32(usualFollow.Seconds()), 0.5)
	s.fit += (fit - s.fit) * slow
	s.edgeDev += (v.edgeDev - s.edgeDev) * slow
	s.learnSharp(v.sharp, dt)
}

// learnSharp moves towards the median in steps of a fixed part. Upwards they are tiny once the view is known: the noise
// of a night must not make the day after look blurred.
func (s *scene) learnSharp(sharp, dt float32) {
	up, down := float32(sharpRises), float32(sharpFalls)
	if s.age < learning {
		up, down = sharpFirst, sharpFirst
	}
	if sharp > s.sharp {
		s.sharp *= 1 + min(up*dt, 0.5)
	} else {
		s.sharp *= 1 - min(down*dt, 0.5)
	}
}
