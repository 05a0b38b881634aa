package track

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// cloth is a colour in YUV.
type cloth struct{ y, u, v byte }

var (
	red   = cloth{90, 100, 200}
	blue  = cloth{70, 190, 100}
	black = cloth{30, 128, 128}
	lawn  = cloth{120, 110, 120}
)

// scene is an I420 picture of people.
type scene struct {
	pix  []byte
	lawn []byte
	w, h int
	rnd  *rand.Rand
}

func newScene(seed uint64) *scene {
	s := &scene{w: 640, h: 360, rnd: rand.New(rand.NewPCG(seed, 3))}
	s.pix = make([]byte, s.w*s.h*3/2)
	s.clear(lawn)
	s.lawn = slices.Clone(s.pix)
	return s
}

func (s *scene) clear(c cloth) { s.paint(nvr.Box{W: 1, H: 1}, c) }

// paint fills a box with a cloth, with the noise of a camera.
func (s *scene) paint(b nvr.Box, c cloth) {
	x0, x1 := max(0, int(b.X*float32(s.w))), min(s.w, int((b.X+b.W)*float32(s.w)))
	y0, y1 := max(0, int(b.Y*float32(s.h))), min(s.h, int((b.Y+b.H)*float32(s.h)))
	u, v := s.pix[s.w*s.h:s.w*s.h*5/4], s.pix[s.w*s.h*5/4:]
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			s.pix[y*s.w+x] = byte(int(c.y) + s.rnd.IntN(17) - 8)
			u[y/2*s.w/2+x/2], v[y/2*s.w/2+x/2] = c.u, c.v
		}
	}
}

// who is somebody in a scene: trousers are black for all.
type who struct {
	at    nvr.Box
	shirt cloth
}

// look feeds a frame with people; hidden ones are painted over by those after them and not found.
func (s *scene) look(r *run, people ...who) []nvr.TrackedObject {
	copy(s.pix, s.lawn)
	var found []nvr.Detection
	for i, p := range people {
		s.paint(p.at, p.shirt)
		lower := p.at
		lower.Y, lower.H = p.at.Y+p.at.H/2, p.at.H/2
		s.paint(lower, black)
		hidden := false
		for _, q := range people[i+1:] {
			hidden = hidden || p.at.IoU(q.at) > 0.35
		}
		if !hidden {
			found = append(found, person(0.8, p.at))
		}
	}
	r.tr.SetPicture(s.pix, s.w, s.h)
	return r.see(found...)
}

// idAt returns who is told at a place.
func idAt(t *testing.T, objects []nvr.TrackedObject, b nvr.Box) uint64 {
	t.Helper()
	for _, o := range objects {
		if o.Box.IoU(b) > 0.5 && o.Confirmed {
			return o.TrackID
		}
	}
	t.Fatalf("nobody is told at %v", b)
	return 0
}

// Two walk towards each other, stand in one another's way, and go on or turn back: places and speeds do not tell which, the
// clothes do.
func TestIdentityAfterMeeting(t *testing.T) {
	exchanged := 0
	for seed := range uint64(6) {
		for _, turns := range []bool{false, true} {
			s, r := newScene(seed), newRun(t, Config{})
			pause := s.rnd.IntN(10) // frames
			left := func(f float64) nvr.Box { return box(0.2+0.3*f, 0.5, 0.06, 0.3) }
			right := func(f float64) nvr.Box { return box(0.8-0.29*f, 0.5, 0.06, 0.3) }
			var a, b uint64
			for i := range 20 {
				o := s.look(r, who{left(float64(i) / 20), red}, who{right(float64(i) / 20), blue})
				if i == 14 {
					a, b = idAt(t, o, left(0.7)), idAt(t, o, right(0.7))
				}
			}
			for range pause {
				s.look(r, who{left(1), red}, who{right(1), blue})
			}
			var o []nvr.TrackedObject
			goLeft, goRight := blue, red
			if turns {
				goLeft, goRight = red, blue
			}
			for i := range 25 {
				f := 1 - float64(i)/25
				o = s.look(r, who{right(f), goRight}, who{left(f), goLeft})
			}
			gotLeft, gotRight := idAt(t, o, left(0.04)), idAt(t, o, right(0.04))
			want := [2]uint64{b, a}
			if turns {
				want = [2]uint64{a, b}
			}
			if o[0].Place == o[1].Place {
				t.Errorf("seed %d, turns %v: both are at place %d", seed, turns, o[0].Place)
			}
			if o[0].Place != o[0].TrackID {
				exchanged++
			}
			if gotLeft != want[0] || gotRight != want[1] {
				t.Errorf("seed %d, turns %v: %d left and %d right, want %v", seed, turns, gotLeft, gotRight, want)
			}
			if n := r.confirmed(); n != 2 {
				t.Errorf("seed %d, turns %v: %d events of two people", seed, turns, n)
			}
			for _, p := range r.tr.objects {
				if len(p.met) > 0 {
					t.Errorf("seed %d, turns %v: they parted, and their meeting goes on", seed, turns)
				}
			}
		}
	}
	if exchanged == 0 {
		t.Error("no identity changed its place: the test says nothing about it")
	}
}

