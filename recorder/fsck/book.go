package fsck

import (
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// book is what the journal of one day in one volume says.
type book struct {
	ledger  library.Ledger
	named   map[int64]line // every recording that ever had a line, by its name
	gaps    []gapLine
	good    []int64 // where each whole, undamaged line ends
	damaged int
	end     int64 // behind the last whole line
	size    int64
}

type line struct {
	next       int64 // where the line ends
	start, end time.Time
}

type gapLine struct {
	next int64
	gap  index.Gap
}

func readBook(lib *library.Library, day library.Day) (*book, error) {
	b := &book{named: make(map[int64]line)}
	var err error
	b.end, b.damaged, err = lib.Read(day, 0, func(l library.Line) error {
		b.good = append(b.good, l.Next)
		b.ledger.Apply(l)
		switch {
		case l.Recording != nil:
			if _, ms, err := library.ParseFilePath(l.Recording.Path); err == nil {
				b.named[ms] = line{next: l.Next, start: l.Recording.Start, end: l.Recording.End()}
			}
		case l.Gap != nil:
			b.gaps = append(b.gaps, gapLine{next: l.Next, gap: *l.Gap})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.size, err = lib.Size(day)
	return b, err
}

// local returns the recording called ms when the journal says that its file is here.
func (b *book) local(ms int64) (index.Recording, bool) {
	r, ok := b.ledger.Recording(ms)
	return r, ok && !r.Evicted
}
