package fsck

import (
	"context"
	"fmt"

	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// Rebuild writes the journals anew from the files alone, as if there were none, and then brings the index in step with
// them. The old journals go to .lost+found. Of their lines only those are taken over that no file can tell: gaps, and
// recordings of which the archive has a verified copy. It reads every byte. Dying in it leaves what Check with repair ends.
//
// Starts are told by names and media timelines and may differ by less than a millisecond from those that were lost.
func Rebuild(ctx context.Context, o Options) (Report, error) {
	if o.Running {
		return Report{}, ErrRunning
	}
	o.Repair, o.Level = true, Content
	for _, lib := range o.Libraries {
		days, err := lib.Days()
		if err != nil {
			return Report{}, fmt.Errorf("look through %s: %w", lib.Dir(), err)
		}
		c := &checker{o: o}
		for _, d := range days {
			if !c.wanted(d.Stream) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return Report{}, err
			}
			if err := forgetFiles(&volume{lib: lib}, d); err != nil {
				return Report{}, fmt.Errorf("rebuild the journal of %s: %w", d, err)
			}
		}
	}
	return Check(ctx, o)
}

// forgetFiles takes out of a journal what files can tell better.
func forgetFiles(v *volume, day library.Day) error {
	size, err := v.lib.Size(day)
	if err != nil || size == 0 {
		return err
	}
	b, err := readBook(v.lib, day)
	if err != nil {
		return err
	}
	var keep []int64
	_, _, err = v.lib.Read(day, 0, func(l library.Line) error {
		if l.Gap != nil || b.archived(l) {
			keep = append(keep, l.Next)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return rewriteJournal(v, day, keep)
}

// archived tells whether l is about recordings that the archive has.
func (b *book) archived(l library.Line) bool {
	if l.Recording != nil {
		_, ms, err := library.ParseFilePath(l.Recording.Path)
		r, ok := b.ledger.Recording(ms)
		return err == nil && ok && r.Remote
	}
	if l.Files == nil {
		return false
	}
	for _, ms := range l.Files.MS {
		if r, ok := b.ledger.Recording(ms); ok && r.Remote {
			return true
		}
	}
	return false
}
