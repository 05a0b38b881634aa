package playback

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// Coverage is what is recorded of one stream in a range.
type Coverage struct {
	Runs  []nvr.TimeRange // for a timeline: without holes up to 1.5 s
	Exact []nvr.TimeRange // for sums: every hole shows
	// Gaps says why, as far as is known, the one that is going on included. A gap of reason loss may lie within a run:
	// there pictures are recorded, but damaged.
	Gaps []index.Gap
}

// tolerance is the longest hole that a timeline does not show: a reconnect within a key frame interval or so.
const tolerance = 1500 * time.Millisecond

// Coverage returns which parts of r are recorded, clipped to r, and the reasons for what is not.
func (p *Player) Coverage(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) (Coverage, error) {
	all, err := p.CoverageOf(ctx, []nvr.StreamID{stream}, r)
	return all[stream], err
}

// CoverageOf returns the coverage of each of streams.
func (p *Player) CoverageOf(ctx context.Context, streams []nvr.StreamID, r nvr.TimeRange) (map[nvr.StreamID]Coverage, error) {
	if err := check(r, streams...); err != nil {
		return nil, err
	}
	open := make(map[nvr.StreamID][]index.Recording, len(streams)) // first, for the reason that collect has
	rest := make(map[nvr.StreamID][]unread, len(streams))
	for _, s := range streams {
		open[s] = p.open.Open(s)
		rest[s] = p.unread(s, r, true)
	}
	runs, gaps, err := p.runsFromIndex(ctx, streams, r)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	out := make(map[nvr.StreamID]Coverage, len(streams))
	for _, s := range streams {
		f := found{gaps: gaps[s]}
		known, complete := runs[s], err == nil
		if complete {
			if complete, err = f.addRuns(rest[s]); err != nil {
				return nil, err
			}
		}
		if !complete { // the index is away, or a journal takes something back that is in the runs already
			if f, err = p.collect(ctx, s, r); err != nil {
				return nil, err
			}
			known = nil
		} else {
			f.recs = append(f.recs, open[s]...)
			p.addOpenGap(s, &f)
			f.gaps = tidyGaps(f.gaps, r)
		}
		out[s] = coverageOf(known, f, r)
	}
	return out, nil
}

// addRuns adds the lines of journals and reports false where one of them takes something back.
func (f *found) addRuns(rest []unread) (bool, error) {
	for _, u := range rest {
		recs, gaps, changed, err := readJournal(u.lib, u.day, u.offset)
		switch {
		case errors.Is(err, library.ErrMissing):
		case err != nil:
			return false, err
		case changed:
			return false, nil
		}
		f.recs, f.gaps = append(f.recs, recs...), append(f.gaps, gaps...)
	}
	return true, nil
}

// runsFromIndex asks for the runs and the gaps of all streams, both at the same time.
func (p *Player) runsFromIndex(ctx context.Context, streams []nvr.StreamID, r nvr.TimeRange) (runs map[nvr.StreamID][]nvr.TimeRange, gaps map[nvr.StreamID][]index.Gap, err error) {
	err = p.ask(ctx, func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() (err error) {
			runs, err = p.index.Runs(ctx, streams, r)
			return err
		})
		g.Go(func() (err error) {
			gaps, err = p.index.GapsOf(ctx, streams, r)
			return err
		})
		return g.Wait()
	})
	return runs, gaps, err
}

// coverageOf merges runs, which are in order, with recordings.
func coverageOf(runs []nvr.TimeRange, f found, r nvr.TimeRange) Coverage {
	all := slices.Clone(runs)
	for _, rec := range f.recs {
		all = append(all, nvr.TimeRange{Start: rec.Start, End: rec.End()})
	}
	slices.SortFunc(all, func(a, b nvr.TimeRange) int { return a.Start.Compare(b.Start) })
	c := Coverage{Gaps: f.gaps}
	for _, one := range all {
		rec := index.Recording{Start: one.Start, Duration: one.Duration()}
		c.Exact = index.AppendRun(c.Exact, rec, r)
	}
	for _, one := range c.Exact {
		if n := len(c.Runs); n > 0 && one.Start.Sub(c.Runs[n-1].End) <= tolerance {
			c.Runs[n-1].End = one.End
			continue
		}
		c.Runs = append(c.Runs, one)
	}
	return c
}
