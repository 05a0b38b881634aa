package nvr

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestPolygonCheck(t *testing.T) {
	many := make(Polygon, 65)
	for i := range many {
		a := 2 * math.Pi * float64(i) / 65
		many[i] = Point{X: float32(0.5 + 0.4*math.Cos(a)), Y: float32(0.5 + 0.4*math.Sin(a))}
	}
	nan := float32(math.NaN())
	for _, c := range []struct {
		name string
		p    Polygon
		want string // part of the error; empty: none
	}{
		{"triangle", Polygon{{0, 0}, {1, 0}, {0, 1}}, ""},
		{"the other way round", Polygon{{0, 1}, {1, 0}, {0, 0}}, ""},
		{"star with a dent", Polygon{{0, 0}, {1, 0}, {0.5, 0.5}, {1, 1}, {0, 1}}, ""},
		{"64 points", many[:64], ""},
		{"too few", Polygon{{0, 0}, {1, 1}}, "2 points"},
		{"too many", many, "65 points"},
		{"outside", Polygon{{0, 0}, {1.1, 0}, {0, 1}}, "point 2"},
		{"not a number", Polygon{{0, 0}, {nan, 0}, {0, 1}}, "point 2"},
		{"twice", Polygon{{0, 0}, {0, 0}, {1, 0}, {0, 1}}, "points 1 and 2 are the same"},
		{"bow tie", Polygon{{0, 0}, {1, 1}, {1, 0}, {0, 1}}, "cross each other"},
		{"touches itself", Polygon{{0, 0}, {1, 0}, {1, 1}, {0.5, 0}, {0, 1}}, "cross each other"},
		{"a line", Polygon{{0, 0}, {0.5, 0.5}, {1, 1}}, "next to nothing"},
	} {
		err := c.p.Check()
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestFootAtTheEdgeIsInAnAreaThatReachesIt(t *testing.T) {
	whole := Polygon{{0, 0}, {1, 0}, {1, 1}, {0, 1}}
	for _, b := range []Box{{X: 0.4, Y: 0.5, W: 0.2, H: 0.5}, {X: 0.9, Y: 0.9, W: 0.2, H: 0.2}, {X: -0.2, Y: 0, W: 0.1, H: 0.1}} {
		if !whole.Contains(b.Foot()) {
			t.Errorf("%+v stands outside of the picture at %+v", b, b.Foot())
		}
	}
}

// TestPolygonAgreesWithItsTriangles compares Contains with the triangles of convex polygons, and checks that no point is
// lost or doubled along the diagonals.
func TestPolygonAgreesWithItsTriangles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n, turn := 3+r.IntN(10), r.Float64()
		p := make(Polygon, n)
		for i := range p {
			a := 2 * math.Pi * (turn + float64(i)/float64(n))
			p[i] = Point{X: float32(0.5 + 0.45*math.Cos(a)), Y: float32(0.5 + 0.3*math.Sin(a))}
		}
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			q := Point{X: r.Float32(), Y: r.Float32()}
			if r.IntN(3) == 0 {
				q = p[r.IntN(n)]
			}
			in := 0
			for i := 1; i+1 < n; i++ {
				if (Polygon{p[0], p[i], p[i+1]}).Contains(q) {
					in++
				}
			}
			if got := p.Contains(q); in > 1 || got != (in == 1) {
				t.Fatalf("%v in %v: %v, but in %d of its triangles", q, p, got, in)
			}
		}
	}
}

// FuzzPolygon: whatever the points, Check and Contains answer, and a polygon that passes contains nothing outside the
// box around it and the same whichever way it is written.
func FuzzPolygon(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 255, 255, 0, 0, 255, 255, 255, 255}, uint16(40000), uint16(30000))
	f.Fuzz(func(t *testing.T, b []byte, x, y uint16) {
		var p Polygon
		for ; len(b) >= 4; b = b[4:] {
			p = append(p, Point{X: float32(binary.BigEndian.Uint16(b)) / 65535, Y: float32(binary.BigEndian.Uint16(b[2:])) / 65535})
		}
		q := Point{X: float32(x) / 65535, Y: float32(y) / 65535}
		in := p.Contains(q)
		if p.Check() != nil {
			return
		}
		low, high := p[0], p[0]
		turned := make(Polygon, len(p))
		for i, c := range p {
			low, high = Point{min(low.X, c.X), min(low.Y, c.Y)}, Point{max(high.X, c.X), max(high.Y, c.Y)}
			turned[len(p)-1-i] = c
		}
		if in && (q.X < low.X || q.X > high.X || q.Y < low.Y || q.Y > high.Y) {
			t.Fatalf("%v contains %v", p, q)
		}
		if turned.Check() != nil || turned.Contains(q) != in {
			t.Fatalf("%v read backwards is another polygon for %v", p, q)
		}
	})
}
