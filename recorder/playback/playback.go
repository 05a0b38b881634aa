// Package playback finds recorded video by time and serves it: HLS playlists over any range, the byte ranges they name,
// and the coverage that a timeline draws. It merges three sources, so that what was written two seconds ago plays, and
// so that everything plays while the database is away: the index, journal lines that the index does not have yet, and
// the files that are being written.
package playback

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	// indexTimeout is how long a viewer waits for the database before the journals answer in its place.
	indexTimeout = 2 * time.Second
	// indexPause is how long the index is left alone after it failed, so that not every viewer waits.
	indexPause = 5 * time.Second
	// maxFile is the longest recording that configuration allows: how far before a range its first file may begin.
	maxFile = time.Hour
	// maxRange bounds a query; a timeline of a month fits.
	maxRange = 32 * 24 * time.Hour
)

// openFiles knows the recordings that no journal has yet; recorder.Manager does.
type openFiles interface {
	Open(stream nvr.StreamID) []index.Recording
}

// indexedUpTo knows how much of a journal is in the index; feed.Feeder does.
type indexedUpTo interface {
	Offset(day library.Day) int64
}

// Options is what a Player needs; all fields are required.
type Options struct {
	Library *library.Library
	Index   index.Index
	Open    openFiles
	Indexed indexedUpTo
	Logger  *slog.Logger
}

// Player serves recorded video. Its methods may be called from any goroutine.
type Player struct {
	lib     *library.Library
	index   index.Index
	open    openFiles
	indexed indexedUpTo
	logger  *slog.Logger
	skip    atomic.Int64 // unix nanoseconds until which the index is left alone
}

// New checks the options.
func New(o Options) (*Player, error) {
	if o.Library == nil || o.Index == nil || o.Open == nil || o.Indexed == nil || o.Logger == nil {
		return nil, errors.New("player: library, index, open files, indexed offsets and logger are required")
	}
	return &Player{lib: o.Library, index: o.Index, open: o.Open, indexed: o.Indexed, logger: o.Logger}, nil
}

// Recordings returns what is recorded of stream in r, ordered by start, from all three sources.
func (p *Player) Recordings(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]index.Recording, error) {
	f, err := p.collect(ctx, stream, r)
	return f.recs, err
}

// found is what the sources say of a range.
type found struct {
	recs []index.Recording
	gaps []index.Gap
}

// collect asks open files first: a file that is closed in between is then found twice, never not at all.
func (p *Player) collect(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) (found, error) {
	if !r.Start.Before(r.End) {
		return found{}, &nvr.Error{Code: nvr.CodeInvalid, Message: "the time range is empty: its end must be after its start"}
	}
	if r.Duration() > maxRange {
		return found{}, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("the time range is longer than %d days", maxRange/(24*time.Hour))}
	}
	open := p.open.Open(stream)
	days := daysOf(stream, r)
	offsets := make([]int64, len(days)) // read before the index, so that no line falls between the two
	for i, d := range days {
		offsets[i] = p.indexed.Offset(d)
	}
	f, err := p.fromIndex(ctx, stream, r)
	if err != nil {
		if ctx.Err() != nil {
			return found{}, ctx.Err()
		}
		clear(offsets)
	}
	for i, d := range days {
		if err := p.fromJournal(d, offsets[i], &f); err != nil {
			return found{}, err
		}
	}
	f.recs = append(f.recs, open...)
	f.trim(r)
	return f, nil
}

// daysOf returns the days whose journals may hold what overlaps r.
func daysOf(stream nvr.StreamID, r nvr.TimeRange) []library.Day {
	var out []library.Day
	const day = 24 * time.Hour
	for t := r.Start.Add(-maxFile).UTC().Truncate(day); t.Before(r.End); t = t.Add(day) {
		out = append(out, library.DayOf(stream, t))
	}
	return out
}

func (p *Player) fromIndex(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) (found, error) {
	if time.Now().UnixNano() < p.skip.Load() {
		return found{}, errors.New("index failed a moment ago")
	}
	ctx, cancel := context.WithTimeout(ctx, indexTimeout)
	defer cancel()
	recs, err := p.index.Recordings(ctx, stream, r)
	if err == nil {
		var gaps []index.Gap
		if gaps, err = p.index.Gaps(ctx, stream, r); err == nil {
			return found{recs: recs, gaps: gaps}, nil
		}
	}
	if !errors.Is(err, context.Canceled) {
		p.skip.Store(time.Now().Add(indexPause).UnixNano())
		p.logger.Warn("index does not answer, playing from the journals", "err", err)
	}
	return found{}, fmt.Errorf("ask index: %w", err)
}

// fromJournal adds the lines of day from offset on, and takes away what they delete.
func (p *Player) fromJournal(day library.Day, offset int64, f *found) error {
	_, _, err := p.lib.Read(day, offset, func(l library.Line) error {
		switch {
		case l.Recording != nil:
			f.recs = append(f.recs, *l.Recording)
		case l.Gap != nil:
			f.gaps = append(f.gaps, *l.Gap)
		case l.Deleted != nil:
			f.recs = slices.DeleteFunc(f.recs, func(r index.Recording) bool {
				h, err := library.HourOf(r.Path)
				return err == nil && h == *l.Deleted
			})
		}
		return nil
	})
	return err
}

// trim keeps what overlaps r, once each, in order. Of two descriptions of one file the longer one is newer; of two
// descriptions of one gap the later.
func (f *found) trim(r nvr.TimeRange) {
	f.recs = slices.DeleteFunc(f.recs, func(rec index.Recording) bool {
		return !(nvr.TimeRange{Start: rec.Start, End: rec.End()}).Overlaps(r)
	})
	slices.SortStableFunc(f.recs, func(a, b index.Recording) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		return int(min(1, max(-1, b.Bytes-a.Bytes)))
	})
	f.recs = slices.CompactFunc(f.recs, func(a, b index.Recording) bool { return a.Path == b.Path })
	slices.Reverse(f.gaps)
	slices.SortStableFunc(f.gaps, func(a, b index.Gap) int { return a.Start.Compare(b.Start) })
	f.gaps = slices.CompactFunc(f.gaps, func(a, b index.Gap) bool { return a.Start.Equal(b.Start) })
	f.gaps = slices.DeleteFunc(f.gaps, func(g index.Gap) bool {
		return !(nvr.TimeRange{Start: g.Start, End: g.End}).Overlaps(r)
	})
}

// Coverage is what a timeline draws of one stream.
type Coverage struct {
	Runs []nvr.TimeRange // recorded, without holes longer than tolerance
	Gaps []index.Gap     // why not, as far as is known
}

// tolerance is the longest hole that a timeline does not show: a reconnect within a key frame interval or so.
const tolerance = 1500 * time.Millisecond

// Coverage returns which parts of r are recorded, clipped to r, and the reasons for what is not.
func (p *Player) Coverage(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) (Coverage, error) {
	f, err := p.collect(ctx, stream, r)
	if err != nil {
		return Coverage{}, err
	}
	c := Coverage{Gaps: f.gaps}
	for _, rec := range f.recs {
		start, end := maxTime(rec.Start, r.Start), minTime(rec.End(), r.End)
		if n := len(c.Runs); n > 0 && start.Sub(c.Runs[n-1].End) <= tolerance {
			c.Runs[n-1].End = maxTime(c.Runs[n-1].End, end)
			continue
		}
		c.Runs = append(c.Runs, nvr.TimeRange{Start: start, End: end})
	}
	return c, nil
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