// Who stays behind a sign for longer than a track may be missing is the same when he comes out; somebody else is not.
func TestIdentityBehindSign(t *testing.T) {
	for _, c := range []struct {
		name   string
		shirt  cloth
		behind time.Duration
		same   bool
	}{
		{"the same", red, 8 * time.Second, true},
		{"another", blue, 8 * time.Second, false},
		{"another, soon", blue, 4 * time.Second, false},
		{"somebody like him", cloth{90, 118, 158}, 8 * time.Second, false},
		{"the same, too late", red, lostMemory + time.Second, false},
	} {
		s, r := newScene(1), newRun(t, Config{})
		var was, is uint64
		at := func(i int) nvr.Box { return box(0.3+0.01*float64(i), 0.5, 0.06, 0.3) }
		for i := range 15 {
			o := s.look(r, who{at(i), red})
			if i == 14 {
				was = idAt(t, o, at(i))
			}
		}
		for range c.behind / frame {
			s.look(r)
		}
		for i := range 15 {
			o := s.look(r, who{at(20 + i), c.shirt})
			if i == 14 {
				is = idAt(t, o, at(20+i))
			}
		}
		if (was == is) != c.same {
			t.Errorf("%s: was %d, is %d", c.name, was, is)
		}
		if n := r.confirmed(); (n == 1) != c.same {
			t.Errorf("%s: %d events", c.name, n)
		}
	}
}

// Who walks out of the picture is not waited for as if he hid inside it.
func TestWalkingOutIsNoHiding(t *testing.T) {
	for _, last := range []float64{0.99, 0.94} { // cut off by the edge, and whole when seen last
		s, r := newScene(1), newRun(t, Config{})
		for x := last - 0.12; x <= last+0.001; x += 0.004 {
			at := box(x, 0.5, 0.06, 0.3)
			at.W = min(at.W, 1-at.X)
			s.look(r, who{at, red})
		}
		for range 6 * time.Second / frame {
			s.look(r)
		}
		if r.tr.Len() != 0 {
			t.Errorf("seen last at %v: he is still waited for after 6 s", last)
		}
	}
}

// Who was lost in a group and comes out of it beside somebody cannot be looked at alone: he is taken for the one who was lost.
func TestIdentityBesideSomebody(t *testing.T) {
	s, r := newScene(1), newRun(t, Config{})
	waits := who{box(0.5, 0.5, 0.06, 0.3), blue}
	comes := func(x float64) who { return who{box(x, 0.5, 0.06, 0.3), red} }
	for i := range 15 {
		s.look(r, comes(0.32+0.01*float64(i)), waits)
	}
	for range 6 * time.Second / frame {
		s.look(r, comes(0.49), waits)
	}
	for range 20 {
		s.look(r, comes(0.535), waits)
	}
	if n := r.confirmed(); n != 2 {
		t.Errorf("%d events of two people", n)
	}
}

// Where places say nothing, looks decide at once.
func TestLookBreaksTie(t *testing.T) {
	s, r := newScene(1), newRun(t, Config{})
	for i := range 15 {
		f := 0.01 * float64(i)
		s.look(r, who{box(0.32+f, 0.5, 0.06, 0.3), red}, who{box(0.68-f, 0.5, 0.06, 0.3), blue})
	}
	a, b := r.tr.objects[0].id, r.tr.objects[1].id
	one, two := box(0.501, 0.4, 0.06, 0.3), box(0.499, 0.6, 0.06, 0.3)
	s.clear(lawn)
	s.paint(two, blue)
	s.paint(one, red)
	r.tr.SetPicture(s.pix, s.w, s.h)
	for _, o := range r.see(person(0.8, two), person(0.8, one)) {
		if want := map[bool]uint64{true: a, false: b}[o.Box == one]; o.TrackID != want {
			t.Errorf("at %v is %d, want %d", o.Box, o.TrackID, want)
		}
	}
}

// What somebody else covers is not learnt as one's own look.
func TestLookIsOwn(t *testing.T) {
	s, r := newScene(1), newRun(t, Config{})
	for _, c := range []struct {
		x     float64
		clear bool
	}{{0.7, true}, {0.54, false}, {0.7, true}} {
		s.look(r, who{box(0.5, 0.5, 0.06, 0.3), red}, who{box(c.x, 0.5, 0.06, 0.3), blue})
		if o := r.tr.objects[0]; o.clear != c.clear {
			t.Errorf("with somebody at %v: clear is %v", c.x, o.clear)
		}
	}
}

