package eval

import (
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/offline"
)

// Two people pass each other and their events go over: F1 is 1 all the same, identities tell.
func TestIdentity(t *testing.T) {
	at := func(x float64) nvr.Box { return nvr.Box{X: float32(x), Y: 0.4, W: 0.1, H: 0.3} }
	walk := func(from, to float64) Object {
		o := Object{Label: "person", From: 0, To: 10}
		for i := range 11 {
			b := at(from + (to-from)*float64(i)/10)
			o.Boxes = append(o.Boxes, Place{float64(i), float64(b.X), float64(b.Y), float64(b.W), float64(b.H)})
		}
		return o
	}
	follow := func(x func(i int) float64) offline.Event {
		e := event("person", 0, 10)
		for i := range 11 {
			e.Path = append(e.Path, offline.Sighting{At: time.Duration(i) * time.Second, Box: at(x(i)), Score: 0.9})
		}
		return e
	}
	l := &Labels{Clip: "a.mp4", Count: []string{"person"}, Objects: []Object{walk(0, 0.8), walk(0.8, 0)}}
	for _, c := range []struct {
		name                string
		back                int // second from which both events go back; 11: never
		followed, exchanges int
	}{
		{"each stays with its own", 11, 20, 0}, {"they go over for good", 7, 12, 2}, {"they go over late", 9, 16, 2},
	} {
		r := &offline.Result{Events: []offline.Event{
			follow(func(i int) float64 { return 0.08 * float64(min(i, 10)*btoi(i < c.back)+(10-i)*btoi(i >= c.back)) }),
			follow(func(i int) float64 { return 0.08 * float64((10-i)*btoi(i < c.back)+i*btoi(i >= c.back)) }),
		}}
		s := Sum("m", []*Clip{Judge(l, r)})
		got := s.Total.Identity
		// At 5 s both are at the same place: that moment says nothing.
		if s.Total.Hits != 2 || s.Total.False != 0 || got.Moments != 20 || got.Followed != c.followed || got.Exchanges != c.exchanges ||
			len(s.Faults) != c.exchanges {
			t.Errorf("%s: %+v, %d faults, want %d of 20 followed and %d exchanges", c.name, s.Total, len(s.Faults), c.followed, c.exchanges)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
