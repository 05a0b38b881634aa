package fsck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/internal/whole"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// settled is how long ago a recording must have begun to be judged while a recorder runs: the longest file lasts an hour.
const settled = 2 * time.Hour

// dayCheck compares one day's files in one volume with its journal.
type dayCheck struct {
	c    *checker
	v    *volume
	day  library.Day
	book *book
	seen map[int64]*whole.Content // what was read, at level content
	lost []nvr.TimeRange          // what no line names
}

// checkDay looks at the day and, where it repaired something, reads the journal again.
func (c *checker) checkDay(ctx context.Context, v *volume, day library.Day, prev *item) (*dayCheck, error) {
	d := &dayCheck{c: c, v: v, day: day, seen: make(map[int64]*whole.Content)}
	var err error
	if d.book, err = readBook(v.lib, day); err != nil {
		return nil, err
	}
	before := len(c.rep.Findings)
	d.journal()
	lost, err := d.files(ctx, prev)
	if err != nil {
		return nil, err
	}
	if err := d.missing(); err != nil {
		return nil, err
	}
	d.adopt(lost, prev)
	if slices.ContainsFunc(c.rep.Findings[before:], func(f Finding) bool { return f.Repaired }) {
		d.book, err = readBook(v.lib, day)
	}
	return d, err
}

func (d *dayCheck) finding(invariant int, s Severity, p string) Finding {
	f := Finding{Invariant: invariant, Severity: s, Volume: d.v.lib.Dir(), Path: p, Stream: d.day.Stream, Time: d.day.Start()}
	if _, ms, err := library.ParseFilePath(p); err == nil {
		f.Time = time.UnixMilli(ms).UTC()
	}
	return f
}

// journal checks invariant 4.
func (d *dayCheck) journal() {
	name := journalOf(d.day)
	if n := d.book.damaged; n > 0 {
		f := d.finding(4, Error, name)
		f.Problem = fmt.Sprintf("The journal has %d damaged lines; what they said of recordings is read again from the files.", n)
		f.Repair = "The journal is written anew from its good lines; the old one is kept in " + lostAndFound + "."
		d.c.found(f, func() error { return rewriteJournal(d.v, d.day, d.book.good) })
	}
	if d.book.size > d.book.end && !d.c.o.Running {
		f := d.finding(4, Warning, name)
		f.Problem = "The journal ends with a torn line, which counts as not written."
		f.Repair = "The torn line is cut off."
		d.c.found(f, func() error {
			if d.book.damaged > 0 { // it went with the rewriting
				return nil
			}
			return truncate(d.v.lib.FS(), name, d.book.end)
		})
	}
}

// files goes through the hour directories and returns the files that no line names.
func (d *dayCheck) files(ctx context.Context, prev *item) (lost []string, err error) {
	entries, err := d.v.lib.FS().ReadDir(d.day.String())
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		p := d.day.String() + "/" + e.Name()
		switch hour, err := parseHour(d.day, e.Name()); {
		case err == nil && e.IsDir():
			more, err := d.hour(ctx, hour)
			if err != nil {
				return nil, err
			}
			lost = append(lost, more...)
			d.c.step(1)
		case p == journalOf(d.day):
		case p == journalOf(d.day)+".tmp" && !d.c.o.Running:
			f := d.finding(4, Warning, p)
			f.Problem, f.Repair = "A journal was being replaced when the power went; the old one is in place.", "The unfinished one is removed."
			d.c.found(f, func() error { return d.v.lib.FS().Remove(p) })
		default:
			d.c.foreign(d.v, p)
		}
	}
	return lost, nil
}

func parseHour(day library.Day, name string) (library.Hour, error) {
	for h := range 24 {
		if hour := (library.Hour{Day: day, Hour: h}); path.Base(hour.String()) == name {
			return hour, nil
		}
	}
	return library.Hour{}, fs.ErrNotExist
}

func (d *dayCheck) hour(ctx context.Context, h library.Hour) (lost []string, err error) {
	entries, err := d.v.lib.FS().ReadDir(h.String())
	if errors.Is(err, fs.ErrNotExist) { // deleted meanwhile
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p := h.String() + "/" + e.Name()
		_, ms, err := library.ParseFilePath(p)
		if err != nil || e.IsDir() {
			d.c.foreign(d.v, p)
			continue
		}
		d.c.rep.Files++
		if d.unsettled(ms) {
			d.seen[ms] = nil
			continue
		}
		rec, ok := d.book.local(ms)
		switch _, named := d.book.named[ms]; {
		case ok:
			d.seen[ms] = nil
			d.c.rep.Bytes += rec.Bytes
			d.file(&rec, ms)
		case named:
			f := d.finding(2, Warning, p)
			f.Problem = "The journal gave this recording up and it is still there; the deletion was interrupted and retention finishes it."
			d.c.found(f, nil)
		default:
			lost = append(lost, p)
		}
	}
	return lost, nil
}

