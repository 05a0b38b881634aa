package fsck_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/fsck"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// fill makes a volume with n sparse recordings of 30 s of 8 streams, as journals and index have them.
func fill(tb testing.TB, n int) (*library.Library, *memindex.Index) {
	tb.Helper()
	dir := tb.TempDir()
	lib, err := library.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = lib.Close() })
	idx := memindex.New()
	first := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for cam := range 8 {
		id := nvr.StreamID{Camera: nvr.CameraID(fmt.Sprintf("cam%d", cam)), Role: nvr.Main}
		lines := make(map[library.Day][]library.Line)
		recs := make([]index.Recording, 0, n/8)
		for i := range n / 8 {
			recs = append(recs, sparse(tb, dir, id, first.Add(time.Duration(i)*30*time.Second)))
			day := library.DayOf(id, recs[i].Start)
			lines[day] = append(lines[day], library.Line{Recording: &recs[i]})
		}
		for day, all := range lines {
			if err := lib.Append(day, all...); err != nil {
				tb.Fatal(err)
			}
		}
		if err := idx.AddRecordings(tb.Context(), recs); err != nil {
			tb.Fatal(err)
		}
	}
	return lib, idx
}

func sparse(tb testing.TB, dir string, id nvr.StreamID, at time.Time) index.Recording {
	tb.Helper()
	r := index.Recording{
		Stream: id, Start: at, Duration: 30 * time.Second, Path: library.FilePath(id, at.UnixMilli()), Bytes: 15 << 20, InitBytes: 700, Codecs: "avc1.640028",
	}
	for s := range 15 {
		from, to := r.InitBytes+int64(s)<<20, r.InitBytes+int64(s+1)<<20
		if s == 14 {
			to = r.Bytes
		}
		r.Segments = append(r.Segments, index.Segment{Offset: from, Bytes: to - from, Start: time.Duration(s) * 2 * time.Second, Duration: 2 * time.Second})
	}
	p := filepath.Join(dir, r.Path)
	if err := os.MkdirAll(filepath.Dir(p), 0o750); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(p, nil, 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Truncate(p, r.Bytes); err != nil {
		tb.Fatal(err)
	}
	return r
}

// BenchmarkCheck walks 100,000 recordings: the goal is 10 s.
func BenchmarkCheck(b *testing.B) {
	lib, idx := fill(b, 100_000)
	for _, c := range []struct {
		name  string
		level fsck.Level
		index index.Index
	}{{"list", fsck.List, nil}, {"size", fsck.Size, nil}, {"size+index", fsck.Size, idx}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				rep, err := fsck.Check(context.Background(), fsck.Options{Libraries: []*library.Library{lib}, Index: c.index, Level: c.level})
				if err != nil || rep.Files != 100_000 || rep.Errors > 0 {
					b.Fatalf("%v, %d files, %d errors: %+v", err, rep.Files, rep.Errors, rep.Findings[:min(3, len(rep.Findings))])
				}
			}
		})
	}
}
