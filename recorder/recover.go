package recorder

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/internal/whole"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// recoverDays is how many of a stream's latest days are searched for recordings without a journal line. A crash leaves
// one such file per stream, on the day it happened; more days cover a journal that could not be written for a while.
const recoverDays = 3

// recovered says what recovery did and found.
type recovered struct {
	files     int // journaled now
	removed   int // held no whole part
	aside     int // files and tails of files that went to lost+found
	truncated int64
	ends      map[nvr.StreamID]time.Time // of what is known of each stream: its latest recording or gap
}

// recoverVolumes brings journals and files in step after a crash (docs/recording.md, procedure "recover"). It is
// idempotent: doing it again, or dying within it and doing it again, leads to the same result. One damaged stream does
// not keep the others from recovering; all errors are returned together. Files for which skip, which may be nil, is true
// are left alone.
func recoverVolumes(vols []*library.Library, now time.Time, skip func(library.Day, string) bool, logger *slog.Logger) (recovered, error) {
	out := recovered{ends: make(map[nvr.StreamID]time.Time)}
	streams := make(map[nvr.StreamID][]volumeDay)
	var errs []error
	for _, lib := range vols {
		days, err := lib.Days()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		byStream := make(map[nvr.StreamID][]library.Day)
		for _, d := range days {
			byStream[d.Stream] = append(byStream[d.Stream], d)
		}
		for stream, days := range byStream {
			for _, d := range latestDays(days, now) {
				streams[stream] = append(streams[stream], volumeDay{lib, d})
			}
		}
	}
	for stream, days := range streams {
		if err := out.stream(stream, days, skip, logger); err != nil {
			errs = append(errs, fmt.Errorf("recover %s: %w", stream, err))
		}
	}
	return out, errors.Join(errs...)
}

// volumeDay is a day of one volume.
type volumeDay struct {
	lib *library.Library
	day library.Day
}

// stray is a recording without a journal line.
type stray struct {
	volumeDay
	path string
}

