package library

import (
	"slices"

	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// Ledger is what a journal says of the recordings of its day, as far as its lines were applied. The zero value is the
// empty journal.
type Ledger struct {
	recs   []index.Recording // in the order of their lines; Remote and Evicted are set, those that are nowhere are out
	byName map[int64]int
	// Given lists the hours that were given up, in order; an hour that was recorded in again afterwards stays in it.
	Given []Hour
}

// Apply takes the next line.
func (l *Ledger) Apply(line Line) {
	switch {
	case line.Recording != nil:
		l.add(*line.Recording)
	case line.Deleted != nil:
		l.Given = append(l.Given, *line.Deleted)
		l.each(func(r *index.Recording) {
			if h, err := HourOf(r.Path); err == nil && h == *line.Deleted {
				r.Evicted = true
			}
		})
	case line.Files != nil:
		for _, ms := range line.Files.MS {
			if i, ok := l.byName[ms]; ok {
				line.Files.Change.apply(&l.recs[i])
			}
		}
		l.sweep()
	}
}

func (c Change) apply(r *index.Recording) {
	switch c {
	case Evicted:
		r.Evicted = true
	case Archived:
		r.Remote = true
	case Expired:
		r.Remote = false
	}
}

func (l *Ledger) add(r index.Recording) {
	_, ms, err := ParseFilePath(r.Path)
	if err != nil {
		return
	}
	if l.byName == nil {
		l.byName = make(map[int64]int)
	}
	if i, ok := l.byName[ms]; ok { // journaled again, by recovery or fsck
		r.Remote = l.recs[i].Remote
		l.recs[i] = r
		return
	}
	l.byName[ms] = len(l.recs)
	l.recs = append(l.recs, r)
}

func (l *Ledger) each(f func(*index.Recording)) {
	for i := range l.recs {
		f(&l.recs[i])
	}
	l.sweep()
}

// sweep forgets recordings that are nowhere any more.
func (l *Ledger) sweep() {
	n := len(l.recs)
	l.recs = slices.DeleteFunc(l.recs, func(r index.Recording) bool { return r.Evicted && !r.Remote })
	if len(l.recs) == n {
		return
	}
	clear(l.byName)
	for i, r := range l.recs {
		if _, ms, err := ParseFilePath(r.Path); err == nil {
			l.byName[ms] = i
		}
	}
}

// Recordings returns those that are somewhere, in the order of their lines. The caller must not change them.
func (l *Ledger) Recordings() []index.Recording { return l.recs }

// Recording returns the one named ms.
func (l *Ledger) Recording(ms int64) (index.Recording, bool) {
	i, ok := l.byName[ms]
	if !ok {
		return index.Recording{}, false
	}
	return l.recs[i], true
}