// unsettled tells whether a running recorder may still be at work on what is called ms.
func (d *dayCheck) unsettled(ms int64) bool {
	return d.c.o.Running && d.c.now().Sub(time.UnixMilli(ms)) < settled
}

// file checks invariant 1 of a journaled file that is there.
func (d *dayCheck) file(rec *index.Recording, ms int64) {
	if d.c.o.Level == List {
		return
	}
	if d.c.o.Level == Size {
		info, err := d.v.lib.FS().Stat(rec.Path)
		if err != nil {
			d.unreadable(rec.Path, err)
			return
		}
		if info.Size() == rec.Bytes {
			return
		}
	}
	got, err := whole.Read(d.v.lib.FS(), rec.Path, rec)
	if err != nil && !errors.Is(err, whole.ErrNoVideo) {
		d.unreadable(rec.Path, err)
		return
	}
	if err == nil && !d.playsOn(rec, got) { // what such a one continues cannot be told
		d.seen[ms] = got
	}
	if problem := d.damage(rec, got, err); problem != "" {
		f := d.finding(1, Error, rec.Path)
		f.Problem = problem
		f.Repair = d.cure(rec, got, err)
		var repair func() error
		if f.Repair != "" {
			repair = func() error { return d.heal(rec, got, err) }
		}
		d.c.found(f, repair)
	}
}

func (d *dayCheck) unreadable(p string, err error) {
	if errors.Is(err, fs.ErrNotExist) && d.c.o.Running {
		return // deleted meanwhile
	}
	f := d.finding(1, Error, p)
	f.Problem = fmt.Sprintf("The recording cannot be read: %v.", err)
	d.c.found(f, nil)
}

// damage says what is wrong with a journaled file, or returns "".
func (d *dayCheck) damage(rec *index.Recording, got *whole.Content, err error) string {
	switch {
	case err != nil:
		return "The recording has no video in it that can be read."
	case got.Size > rec.Bytes && got.Prefix == rec.CRC:
		return fmt.Sprintf("The file has %d bytes behind the recording's end.", got.Size-rec.Bytes)
	case got.Size != rec.Bytes:
		return fmt.Sprintf("The file has %d bytes, the journal says %d; %v of %v are whole.", got.Size, rec.Bytes, got.To()-got.From(), rec.Duration)
	case d.playsOn(rec, got):
		return fmt.Sprintf("The recording is damaged in its middle; %v of %v are whole, and pictures behind the damage still play.",
			got.To()-got.From(), rec.Duration)
	case got.Prefix != rec.CRC && got.Layout.Size < rec.Bytes:
		return fmt.Sprintf("The recording is damaged; %v of %v are whole.", got.To()-got.From(), rec.Duration)
	case got.Prefix != rec.CRC:
		return "The recording plays, but it is not what was recorded: its checksum is another."
	}
	if what := got.Differs(rec); what != "" {
		return "The journal does not describe the file: " + what + "."
	}
	return ""
}

// missing reports journaled files that are not there.
func (d *dayCheck) missing() error {
	recs := slices.Clone(d.book.ledger.Recordings())
	for i := range recs {
		_, ms, err := library.ParseFilePath(recs[i].Path)
		if _, seen := d.seen[ms]; err != nil || recs[i].Evicted || seen || d.unsettled(ms) {
			continue
		}
		if d.c.o.Running { // it may have been given up since the journal was read
			fresh, err := readBook(d.v.lib, d.day)
			if err != nil {
				return err
			}
			if _, ok := fresh.local(ms); !ok {
				continue
			}
		}
		f := d.finding(1, Error, recs[i].Path)
		f.Problem = "The journal says that this recording is here, but the file is not."
		f.Repair = "The journal gives it up."
		if recs[i].Remote {
			f.Repair = "The journal says that only the archive has it."
		}
		d.c.found(f, func() error { return d.giveUp(&recs[i]) })
	}
	return nil
}

func journalOf(day library.Day) string { return day.String() + "/journal.jsonl" }

func streamOf(p string) nvr.StreamID {
	s, _ := nvr.ParseStreamID(streamPart(p))
	return s
}
