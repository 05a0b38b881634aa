package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// TestRestoreAfterTheDisksAreLost rebuilds the journals of two volumes on a new one from the bucket alone.
func TestRestoreAfterTheDisksAreLost(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	second := openLibrary(t, t.TempDir())
	g.opts.Libraries = func() []*library.Library { return []*library.Library{g.lib, second} }
	day := library.DayOf(front, noon())
	var want []index.Recording
	for i := range 3 {
		want = append(want, g.record(front, noon().Add(time.Duration(i)*time.Minute), 1000+i))
	}
	gap := index.Gap{Stream: front, Start: noon().Add(3 * time.Minute), End: noon().Add(4 * time.Minute), Reason: index.GapDisk, Detail: "The disk was away."}
	if err := g.lib.Append(day, library.Line{Gap: &gap}); err != nil {
		t.Fatal(err)
	}
	want = append(want, recordIn(t, second, front, noon().Add(4*time.Minute), 2000), recordIn(t, second, yard, noon(), 2001))
	if err := pass(t.Context(), g.make()); err != nil {
		t.Fatal(err)
	}
	// A journal speaks of one file that is not in the bucket any more, and one is there that no journal speaks of yet.
	if err := os.Remove(g.objectFile(want[1].Path)); err != nil {
		t.Fatal(err)
	}
	want = slices.Delete(want, 1, 2)
	g.opts.JournalEvery = time.Hour
	a := g.make()
	for _, v := range a.adopt() {
		for _, st := range v.days {
			st.sentAt = time.Now()
		}
	}
	orphan := g.record(front, noon().Add(10*time.Minute), 1500)
	if err := pass(t.Context(), a); err != nil {
		t.Fatal(err)
	}

	fresh := openLibrary(t, t.TempDir())
	g.lib = fresh
	g.opts.Libraries = func() []*library.Library { return []*library.Library{fresh} }
	got, err := g.make().RestoreJournals(t.Context(), fresh)
	if err != nil {
		t.Fatal(err)
	}
	if got != (Restored{Days: 2, Recordings: 4, Gaps: 1, Fetched: 1}) {
		t.Errorf("restored %+v", got)
	}
	var recs []index.Recording
	var gaps []index.Gap
	for _, s := range []nvr.StreamID{front, yard} {
		d := library.DayOf(s, noon())
		recs = append(recs, g.ledger(d).Recordings()...)
		if _, _, err := fresh.Read(d, 0, func(l library.Line) error {
			if l.Gap != nil {
				gaps = append(gaps, *l.Gap)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i, w := range want {
		w.Remote, w.Evicted = true, true
		if i >= len(recs) || !sameRecording(recs[i], w) {
			t.Errorf("recording %d of %+v\nwant %+v", i, recs, w)
		}
	}
	if len(recs) != len(want) || len(gaps) != 1 || gaps[0] != gap {
		t.Errorf("%d recordings, gaps %+v", len(recs), gaps)
	}
	if b, err := os.ReadFile(filepath.Join(fresh.Dir(), orphan.Path)); err != nil || !bytes.Equal(b, content(orphan.Path, 1500)) {
		t.Errorf("the recording without a line was not copied back: %v", err)
	}
	again, err := g.a.RestoreJournals(t.Context(), fresh)
	if err != nil || again != (Restored{}) {
		t.Errorf("the second time: %+v, %v", again, err)
	}
}

func sameRecording(a, b index.Recording) bool {
	return a.Path == b.Path && a.Start.Equal(b.Start) && a.Duration == b.Duration && a.Bytes == b.Bytes && a.CRC == b.CRC && a.InitBytes == b.InitBytes &&
		slices.Equal(a.Segments, b.Segments) && a.Codecs == b.Codecs && a.Remote == b.Remote && a.Evicted == b.Evicted
}

// TestRestoreLeavesAloneWhatIsThere: local files are not given up, and lines are not repeated.
func TestRestoreLeavesAloneWhatIsThere(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	recs := []index.Recording{g.record(front, noon(), 1000), g.record(front, noon().Add(time.Minute), 1000)}
	if err := pass(t.Context(), g.make()); err != nil {
		t.Fatal(err)
	}
	day := library.DayOf(front, noon())
	// The journal was written again from the files and does not know of the copies.
	if err := os.Remove(filepath.Join(g.lib.Dir(), library.JournalPath(day))); err != nil {
		t.Fatal(err)
	}
	for i := range recs {
		if err := g.lib.Append(day, library.Line{Recording: &recs[i]}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := g.make().RestoreJournals(t.Context(), g.lib)
	if err != nil || got != (Restored{Days: 1, Recordings: 2}) {
		t.Errorf("%+v, %v", got, err)
	}
	for i, r := range g.ledger(day).Recordings() {
		recs[i].Remote = true
		if !sameRecording(r, recs[i]) {
			t.Errorf("%+v, want %+v", r, recs[i])
		}
	}
}

func TestListTellsWhatIsThere(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	a, b := g.record(front, noon(), 1000), g.record(yard, noon(), 1001)
	if err := pass(t.Context(), g.make()); err != nil {
		t.Fatal(err)
	}
	streams, err := g.a.Streams(t.Context())
	if err != nil || !slices.Equal(streams, []nvr.StreamID{front, yard}) {
		t.Errorf("%v, %v", streams, err)
	}
	for _, r := range []index.Recording{a, b} {
		n := 0
		err := g.a.List(t.Context(), r.Stream, func(path string, bytes int64) error {
			if n++; path != r.Path || bytes != r.Bytes {
				t.Errorf("%s with %d bytes, want %s with %d", path, bytes, r.Path, r.Bytes)
			}
			return nil
		})
		if err != nil || n != 1 {
			t.Errorf("%d objects of %s, %v", n, r.Stream, err)
		}
	}
}