// stream recovers the latest days of one stream on all volumes, oldest file first: a run may go from one volume to
// another, and a file's exact start is the end of the one before.
func (o *recovered) stream(stream nvr.StreamID, days []volumeDay, skip func(library.Day, string) bool, logger *slog.Logger) error {
	var errs []error
	var strays []stray
	ends := make(map[int64]time.Time) // of recordings, by their milliseconds
	var last time.Time
	for _, d := range days {
		j, err := readDay(d, logger)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, p := range j.strays {
			if skip == nil || !skip(d.day, p) {
				strays = append(strays, stray{d, p})
			}
		}
		for _, rec := range j.broken {
			if err := o.mend(d, rec); err != nil {
				errs = append(errs, err)
			}
		}
		for _, end := range j.ends {
			ends[end.UnixMilli()] = end
		}
		last = latest(last, j.last)
	}
	slices.SortFunc(strays, func(a, b stray) int { return strings.Compare(path.Base(a.path), path.Base(b.path)) })
	for _, s := range strays {
		rec, err := o.file(s.lib, s.path, ends)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if rec == nil {
			continue
		}
		if err := s.lib.Append(s.day, library.Line{Recording: rec}); err != nil {
			errs = append(errs, err)
			continue
		}
		o.files++
		ends[rec.End().UnixMilli()] = rec.End()
		last = latest(last, rec.End())
	}
	if !last.IsZero() {
		o.ends[stream] = last
	}
	return errors.Join(errs...)
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// dayState is what a day's journal and directories say.
type dayState struct {
	ends   []time.Time       // of its recordings
	last   time.Time         // of its recordings and gaps
	strays []string          // files that no line names and no line gives up
	broken []index.Recording // whose files are not what their lines say
}

func readDay(d volumeDay, logger *slog.Logger) (dayState, error) {
	var out dayState
	named := make(map[int64]bool)
	given := make(map[library.Hour]bool)
	var led library.Ledger
	_, damaged, err := d.lib.Read(d.day, 0, func(l library.Line) error {
		led.Apply(l)
		switch {
		case l.Recording != nil:
			h, _ := library.HourOf(l.Recording.Path) // checked when the line was read
			_, ms, _ := library.ParseFilePath(l.Recording.Path)
			named[ms], given[h] = true, false
			out.ends = append(out.ends, l.Recording.End())
			out.last = latest(out.last, l.Recording.End())
		case l.Gap != nil:
			out.last = latest(out.last, l.Gap.End)
		case l.Deleted != nil:
			given[*l.Deleted] = true
		case l.Files != nil: // one that is given up and still there is retention's to finish
			for _, ms := range l.Files.MS {
				named[ms] = true
			}
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	if damaged > 0 {
		logger.Warn("journal has damaged lines, their recordings are read again from disk", "day", d.day.String(), "lines", damaged)
	}
	if out.broken, err = broken(d.lib, led.Recordings()); err != nil {
		return out, err
	}
	files, err := d.lib.Files(d.day)
	if err != nil {
		return out, err
	}
	for _, p := range files {
		h, err := library.HourOf(p)
		_, ms, perr := library.ParseFilePath(p)
		if err == nil && perr == nil && !named[ms] && !given[h] {
			out.strays = append(out.strays, p)
		}
	}
	return out, nil
}

// latestDays picks the newest days by name, and today and yesterday, which differ after the clock was wrong.
func latestDays(days []library.Day, now time.Time) []library.Day {
	slices.SortFunc(days, func(a, b library.Day) int { return strings.Compare(a.Date, b.Date) })
	picked := slices.Clone(days[max(0, len(days)-recoverDays):])
	for _, back := range []time.Duration{0, 24 * time.Hour} {
		d := library.DayOf(days[0].Stream, now.Add(-back))
		if slices.Contains(days, d) && !slices.Contains(picked, d) {
			picked = append(picked, d)
		}
	}
	slices.SortFunc(picked, func(a, b library.Day) int { return strings.Compare(a.Date, b.Date) })
	return picked
}

// file makes the recording at p, which no line names, whole: what follows the last complete part is cut off, and a file
// without one goes, to lost+found if it holds more than a torn write leaves. ends is where the stream's recordings end that
// are known so far. What it returns is on the device.
func (o *recovered) file(lib *library.Library, p string, ends map[int64]time.Time) (*index.Recording, error) {
	stream, ms, err := library.ParseFilePath(p)
	if err != nil {
		return nil, err
	}
	got, err := whole.Read(lib.FS(), p, nil)
	if errors.Is(err, whole.ErrNoVideo) {
		return nil, o.clear(lib, p, got)
	}
	if err != nil {
		return nil, fmt.Errorf("read recording %s: %w", p, err) // it may hold video that only we do not understand
	}
	if err := o.cut(lib, p, got); err != nil {
		return nil, err
	}
	rec := got.Describe(stream, p, startOf(ms, got, ends))
	return &rec, nil
}

// startOf returns the start of a file that no line names. Its name tells the millisecond. Where another recording ended
// within that very millisecond, it continues that one and meets it exactly, unless its run begins with it.
func startOf(ms int64, got *whole.Content, ends map[int64]time.Time) time.Time {
	before, ok := ends[ms]
	switch {
	case !ok:
		return time.UnixMilli(ms).UTC()
	case got.From() > 0:
		return before
	default:
		return before.Add(time.Microsecond)
	}
}

// clear takes the file at p, of which nothing can be played, out of the way.
func (o *recovered) clear(lib *library.Library, p string, got *whole.Content) error {
	more, err := got.More(lib.FS(), p)
	if err != nil {
		return fmt.Errorf("read recording %s: %w", p, err)
	}
	if more {
		if err := library.SetAside(lib.FS(), p); err != nil {
			return fmt.Errorf("move recording that cannot be read to %s: %w", library.LostAndFound, err)
		}
		o.aside++
		return nil
	}
	if err := lib.FS().Remove(p); err != nil {
		return fmt.Errorf("remove recording without video: %w", err)
	}
	o.removed++
	return nil
}

// cut takes off what of the file at p is not whole, and forces the rest and its name to the device. Where parts follow what
// is damaged, they are kept in lost+found first.
func (o *recovered) cut(lib *library.Library, p string, got *whole.Content) error {
	if got.Size > got.Layout.Size {
		more, err := got.More(lib.FS(), p)
		if err == nil && more {
			o.aside++
			err = library.KeepTail(lib.FS(), p, got.Layout.Size)
		}
		if err != nil {
			return fmt.Errorf("keep what follows the damage in %s: %w", p, err)
		}
	}
	f, err := lib.FS().OpenFile(p, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open recording: %w", err)
	}
	if torn := got.Size - got.Layout.Size; torn > 0 {
		o.truncated += torn
		err = f.Truncate(got.Layout.Size)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("truncate recording: %w", err)
	}
	return lib.SyncDir(p)
}
