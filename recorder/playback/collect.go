package playback

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// Recordings returns what is recorded of stream in r, ordered by start, from all three sources. Those with Evicted come
// from the archive.
func (p *Player) Recordings(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]index.Recording, error) {
	f, err := p.collect(ctx, stream, r)
	return f.recs, err
}

// check refuses ranges that cannot be answered and names that are none: they become paths.
func check(r nvr.TimeRange, streams ...nvr.StreamID) error {
	for _, s := range streams {
		if _, err := nvr.ParseStreamID(s.String()); err != nil {
			return &nvr.Error{Code: nvr.CodeNotFound, Message: "there is no such stream", Err: err}
		}
	}
	if !r.Start.Before(r.End) {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: "the time range is empty: its end must be after its start"}
	}
	if r.Duration() > maxRange {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("the time range is longer than %d days", maxRange/(24*time.Hour))}
	}
	return nil
}

// found is what the sources say of a range.
type found struct {
	recs []index.Recording
	gaps []index.Gap
}

// unread is a journal with lines that the index does not have.
type unread struct {
	volume
	day    library.Day
	offset int64
}

// collect asks open files first: a file that is closed in between is then found twice, never not at all.
func (p *Player) collect(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) (found, error) {
	if err := check(r, stream); err != nil {
		return found{}, err
	}
	open := p.open.Open(stream)
	rest := p.unread(stream, r, true) // before the index, so that no line falls between the two
	f, err := p.fromIndex(ctx, stream, r)
	if err != nil {
		if ctx.Err() != nil {
			return found{}, ctx.Err()
		}
		rest = p.unread(stream, r, false)
	}
	for _, u := range rest {
		if err := f.addJournal(u); err != nil && !errors.Is(err, library.ErrMissing) {
			return found{}, err
		}
	}
	f.recs = append(f.recs, open...)
	p.addOpenGap(stream, &f)
	f.trim(r)
	return f, nil
}

func (p *Player) addOpenGap(stream nvr.StreamID, f *found) {
	if g, ok := p.open.OpenGap(stream); ok {
		f.gaps = append(f.gaps, g)
	}
}

// unread returns the journals which may hold what overlaps r: with indexed, as far as the index does not have it.
func (p *Player) unread(stream nvr.StreamID, r nvr.TimeRange, indexed bool) []unread {
	var out []unread
	days := daysOf(stream, r)
	for _, v := range p.vols {
		complete := indexed && v.indexed.Complete()
		for _, d := range days {
			u := unread{volume: v, day: d}
			if indexed {
				u.offset = v.indexed.Offset(d)
				if size, ok := v.lib.Grown(d); complete && (!ok || size <= u.offset) {
					continue
				}
			}
			out = append(out, u)
		}
	}
	return out
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

// ask calls the index unless it failed a moment ago, and leaves it alone for a moment when it fails.
func (p *Player) ask(ctx context.Context, call func(context.Context) error) error {
	if time.Now().UnixNano() < p.skip.Load() {
		return errors.New("index failed a moment ago")
	}
	ctx, cancel := context.WithTimeout(ctx, indexTimeout)
	defer cancel()
	err := call(ctx)
	if err == nil {
		return nil
	}
	if !errors.Is(err, context.Canceled) {
		p.skip.Store(time.Now().Add(indexPause).UnixNano())
		p.logger.Warn("index does not answer, playing from the journals", "err", err)
	}
	return fmt.Errorf("ask index: %w", err)
}

func (p *Player) fromIndex(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) (f found, err error) {
	err = p.ask(ctx, func(ctx context.Context) error {
		if f.recs, err = p.index.Recordings(ctx, stream, r); err != nil {
			return err
		}
		f.gaps, err = p.index.Gaps(ctx, stream, r)
		return err
	})
	if err != nil {
		return found{}, err
	}
	return f, nil
}

// addJournal adds the lines of a journal, and takes away what they give up.
func (f *found) addJournal(u unread) error {
	recs, gaps, changed, err := readJournal(u.lib, u.day, u.offset)
	if err != nil {
		return err
	}
	f.gaps = append(f.gaps, gaps...)
	if !changed {
		f.recs = append(f.recs, recs...)
		return nil
	}
	// Lines before the offset may be meant, so the whole journal decides about all that it ever named; what another
	// volume's journal names stays.
	var led library.Ledger
	named := make(map[int64]bool)
	_, _, err = u.lib.Read(u.day, 0, func(l library.Line) error {
		if l.Recording != nil {
			if _, ms, err := library.ParseFilePath(l.Recording.Path); err == nil {
				named[ms] = true
			}
		}
		led.Apply(l)
		return nil
	})
	if err != nil {
		return err
	}
	f.recs = slices.DeleteFunc(f.recs, func(r index.Recording) bool {
		_, ms, err := library.ParseFilePath(r.Path)
		return err == nil && named[ms]
	})
	f.recs = append(f.recs, led.Recordings()...)
	return nil
}

// readJournal returns the lines from offset on, and whether some of them change what others say.
func readJournal(lib *library.Library, day library.Day, offset int64) (recs []index.Recording, gaps []index.Gap, changed bool, err error) {
	_, _, err = lib.Read(day, offset, func(l library.Line) error {
		switch {
		case l.Recording != nil:
			recs = append(recs, *l.Recording)
		case l.Gap != nil:
			gaps = append(gaps, *l.Gap)
		default:
			changed = true
		}
		return nil
	})
	return recs, gaps, changed, err
}

// trim keeps what overlaps r, once each, in order. Of two descriptions of one file the longer one is newer; of two
// descriptions of one gap the longer.
func (f *found) trim(r nvr.TimeRange) {
	f.recs = slices.DeleteFunc(f.recs, func(rec index.Recording) bool {
		return rec.Evicted && !rec.Remote || !(nvr.TimeRange{Start: rec.Start, End: rec.End()}).Overlaps(r)
	})
	slices.SortStableFunc(f.recs, func(a, b index.Recording) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		return int(min(1, max(-1, b.Bytes-a.Bytes)))
	})
	f.recs = slices.CompactFunc(f.recs, func(a, b index.Recording) bool { return a.Path == b.Path })
	f.gaps = tidyGaps(f.gaps, r)
}

// tidyGaps returns the gaps that overlap r, in order, once each. One that was told in pieces is one again.
func tidyGaps(gaps []index.Gap, r nvr.TimeRange) []index.Gap {
	slices.SortStableFunc(gaps, func(a, b index.Gap) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		return b.End.Compare(a.End)
	})
	var out []index.Gap
	for _, g := range gaps {
		if !(nvr.TimeRange{Start: g.Start, End: g.End}).Overlaps(r) {
			continue
		}
		if n := len(out); n > 0 {
			last := &out[n-1]
			if last.Start.Equal(g.Start) {
				continue
			}
			if last.Reason == g.Reason && last.Detail == g.Detail && !g.Start.After(last.End) {
				last.End = maxTime(last.End, g.End)
				continue
			}
		}
		out = append(out, g)
	}
	return out
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
