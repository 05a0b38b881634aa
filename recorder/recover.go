package recorder

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// recoverDays is how many of a stream's latest days are searched for recordings without a journal line. A crash leaves
// one such file per stream, on the day it happened; more days cover a journal that could not be written for a while.
const recoverDays = 3

// recovered says what recovery did and found.
type recovered struct {
	files     int // journaled now
	removed   int // held no whole part
	truncated int64
	ends      map[nvr.StreamID]time.Time // of each stream's latest recording
}

// recoverLibrary brings journals and files in step after a crash (docs/recording.md, procedure "recover"). It is
// idempotent: doing it again, or dying within it and doing it again, leads to the same result. One damaged stream does
// not keep the others from recovering; all errors are returned together.
func recoverLibrary(lib *library.Library, now time.Time, logger *slog.Logger) (recovered, error) {
	out := recovered{ends: make(map[nvr.StreamID]time.Time)}
	days, err := lib.Days()
	if err != nil {
		return out, err
	}
	streams := make(map[nvr.StreamID][]library.Day)
	for _, d := range days {
		streams[d.Stream] = append(streams[d.Stream], d)
	}
	var errs []error
	for _, days := range streams {
		for _, d := range latestDays(days, now) {
			if err := out.day(lib, d, logger); err != nil {
				errs = append(errs, fmt.Errorf("recover %s: %w", d, err))
			}
		}
	}
	return out, errors.Join(errs...)
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

func (o *recovered) day(lib *library.Library, day library.Day, logger *slog.Logger) error {
	known := make(map[string]bool)
	var last time.Time
	var deleted []library.Hour
	_, damaged, err := lib.Read(day, 0, func(l library.Line) error {
		switch {
		case l.Recording != nil:
			known[l.Recording.Path] = true
			if l.Recording.End().After(last) {
				last = l.Recording.End()
			}
		case l.Deleted != nil:
			deleted = append(deleted, *l.Deleted)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if damaged > 0 {
		logger.Warn("journal has damaged lines, their recordings are read again from disk", "day", day.String(), "lines", damaged)
	}
	files, err := lib.Files(day)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range files {
		if h, err := library.HourOf(p); known[p] || err != nil || slices.Contains(deleted, h) {
			continue // deletion of a given-up hour is retention's to finish
		}
		rec, err := o.file(lib, p, last)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if rec == nil {
			o.removed++
			continue
		}
		if err := lib.Append(day, library.Line{Recording: rec}); err != nil {
			return err
		}
		o.files++
		if rec.End().After(last) {
			last = rec.End()
		}
	}
	if last.After(o.ends[day.Stream]) {
		o.ends[day.Stream] = last
	}
	return errors.Join(errs...)
}

// file makes the recording at p whole: what follows the last complete part is cut off, and a file without one is
// removed. before is where the stream's recordings end that are known so far.
func (o *recovered) file(lib *library.Library, p string, before time.Time) (*index.Recording, error) {
	f, err := lib.Root().OpenFile(p, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	defer f.Close() // synced below where it was changed
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at recording: %w", err)
	}
	layout, err := fmp4.Scan(f, info.Size())
	if err != nil && !errors.Is(err, fmp4.ErrNoInit) {
		return nil, fmt.Errorf("read recording %s: %w", p, err) // it may hold video that only we do not understand
	}
	rec := (*index.Recording)(nil)
	if err == nil {
		rec = describe(p, layout, before)
	}
	if rec == nil {
		if err := lib.Root().Remove(p); err != nil {
			return nil, fmt.Errorf("remove recording without video: %w", err)
		}
		return nil, nil
	}
	if rec.Bytes < info.Size() {
		o.truncated += info.Size() - rec.Bytes
		if err := errors.Join(f.Truncate(rec.Bytes), f.Sync()); err != nil {
			return nil, fmt.Errorf("truncate recording: %w", err)
		}
	}
	sum := crc32.New(castagnoli)
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, rec.Bytes)); err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	rec.CRC = sum.Sum32()
	return rec, nil
}

// describe builds the row of a file from its parts as the writer would have, or returns nil when there is nothing to
// play. The start is the name's milliseconds; where the recording before ended within that very millisecond, the two
// are one run and meet exactly.
func describe(p string, l *fmp4.Layout, before time.Time) *index.Recording {
	ms, err := strconv.ParseInt(strings.TrimSuffix(path.Base(p), ".mp4"), 10, 64)
	if err != nil {
		return nil
	}
	stream, _, err := library.ParseFilePath(p)
	if err != nil {
		return nil
	}
	start := time.UnixMilli(ms).UTC()
	if before.UnixMilli() == ms {
		start = before
	}
	first := slices.IndexFunc(l.Parts, func(p fmp4.PartInfo) bool { return p.Duration > 0 })
	if first < 0 {
		return nil
	}
	at := l.Parts[first].Start
	f := openFile{cutSeg: true, from: at, rec: index.Recording{
		Stream: stream, Start: start, Path: p, InitBytes: l.InitBytes, Bytes: l.InitBytes, Codecs: fmp4.Codecs(l.Desc),
	}}
	f.rec.Width, f.rec.Height = pictureSize(l.Desc)
	for _, part := range l.Parts {
		if part.Key && part.Duration > 0 && f.segmentAge(part.Start) >= minSegment {
			f.cutSeg = true
		}
		if part.Duration > 0 { // one without pictures has no place of its own
			at = part.Start
		}
		f.grow(&fmp4.Part{Start: at, Duration: part.Duration}, part.Bytes, 0)
		at += part.Duration
	}
	return &f.rec
}
