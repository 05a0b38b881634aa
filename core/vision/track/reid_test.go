package track

import (
	"math/rand/v2"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// TestHiddenForAWhileIsTheSame: whoever walks behind something and comes out within 3 s, about where it must, is the
// same track; with jitter, at any speed of people, with others about.
func TestHiddenForAWhileIsTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for n := range 300 {
		run := newRun(t, Config{})
		run.tr.SetPicture(nil, 640, 360)
		speed := 0.02 + 0.10*r.Float64() // of the picture's width per second
		x, hide := 0.1, 10+r.IntN(5)
		hidden := 1 + r.IntN(13) // frames, up to 2.6 s
		jitter := func() float64 { return 0.003 * r.NormFloat64() }
		other := box(0.5, 0.85, 0.05, 0.2)
		for i := range hide + hidden + 10 {
			found := []nvr.Detection{person(0.8, other)}
			if i < hide || i >= hide+hidden {
				found = append(found, person(0.8, box(x+jitter(), 0.4+jitter(), 0.06, 0.3)))
			}
			run.see(found...)
			x += speed * frame.Seconds()
		}
		if run.confirmed() != 2 {
			t.Fatalf("run %d: hidden for %d frames at %.2f/s: %d tracks for two persons", n, hidden, speed, run.confirmed())
		}
	}
}

func TestAnotherIsNotTheSame(t *testing.T) {
	for _, c := range []struct {
		name   string
		hidden int // frames
		d      nvr.Detection
	}{
		{"too long", 16, person(0.8, box(0.55, 0.4, 0.06, 0.3))},
		{"elsewhere", 5, person(0.8, box(0.9, 0.4, 0.06, 0.3))},
		{"another size", 5, person(0.8, box(0.45, 0.4, 0.03, 0.12))},
		{"another label", 5, nvr.Detection{Label: "dog", Score: 0.8, Box: box(0.38, 0.4, 0.06, 0.3)}},
	} {
		r := newRun(t, Config{})
		r.tr.SetPicture(nil, 640, 360)
		for i := range 10 {
			r.see(person(0.8, box(0.1+0.02*float64(i), 0.4, 0.06, 0.3)))
		}
		for range c.hidden {
			r.see()
		}
		r.see(c.d)
		r.see(c.d)
		if r.confirmed() != 2 {
			t.Errorf("%s: %d tracks, want two", c.name, r.confirmed())
		}
	}
}
