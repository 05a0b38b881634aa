package feed

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var front = nvr.StreamID{Camera: "front", Role: nvr.Main}

func open(t *testing.T, dir string) *library.Library {
	t.Helper()
	lib, err := library.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lib.Close() })
	return lib
}

func start(t *testing.T, lib *library.Library, idx index.Index) (*Feeder, func()) {
	t.Helper()
	f, err := New(Options{Library: lib, Index: idx, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = f.Run(ctx) }()
	return f, func() { cancel(); <-done }
}

// record puts an empty file and its journal line in place.
func record(t *testing.T, lib *library.Library, at time.Time) index.Recording {
	t.Helper()
	day := library.DayOf(front, at)
	f, path, err := lib.Create(day, at.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r := index.Recording{
		Stream: front, Start: at.UTC(), Duration: 30 * time.Second, Path: path, Bytes: 300, InitBytes: 100, Codecs: "avc1.640028",
		Segments: []index.Segment{{Offset: 100, Bytes: 200, Duration: 30 * time.Second}},
	}
	if err := lib.Append(day, library.Line{Recording: &r}); err != nil {
		t.Fatal(err)
	}
	return r
}

func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come true", what)
		}
		<-tick.C
	}
}

func TestFeedsAndCatchesUpAfterAnOutage(t *testing.T) {
	lib, idx := open(t, t.TempDir()), memindex.New()
	now := time.Now().UTC().Truncate(time.Hour)
	record(t, lib, now)
	f, stop := start(t, lib, idx)
	defer stop()
	waitFor(t, "first recording indexed", func() bool { return idx.Len() == 1 })
	idx.Fail(errors.New("connection refused"))
	for n := range 1200 { // more than two batches
		record(t, lib, now.Add(time.Duration(n+1)*time.Second))
	}
	g := index.Gap{Stream: front, Start: now.Add(-time.Minute), End: now, Reason: index.GapOffline, Detail: "cable"}
	if err := lib.Append(library.DayOf(front, now), library.Line{Gap: &g}); err != nil {
		t.Fatal(err)
	}
	idx.Fail(nil)
	waitFor(t, "catching up", func() bool { return idx.Len() == 1201 })
	waitFor(t, "gap indexed", func() bool {
		gaps, err := idx.Gaps(t.Context(), front, nvr.TimeRange{Start: now.Add(-time.Hour), End: now})
		return err == nil && len(gaps) == 1 && gaps[0] == g
	})
	size, err := lib.Size(library.DayOf(front, now))
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "cursor at the end", func() bool { return f.Offset(library.DayOf(front, now)) == size })
}

func TestCursorSurvivesAndAnEmptyIndexIsRefilled(t *testing.T) {
	dir := t.TempDir()
	lib, idx := open(t, dir), memindex.New()
	now := time.Now().UTC().Truncate(time.Hour)
	a := record(t, lib, now)
	_, stop := start(t, lib, idx)
	waitFor(t, "indexed", func() bool { return idx.Len() == 1 })
	stop()
	record(t, lib, now.Add(time.Minute)) // while nobody fed
	f, stop := start(t, lib, idx)
	if f.Offset(library.DayOf(front, now)) == 0 {
		t.Error("cursor was not kept")
	}
	waitFor(t, "second indexed", func() bool { return idx.Len() == 2 })
	stop()
	record(t, lib, now.Add(2*time.Minute))
	fresh := memindex.New()
	_, stop = start(t, lib, fresh)
	defer stop()
	waitFor(t, "fresh index filled", func() bool { return fresh.Len() == 3 })
	got, err := fresh.Recordings(t.Context(), front, nvr.TimeRange{Start: a.Start, End: a.End()})
	if err != nil || len(got) != 1 || got[0].Path != a.Path || len(got[0].Segments) != 1 {
		t.Errorf("first recording came back as %+v, error %v", got, err)
	}
}

func TestDamagedCursorAndJournalDoNoHarm(t *testing.T) {
	lib, idx := open(t, t.TempDir()), memindex.New()
	now := time.Now().UTC().Truncate(time.Hour)
	if err := library.ReplaceFile(lib.FS(), cursorName, []byte("{")); err != nil {
		t.Fatal(err)
	}
	record(t, lib, now)
	path := library.DayOf(front, now).String() + "/journal.jsonl"
	b, err := library.ReadFile(lib.FS(), path)
	if err != nil {
		t.Fatal(err)
	}
	b = append(append([]byte("garbage\n"), b...), []byte(`{"t":"rec","start`)...) // torn by a crash
	if err := library.ReplaceFile(lib.FS(), path, b); err != nil {
		t.Fatal(err)
	}
	_, stop := start(t, lib, idx)
	defer stop()
	waitFor(t, "indexed past garbage", func() bool { return idx.Len() == 1 })
	record(t, lib, now.Add(time.Minute))
	waitFor(t, "indexed behind the tear", func() bool { return idx.Len() == 2 })
}

