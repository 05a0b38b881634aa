package vision

import (
	"image"
	"math"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
)

const (
	maxRegions     = 3    // more are one look at the whole picture
	wholeFromArea  = 0.5  // so is motion in this fraction of the picture
	regionMargin   = 1.35 // a region's side over that of what is in it: a detector needs the surroundings
	maxMotionBoxes = 128
)

// planner turns boxes of interest into few square regions of about the size of the detector's input.
type planner struct {
	clusters []nvr.Box
	regions  []image.Rectangle
}

// plan returns the regions of a w by h picture to look at: squares around the boxes, shared where one square holds
// several, shifted into the picture, and cut where the picture is smaller. input is the detector's shorter side.
func (p *planner) plan(boxes []nvr.Box, w, h, input int) []image.Rectangle {
	p.clusters, p.regions = p.clusters[:0], p.regions[:0]
	var area float32
	for _, b := range boxes {
		area += b.Area()
		p.add(b, w, h, input)
	}
	if len(p.clusters) > maxRegions || area > wholeFromArea {
		p.regions = append(p.regions, image.Rect(0, 0, w, h))
		return p.regions
	}
	for _, c := range p.clusters {
		p.regions = append(p.regions, square(c, w, h, input))
	}
	return p.regions
}

// add puts b into the first cluster whose region need not grow beyond the detector's input for it, or starts one.
func (p *planner) add(b nvr.Box, w, h, input int) {
	for i, c := range p.clusters {
		u := union(c, b)
		if need := side(u, w, h, 0); need <= side(c, w, h, input) {
			p.clusters[i] = u
			return
		}
	}
	p.clusters = append(p.clusters, b)
}

// side returns the side of the square region for a box in pixels, at least least or the picture's shorter side.
func side(b nvr.Box, w, h, least int) int {
	s := int(math.Ceil(regionMargin * float64(max(b.W*float32(w), b.H*float32(h)))))
	return max(s, min(least, w, h))
}

func square(b nvr.Box, w, h, input int) image.Rectangle {
	s := side(b, w, h, input)
	place := func(centre float32, size int) (from, to int) {
		if s >= size {
			return 0, size
		}
		from = min(max(int(centre*float32(size))-s/2, 0), size-s)
		return from, from + s
	}
	x0, x1 := place(b.X+b.W/2, w)
	y0, y1 := place(b.Y+b.H/2, h)
	return image.Rect(x0, y0, x1, y1)
}

func union(a, b nvr.Box) nvr.Box {
	x, y := min(a.X, b.X), min(a.Y, b.Y)
	return nvr.Box{X: x, Y: y, W: max(a.X+a.W, b.X+b.W) - x, H: max(a.Y+a.H, b.Y+b.H) - y}
}

// fraction returns a rectangle of a w by h picture as fractions.
func fraction(r image.Rectangle, w, h int) nvr.Box {
	return nvr.Box{
		X: float32(r.Min.X) / float32(w), Y: float32(r.Min.Y) / float32(h),
		W: float32(r.Dx()) / float32(w), H: float32(r.Dy()) / float32(h),
	}
}

// merger joins what was found in overlapping regions.
type merger struct {
	rank []ranked
	out  []nvr.Detection
}

type ranked struct {
	nvr.Detection
	rank float32 // score, less when the box was cut by the region's edge
	cut  bool
}

// merge returns one detection per object. A box cut by the edge of its region, but not by the picture's, loses against
// a whole one.
func (m *merger) merge(found []detect.Found, regions []nvr.Box, wants func(string) bool) []nvr.Detection {
	m.rank, m.out = m.rank[:0], m.out[:0]
	for _, f := range found {
		if f.Region < 0 || f.Region >= len(regions) || !wants(f.Label) {
			continue
		}
		r := ranked{Detection: f.Detection, rank: f.Score, cut: cutBy(f.Box, regions[f.Region])}
		if r.cut {
			r.rank *= 0.6
		}
		m.insert(r)
	}
next:
	for i, r := range m.rank {
		for _, k := range m.rank[:i] {
			if k.Label == r.Label && k.rank > 0 && same(k, r) {
				m.rank[i].rank = 0 // suppressed
				continue next
			}
		}
		m.out = append(m.out, r.Detection)
	}
	return m.out
}

// insert keeps rank sorted, best first.
func (m *merger) insert(r ranked) {
	m.rank = append(m.rank, r)
	for i := len(m.rank) - 1; i > 0 && m.rank[i].rank > m.rank[i-1].rank; i-- {
		m.rank[i], m.rank[i-1] = m.rank[i-1], m.rank[i]
	}
}

// same reports whether two boxes of one label are one object: they overlap, or one is a cut-off part of the other.
func same(a, b ranked) bool {
	iou := a.Box.IoU(b.Box)
	if iou > 0.5 {
		return true
	}
	inter := iou / (1 + iou) * (a.Box.Area() + b.Box.Area())
	return (a.cut || b.cut) && inter > 0.7*min(a.Box.Area(), b.Box.Area())
}

func cutBy(b, region nvr.Box) bool {
	const near = 0.005
	at := func(lo, size, rlo, rsize float32) bool {
		return (rlo > near && lo < rlo+near) || (rlo+rsize < 1-near && lo+size > rlo+rsize-near)
	}
	return at(b.X, b.W, region.X, region.W) || at(b.Y, b.H, region.Y, region.H)
}
