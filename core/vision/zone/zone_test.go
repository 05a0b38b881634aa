package zone

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const frame = 200 * time.Millisecond

var (
	start = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	left  = nvr.Polygon{{X: 0, Y: 0}, {X: 0.5, Y: 0}, {X: 0.5, Y: 1}, {X: 0, Y: 1}}
	right = nvr.Polygon{{X: 0.5, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}, {X: 0.5, Y: 1}}
)

func newWatcher(t testing.TB, cfg Config) *Watcher {
	t.Helper()
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// at is an object whose foot is at x, y.
func at(x, y float32) nvr.TrackedObject {
	return nvr.TrackedObject{TrackID: 1, Label: "person", Score: 0.8, Box: nvr.Box{X: x - 0.02, Y: y - 0.1, W: 0.04, H: 0.1}}
}

func apply(w *Watcher, i int, o nvr.TrackedObject) nvr.TrackedObject {
	objects := []nvr.TrackedObject{o}
	w.Apply(start.Add(time.Duration(i)*frame), objects)
	return objects[0]
}

func TestZones(t *testing.T) {
	for _, c := range []struct {
		name string
		zone Zone
		// one letter per frame: i inside, o outside, p only predicted, s predicted while standing still
		frames string
		want   string // one letter per frame: i where it is told to be in the zone
	}{
		{"after three frames", Zone{}, "oiiii", "---ii"},
		{"flicker is not presence", Zone{}, "iioiioiio", "---------"},
		{"flicker is not absence", Zone{}, "iiiooiooi", "--iiiiiii"},
		{"leaves after three", Zone{}, "iiioooo", "--iii--"},
		{"at once", Zone{Inertia: 1}, "oioi", "-i-i"},
		{"predictions do not count", Zone{}, "iippppi", "------i"},
		{"loiters", Zone{Loitering: time.Second}, "iiiiiiii", "-----iii"},
		{"leaves before", Zone{Loitering: time.Second}, "iiiioooiiiii", "------------"},
		{"goes on to loiter while it stands", Zone{Loitering: time.Second}, "iiissssss", "-----iiii"},
		{"other label", Zone{Labels: []string{"car"}}, "iiiii", "-----"},
		{"its label", Zone{Labels: []string{"car", "person"}}, "iiiii", "--iii"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.zone.Name, c.zone.Area = "yard", left
			w := newWatcher(t, Config{Zones: []Zone{c.zone}})
			var got strings.Builder
			var o nvr.TrackedObject
			for i, f := range c.frames {
				o = at(0.2, 0.5)
				switch f {
				case 'o':
					o = at(0.8, 0.5)
				case 'p':
					o = at(0.8, 0.5)
					o.Score = 0
				case 's':
					o.Score, o.Stationary = 0, true
				}
				o = apply(w, i, o)
				got.WriteByte("-i"[len(o.Zones)])
			}
			if got.String() != c.want {
				t.Errorf("frames %s: %s, want %s", c.frames, got.String(), c.want)
			}
			if ever := strings.Contains(c.want, "i"); ever != slices.Equal(o.EnteredZones, []string{"yard"}) {
				t.Errorf("entered %v", o.EnteredZones)
			}
		})
	}
}

func TestZonesInTheOrderEntered(t *testing.T) {
	w := newWatcher(t, Config{Zones: []Zone{{Name: "a", Area: right}, {Name: "b", Area: left}}})
	var told []nvr.TrackedObject
	for i := range 30 {
		told = append(told, apply(w, i, at(0.05+0.03*float32(i), 0.5)))
	}
	last := told[len(told)-1]
	if !slices.Equal(last.EnteredZones, []string{"b", "a"}) || !slices.Equal(last.Zones, []string{"a"}) {
		t.Errorf("entered %v, in %v", last.EnteredZones, last.Zones)
	}
	if !slices.Equal(told[5].Zones, []string{"b"}) || !slices.Equal(told[5].EnteredZones, []string{"b"}) {
		t.Errorf("what was told changed: %+v", told[5])
	}
	w.Forget([]uint64{1, 7})
	if o := apply(w, 31, at(0.9, 0.5)); o.Zones != nil || o.EnteredZones != nil {
		t.Errorf("a new track with old zones: %+v", o)
	}
}

