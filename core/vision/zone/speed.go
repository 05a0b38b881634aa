package zone

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	window     = 10              // positions a speed is computed from
	needed     = 4               // fewer say nothing
	windowTime = 2 * time.Second // older positions do not count
	leastTime  = 600 * time.Millisecond
	resumeGap  = time.Second // an object that was away so long is measured anew
	maxSpeed   = 400         // km/h; more is a track that jumped from one object to another
)

// speed measures one object, in the first zone it is in that can.
type speed struct {
	area    int // 1 + index of the zone; 0: none
	samples [window]sample
	n, next int
	last    time.Time
	now     float32
	max     float32
}

// sample is a position on the ground in metres.
type sample struct {
	x, y float64
	at   time.Time
}

func (s *speed) update(areas []area, now time.Time, foot nvr.Point, still bool) {
	in := 0
	for i := range areas {
		if areas[i].plane != nil && areas[i].Area.Contains(foot) {
			in = i + 1
			break
		}
	}
	if in != s.area || now.Sub(s.last) > resumeGap || now.Before(s.last) {
		s.restart()
		s.area = in
	}
	s.last = now
	if in == 0 {
		return
	}
	x, y := areas[in-1].plane.at(foot)
	s.samples[s.next] = sample{x: x, y: y, at: now}
	s.next, s.n = (s.next+1)%window, min(s.n+1, window)
	if still {
		s.now = 0
		return
	}
	if v, ok := s.slope(now); ok && v <= maxSpeed {
		s.now = float32(v)
		s.max = max(s.max, s.now)
	}
}

// restart forgets where the object was.
func (s *speed) restart() { s.n, s.next, s.now = 0, 0, 0 }

// slope fits a straight line through each coordinate over time by least squares and returns the length of the two
// slopes in km/h: a box jitters, and the difference of two positions would mostly measure that.
func (s *speed) slope(now time.Time) (kmh float64, ok bool) {
	var n, t1, x1, y1, tt, tx, ty, oldest float64
	for i := range s.n {
		p := &s.samples[i]
		age := now.Sub(p.at)
		if age > windowTime {
			continue
		}
		t := -age.Seconds()
		oldest = min(oldest, t)
		n, t1, x1, y1 = n+1, t1+t, x1+p.x, y1+p.y
		tt, tx, ty = tt+t*t, tx+t*p.x, ty+t*p.y
	}
	d := n*tt - t1*t1
	if n < needed || -oldest < leastTime.Seconds() || d <= 0 {
		return 0, false
	}
	return 3.6 * math.Hypot((n*tx-t1*x1)/d, (n*ty-t1*y1)/d), true
}

// plane maps the picture to the ground: a homography as a 3 by 3 matrix in rows.
type plane [9]float64

// newPlane computes the homography that maps the four corners of a zone to those of a quadrilateral on the ground with
// sides of the given lengths in metres. Four lengths leave one angle open; the quadrilateral taken is the one with its
// corners on a circle, which has the largest area (Bretschneider) and is a rectangle where opposite sides are equal.
func newPlane(corners nvr.Polygon, lengths []float64) (plane, error) {
	if len(corners) != 4 || len(lengths) != 4 {
		return plane{}, fmt.Errorf("has %d points and %d lengths, a zone that measures speed needs 4 of each", len(corners), len(lengths))
	}
	var from, to [4][2]float64
	for i, c := range corners {
		from[i] = [2]float64{float64(c.X), float64(c.Y)}
	}
	if !corners.Convex() {
		return plane{}, errors.New("measures speed and must be convex, no corner may point inwards")
	}
	a, b, c, d := lengths[0], lengths[1], lengths[2], lengths[3]
	sum, longest := a+b+c+d, max(a, b, c, d)
	for _, l := range lengths {
		if !(l >= 0.1 && l <= 1000) {
			return plane{}, fmt.Errorf("has a side of %v m, want 0.1 to 1000", l)
		}
	}
	if longest >= 0.99*(sum-longest) {
		return plane{}, errors.New("has lengths that do not make a quadrilateral: one is as long as the other three together")
	}
	// Angle at the second corner of a quadrilateral on a circle, by the law of cosines for both sides of the diagonal.
	cosB := (a*a + b*b - c*c - d*d) / (2 * (a*b + c*d))
	sinB := math.Sqrt(max(0, 1-cosB*cosB))
	to[1] = [2]float64{a, 0}
	to[2] = [2]float64{a - b*cosB, b * sinB}
	// The fourth corner mirrors the second over the diagonal: the angle there is the complement to a half turn.
	diagonal := math.Hypot(to[2][0], to[2][1])
	along := (d*d - c*c + diagonal*diagonal) / (2 * diagonal)
	off := math.Sqrt(max(0, d*d-along*along))
	ux, uy := to[2][0]/diagonal, to[2][1]/diagonal
	to[3] = [2]float64{along*ux - off*uy, along*uy + off*ux}
	ground, picture := squareTo(to), squareTo(from)
	p := ground.times(picture.adjugate())
	for _, v := range p {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return plane{}, errors.New("measures speed and is too narrow for that")
		}
	}
	return p, nil
}

// squareTo maps the unit square to a quadrilateral (P. S. Heckbert, "Fundamentals of Texture Mapping and Image Warping",
// 1989, section 2.2.3).
func squareTo(q [4][2]float64) plane {
	dx1, dy1 := q[1][0]-q[2][0], q[1][1]-q[2][1]
	dx2, dy2 := q[3][0]-q[2][0], q[3][1]-q[2][1]
	sx, sy := q[0][0]-q[1][0]+q[2][0]-q[3][0], q[0][1]-q[1][1]+q[2][1]-q[3][1]
	det := dx1*dy2 - dx2*dy1
	g, h := (sx*dy2-dx2*sy)/det, (dx1*sy-sx*dy1)/det
	return plane{
		q[1][0] - q[0][0] + g*q[1][0], q[3][0] - q[0][0] + h*q[3][0], q[0][0],
		q[1][1] - q[0][1] + g*q[1][1], q[3][1] - q[0][1] + h*q[3][1], q[0][1],
		g, h, 1,
	}
}

// adjugate is the inverse but for a factor, which a homography does not need.
func (p *plane) adjugate() plane {
	return plane{
		p[4]*p[8] - p[5]*p[7], p[2]*p[7] - p[1]*p[8], p[1]*p[5] - p[2]*p[4],
		p[5]*p[6] - p[3]*p[8], p[0]*p[8] - p[2]*p[6], p[2]*p[3] - p[0]*p[5],
		p[3]*p[7] - p[4]*p[6], p[1]*p[6] - p[0]*p[7], p[0]*p[4] - p[1]*p[3],
	}
}

func (p *plane) times(o plane) (out plane) {
	for r := range 3 {
		for c := range 3 {
			out[3*r+c] = p[3*r]*o[c] + p[3*r+1]*o[3+c] + p[3*r+2]*o[6+c]
		}
	}
	return out
}

// at returns where a point of the picture is on the ground, in metres.
func (p *plane) at(q nvr.Point) (x, y float64) {
	u, v := float64(q.X), float64(q.Y)
	w := p[6]*u + p[7]*v + p[8]
	return (p[0]*u + p[1]*v + p[2]) / w, (p[3]*u + p[4]*v + p[5]) / w
}
