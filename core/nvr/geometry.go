package nvr

import (
	"errors"
	"fmt"
)

// Point is a place in the picture, in fractions of its width and height from the top left corner.
type Point struct {
	X float32 `json:"x"`
	Y float32 `json:"y"`
}

// Foot returns the bottom centre of the box: where what stands in it touches the ground. It lies in the picture, short
// of its right and bottom edges, so that an area that reaches to the edge contains it.
func (b Box) Foot() Point {
	const last = 0.9999
	return Point{X: min(max(b.X+b.W/2, 0), last), Y: min(max(b.Y+b.H, 0), last)}
}

// Inside reports whether p lies in the picture. NaN does not.
func (p Point) Inside() bool { return p.X >= 0 && p.X <= 1 && p.Y >= 0 && p.Y <= 1 }

// Cross is the cross product of b-a and p-a: negative where p lies left of the way from a to b as seen in the picture,
// positive where it lies right, and twice the area of the triangle of the three.
func Cross(a, b, p Point) float64 {
	return float64(b.X-a.X)*float64(p.Y-a.Y) - float64(b.Y-a.Y)*float64(p.X-a.X)
}

// Polygon is an area of the picture: its corners in order, the last joined to the first.
type Polygon []Point

const (
	minCorners, maxCorners = 3, 64
	minPolygonArea         = 1e-4 // of the picture: a hundredth of its width by a hundredth of its height
)

// Check reports what is wrong with a polygon: too few or too many corners, one outside the picture, sides that cross or
// touch each other, or next to no area.
func (p Polygon) Check() error {
	if len(p) < minCorners || len(p) > maxCorners {
		return fmt.Errorf("has %d points, want %d to %d", len(p), minCorners, maxCorners)
	}
	for i, c := range p {
		if !c.Inside() {
			return fmt.Errorf("point %d is [%v, %v], want fractions of the picture, 0 to 1", i+1, c.X, c.Y)
		}
	}
	for i := range p {
		a, b := p[i], p[(i+1)%len(p)]
		if a == b {
			return fmt.Errorf("points %d and %d are the same", i+1, (i+1)%len(p)+1)
		}
		for j := i + 2; j < len(p); j++ {
			if i == 0 && j == len(p)-1 {
				continue // neighbours
			}
			if Intersect(a, b, p[j], p[(j+1)%len(p)]) {
				return fmt.Errorf("the sides that begin at points %d and %d cross each other", i+1, j+1)
			}
		}
	}
	if p.Area() < minPolygonArea {
		return errors.New("encloses next to nothing")
	}
	return nil
}

// Area returns the fraction of the picture inside, by the shoelace formula. The sides must not cross.
func (p Polygon) Area() float64 {
	var sum float64
	for i, a := range p {
		b := p[(i+1)%len(p)]
		sum += float64(a.X)*float64(b.Y) - float64(b.X)*float64(a.Y)
	}
	return max(sum, -sum) / 2
}

// Convex reports whether no corner points inwards, or is none at all.
func (p Polygon) Convex() bool {
	n := len(p)
	for i := range p {
		if Cross(p[i], p[(i+1)%n], p[(i+2)%n]) > 0 != (Cross(p[0], p[1], p[2]) > 0) || Cross(p[i], p[(i+1)%n], p[(i+2)%n]) == 0 {
			return false
		}
	}
	return n >= minCorners
}

// Contains reports whether q lies in the polygon: a ray to the right of it crosses an odd number of sides. A point on a
// side belongs to exactly one of the two polygons that share the side.
func (p Polygon) Contains(q Point) bool {
	in := false
	for i, j := 0, len(p)-1; i < len(p); j, i = i, i+1 {
		a, b := p[i], p[j]
		if (a.Y > q.Y) == (b.Y > q.Y) {
			continue
		}
		if a.Y > b.Y { // the same sum in both directions, so that neighbours agree about their common side
			a, b = b, a
		}
		if Cross(a, b, q) > 0 {
			in = !in
		}
	}
	return in
}

// Intersect reports whether the way from a to b and the way from c to d have a point in common.
func Intersect(a, b, c, d Point) bool {
	s1, s2, s3, s4 := Cross(a, b, c), Cross(a, b, d), Cross(c, d, a), Cross(c, d, b)
	if s1 == 0 && s2 == 0 { // all on one line: the boxes around them decide
		return min(a.X, b.X) <= max(c.X, d.X) && min(c.X, d.X) <= max(a.X, b.X) &&
			min(a.Y, b.Y) <= max(c.Y, d.Y) && min(c.Y, d.Y) <= max(a.Y, b.Y)
	}
	return (s1 <= 0 || s2 <= 0) && (s1 >= 0 || s2 >= 0) && (s3 <= 0 || s4 <= 0) && (s3 >= 0 || s4 >= 0)
}