func TestLines(t *testing.T) {
	gate := Line{Name: "gate", From: nvr.Point{X: 0.2, Y: 0.5}, To: nvr.Point{X: 0.8, Y: 0.5}}
	p := func(x, y float32) nvr.Point { return nvr.Point{X: x, Y: y} }
	for _, c := range []struct {
		name string
		path []nvr.Point
		want []nvr.Direction
	}{
		{"down", []nvr.Point{p(0.5, 0.3), p(0.5, 0.45), p(0.5, 0.55), p(0.5, 0.7)}, []nvr.Direction{nvr.AToB}},
		{"up", []nvr.Point{p(0.5, 0.7), p(0.5, 0.3)}, []nvr.Direction{nvr.BToA}},
		{"there and back", []nvr.Point{p(0.5, 0.3), p(0.5, 0.7), p(0.5, 0.3)}, []nvr.Direction{nvr.AToB, nvr.BToA}},
		{"jitter on it", []nvr.Point{p(0.5, 0.3), p(0.5, 0.495), p(0.5, 0.505), p(0.5, 0.495), p(0.5, 0.505), p(0.5, 0.6)}, []nvr.Direction{nvr.AToB}},
		{"comes near and turns", []nvr.Point{p(0.5, 0.3), p(0.5, 0.505), p(0.5, 0.3)}, nil},
		{"around its end", []nvr.Point{p(0.1, 0.3), p(0.1, 0.7), p(0.5, 0.7)}, nil},
		{"around its end, slowly", []nvr.Point{p(0.5, 0.3), p(0.1, 0.4), p(0.1, 0.6), p(0.5, 0.7)}, nil},
		{"begins on it", []nvr.Point{p(0.5, 0.5), p(0.5, 0.7)}, nil},
	} {
		w := newWatcher(t, Config{Lines: []Line{gate}})
		var o nvr.TrackedObject
		for i, q := range c.path {
			o = apply(w, i, at(q.X, q.Y))
		}
		var got []nvr.Direction
		for _, x := range o.Crossings {
			got = append(got, x.Direction)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestNewPlaceIsNoWay: who was mistaken for another and is found at the other's place did not walk there.
func TestNewPlaceIsNoWay(t *testing.T) {
	gate := Line{Name: "gate", From: nvr.Point{X: 0.2, Y: 0.5}, To: nvr.Point{X: 0.8, Y: 0.5}}
	w := newWatcher(t, Config{Lines: []Line{gate}})
	var o nvr.TrackedObject
	for i, y := range []float32{0.3, 0.32, 0.7, 0.72, 0.4} {
		o = at(0.5, y)
		o.Place = uint64(1 + min(i/2, 1))
		o = apply(w, i, o)
		if want := i / 4; len(o.Crossings) != want {
			t.Errorf("at %v: %d crossings, want %d", y, len(o.Crossings), want)
		}
	}
}

// TestCrossingsAlternate: whoever wanders about crosses a line through the whole picture to and fro, never twice the
// same way, and ends on the side that the last crossing says.
func TestCrossingsAlternate(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		line := Line{Name: "l", From: nvr.Point{X: r.Float32(), Y: 0}, To: nvr.Point{X: r.Float32(), Y: 1}}
		w := newWatcher(t, Config{Lines: []Line{line}})
		x, y := r.Float32(), r.Float32()
		var o nvr.TrackedObject
		for i := range 200 {
			x, y = min(max(x+0.2*(r.Float32()-0.5), 0), 0.99), min(max(y+0.2*(r.Float32()-0.5), 0.01), 0.99)
			o = apply(w, i, at(x, y))
		}
		if len(o.Crossings) > maxCrossings {
			t.Fatalf("%d crossings are kept", len(o.Crossings))
		}
		for i := 1; i < len(o.Crossings); i++ {
			if o.Crossings[i].Direction == o.Crossings[i-1].Direction || o.Crossings[i].Time.Before(o.Crossings[i-1].Time) {
				t.Fatalf("crossings %+v", o.Crossings)
			}
		}
	}
}

// TestSpeed drives objects over a road that a camera sees in perspective.
func TestSpeed(t *testing.T) {
	// A camera 5 m above the ground, tilted so that the road from 8 m to 28 m, 6 m wide, is in the picture.
	project := func(x, z float64) nvr.Point {
		const focal, height, tilt = 0.9, 5.0, 0.3
		y := height*math.Cos(tilt) - z*math.Sin(tilt)
		depth := height*math.Sin(tilt) + z*math.Cos(tilt)
		return nvr.Point{X: float32(0.5 + focal*x/depth/1.778), Y: float32(0.5 + focal*y/depth)}
	}
	road := Zone{
		Name: "road", Area: nvr.Polygon{project(-3, 8), project(3, 8), project(3, 28), project(-3, 28)}, Lengths: []float64{6, 20, 6, 20},
	}
	r := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct {
		name                string
		kmh, jitter, within float64
	}{
		{"walks", 5, 0, 0.05},
		{"drives", 30, 0, 0.05},
		{"drives, the box jitters", 30, 0.002, 5},
	} {
		w := newWatcher(t, Config{Zones: []Zone{road}})
		var o nvr.TrackedObject
		z, seen := 9.0, float32(0)
		for i := 0; z < 26 && i < 60; i++ {
			q := project(1, z)
			q.Y += float32(c.jitter * r.NormFloat64())
			o = apply(w, i, at(q.X, q.Y))
			z += c.kmh / 3.6 * frame.Seconds()
			seen = max(seen, o.Speed)
		}
		if math.Abs(float64(o.Speed)-c.kmh) > c.within || o.MaxSpeed != seen {
			t.Errorf("%s: %v km/h at the end, %v at most, want %v", c.name, o.Speed, o.MaxSpeed, c.kmh)
		}
	}
}

func TestPlaneKeepsTheLengths(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		var corners nvr.Polygon
		for i := range 4 {
			a := math.Pi/2*float64(i) + 0.4*r.Float64()
			corners = append(corners, nvr.Point{X: float32(0.5 + 0.4*math.Cos(a)), Y: float32(0.5 + 0.4*math.Sin(a))})
		}
		lengths := []float64{5 + r.Float64(), 6 + 4*r.Float64(), 5 + r.Float64(), 6 + 4*r.Float64()}
		p, err := newPlane(corners, lengths)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			x1, y1 := p.at(corners[i])
			x2, y2 := p.at(corners[(i+1)%4])
			if got := math.Hypot(x2-x1, y2-y1); math.Abs(got-lengths[i]) > 1e-3 {
				t.Fatalf("side %d is %v m, want %v", i, got, lengths[i])
			}
		}
	}
}