// In the infrared light of the night all clothes are grey: nothing is told apart by them.
func TestLookNeedsColour(t *testing.T) {
	s := newScene(1)
	e, l := newEye(), look{}
	b := box(0.5, 0.5, 0.1, 0.4)
	e.open(s.pix, s.w, s.h)
	if !e.see(b, &l) || l.views != 1 {
		t.Error("a coloured picture shows nothing")
	}
	for name, bad := range map[string]nvr.Box{"small": box(0.5, 0.5, 0.01, 0.4), "low": box(0.5, 0.5, 0.1, 0.05)} {
		if e.see(bad, &l) || l.views != 0 {
			t.Errorf("a box too %s shows colours", name)
		}
	}
	for _, odd := range []nvr.Box{box(0, 0, 0.5, 0.5), box(1, 1, 0.5, 0.5), box(-0.9, -0.9, 1.9, 1.9)} {
		if !e.see(odd, &l) { // half outside the picture
			t.Errorf("%v shows nothing", odd)
		}
	}
	s.clear(cloth{120, 128, 128})
	e.open(s.pix, s.w, s.h)
	if e.see(b, &l) {
		t.Error("a grey picture shows colours")
	}
	for _, short := range [][]byte{nil, s.pix[:len(s.pix)-1]} {
		if e.open(short, s.w, s.h); e.see(b, &l) {
			t.Errorf("%d bytes are no picture", len(short))
		}
	}
}

// The same cloth is alike, another is not, and more views make a look surer.
func TestLookUnlike(t *testing.T) {
	s, e := newScene(2), newEye()
	see := func(c cloth) (l look) {
		b := box(0.5, 0.5, 0.1, 0.4)
		s.paint(b, c)
		e.open(s.pix, s.w, s.h)
		if !e.see(b, &l) {
			t.Fatal("nothing is seen")
		}
		return l
	}
	a, b, c := see(red), see(red), see(blue)
	if same, other := a.unlike(&b), a.unlike(&c); same > sameLook || other < otherLook {
		t.Errorf("the same %.3f, want at most %.2f; another %.3f, want at least %.2f", same, sameLook, other, otherLook)
	}
	for range 3 * lookMemory {
		a.learn(&c)
	}
	if d := a.unlike(&c); d > sameLook/2 || a.views != lookMemory {
		t.Errorf("after many views of another: %.3f, %d views", d, a.views)
	}
}

// Whatever people do, an id is one track's, and who has ended stays away.
func TestIdentitiesStayUnique(t *testing.T) {
	for seed := range uint64(4) {
		s, r := newScene(seed), newRun(t, Config{})
		for i := range s.pix {
			s.pix[i] = byte(s.rnd.Uint32())
		}
		var at [24]nvr.Box
		for i := range at {
			at[i] = box(s.rnd.Float64(), s.rnd.Float64(), 0.05, 0.25)
		}
		ended, seen := make(map[uint64]bool), make(map[uint64]time.Time)
		for range 150 {
			var found []nvr.Detection
			for i := range at {
				at[i].X += float32(s.rnd.NormFloat64() * 0.01)
				at[i].Y += float32(s.rnd.NormFloat64() * 0.01)
				if s.rnd.IntN(4) > 0 && sane(at[i]) {
					found = append(found, person(0.3+0.7*s.rnd.Float32(), at[i]))
				}
			}
			r.tr.SetPicture(s.pix, s.w, s.h)
			told := make(map[uint64]bool)
			before := len(r.end)
			for id, o := range r.all {
				seen[id] = o.LastSeen
			}
			for _, o := range r.see(found...) {
				if o.LastSeen.Before(seen[o.TrackID]) || o.LastSeen.Before(o.FirstSeen) {
					t.Fatalf("seed %d: track %d was seen at %v, and now at %v", seed, o.TrackID, seen[o.TrackID], o.LastSeen)
				}
				if told[o.TrackID] || ended[o.TrackID] {
					t.Fatalf("seed %d: track %d is told twice or after its end", seed, o.TrackID)
				}
				told[o.TrackID] = true
			}
			for _, id := range r.end[before:] {
				if told[id] || ended[id] {
					t.Fatalf("seed %d: track %d ended and goes on, or ended twice", seed, id)
				}
				ended[id] = true
			}
		}
		for _, o := range r.tr.objects {
			for _, p := range o.met {
				if !slices.Contains(r.tr.objects, p) {
					t.Fatalf("seed %d: a track remembers one that ended", seed)
				}
			}
		}
	}
}
