package feed

import (
	"errors"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// book is what a journal says of where its recordings are, up to offset: as much of a library.Ledger as the index is
// told, small enough to be kept for the day that is being recorded.
type book struct {
	offset int64
	recs   map[int64]*entry // by name, those that are somewhere
}

// entry is one recording.
type entry struct {
	start           int64 // UTC microseconds
	remote, evicted bool
}

func (e *entry) nowhere() bool { return e.evicted && !e.remote }

// changes is what the index has to be told after some lines.
type changes struct {
	gone  map[int64]struct{} // starts of recordings that are nowhere, or described anew
	moved map[int64]struct{} // names of recordings whose place changed
}

// apply takes the next line.
func (b *book) apply(l library.Line, c *changes) {
	switch {
	case l.Recording != nil:
		_, ms, err := library.ParseFilePath(l.Recording.Path)
		if err != nil {
			return
		}
		e := &entry{start: l.Recording.Start.UnixMicro()}
		if before := b.recs[ms]; before != nil { // journaled again, by recovery or fsck
			c.gone[before.start] = struct{}{}
			e.remote = before.remote
			c.moved[ms] = struct{}{}
		}
		b.recs[ms] = e
	case l.Deleted != nil:
		from := l.Deleted.Start().UnixMilli()
		for ms, e := range b.recs {
			if ms >= from && ms < from+time.Hour.Milliseconds() {
				e.evicted = true
				b.changed(ms, c)
			}
		}
	case l.Files != nil:
		for _, ms := range l.Files.MS {
			e := b.recs[ms]
			if e == nil {
				continue
			}
			switch l.Files.Change {
			case library.Evicted:
				e.evicted = true
			case library.Archived:
				e.remote = true
			case library.Expired:
				e.remote = false
			}
			b.changed(ms, c)
		}
	}
	b.offset = l.Next
}

func (b *book) changed(ms int64, c *changes) {
	if e := b.recs[ms]; e.nowhere() {
		c.gone[e.start] = struct{}{}
		delete(b.recs, ms)
		return
	}
	c.moved[ms] = struct{}{}
}

// book returns the book of day up to offset. Reading it from the journal's beginning is only needed once per day that
// grows.
func (f *Feeder) book(day library.Day, offset int64) (*book, error) {
	b := f.books[day]
	if b == nil || b.offset > offset {
		b = &book{recs: make(map[int64]*entry)}
	}
	none := &changes{gone: make(map[int64]struct{}), moved: make(map[int64]struct{})}
	if b.offset < offset {
		_, _, err := f.lib.Read(day, b.offset, func(l library.Line) error {
			if l.Next > offset {
				return errBatchFull
			}
			b.apply(l, none)
			return nil
		})
		if err != nil && !errors.Is(err, errBatchFull) {
			return nil, err
		}
		b.offset = offset
	}
	return b, nil
}

// closeBooks forgets all books but that of each stream's latest day.
func (f *Feeder) closeBooks() {
	latest := make(map[string]string)
	for d := range f.books {
		latest[d.Stream.String()] = max(latest[d.Stream.String()], d.Date)
	}
	for d := range f.books {
		if d.Date != latest[d.Stream.String()] {
			delete(f.books, d)
		}
	}
}
