package fsck

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// endOfTime is behind everything that a name can express.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// rowBatch is how many rows a repair adds in one transaction.
const rowBatch = 500

// rowCheck compares the index with the journals of one stream (invariant 7), a day behind the journals: a recording may
// lie in the directory of the day after its start.
type rowCheck struct {
	c      *checker
	stream nvr.StreamID
	from   time.Time
	want   map[int64]row  // by start, microseconds
	gone   map[int64]bool // starts of what the journals gave up; whether the index was told
	gaps   []row
}

// rows reads the journals again, which are repaired by now, and compares the index with them.
func (c *checker) rows(ctx context.Context, t *timeline) error {
	if c.o.Index == nil {
		return nil
	}
	x := &rowCheck{c: c, stream: t.stream, from: time.UnixMilli(0).UTC(), want: make(map[int64]row), gone: make(map[int64]bool)}
	for _, date := range slices.Sorted(maps.Keys(t.dates)) {
		day := library.Day{Stream: t.stream, Date: date}
		err := c.eachVolume(day, func(v *volume, day library.Day) error {
			b, err := readBook(v.lib, day)
			if err == nil {
				x.expect(&dayCheck{c: c, v: v, day: day, book: b})
			}
			return err
		})
		if err != nil {
			return err
		}
		if err := x.compare(ctx, day.Start()); err != nil {
			return err
		}
	}
	return x.compare(ctx, endOfTime)
}

// row is what the index should have.
type row struct {
	rec  index.Recording
	gap  index.Gap
	v    *volume
	told bool // the cursor says that the index has it
}

// expect takes what the journal of a day says.
func (x *rowCheck) expect(d *dayCheck) {
	cursor := d.v.cursor[d.day]
	for _, l := range d.book.named {
		x.gone[l.start.UnixMicro()] = cursor >= d.book.end
	}
	for _, rec := range d.book.ledger.Recordings() {
		_, ms, err := library.ParseFilePath(rec.Path)
		if err != nil || d.unsettled(ms) {
			continue
		}
		us := rec.Start.UnixMicro()
		if old, ok := x.want[us]; ok && !old.rec.Evicted { // in two volumes: the first one counts
			continue
		}
		x.want[us] = row{rec: rec, v: d.v, told: d.book.named[ms].next <= cursor}
	}
	for _, g := range d.book.gaps {
		if !d.unsettled(g.gap.Start.UnixMilli()) {
			x.gaps = append(x.gaps, row{gap: g.gap, v: d.v, told: g.next <= cursor})
		}
	}
}

// compare looks at the rows that start before to.
func (x *rowCheck) compare(ctx context.Context, to time.Time) error {
	if !x.from.Before(to) {
		return nil
	}
	rows, err := x.c.o.Index.Recordings(ctx, x.stream, nvr.TimeRange{Start: x.from, End: to})
	if err != nil {
		return fmt.Errorf("ask the index: %w", err)
	}
	for _, r := range rows {
		if r.Start.Before(x.from) || !r.Start.Before(to) {
			continue
		}
		us := r.Start.UnixMicro()
		want, ok := x.want[us]
		delete(x.want, us)
		switch {
		case !ok:
			x.unknown(ctx, r)
		case !same(want.rec, r):
			x.wrong(ctx, want, r)
		}
	}
	var absent []row
	for us, w := range x.want {
		if w.rec.Start.Before(to) {
			delete(x.want, us)
			absent = append(absent, w)
		}
	}
	x.absent(ctx, absent)
	if err := x.compareGaps(ctx); err != nil {
		return err
	}
	x.from = to
	return nil
}

// same compares what the journal says with the row.
func same(a, b index.Recording) bool {
	a.Start, b.Start = a.Start.UTC(), b.Start.UTC()
	if len(a.Segments) != len(b.Segments) || !slices.Equal(a.Segments, b.Segments) {
		return false
	}
	a.Segments, b.Segments = nil, nil
	return reflect.DeepEqual(a, b)
}

func (x *rowCheck) finding(s Severity, p string, at time.Time) Finding {
	return Finding{Invariant: 7, Severity: s, Path: p, Stream: x.stream, Time: at}
}

// severity of a difference: what the feeder has not come to yet is its work.
func severity(told bool) Severity {
	if told {
		return Error
	}
	return Warning
}

