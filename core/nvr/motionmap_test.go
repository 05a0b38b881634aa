package nvr

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBoxesMarkTheCellsTheyTouch(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		box  Box
		want []int
	}{
		{Box{0, 0, 1. / 32, 1. / 18}, []int{0}},
		{Box{0.5, 0.5, 1. / 64, 1. / 64}, []int{9*32 + 16}},
		{Box{31. / 32, 17. / 18, 1, 1}, []int{575}},
		{Box{-1, -1, 1.01, 1.01}, []int{0}},
		{Box{1.5 / 32, 1.5 / 18, 1. / 32, 0.001}, []int{33, 34}},
		{Box{0.999999, 0.999999, 0.000001, 0.000001}, []int{575}},
		{Box{1, 0, 1, 1}, nil},
		{Box{0, 0, 0, 1}, nil},
		{Box{0.2, 0.2, -1, 0.2}, nil},
		{Box{nan, 0, 1, 1}, nil},
		{Box{0, 0, nan, 1}, nil},
	} {
		var m MotionMap
		m.Mark(c.box)
		var got []int
		for i := range MotionCells {
			if m.Has(i) {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) || m.Count() != len(c.want) {
			t.Errorf("%v: %v, want %v", c.box, got, c.want)
		}
	}
	var all MotionMap
	all.Mark(Box{float32(math.Inf(-1)), 0, float32(math.Inf(1)), 1}) // a sum of infinities is no number
	all.Mark(Box{0, 0, float32(math.Inf(1)), float32(math.Inf(1))})
	if all.Count() != MotionCells {
		t.Errorf("the whole picture is %d cells", all.Count())
	}
}

func TestMasksHoldTheirAreaAndAreNeverEmpty(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		x, y := rng.Float32()*0.9, rng.Float32()*0.9
		w, h := 0.02+rng.Float32()*(0.98-x), 0.02+rng.Float32()*(0.98-y)
		m := MotionMask(Polygon{{x, y}, {x + w, y}, {x + w, y + h}, {x, y + h}})
		n := m.Count()
		cells := float64(w) * float64(h) * MotionCells
		edge := 2*(float64(w)*MotionColumns+float64(h)*MotionRows) + 4
		if n == 0 || math.Abs(float64(n)-cells) > edge {
			t.Errorf("%v,%v %vx%v: %d cells, want about %.0f", x, y, w, h, n, cells)
		}
	}
	if m := MotionMask(Polygon{{0.99, 0.99}, {1, 0.99}, {1, 1}, {0.99, 1}}); m.Count() != 1 || !m.Has(575) {
		t.Errorf("a tiny area: %v", m)
	}
}

// TestSearchAgreesWithAsking compares the search with asking each second by itself.
func TestSearchAgreesWithAsking(t *testing.T) {
	rng, t0 := rand.New(rand.NewPCG(2, 2)), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for range 100 {
		mask := MotionMask(Polygon{{0.25, 0.25}, {0.5, 0.25}, {0.5, 0.5}, {0.25, 0.5}})
		moved := map[int64]bool{}
		var records []MotionRecord
		at := t0
		for range 5 {
			rec := MotionRecord{TimeRange: TimeRange{Start: at, End: at.Add(time.Duration(rng.IntN(600)) * time.Second)}}
			for i := MotionSlotOf(rec.Start); i <= MotionSlotOf(rec.End); i++ {
				if rng.IntN(3) == 0 {
					s := MotionSlot{Index: i}
					s.Map.Mark(Box{X: rng.Float32(), Y: rng.Float32(), W: 0.2, H: 0.2})
					rec.Slots = append(rec.Slots, s)
					moved[i] = moved[i] || s.Map.Common(&mask) > 0
				}
			}
			records = append(records, rec)
			at = rec.End.Add(time.Duration(rng.IntN(40)-10) * time.Second)
		}
		rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		r := TimeRange{Start: t0.Add(95 * time.Second), End: at}
		hits, unknown := SearchMotion(records, r, mask), Unsearched(records, r)
		for i, h := range hits {
			if h.Share <= 0 || h.Share > 1 || h.Start.Before(r.Start) || h.End.After(r.End) || (i > 0 && !h.Start.After(hits[i-1].End)) {
				t.Fatalf("hit %d of %v", i, hits)
			}
		}
		in := func(s time.Time) func(TimeRange) bool {
			return func(r TimeRange) bool { return !s.Before(r.Start) && s.Before(r.End) }
		}
		for s := r.Start; s.Before(r.End); s = s.Add(time.Second) {
			hit := slices.ContainsFunc(hits, func(h MotionHit) bool { return in(s)(h.TimeRange) })
			if hit != moved[MotionSlotOf(s)] {
				t.Fatalf("at %s: %v, want %v", s, hit, !hit)
			}
			if slices.ContainsFunc(unknown, in(s)) && slices.ContainsFunc(records, func(r MotionRecord) bool { return in(s)(r.TimeRange) }) {
				t.Fatalf("%s is said to be unknown: %v", s, unknown)
			}
		}
	}
}

func TestWhatWasNotSearchedIsTold(t *testing.T) {
	t0 := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	rec := func(a, b int) MotionRecord { return MotionRecord{TimeRange: TimeRange{at(a), at(b)}} }
	r := TimeRange{at(0), at(100)}
	for _, c := range []struct {
		records []MotionRecord
		want    []TimeRange
	}{
		{nil, []TimeRange{r}},
		{[]MotionRecord{rec(-5, 200)}, nil},
		{[]MotionRecord{rec(1, 95)}, nil}, // the last frame is always some time ago
		{[]MotionRecord{rec(50, 60), rec(10, 30), rec(20, 25)}, []TimeRange{{at(0), at(10)}, {at(30), at(50)}, {at(60), at(100)}}},
		{[]MotionRecord{rec(0, 40), rec(45, 100)}, nil},
		{[]MotionRecord{rec(-50, -10), rec(100, 150)}, []TimeRange{r}},
	} {
		if got := Unsearched(c.records, r); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.records, got, c.want)
		}
	}
	short := TimeRange{at(0), at(3)}
	if got := Unsearched(nil, short); !slices.Equal(got, []TimeRange{short}) {
		t.Errorf("a short range: %v", got)
	}
}

func TestHeatCountsTenSeconds(t *testing.T) {
	t0 := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	slot := func(i int64, cells ...int) MotionSlot {
		s := MotionSlot{Index: MotionSlotOf(t0) + i}
		for _, c := range cells {
			s.Map.Set(c)
		}
		return s
	}
	records := []MotionRecord{{Slots: []MotionSlot{slot(0, 1, 575), slot(1, 1), slot(9, 7)}}, {Slots: []MotionSlot{slot(1, 1, 64)}}}
	got := CountMotion(records, TimeRange{t0.Add(5 * time.Second), t0.Add(time.Minute)})
	if len(got) != MotionCells || got[1] != 2 || got[575] != 1 || got[64] != 1 || got[7] != 0 {
		t.Errorf("%v", got)
	}
}
