package fsck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/internal/whole"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// item is one recording of a stream, in one volume.
type item struct {
	v       *volume
	day     library.Day
	ms      int64
	start   time.Time
	end     time.Time
	path    string
	bytes   int64
	crc     uint32
	remote  bool
	evicted bool
	is      *whole.Content // what was read, at level content
}

// timeline is what was found of one stream across its days and volumes.
type timeline struct {
	c      *checker
	stream nvr.StreamID
	items  []item
	spans  []nvr.TimeRange // of everything that ever had a line
	gaps   []nvr.TimeRange
	dates  map[string]bool // that have a journal or files
}

// stream checks one stream, day by day and then as a whole.
func (c *checker) stream(ctx context.Context, s nvr.StreamID) error {
	t := &timeline{c: c, stream: s, dates: make(map[string]bool)}
	for _, v := range c.volumes {
		for _, d := range v.days[s] {
			t.dates[d.Date] = true
		}
	}
	for _, date := range slices.Sorted(maps.Keys(t.dates)) {
		err := c.eachVolume(library.Day{Stream: s, Date: date}, func(v *volume, day library.Day) error {
			d, err := c.checkDay(ctx, v, day, t.last())
			if err == nil {
				t.add(d)
			}
			return err
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
	t.check()
	if err := c.archive(ctx, t); err != nil {
		return err
	}
	return c.rows(ctx, t)
}

// eachVolume calls fn for each volume that has day. A day that cannot be read is a finding.
func (c *checker) eachVolume(day library.Day, fn func(*volume, library.Day) error) error {
	for _, v := range c.volumes {
		if !slices.Contains(v.days[day.Stream], day) {
			continue
		}
		err := fn(v, day)
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if err != nil {
			c.found(Finding{
				Invariant: 2, Severity: Error, Volume: v.lib.Dir(), Path: day.String(), Stream: day.Stream, Time: day.Start(),
				Problem: fmt.Sprintf("The day cannot be read: %v.", err),
			}, nil)
		}
	}
	return nil
}

// last returns the recording that ends last so far, or nil.
func (t *timeline) last() *item {
	if len(t.items) == 0 {
		return nil
	}
	m := slices.MaxFunc(t.items[max(0, len(t.items)-8):], func(a, b item) int { return a.end.Compare(b.end) })
	return &m
}

func (t *timeline) add(d *dayCheck) {
	for _, l := range d.book.named {
		t.spans = append(t.spans, nvr.TimeRange{Start: l.start, End: l.end})
	}
	t.spans = append(t.spans, d.lost...)
	for _, g := range d.book.gaps {
		t.gaps = append(t.gaps, nvr.TimeRange{Start: g.gap.Start, End: g.gap.End})
	}
	for _, r := range d.book.ledger.Recordings() {
		it := item{
			v: d.v, day: d.day, start: r.Start, end: r.End(), path: r.Path, bytes: r.Bytes, crc: r.CRC, remote: r.Remote, evicted: r.Evicted,
		}
		_, it.ms, _ = library.ParseFilePath(r.Path)
		it.is = d.seen[it.ms]
		t.items = append(t.items, it)
	}
}

// check looks at what recordings have to do with each other.
func (t *timeline) check() {
	t.duplicates()
	slices.SortFunc(t.items, func(a, b item) int { return cmp.Or(a.start.Compare(b.start), cmp.Compare(a.ms, b.ms)) })
	t.meetings()
	t.overlaps()
	t.holes()
}

// duplicates finds names that two volumes have: a name in milliseconds must mean one recording.
func (t *timeline) duplicates() {
	first := make(map[int64]item)
	for _, it := range t.items {
		if it.evicted {
			continue
		}
		a, ok := first[it.ms]
		if !ok {
			first[it.ms] = it
			continue
		}
		f := t.finding(9, Error, it)
		if a.bytes == it.bytes && a.crc == it.crc {
			if !a.sound() && it.sound() { // the one that stays is the one that is what was recorded
				first[it.ms], a, it = it, it, a
				f = t.finding(9, Error, it)
			}
			f.Problem = fmt.Sprintf("The same recording is in %s as well.", a.v.lib.Dir())
			f.Repair = "This copy is moved to " + lostAndFound + "."
			t.c.found(f, func() error { return removeCopy(it) })
			continue
		}
		f.Problem = fmt.Sprintf("Another recording of this name is in %s.", a.v.lib.Dir())
		f.Repair = "This one gets the next free name."
		t.c.found(f, func() error { return renameCopy(t.c.volumes, it) })
	}
}

func (t *timeline) finding(invariant int, s Severity, it item) Finding {
	return Finding{Invariant: invariant, Severity: s, Volume: it.v.lib.Dir(), Path: it.path, Stream: t.stream, Time: it.start}
}

// meetings checks invariant 5: recordings that meet exactly are one run.
func (t *timeline) meetings() {
	for i := range t.items {
		if i == 0 {
			continue
		}
		a, b := t.items[i-1], t.items[i]
		if !a.end.Equal(b.start) || a.is == nil || b.is == nil || a.is.Continues(b.is) {
			continue
		}
		f := t.finding(5, Error, b)
		f.Problem = "It begins where the recording before ends and looks like one run with it, but the video does not continue."
		f.Repair = "Its start is moved by a microsecond."
		t.c.found(f, func() error {
			d := &dayCheck{c: t.c, v: b.v, day: b.day}
			is := b.is.Describe(t.stream, b.path, b.start.Add(time.Microsecond))
			return d.replaceLine(&is, is)
		})
	}
}

const (
	// overlap is by how much recordings may repeat each other's time: the starts that recovery finds are whole milliseconds.
	overlap = time.Millisecond
	// clockStep is from which step back of the clock on an hour may happen twice.
	clockStep = 5 * time.Minute
)

// overlaps checks invariant 8.
func (t *timeline) overlaps() {
	var until item
	for _, it := range t.items {
		if twice := until.end.Sub(it.start); until.v != nil && twice > overlap && it.ms != until.ms {
			f := t.finding(8, Error, it)
			f.Problem = fmt.Sprintf("It begins %v before the end of %s.", twice.Round(time.Microsecond), until.path)
			if twice > clockStep {
				f.Severity = Info
				f.Problem = fmt.Sprintf("The clock was set back: the time of %s was recorded twice. Playback shows the first.", until.path)
			}
			t.c.found(f, nil)
		}
		if it.end.After(until.end) {
			until = it
		}
	}
}

// minHole is the shortest hole that has a gap line.
const minHole = time.Second

// holes reports holes in what was ever recorded that no gap line explains (invariant 6). What was deleted is no hole.
func (t *timeline) holes() {
	slices.SortFunc(t.spans, func(a, b nvr.TimeRange) int { return a.Start.Compare(b.Start) })
	slices.SortFunc(t.gaps, func(a, b nvr.TimeRange) int { return a.Start.Compare(b.Start) })
	var end time.Time
	next := 0
	for _, s := range t.spans {
		from := end
		for ; next < len(t.gaps) && t.gaps[next].Start.Before(s.Start); next++ {
			if t.gaps[next].Start.Sub(end) < minHole && t.gaps[next].End.After(end) {
				end = t.gaps[next].End
			}
		}
		if !from.IsZero() && s.Start.Sub(end) >= minHole && t.known(end, s.Start) {
			t.c.found(Finding{
				Invariant: 6, Severity: Warning, Stream: t.stream, Time: end,
				Problem: fmt.Sprintf("From here on %v are missing, and no gap says why.", s.Start.Sub(end).Round(time.Millisecond)),
			}, nil)
		}
		if s.End.After(end) {
			end = s.End
		}
	}
}

// known tells whether the journals of all days between from and to are there: those of days whose recordings were all
// deleted are not.
func (t *timeline) known(from, to time.Time) bool {
	for at := from.UTC().Truncate(24 * time.Hour); at.Before(to); at = at.Add(24 * time.Hour) {
		if !t.dates[library.DayOf(t.stream, at).Date] {
			return false
		}
	}
	return true
}

// sound tells whether the file is what its journal line says.
func (it item) sound() bool {
	got, err := whole.Read(it.v.lib.FS(), it.path, &index.Recording{Path: it.path, Bytes: it.bytes, CRC: it.crc})
	return err == nil && got.Size == it.bytes && got.Prefix == it.crc
}

// removeCopy takes a copy out of its volume and its journal, which then never spoke of it.
func removeCopy(it item) error {
	if err := dropLines(it.v, it.day, it.ms); err != nil {
		return err
	}
	return library.SetAside(it.v.lib.FS(), it.path)
}

// renameCopy gives a recording the next name that no volume has, and the start that belongs to it.
func renameCopy(volumes []*volume, it item) error {
	rec, err := lineOf(it.v.lib, it.day, it.ms)
	if err != nil {
		return err
	}
	ms := it.ms + 1
	for slices.ContainsFunc(volumes, func(v *volume) bool {
		_, err := v.lib.FS().Stat(library.FilePath(it.day.Stream, ms))
		return err == nil
	}) {
		ms++
	}
	hour, err := library.HourOf(library.FilePath(it.day.Stream, ms))
	if err != nil {
		return err
	}
	if err := dropLines(it.v, it.day, it.ms); err != nil {
		return err
	}
	fsys := it.v.lib.FS()
	if err := fsys.MkdirAll(hour.String(), 0o750); err != nil {
		return err
	}
	rec.Path = library.FilePath(it.day.Stream, ms)
	rec.Start = rec.Start.Add(time.Duration(ms-it.ms) * time.Millisecond)
	if err := fsys.Rename(it.path, rec.Path); err != nil {
		return err
	}
	if err := fsys.SyncDir(hour.String()); err != nil {
		return err
	}
	return it.v.lib.Append(hour.Day, library.Line{Recording: &rec})
}

func lineOf(lib *library.Library, day library.Day, ms int64) (index.Recording, error) {
	b, err := readBook(lib, day)
	if err != nil {
		return index.Recording{}, err
	}
	rec, ok := b.ledger.Recording(ms)
	if !ok {
		return rec, fmt.Errorf("recording %s is not in its journal any more", library.FilePath(day.Stream, ms))
	}
	return rec, nil
}

// dropLines rewrites the journal of day without the lines about ms alone.
func dropLines(v *volume, day library.Day, ms int64) error {
	var keep []int64
	_, _, err := v.lib.Read(day, 0, func(l library.Line) error {
		about := l.Files != nil && len(l.Files.MS) == 1 && l.Files.MS[0] == ms
		if l.Recording != nil {
			_, is, err := library.ParseFilePath(l.Recording.Path)
			about = err == nil && is == ms
		}
		if !about {
			keep = append(keep, l.Next)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return rewriteJournal(v, day, keep)
}
