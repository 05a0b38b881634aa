package track

import (
	"testing"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func bicycle(score float32, b nvr.Box) nvr.Detection {
	return nvr.Detection{Label: "bicycle", Score: score, Box: b}
}

// The handlebars are a part of the bicycle as long as they are never seen outside of it.
func TestAPartIsNoObject(t *testing.T) {
	r := newRun(t, Config{})
	whole, part := box(0.5, 0.5, 0.6, 0.6), box(0.3, 0.3, 0.15, 0.15)
	for range 20 {
		r.see(bicycle(0.85, whole), bicycle(0.68, part))
	}
	if r.confirmed() != 1 {
		t.Fatalf("%d objects, want the bicycle", r.confirmed())
	}
	// Another that only passed behind is an object as soon as it comes out.
	for i := range 10 {
		r.see(bicycle(0.85, whole), bicycle(0.68, box(0.3-0.04*float64(i), 0.3, 0.15, 0.15)))
	}
	if r.confirmed() != 2 {
		t.Fatalf("%d objects, want the other bicycle too", r.confirmed())
	}
}

// A thing that the detector is not sure of, and that never moved nor came from anywhere, is none; if it came or moves, or
// the detector is sure, it is one.
func TestWhatNeverMovedMustBeSure(t *testing.T) {
	at := box(0.3, 0.5, 0.1, 0.3)
	for _, c := range []struct {
		name   string
		score  float32
		motion func(i int) []nvr.Box
		where  func(i int) nvr.Box
		want   int
	}{
		{"a bin", 0.65, func(int) []nvr.Box { return nil }, func(int) nvr.Box { return at }, 0},
		{"a bin that somebody passes later", 0.65, func(i int) []nvr.Box {
			if i > 5 {
				return []nvr.Box{at}
			}
			return nil
		}, func(int) nvr.Box { return at }, 0},
		{"a parked car", 0.75, func(int) []nvr.Box { return nil }, func(int) nvr.Box { return at }, 1},
		{"came and stands", 0.65, func(i int) []nvr.Box {
			if i < 2 {
				return []nvr.Box{box(0.3, 0.45, 0.1, 0.1)}
			}
			return nil
		}, func(int) nvr.Box { return at }, 1},
		{"walks off", 0.65, func(int) []nvr.Box { return nil }, func(i int) nvr.Box { return box(0.3+0.02*float64(i), 0.5, 0.1, 0.3) }, 1},
	} {
		r := newRun(t, Config{})
		for i := range 20 {
			r.tr.SetMotion(c.motion(i))
			r.see(person(c.score, c.where(i)))
		}
		if r.confirmed() != c.want {
			t.Errorf("%s: %d objects, want %d", c.name, r.confirmed(), c.want)
		}
	}
}

// A second box around a person that lasts for some frames does not take the person's next box from its track.
func TestASecondBoxTakesNothing(t *testing.T) {
	r := newRun(t, Config{})
	at := func(i int) nvr.Box { return box(0.2+0.02*float64(i), 0.5, 0.04, 0.14) }
	around := func(i int) nvr.Box { return box(0.19+0.02*float64(i), 0.48, 0.07, 0.18) }
	for i := range 30 {
		switch i {
		case 10:
			r.see(person(0.83, at(i)), person(0.55, around(i)))
		case 11:
			r.see(person(0.8, around(i)))
		default:
			r.see(person(0.83, at(i)))
		}
	}
	if r.confirmed() != 1 {
		t.Fatalf("%d objects for one person", r.confirmed())
	}
}

// Behind a sign only a part is seen, or the sign itself weakly: who comes out on the other side is the same.
func TestAPartSeenIsNotForgotten(t *testing.T) {
	r := newRun(t, Config{})
	r.tr.SetPicture(nil, 640, 360)
	sign := box(0.52, 0.36, 0.026, 0.05)
	for i := range 40 {
		at := box(0.2+0.02*float64(i), 0.4, 0.03, 0.13)
		if i >= 14 && i < 20 {
			r.see(person(0.41, sign))
			continue
		}
		r.see(person(0.8, at))
	}
	if r.confirmed() != 1 {
		t.Fatalf("%d objects for one person", r.confirmed())
	}
}