func TestDeletedHoursLeaveTheIndexAndOldDaysTheDisk(t *testing.T) {
	lib, idx := open(t, t.TempDir()), memindex.New()
	old := time.Now().UTC().Add(-10 * 24 * time.Hour).Truncate(24 * time.Hour).Add(5 * time.Hour)
	record(t, lib, old)
	record(t, lib, old.Add(time.Minute))
	kept := record(t, lib, old.Add(time.Hour))
	_, stop := start(t, lib, idx)
	defer stop()
	waitFor(t, "indexed", func() bool { return idx.Len() == 3 })
	drop := func(hour int) {
		h := library.Hour{Day: library.DayOf(front, old), Hour: hour}
		if err := lib.Append(h.Day, library.Line{Deleted: &h}); err != nil {
			t.Fatal(err)
		}
		if err := lib.RemoveHour(h); err != nil {
			t.Fatal(err)
		}
	}
	drop(5)
	waitFor(t, "hour forgotten", func() bool { return idx.Len() == 1 })
	if got, err := idx.Recordings(t.Context(), front, nvr.TimeRange{Start: kept.Start, End: kept.End()}); err != nil || len(got) != 1 {
		t.Errorf("the other hour's recording: %v, %v", got, err)
	}
	drop(6)
	waitFor(t, "day removed", func() bool {
		days, err := lib.Days()
		return err == nil && len(days) == 0 && idx.Len() == 0
	})
}

func TestFilesMoveInTheIndexAsTheJournalSays(t *testing.T) {
	lib, idx := open(t, t.TempDir()), memindex.New()
	old := time.Now().UTC().Add(-10 * 24 * time.Hour).Truncate(24 * time.Hour).Add(5 * time.Hour)
	var recs []index.Recording
	for n := range 4 {
		recs = append(recs, record(t, lib, old.Add(time.Duration(n)*time.Minute)))
	}
	_, stop := start(t, lib, idx)
	waitFor(t, "indexed", func() bool { return idx.Len() == 4 })
	say := func(c library.Change, which ...int) {
		t.Helper()
		f := library.Files{Change: c}
		for _, i := range which {
			f.MS = append(f.MS, recs[i].Start.UnixMilli())
		}
		if err := lib.Append(library.DayOf(front, old), library.Line{Files: &f}); err != nil {
			t.Fatal(err)
		}
		if c == library.Evicted {
			if err := lib.RemoveFiles(front, f.MS); err != nil {
				t.Fatal(err)
			}
		}
	}
	place := func(idx *memindex.Index, i int) string {
		got, err := idx.Recordings(t.Context(), front, nvr.TimeRange{Start: recs[i].Start, End: recs[i].End()})
		switch {
		case err != nil || len(got) == 0:
			return "nowhere"
		case got[0].Remote && got[0].Evicted:
			return "remote"
		case got[0].Remote:
			return "both"
		default:
			return "local"
		}
	}
	all := func(idx *memindex.Index) (out [4]string) {
		for i := range out {
			out[i] = place(idx, i)
		}
		return out
	}
	say(library.Archived, 0, 1)
	say(library.Evicted, 0, 2)
	want := [4]string{"remote", "both", "nowhere", "local"}
	waitFor(t, "places", func() bool { return all(idx) == want })
	again := recs[3]
	again.Bytes++ // fsck found that it is longer
	again.Segments = []index.Segment{{Offset: 100, Bytes: 201, Duration: 30 * time.Second}}
	if err := lib.Append(library.DayOf(front, old), library.Line{Recording: &again}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a recording described anew", func() bool {
		got, err := idx.Recordings(t.Context(), front, nvr.TimeRange{Start: again.Start, End: again.End()})
		return err == nil && len(got) == 1 && got[0].Bytes == again.Bytes
	})
	fresh := memindex.New() // rebuilt from the journals alone, in one batch
	stop()
	_, stop = start(t, lib, fresh)
	waitFor(t, "rebuilt places", func() bool { return all(fresh) == want })
	say(library.Evicted, 1, 3)
	waitFor(t, "eviction", func() bool { return all(fresh) == [4]string{"remote", "remote", "nowhere", "nowhere"} })
	if days, err := lib.Days(); err != nil || len(days) != 1 {
		t.Errorf("the journal of what the archive has is gone: %v, %v", days, err)
	}
	h := library.Hour{Day: library.DayOf(front, old), Hour: 5}
	if err := lib.Append(h.Day, library.Line{Deleted: &h}); err != nil { // nothing is local any more
		t.Fatal(err)
	}
	say(library.Expired, 0, 1)
	waitFor(t, "day removed", func() bool {
		days, err := lib.Days()
		return err == nil && len(days) == 0 && fresh.Len() == 0
	})
	stop()
}
