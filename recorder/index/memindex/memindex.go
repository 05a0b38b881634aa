// Package memindex is an index in memory: the double of the database in tests, and its conformance reference.
package memindex

import (
	"context"
	"sort"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// Index implements index.Index. The zero value is not usable; see New.
type Index struct {
	mu   sync.Mutex
	recs map[nvr.StreamID]map[int64]index.Recording // by start, microseconds
	gaps map[nvr.StreamID]map[int64]index.Gap
	err  error
}

var _ index.Index = (*Index)(nil)

// New returns an empty index.
func New() *Index {
	return &Index{recs: make(map[nvr.StreamID]map[int64]index.Recording), gaps: make(map[nvr.StreamID]map[int64]index.Gap)}
}

// Fail makes every method return err until it is called with nil: a database that is away.
func (x *Index) Fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.err = err
}

// Len returns the number of recordings.
func (x *Index) Len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := 0
	for _, m := range x.recs {
		n += len(m)
	}
	return n
}

// AddRecordings implements index.Index.
func (x *Index) AddRecordings(ctx context.Context, recs []index.Recording) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.check(ctx); err != nil {
		return err
	}
	for _, r := range recs {
		m := x.recs[r.Stream]
		if m == nil {
			m = make(map[int64]index.Recording)
			x.recs[r.Stream] = m
		}
		if _, known := m[r.Start.UnixMicro()]; !known {
			m[r.Start.UnixMicro()] = r
		}
	}
	return nil
}

// Recordings implements index.Index.
func (x *Index) Recordings(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]index.Recording, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.check(ctx); err != nil {
		return nil, err
	}
	var out []index.Recording
	for _, rec := range x.recs[stream] {
		if (nvr.TimeRange{Start: rec.Start, End: rec.End()}).Overlaps(r) {
			out = append(out, rec)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Start.Before(out[j].Start) })
	return out, nil
}

// RemoveRecordings implements index.Index.
func (x *Index) RemoveRecordings(ctx context.Context, stream nvr.StreamID, starts []time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.check(ctx); err != nil {
		return err
	}
	for _, s := range starts {
		delete(x.recs[stream], s.UnixMicro())
	}
	return nil
}

// Place implements index.Index.
func (x *Index) Place(ctx context.Context, stream nvr.StreamID, starts []time.Time, remote, evicted bool) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.check(ctx); err != nil {
		return err
	}
	for _, s := range starts {
		rec, ok := x.recs[stream][s.UnixMicro()]
		switch {
		case !ok:
		case evicted && !remote:
			delete(x.recs[stream], s.UnixMicro())
		default:
			rec.Remote, rec.Evicted = remote, evicted
			x.recs[stream][s.UnixMicro()] = rec
		}
	}
	return nil
}

// Runs implements index.Index.
func (x *Index) Runs(ctx context.Context, streams []nvr.StreamID, r nvr.TimeRange) (map[nvr.StreamID][]nvr.TimeRange, error) {
	out := make(map[nvr.StreamID][]nvr.TimeRange, len(streams))
	for _, s := range streams {
		recs, err := x.Recordings(ctx, s, r)
		if err != nil {
			return nil, err
		}
		for _, rec := range recs {
			out[s] = index.AppendRun(out[s], rec, r)
		}
	}
	return out, nil
}

// AddGaps implements index.Index.
func (x *Index) AddGaps(ctx context.Context, gaps []index.Gap) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.check(ctx); err != nil {
		return err
	}
	for _, g := range gaps {
		if x.gaps[g.Stream] == nil {
			x.gaps[g.Stream] = make(map[int64]index.Gap)
		}
		x.gaps[g.Stream][g.Start.UnixMicro()] = g
	}
	return nil
}

// Gaps implements index.Index.
func (x *Index) Gaps(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]index.Gap, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.check(ctx); err != nil {
		return nil, err
	}
	var out []index.Gap
	for _, g := range x.gaps[stream] {
		if (nvr.TimeRange{Start: g.Start, End: g.End}).Overlaps(r) {
			out = append(out, g)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Start.Before(out[j].Start) })
	return out, nil
}

// GapsOf implements index.Index.
func (x *Index) GapsOf(ctx context.Context, streams []nvr.StreamID, r nvr.TimeRange) (map[nvr.StreamID][]index.Gap, error) {
	out := make(map[nvr.StreamID][]index.Gap, len(streams))
	for _, s := range streams {
		gaps, err := x.Gaps(ctx, s, r)
		if err != nil {
			return nil, err
		}
		if len(gaps) > 0 {
			out[s] = gaps
		}
	}
	return out, nil
}

func (x *Index) check(ctx context.Context) error {
	if x.err != nil {
		return x.err
	}
	return ctx.Err()
}
