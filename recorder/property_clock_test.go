package recorder

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// leap sets our clock by more than can be hidden, within a day: ahead, where there is a hole, or back, where an hour happens
// twice.
func (c *fakeCamera) leap() {
	by := maxShift + time.Duration(c.rng.Int64N(int64(2*time.Hour)))
	if c.rng.IntN(2) == 0 {
		by = -by
	}
	if to := c.wall.Add(by); to.Hour() < 2 || to.Hour() > 21 {
		return
	}
	c.base, c.wall = c.base.Add(by), c.wall.Add(by)
	c.upsets++
	c.far++
}

// untilWhen is what a clock gap says of the end of the older pictures, to the second.
var untilWhen = regexp.MustCompile(`^The clock was set back by (\S+); from here to (.+) there are pictures of two times`)

// doubled returns the times of which the journal says that they happen twice: from a clock gap to where it says that the older
// pictures end.
func doubled(t *testing.T, gaps []index.Gap) []nvr.TimeRange {
	t.Helper()
	var out []nvr.TimeRange
	for _, g := range gaps {
		m := untilWhen.FindStringSubmatch(g.Detail)
		if m == nil {
			continue
		}
		end, err := time.Parse("2006-01-02 15:04:05 MST", m[2])
		back, berr := time.ParseDuration(m[1])
		if err != nil || berr != nil || g.Reason != index.GapClock || g.End.Sub(g.Start) != time.Microsecond {
			t.Errorf("gap %+v", g)
			continue
		}
		if back < maxShift || (end.Sub(g.End)-back).Abs() > 2*time.Second {
			t.Errorf("gap %+v: from there to the end of the older pictures it is %v", g, end.Sub(g.End))
		}
		out = append(out, nvr.TimeRange{Start: g.End, End: end.Add(time.Second)})
	}
	return out
}

// checkLeaps demands what invariant 8 says of a life in which our clock was set by more than can be hidden: recordings
// overlap those before them only where a clock gap tells that a time happens twice, a run that begins there is told exactly
// where it begins, and every hole that the recorder saw both sides of is told. recs and gaps are in the journal's order.
func checkLeaps(t *testing.T, recs []index.Recording, gaps []index.Gap) {
	t.Helper()
	twice := doubled(t, gaps)
	var told []nvr.TimeRange
	for _, g := range gaps {
		told = append(told, nvr.TimeRange{Start: g.Start, End: g.End})
	}
	for i, r := range recs {
		for _, old := range recs[:i] {
			both := nvr.TimeRange{Start: latest(r.Start, old.Start), End: earliest(r.End(), old.End())}
			if left := without(both, twice); len(left) > 0 {
				t.Errorf("%s overlaps %s at %v, of which no gap tells", r.Path, old.Path, left)
			}
		}
		if i == 0 {
			continue
		}
		end := recs[i-1].End()
		if back := end.Sub(r.Start); back > maxShift && !slices.ContainsFunc(twice, func(d nvr.TimeRange) bool { return d.Start.Equal(r.Start) }) {
			t.Errorf("%s begins %v before the end of what was recorded before it, and no gap tells", r.Path, back)
		}
		if r.Start.Sub(end) < minGap {
			continue
		}
		for _, hole := range without(nvr.TimeRange{Start: end, End: r.Start}, told) {
			for _, hole := range without(hole, times(recs[:i])) { // our clock may be back where it was
				if hole.Duration() >= minGap {
					t.Errorf("the hole %v before %s is not told", hole, r.Path)
				}
			}
		}
	}
	for _, g := range gaps { // nothing is said to happen twice that does not
		if !strings.Contains(g.Detail, "pictures of two times") {
			continue
		}
		if !slices.ContainsFunc(recs, func(r index.Recording) bool { return r.Start.Equal(g.End) }) {
			t.Errorf("no recording begins behind gap %+v", g)
		}
	}
}

func times(recs []index.Recording) []nvr.TimeRange {
	var out []nvr.TimeRange
	for _, r := range recs {
		out = append(out, nvr.TimeRange{Start: r.Start, End: r.End()})
	}
	return out
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// without returns what of r none of ranges covers.
func without(r nvr.TimeRange, ranges []nvr.TimeRange) []nvr.TimeRange {
	var left []nvr.TimeRange
	add := func(to *[]nvr.TimeRange, from, until time.Time) {
		if from.Before(until) {
			*to = append(*to, nvr.TimeRange{Start: from, End: until})
		}
	}
	add(&left, r.Start, r.End)
	for _, x := range ranges {
		var next []nvr.TimeRange
		for _, l := range left {
			add(&next, l.Start, earliest(l.End, x.Start))
			add(&next, latest(l.Start, x.End), l.End)
		}
		left = next
	}
	return left
}
