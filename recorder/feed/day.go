package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// keepJournal is how long the journal of a day outlives the day at least, also when all its recordings are deleted.
const keepJournal = 48 * time.Hour

// batch is a run of journal lines, and what they come to.
type batch struct {
	lines     int
	recs      []index.Recording
	gaps      []index.Gap
	deletions bool
	changes
}

var errBatchFull = errors.New("batch is full")

// day feeds one journal to its end, then removes the day if nothing is left of it.
func (f *Feeder) day(ctx context.Context, day library.Day) error {
	size, err := f.lib.Size(day)
	if err != nil {
		return err
	}
	if size < f.Offset(day) { // another journal than the cursor knew
		f.advance(day, 0)
	}
	deletions := false
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		more, deleted, err := f.step(ctx, day)
		if err != nil {
			return err
		}
		deletions = deletions || deleted
		if !more {
			break
		}
	}
	if deletions || time.Since(day.Start()) > 24*time.Hour+keepJournal {
		return f.tidy(day)
	}
	return nil
}

// step feeds one batch. Its lines are folded first, so that the index only sees what they come to: doing it again after a
// failure in the middle leads there too.
func (f *Feeder) step(ctx context.Context, day library.Day) (more, deletions bool, err error) {
	from := f.Offset(day)
	if size, ok := f.lib.Grown(day); ok && size == from {
		return false, false, nil
	}
	b := batch{changes: changes{gone: make(map[int64]struct{}), moved: make(map[int64]struct{})}}
	var lines []library.Line
	next, damaged, err := f.lib.Read(day, from, func(l library.Line) error {
		if len(lines) == batchLines {
			return errBatchFull
		}
		lines = append(lines, l)
		return nil
	})
	more = errors.Is(err, errBatchFull)
	if err != nil && !more {
		return false, false, err
	}
	if damaged > 0 {
		f.logger.Warn("journal has damaged lines", "day", day.String(), "lines", damaged)
	}
	if next == from {
		return false, false, nil
	}
	if err := f.lib.Sync(day); err != nil { // or a power cut would leave rows that no journal knows
		return false, false, err
	}
	bk, err := f.book(day, from)
	if err != nil {
		return false, false, err
	}
	delete(f.books, day) // until the index has what is folded into it now
	b.fold(lines, bk)
	if err := f.store(ctx, day.Stream, &b, bk); err != nil {
		return false, false, err
	}
	bk.offset = next
	f.books[day] = bk
	f.lines.Add(float64(b.lines))
	f.advance(day, next)
	return more, b.deletions, nil
}

func (b *batch) fold(lines []library.Line, bk *book) {
	b.lines = len(lines)
	for _, l := range lines {
		switch {
		case l.Recording != nil:
			b.recs = append(b.recs, *l.Recording)
		case l.Gap != nil:
			b.gaps = append(b.gaps, *l.Gap)
		default:
			b.deletions = true
		}
		bk.apply(l, &b.changes)
	}
	// Of what is described twice, the last counts; what is nowhere already is not added.
	last := make(map[int64]int)
	for i, r := range b.recs {
		if _, ms, err := library.ParseFilePath(r.Path); err == nil {
			last[ms] = i
		}
	}
	recs := b.recs[:0:0]
	for i, r := range b.recs {
		_, ms, err := library.ParseFilePath(r.Path)
		if err != nil || last[ms] != i || bk.recs[ms] == nil {
			continue
		}
		e := bk.recs[ms]
		r.Remote, r.Evicted = e.remote, e.evicted
		if e.remote || e.evicted {
			b.moved[ms] = struct{}{} // also where the index has the row already
		}
		recs = append(recs, r)
	}
	b.recs = recs
}

func (f *Feeder) store(ctx context.Context, stream nvr.StreamID, b *batch, bk *book) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if len(b.gone) > 0 {
		starts := make([]time.Time, 0, len(b.gone))
		for us := range b.gone {
			starts = append(starts, time.UnixMicro(us).UTC())
		}
		if err := f.index.RemoveRecordings(ctx, stream, starts); err != nil {
			return fmt.Errorf("remove recordings: %w", err)
		}
	}
	if len(b.recs) > 0 {
		if err := f.index.AddRecordings(ctx, b.recs); err != nil {
			return fmt.Errorf("add recordings: %w", err)
		}
	}
	places := make(map[entry][]time.Time)
	for ms := range b.moved {
		if e := bk.recs[ms]; e != nil {
			at := entry{remote: e.remote, evicted: e.evicted}
			places[at] = append(places[at], time.UnixMicro(e.start).UTC())
		}
	}
	for at, starts := range places {
		if err := f.index.Place(ctx, stream, starts, at.remote, at.evicted); err != nil {
			return fmt.Errorf("place recordings: %w", err)
		}
	}
	if len(b.gaps) > 0 {
		if err := f.index.AddGaps(ctx, b.gaps); err != nil {
			return fmt.Errorf("add gaps: %w", err)
		}
	}
	return nil
}

func (f *Feeder) advance(day library.Day, offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.offsets[day] != offset {
		f.offsets[day] = offset
		f.saved = false
	}
}

// tidy removes the journal of a day whose recordings are all nowhere, now that the index knows.
func (f *Feeder) tidy(day library.Day) error {
	if time.Since(day.Start()) < 24*time.Hour+keepJournal {
		return nil
	}
	hours, err := f.lib.Hours(day)
	if err != nil || len(hours) > 0 {
		return err
	}
	f.mu.Lock()
	kept, offset := f.kept[day], f.offsets[day]
	f.mu.Unlock()
	if kept == offset && kept > 0 { // looked at before, and nothing was added since
		return nil
	}
	led, err := f.lib.Ledger(day, 0)
	if err != nil {
		return err
	}
	if len(led.Recordings()) > 0 {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.kept[day], f.saved = offset, false
		return nil
	}
	if err := f.lib.RemoveDay(day, offset); errors.Is(err, library.ErrDayInUse) {
		return nil // something was recorded meanwhile
	} else if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.offsets, day)
	delete(f.kept, day)
	delete(f.books, day)
	f.saved = false
	return nil
}
