package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// keepJournal is how long the journal of a day outlives the day at least, also when all its recordings are deleted.
const keepJournal = 48 * time.Hour

// batch is a run of journal lines for one transaction each of recordings and gaps.
type batch struct {
	lines int
	recs  []index.Recording
	gaps  []index.Gap
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

// step feeds one batch. A deletion ends a batch, because lines must take effect in order.
func (f *Feeder) step(ctx context.Context, day library.Day) (more, deletion bool, err error) {
	var b batch
	var gone *library.Hour
	from := f.Offset(day)
	next, damaged, err := f.lib.Read(day, from, func(l library.Line) error {
		if b.lines == batchLines || gone != nil {
			return errBatchFull
		}
		b.lines++
		switch {
		case l.Recording != nil:
			b.recs = append(b.recs, *l.Recording)
		case l.Gap != nil:
			b.gaps = append(b.gaps, *l.Gap)
		case l.Deleted != nil:
			gone = l.Deleted
		}
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
	if err := f.store(ctx, b); err != nil {
		return false, false, err
	}
	if gone != nil {
		if err := f.remove(ctx, *gone, next); err != nil {
			return false, false, err
		}
	}
	f.lines.Add(float64(b.lines))
	f.advance(day, next)
	return more, gone != nil, nil
}

func (f *Feeder) store(ctx context.Context, b batch) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if len(b.recs) > 0 {
		if err := f.index.AddRecordings(ctx, b.recs); err != nil {
			return fmt.Errorf("add recordings: %w", err)
		}
	}
	if len(b.gaps) > 0 {
		if err := f.index.AddGaps(ctx, b.gaps); err != nil {
			return fmt.Errorf("add gaps: %w", err)
		}
	}
	return nil
}

// remove takes the rows of a deleted hour out: those of its recordings journaled before end.
func (f *Feeder) remove(ctx context.Context, gone library.Hour, end int64) error {
	var starts []time.Time
	_, _, err := f.lib.Read(gone.Day, 0, func(l library.Line) error {
		if l.Recording != nil && l.Next <= end {
			if h, err := library.HourOf(l.Recording.Path); err == nil && h == gone {
				starts = append(starts, l.Recording.Start)
			}
		}
		return nil
	})
	if err != nil || len(starts) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := f.index.RemoveRecordings(ctx, gone.Day.Stream, starts); err != nil {
		return fmt.Errorf("remove recordings of %s: %w", gone, err)
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

// tidy removes the journal of a day all of whose recordings were deleted, now that the index knows.
func (f *Feeder) tidy(day library.Day) error {
	if time.Since(day.Start()) < 24*time.Hour+keepJournal {
		return nil
	}
	hours, err := f.lib.Hours(day)
	if err != nil || len(hours) > 0 {
		return err
	}
	recs, deleted, err := f.lib.Recordings(day, 0)
	if err != nil || len(recs) > 0 || len(deleted) == 0 {
		return err
	}
	err = f.lib.RemoveDay(day, f.Offset(day))
	if errors.Is(err, library.ErrDayInUse) {
		return nil // grown since it was read: the next pass looks again
	}
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.offsets, day)
	f.saved = false
	return nil
}
