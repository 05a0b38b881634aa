package config

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Points is a list of places in the picture: [[x, y], …] in fractions of its width and height from the top left corner.
type Points [][]float64

// Zone is a named area of a camera's picture, under its name.
type Zone struct {
	Points    Points    `yaml:"points"`    // 3 to 64 corners
	Labels    []string  `yaml:"labels"`    // that may be in it; empty: all
	Inertia   int       `yaml:"inertia"`   // frames inside until an object is in it; 0: 3
	Loitering Duration  `yaml:"loitering"` // time inside until an object is in it
	Lengths   []float64 `yaml:"lengths"`   // of the four sides in metres, from the first point on: measures speed
}

// Line is a named line in a camera's picture that objects cross, under its name.
type Line struct {
	Points Points   `yaml:"points"` // two; side a is left of the way from the first to the second, b right
	Labels []string `yaml:"labels"` // that count; empty: all
}

// Filter says what a detection of a label must be like to count. Zero values do not filter.
type Filter struct {
	MinScore  float64 `yaml:"min_score"`
	Threshold float64 `yaml:"threshold"`
	MinArea   float64 `yaml:"min_area"`  // fraction of the picture
	MaxArea   float64 `yaml:"max_area"`  // fraction of the picture
	MinRatio  float64 `yaml:"min_ratio"` // width over height, in pixels
	MaxRatio  float64 `yaml:"max_ratio"`
}

// Masks are areas of the picture that do not count.
type Masks struct {
	Motion  []Points     `yaml:"motion"`  // in which motion does not count
	Objects []ObjectMask `yaml:"objects"` // in which objects do not count: those whose bottom centre lies there
}

// ObjectMask is an area in which objects do not count.
type ObjectMask struct {
	Points Points   `yaml:"points"`
	Labels []string `yaml:"labels"` // that do not count; empty: all
}

// Polygon returns the points as the domain has them. They must be valid.
func (p Points) Polygon() nvr.Polygon {
	out := make(nvr.Polygon, len(p))
	for i, q := range p {
		out[i] = nvr.Point{X: float32(q[0]), Y: float32(q[1])}
	}
	return out
}

var zonePattern = regexp.MustCompile(`^[a-z0-9_]{1,48}$`)

const maxZones = 64 // and lines, and masks, of a camera

// points checks that all are pairs of fractions and reports whether they are.
func (v *validator) points(path string, p Points) bool {
	for i, q := range p {
		if len(q) != 2 || !fraction(q[0]) || !fraction(q[1]) {
			v.add(fmt.Sprintf("%s[%d]", path, i), "%v is not a point, want [x, y] in fractions of the picture, 0 to 1", q)
			return false
		}
	}
	return true
}

func fraction(f float64) bool { return f >= 0 && f <= 1 }

func (v *validator) polygon(path string, p Points) bool {
	if !v.points(path, p) {
		return false
	}
	if err := p.Polygon().Check(); err != nil {
		v.add(path, "%v; want the 3 to 64 corners of an area in order", err)
		return false
	}
	return true
}

// atMost refuses what would make every frame slow.
func (v *validator) atMost(path string, n int) {
	if n > maxZones {
		v.add(path, "has %d entries, at most %d are possible", n, maxZones)
	}
}

func (c *Config) zoneName(v *validator, path, name string) {
	if !zonePattern.MatchString(name) {
		v.add(path, "the name must be 1 to 48 characters of a-z, 0-9 and _")
	}
	if _, taken := c.Cameras[nvr.CameraID(name)]; taken {
		v.add(path, "is the id of a camera too; give it another name, topics and filters go by it")
	}
}

func (c *Config) validateZones(v *validator, path string, cam Camera) {
	v.atMost(path+".zones", len(cam.Zones))
	v.atMost(path+".lines", len(cam.Lines))
	for _, name := range slices.Sorted(maps.Keys(cam.Zones)) {
		at := path + ".zones." + name
		c.zoneName(v, at, name)
		validateZone(v, at, cam.Zones[name])
	}
	for _, name := range slices.Sorted(maps.Keys(cam.Lines)) {
		at, line := path+".lines."+name, cam.Lines[name]
		c.zoneName(v, at, name)
		if len(line.Points) != 2 {
			v.add(at+".points", "has %d points, want the two ends of a line", len(line.Points))
		} else if v.points(at+".points", line.Points) && math.Hypot(line.Points[0][0]-line.Points[1][0], line.Points[0][1]-line.Points[1][1]) < 0.02 {
			v.add(at+".points", "the ends of the line are less than 2 %% of the picture apart")
		}
	}
}

func validateZone(v *validator, at string, z Zone) {
	ok := v.polygon(at+".points", z.Points)
	v.within(at+".inertia", float64(z.Inertia), 0, 100)
	if z.Loitering.D < 0 || z.Loitering.D > time.Hour {
		v.add(at+".loitering", "%v is out of range, want 0s to 1h", z.Loitering.D)
	}
	if len(z.Lengths) == 0 {
		return
	}
	if len(z.Lengths) != 4 || len(z.Points) != 4 {
		v.add(at+".lengths", "has %d lengths for %d points; speed needs an area of 4 points and the lengths of its 4 sides in metres", len(z.Lengths), len(z.Points))
		return
	}
	for i, l := range z.Lengths {
		v.within(fmt.Sprintf("%s.lengths[%d]", at, i), l, 0.1, 1000)
	}
	if sum, longest := z.Lengths[0]+z.Lengths[1]+z.Lengths[2]+z.Lengths[3], slices.Max(z.Lengths); longest >= 0.99*(sum-longest) {
		v.add(at+".lengths", "do not make an area: one side is as long as the other three together")
	}
	if ok && !z.Points.Polygon().Convex() {
		v.add(at+".points", "has a corner that points inwards; an area that measures speed must be convex")
	}
}

func validateFilters(v *validator, path string, d CameraDetect) {
	for _, label := range slices.Sorted(maps.Keys(d.Filters)) {
		at, f := path+".filters."+label, d.Filters[label]
		v.within(at+".min_score", f.MinScore, 0, 1)
		v.within(at+".threshold", f.Threshold, 0, 1)
		v.within(at+".min_area", f.MinArea, 0, 1)
		v.within(at+".max_area", f.MaxArea, 0, 1)
		v.within(at+".min_ratio", f.MinRatio, 0, 100)
		v.within(at+".max_ratio", f.MaxRatio, 0, 100)
		if f.MaxArea > 0 && f.MinArea > f.MaxArea {
			v.add(at+".min_area", "%v is above max_area, %v: nothing would pass", f.MinArea, f.MaxArea)
		}
		if f.MaxRatio > 0 && f.MinRatio > f.MaxRatio {
			v.add(at+".min_ratio", "%v is above max_ratio, %v: nothing would pass", f.MinRatio, f.MaxRatio)
		}
	}
	v.atMost(path+".masks.motion", len(d.Masks.Motion))
	v.atMost(path+".masks.objects", len(d.Masks.Objects))
	for i, p := range d.Masks.Motion {
		v.polygon(fmt.Sprintf("%s.masks.motion[%d]", path, i), p)
	}
	for i, m := range d.Masks.Objects {
		v.polygon(fmt.Sprintf("%s.masks.objects[%d].points", path, i), m.Points)
	}
}