func TestBadZones(t *testing.T) {
	dent := nvr.Polygon{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 0.3, Y: 0.3}, {X: 0, Y: 1}}
	for want, z := range map[string]Zone{
		"points":        {Area: left[:2]},
		"inertia":       {Area: left, Inertia: -1},
		"loitering":     {Area: left, Loitering: -1},
		"4 of each":     {Area: left, Lengths: []float64{1, 2}},
		"convex":        {Area: dent, Lengths: []float64{1, 1, 1, 1}},
		"side of":       {Area: left, Lengths: []float64{1, 1, 1, 0}},
		"quadrilateral": {Area: left, Lengths: []float64{1, 1, 1, 5}},
	} {
		if _, err := New(Config{Zones: []Zone{z}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want something about %q", err, want)
		}
	}
	for want, l := range map[string]Line{
		"too short": {From: nvr.Point{X: 0.5, Y: 0.5}, To: nvr.Point{X: 0.5, Y: 0.5}},
		"outside":   {From: nvr.Point{X: 0.5, Y: 0.5}, To: nvr.Point{X: 1.5, Y: 0.5}},
	} {
		if _, err := New(Config{Lines: []Line{l}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want something about %q", err, want)
		}
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	w := newWatcher(t, Config{
		Zones: []Zone{{Name: "a", Area: left, Lengths: []float64{5, 5, 5, 5}}, {Name: "b", Area: right}},
		Lines: []Line{{Name: "l", From: nvr.Point{X: 0.5}, To: nvr.Point{X: 0.5, Y: 1}}},
	})
	objects := make([]nvr.TrackedObject, 20)
	i := 0
	look := func() {
		for k := range objects {
			objects[k] = at(0.2+0.001*float32(i%20), 0.5)
			objects[k].TrackID = uint64(k)
		}
		w.Apply(start.Add(time.Duration(i)*frame), objects)
		i++
	}
	for range 10 {
		look()
	}
	if n := testing.AllocsPerRun(100, look); n > 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

// FuzzPlane: whatever the zone, its plane is refused or maps its middle to a finite place.
func FuzzPlane(f *testing.F) {
	f.Add(float32(0.1), float32(0.1), float32(0.9), float32(0.1), float32(0.9), float32(0.9), float32(0.1), float32(0.9), 6.0, 20.0, 6.0, 20.0)
	f.Fuzz(func(t *testing.T, x1, y1, x2, y2, x3, y3, x4, y4 float32, a, b, c, d float64) {
		z := Zone{Name: "z", Area: nvr.Polygon{{X: x1, Y: y1}, {X: x2, Y: y2}, {X: x3, Y: y3}, {X: x4, Y: y4}}, Lengths: []float64{a, b, c, d}}
		w, err := New(Config{Zones: []Zone{z}})
		if err != nil {
			return
		}
		mid := nvr.Point{X: (x1 + x2 + x3 + x4) / 4, Y: (y1 + y2 + y3 + y4) / 4}
		if x, y := w.areas[0].plane.at(mid); math.IsNaN(x+y) || math.IsInf(x+y, 0) {
			t.Fatalf("%+v maps its middle to %v, %v", z, x, y)
		}
		for i := range 30 {
			o := apply(w, i, at(mid.X+0.001*float32(i), mid.Y))
			if !(o.Speed >= 0 && o.Speed <= maxSpeed && o.MaxSpeed >= o.Speed) {
				t.Fatalf("speed %v, max %v", o.Speed, o.MaxSpeed)
			}
		}
	})
}
