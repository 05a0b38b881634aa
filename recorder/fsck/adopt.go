package fsck

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/internal/whole"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// placed is a recording on its way to a place in time: one that the journal knows, or a file that no line names.
type placed struct {
	ms    int64
	path  string
	known bool
	start time.Time      // of a known one; else found by place
	end   time.Time      // of a known one
	is    *whole.Content // nil of a known one that only the archive has
}

// adopt journals the files that no line names.
func (d *dayCheck) adopt(lost []string, prev *item) {
	if len(lost) == 0 {
		return
	}
	chain := d.neighbours(lost, prev)
	for _, p := range lost {
		_, ms, _ := library.ParseFilePath(p)
		f := d.finding(2, Error, p)
		got, err := whole.Read(d.v.lib.FS(), p, nil)
		switch {
		case errors.Is(err, whole.ErrNoVideo):
			f.Problem = "No journal names this file, and there is no video in it that can be read."
			f.Repair = "The file is moved to " + lostAndFound + "."
			d.c.found(f, func() error { return library.SetAside(d.v.lib.FS(), p) })
		case err != nil:
			f.Problem = fmt.Sprintf("No journal names this file, and it cannot be read: %v.", err)
			d.c.found(f, nil)
		default:
			chain = append(chain, &placed{ms: ms, path: p, is: got})
		}
	}
	slices.SortFunc(chain, func(a, b *placed) int { return cmp.Compare(a.ms, b.ms) })
	place(chain)
	for _, x := range chain {
		if x.known {
			continue
		}
		d.lost = append(d.lost, nvr.TimeRange{Start: x.start, End: x.start.Add(x.is.To() - x.is.From())})
		f := d.finding(2, Error, x.path)
		f.Problem = fmt.Sprintf("No journal names this recording of %v.", x.is.To()-x.is.From())
		f.Repair = "It is journaled."
		if x.is.Layout.Size < x.is.Size {
			f.Problem = fmt.Sprintf("No journal names this recording; %v of it are whole, its end is torn.", x.is.To()-x.is.From())
			f.Repair = "The torn end goes to " + lostAndFound + " and the recording is journaled."
		}
		d.c.found(f, func() error { return d.enter(x) })
	}
}

// enter cuts what is torn off, which is kept: where a disk damaged the middle of a file, pictures follow. It journals the rest.
func (d *dayCheck) enter(x *placed) error {
	if x.is.Layout.Size < x.is.Size {
		if err := library.KeepTail(d.v.lib.FS(), x.path, x.is.Layout.Size); err != nil {
			return err
		}
		if err := truncate(d.v.lib.FS(), x.path, x.is.Layout.Size); err != nil {
			return err
		}
	}
	rec := x.is.Describe(d.day.Stream, x.path, x.start)
	if err := d.v.lib.Append(d.day, library.Line{Recording: &rec}); err != nil {
		return err
	}
	d.seen[x.ms] = x.is
	return nil
}

// neighbours returns the journaled recordings right before and after each of the lost ones, which may be of one run with
// it and then tell its start to the microsecond.
func (d *dayCheck) neighbours(lost []string, prev *item) []*placed {
	known := make([]*placed, 0, len(d.seen)+1)
	recs := d.book.ledger.Recordings()
	for i := range recs {
		if _, ms, err := library.ParseFilePath(recs[i].Path); err == nil {
			known = append(known, &placed{ms: ms, path: recs[i].Path, known: true, start: recs[i].Start, end: recs[i].End()})
		}
	}
	if prev != nil && prev.v == d.v {
		known = append(known, &placed{ms: prev.ms, path: prev.path, known: true, start: prev.start, end: prev.end})
	}
	slices.SortFunc(known, func(a, b *placed) int { return cmp.Compare(a.ms, b.ms) })
	picked := make(map[int64]bool)
	var out []*placed
	for _, p := range lost {
		_, ms, _ := library.ParseFilePath(p)
		at, _ := slices.BinarySearchFunc(known, ms, func(k *placed, ms int64) int { return cmp.Compare(k.ms, ms) })
		for _, n := range []int{at - 1, at} {
			if n < 0 || n >= len(known) || picked[known[n].ms] {
				continue
			}
			picked[known[n].ms] = true
			if got, err := whole.Read(d.v.lib.FS(), known[n].path, nil); err == nil {
				known[n].is = got
			}
			out = append(out, known[n])
		}
	}
	return out
}

// nameSlack is by how much a name may differ from the time that the run tells: names are cut to milliseconds.
const nameSlack = 2 * time.Millisecond

// place gives each recording of chain, which is in the order of names, its start. Names only tell milliseconds. But
// recordings that continue each other on the media timeline are one run, whose starts are as far apart as their media: a
// run with a known recording in it has its starts from there, another has the first start that suits all of its names.
func place(chain []*placed) {
	for from := 0; from < len(chain); {
		to := from + 1
		for to < len(chain) && follows(chain[to-1], chain[to]) {
			to++
		}
		if chain[from].is != nil {
			anchor := time.Time{}
			if from > 0 && meets(chain[from-1], chain[from]) {
				anchor = chain[from-1].end
			}
			placeRun(chain[from:to], anchor)
		}
		from = to
	}
}

// follows tells whether b is of one run with a.
func follows(a, b *placed) bool {
	if a.is == nil || b.is == nil || !a.is.Continues(b.is) {
		return false
	}
	apart := time.Duration(b.ms-a.ms) * time.Millisecond
	exact := (b.is.From() - a.is.To()).Abs() <= time.Microsecond
	return exact && (apart-(b.is.From()-a.is.From())).Abs() <= nameSlack
}

// meets tells whether b, which does not begin its run, continues a, of which only the journal's word is there.
func meets(a, b *placed) bool {
	return a.known && a.is == nil && a.end.UnixMilli() == b.ms && b.is.From() > 0
}

// placeRun gives each of one run its start. anchor is the first one's, if it is known from elsewhere.
func placeRun(run []*placed, anchor time.Time) {
	zero := run[0].is.From()
	lo, hi := time.UnixMilli(run[0].ms), time.UnixMilli(run[0].ms+1)
	for _, x := range run {
		after := x.is.From() - zero
		if x.known {
			anchor = x.start.Add(-after)
		}
		if at := time.UnixMilli(x.ms).Add(-after); at.After(lo) {
			lo = at
		}
		if at := time.UnixMilli(x.ms + 1).Add(-after); at.Before(hi) {
			hi = at
		}
	}
	switch {
	case !anchor.IsZero():
		lo = anchor
	case !lo.Before(hi): // a name was taken and the next one used: no start suits all
		lo = time.UnixMilli(run[0].ms)
	}
	for _, x := range run {
		if !x.known {
			x.start = lo.Add(x.is.From() - zero).UTC()
		}
	}
}
