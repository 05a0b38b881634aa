package nvr

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"time"
)

// The grid of a MotionMap and how much time one is about.
const (
	MotionColumns = 32
	MotionRows    = 18
	MotionCells   = MotionColumns * MotionRows
	MotionStep    = 10 * time.Second
)

// MotionMap marks where in the picture something moved, in cells of 1/32 of its width by 1/18 of its height: cell
// row*MotionColumns+column is bit i%64 of word i/64.
type MotionMap [MotionCells / 64]uint64

// Mark marks the cells that a box touches. What lies outside the picture, and NaN, is left out.
func (m *MotionMap) Mark(b Box) {
	x0, x1 := cells(b.X, b.X+b.W, MotionColumns)
	y0, y1 := cells(b.Y, b.Y+b.H, MotionRows)
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			m.Set(y*MotionColumns + x)
		}
	}
}

// cells returns which of n cells lie between two fractions: from the first up to, and without, the second.
func cells(from, to float32, n int) (first, end int) {
	const slack = 1e-4 // of a cell: 0.5 is an edge, whatever the sum of two floats says
	if !(from < to) || from >= 1 || to <= 0 {
		return 0, 0
	}
	first = int(math.Floor(float64(max(from, 0))*float64(n) + slack))
	end = int(math.Ceil(float64(min(to, 1))*float64(n) - slack))
	return min(first, n-1), max(end, min(first, n-1)+1)
}

// Set marks cell i, 0 to MotionCells-1.
func (m *MotionMap) Set(i int) { m[i/64] |= 1 << (i % 64) }

// Has reports whether cell i is marked.
func (m *MotionMap) Has(i int) bool { return m[i/64]&(1<<(i%64)) != 0 }

// Add marks what o marks.
func (m *MotionMap) Add(o *MotionMap) {
	for i := range m {
		m[i] |= o[i]
	}
}

// Common returns how many cells both mark.
func (m *MotionMap) Common(o *MotionMap) (n int) {
	for i := range m {
		n += bits.OnesCount64(m[i] & o[i])
	}
	return n
}

// Count returns how many cells are marked.
func (m *MotionMap) Count() int { return m.Common(m) }

// MotionMask returns the cells that stand for an area: those of which a quarter lies inside, or, of an area that is
// smaller than that, the ones its corners lie in.
func MotionMask(area Polygon) MotionMap {
	const samples = 4 // a side
	var m MotionMap
	for i := range MotionCells {
		inside := 0
		for s := range samples * samples {
			p := Point{
				X: (float32(i%MotionColumns) + (float32(s%samples)+0.5)/samples) / MotionColumns,
				Y: (float32(i/MotionColumns) + (float32(s/samples)+0.5)/samples) / MotionRows,
			}
			if area.Contains(p) {
				inside++
			}
		}
		if inside*4 >= samples*samples {
			m.Set(i)
		}
	}
	if m.Count() == 0 {
		for _, p := range area {
			m.Set(min(int(p.Y*MotionRows), MotionRows-1)*MotionColumns + min(int(p.X*MotionColumns), MotionColumns-1))
		}
	}
	return m
}

// MotionSlot is where something moved in the ten seconds that begin at Index*MotionStep since 1970 UTC.
type MotionSlot struct {
	Index int64
	Map   MotionMap
}

// MotionSlotOf returns the index of the slot that holds t.
func MotionSlotOf(t time.Time) int64 {
	ms, step := t.UnixMilli(), MotionStep.Milliseconds()
	i := ms / step
	if ms%step < 0 {
		i--
	}
	return i
}

// Range returns the ten seconds.
func (s MotionSlot) Range() TimeRange {
	start := time.UnixMilli(s.Index * MotionStep.Milliseconds()).UTC()
	return TimeRange{Start: start, End: start.Add(MotionStep)}
}

// MotionRecord is an unbroken stretch of time in which a camera's pictures were searched for motion, and where there was
// some. Slots are ordered; one without motion is not among them. Records may overlap, and may share a slot.
type MotionRecord struct {
	Camera CameraID
	TimeRange
	Slots []MotionSlot
}

// MotionHit is a span of time with motion in a region.
type MotionHit struct {
	TimeRange
	Share float64 // of the region's cells that moved within ten seconds, at most over the span; more than 0, up to 1
}

// SearchMotion returns when something moved in the cells of mask, clipped to r. Spans that meet are one.
func SearchMotion(records []MotionRecord, r TimeRange, mask MotionMap) []MotionHit {
	all := mask.Count()
	type share struct {
		slot int64
		of   float64
	}
	var shares []share
	for _, rec := range records {
		for i := range rec.Slots {
			if n := rec.Slots[i].Map.Common(&mask); n > 0 {
				shares = append(shares, share{rec.Slots[i].Index, float64(n) / float64(all)})
			}
		}
	}
	slices.SortFunc(shares, func(a, b share) int { return cmp.Compare(a.slot, b.slot) })
	var out []MotionHit
	for _, s := range shares {
		span, ok := (MotionSlot{Index: s.slot}).Range().clip(r)
		if !ok {
			continue
		}
		if n := len(out); n > 0 && !span.Start.After(out[n-1].End) {
			out[n-1].End, out[n-1].Share = span.End, max(out[n-1].Share, s.of)
			continue
		}
		out = append(out, MotionHit{TimeRange: span, Share: s.of})
	}
	return out
}

// CountMotion returns in how many ten seconds of r each cell moved.
func CountMotion(records []MotionRecord, r TimeRange) []int {
	merged := make(map[int64]MotionMap)
	for _, rec := range records {
		for i := range rec.Slots {
			if s := rec.Slots[i]; s.Range().Overlaps(r) {
				m := merged[s.Index]
				m.Add(&s.Map)
				merged[s.Index] = m
			}
		}
	}
	counts := make([]int, MotionCells)
	for _, m := range merged {
		for w, word := range m {
			for ; word != 0; word &= word - 1 {
				counts[w*64+bits.TrailingZeros64(word)]++
			}
		}
	}
	return counts
}

// Unsearched returns the parts of r, ten seconds or longer, in which no picture was searched for motion.
func Unsearched(records []MotionRecord, r TimeRange) []TimeRange {
	known := make([]TimeRange, len(records))
	for i, rec := range records {
		known[i] = rec.TimeRange
	}
	slices.SortFunc(known, func(a, b TimeRange) int { return a.Start.Compare(b.Start) })
	var out []TimeRange
	at := r.Start
	gap := func(end time.Time) {
		if end.After(r.End) {
			end = r.End
		}
		if end.Sub(at) >= MotionStep || (end.Equal(r.End) && at.Equal(r.Start) && at.Before(end)) {
			out = append(out, TimeRange{Start: at, End: end})
		}
	}
	for _, k := range known {
		if !k.Start.Before(r.End) {
			break
		}
		if k.Start.After(at) {
			gap(k.Start)
		}
		if k.End.After(at) {
			at = k.End
		}
	}
	if at.Before(r.End) {
		gap(r.End)
	}
	return out
}

func (r TimeRange) clip(o TimeRange) (TimeRange, bool) {
	if r.Start.Before(o.Start) {
		r.Start = o.Start
	}
	if r.End.After(o.End) {
		r.End = o.End
	}
	return r, r.Start.Before(r.End)
}