func (x *rowCheck) unknown(ctx context.Context, r index.Recording) {
	told, given := x.gone[r.Start.UnixMicro()]
	if x.c.o.Running && x.c.now().Sub(r.Start) < settled {
		return
	}
	f := x.finding(severity(told || !given), r.Path, r.Start)
	f.Problem, f.Repair = "The index has a recording that no journal knows.", "The row is removed."
	if given {
		f.Problem = "The index has a recording that the journal gave up."
	}
	x.c.found(f, func() error { return x.c.o.Index.RemoveRecordings(ctx, x.stream, []time.Time{r.Start}) })
}

func (x *rowCheck) wrong(ctx context.Context, want row, is index.Recording) {
	f := x.finding(severity(want.told), is.Path, is.Start)
	f.Problem, f.Repair = "The index describes the recording otherwise than the journal.", "The row is replaced."
	x.c.found(f, func() error {
		if err := x.c.o.Index.RemoveRecordings(ctx, x.stream, []time.Time{is.Start}); err != nil {
			return err
		}
		return x.add(ctx, []row{want})
	})
}

// absent reports rows that are missing, and adds them in batches.
func (x *rowCheck) absent(ctx context.Context, rows []row) {
	slices.SortFunc(rows, func(a, b row) int { return a.rec.Start.Compare(b.rec.Start) })
	for batch := range slices.Chunk(rows, rowBatch) {
		add := sync.OnceValue(func() error { return x.add(ctx, batch) })
		for _, w := range batch {
			if x.c.o.Running && x.givenUp(w) {
				continue
			}
			f := x.finding(severity(w.told), w.rec.Path, w.rec.Start)
			f.Problem, f.Repair = "The index does not have this recording.", "The row is added."
			if !w.told {
				f.Problem = "The index does not have this recording yet; the next start feeds it."
			}
			x.c.found(f, add)
		}
	}
}

// givenUp tells whether retention was at w since its journal was read.
func (x *rowCheck) givenUp(w row) bool {
	hour, err := library.HourOf(w.rec.Path)
	if err != nil {
		return false
	}
	_, err = lineOf(w.v.lib, hour.Day, w.rec.Start.UnixMilli())
	return err != nil
}

func (x *rowCheck) add(ctx context.Context, rows []row) error {
	recs := make([]index.Recording, 0, len(rows))
	for _, w := range rows {
		recs = append(recs, w.rec)
	}
	if err := x.c.o.Index.AddRecordings(ctx, recs); err != nil {
		return err
	}
	for _, r := range recs {
		if r.Remote || r.Evicted {
			if err := x.c.o.Index.Place(ctx, x.stream, []time.Time{r.Start}, r.Remote, r.Evicted); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareGaps looks for the gaps of the days since the last comparison. Rows of gaps whose journal went with its day stay.
func (x *rowCheck) compareGaps(ctx context.Context) error {
	if len(x.gaps) == 0 {
		return nil
	}
	want := make(map[int64]row)
	all := nvr.TimeRange{Start: x.gaps[0].gap.Start, End: x.gaps[0].gap.End}
	for _, g := range x.gaps {
		want[g.gap.Start.UnixMicro()] = g // the last line of a gap counts
		if g.gap.Start.Before(all.Start) {
			all.Start = g.gap.Start
		}
		if g.gap.End.After(all.End) {
			all.End = g.gap.End
		}
	}
	x.gaps = nil
	rows, err := x.c.o.Index.Gaps(ctx, x.stream, all)
	if err != nil {
		return fmt.Errorf("ask the index: %w", err)
	}
	for _, r := range rows {
		if w, ok := want[r.Start.UnixMicro()]; ok && w.gap.End.Equal(r.End) && w.gap.Reason == r.Reason && w.gap.Detail == r.Detail {
			delete(want, r.Start.UnixMicro())
		}
	}
	for _, w := range want {
		f := x.finding(severity(w.told), "", w.gap.Start)
		f.Problem, f.Repair = "The index does not have this gap, or another end or reason for it.", "The gap is added."
		x.c.found(f, func() error { return x.c.o.Index.AddGaps(ctx, []index.Gap{w.gap}) })
	}
	return nil
}
