package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

var front = nvr.StreamID{Camera: "front", Role: nvr.Main}

func recording(start time.Time) index.Recording {
	r := index.Recording{
		Stream: front, Start: start, Duration: 30 * time.Second, Path: fmt.Sprintf("front/main/%d.mp4", start.UnixMilli()),
		Bytes: 5_000_000, InitBytes: 900, CRC: 0xfedcba98, Codecs: "avc1.640028", Width: 1920, Height: 1080,
	}
	for i := range 10 {
		r.Segments = append(r.Segments, index.Segment{
			Offset: 900 + int64(i)*400_000, Bytes: 400_000, Start: time.Duration(i) * 3 * time.Second, Duration: 3 * time.Second,
		})
	}
	return r
}

func testRecordedBytes(t *testing.T, s *Store) {
	ctx, t0 := t.Context(), time.Date(2026, 3, 1, 12, 59, 0, 0, time.UTC)
	var recs []index.Recording
	for i := range 20 {
		recs = append(recs, recording(t0.Add(time.Duration(i)*30*time.Second)))
	}
	want := func(n int64) {
		t.Helper()
		if sum, err := s.RecordedBytes(ctx); err != nil || sum["front"] != n*5_000_000 {
			t.Errorf("bytes %v, %v; want those of %d recordings", sum, err, n)
		}
	}
	for range 2 {
		if err := s.AddRecordings(ctx, recs); err != nil {
			t.Fatal(err)
		}
		want(20)
	}
	if err := s.RemoveRecordings(ctx, front, []time.Time{t0, t0.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	want(19)
	if err := s.Place(ctx, front, []time.Time{recs[1].Start, recs[5].Start}, true, true); err != nil {
		t.Fatal(err)
	}
	want(17)
	if err := s.Place(ctx, front, []time.Time{recs[1].Start}, true, false); err != nil {
		t.Fatal(err)
	}
	want(18)
}

// partitions returns the names of the partitions that exist.
func (s *Store) partitions(t *testing.T) (names []string) {
	t.Helper()
	err := s.pool.QueryRow(t.Context(), "SELECT array_agg(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'recordings'::regclass").Scan(&names)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func testPartitions(t *testing.T, s *Store) {
	ctx, t0 := t.Context(), time.Date(2025, 6, 1, 23, 50, 0, 0, time.UTC)
	other := &Store{pool: s.pool, q: s.q, days: make(map[int64]bool)} // as a second process
	full := recording(t0.AddDate(0, 0, 5))
	today := recording(time.Now().UTC().Truncate(time.Second))
	var recs []index.Recording
	for i := range 40 { // over midnight
		recs = append(recs, recording(t0.Add(time.Duration(i)*30*time.Second)))
	}
	recs = append(recs, full, today)
	fill := func() {
		t.Helper()
		var wg sync.WaitGroup
		for _, x := range []*Store{s, other, s, other} {
			wg.Go(func() {
				if err := x.AddRecordings(ctx, recs); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, want := range []string{"recordings_20250601", "recordings_20250602", "recordings_20250606"} {
			if !slices.Contains(s.partitions(t), want) {
				t.Errorf("no partition %s", want)
			}
		}
	}
	fill()
	empty := func() {
		t.Helper()
		var starts []time.Time
		for _, r := range recs {
			if r.Start != full.Start {
				starts = append(starts, r.Start)
			}
		}
		if err := s.RemoveRecordings(ctx, front, starts); err != nil {
			t.Fatal(err)
		}
	}
	empty()
	for range 2 {
		if err := s.Maintain(ctx); err != nil {
			t.Fatal(err)
		}
	}
	names := s.partitions(t)
	if slices.Contains(names, "recordings_20250601") || slices.Contains(names, "recordings_20250602") {
		t.Errorf("empty old days are left: %v", names)
	}
	if !slices.Contains(names, "recordings_20250606") || !slices.Contains(names, partitionOf(dayOf(today.Start.UnixMicro()))) {
		t.Errorf("a day with recordings, or a young one, is gone: %v", names)
	}
	var sorted []string
	err := s.pool.QueryRow(ctx, "SELECT array_agg(indrelid::regclass::text) FROM pg_index WHERE indisclustered AND indrelid::regclass::text LIKE 'recordings_%'").Scan(&sorted)
	if err != nil || !slices.Contains(sorted, "recordings_20250606") {
		t.Errorf("sorted days %v, %v", sorted, err)
	}
	if recs, err := s.Recordings(ctx, front, nvr.TimeRange{Start: full.Start, End: full.End()}); err != nil || len(recs) != 1 {
		t.Errorf("after sorting: %v, %v", recs, err)
	}
	// The second process still believes that the days are there.
	if err := other.AddRecordings(ctx, recs); err != nil {
		t.Errorf("adding to a day that was dropped: %v", err)
	}
	fill()
	empty()

	// Somebody reads while we want to drop: it is left for later, and nobody waits long.
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if _, err := tx.Exec(ctx, "SELECT count(*) FROM recordings"); err != nil {
		t.Fatal(err)
	}
	if err := s.Maintain(ctx); err != nil {
		t.Errorf("maintenance beside a reader: %v", err)
	}
	if !slices.Contains(s.partitions(t), "recordings_20250601") {
		t.Error("dropped what is being read")
	}
	// A reader does not keep new days from being added either.
	if err := s.AddRecordings(ctx, []index.Recording{recording(t0.AddDate(0, 0, 20))}); err != nil {
		t.Error(err)
	}
}

func TestSegmentsRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var segs []index.Segment
		at, off := time.Duration(0), int64(900)
		for range rng.IntN(12) {
			if rng.IntN(4) == 0 { // a hole in bytes or time
				at, off = at+time.Duration(rng.IntN(1e6))*time.Microsecond, off+int64(rng.IntN(1000))
			}
			s := index.Segment{Offset: off, Bytes: int64(1 + rng.IntN(1e6)), Start: at, Duration: time.Duration(1+rng.IntN(6e6)) * time.Microsecond}
			segs, at, off = append(segs, s), at+s.Duration, off+s.Bytes
		}
		got, err := appendSegments(nil, encodeSegments(segs))
		if err != nil || !slices.Equal(got, segs) {
			t.Fatalf("%v, %v; want %v", got, err, segs)
		}
	}
}

func FuzzDecodeSegments(f *testing.F) {
	f.Add(encodeSegments(recording(time.Now()).Segments))
	f.Fuzz(func(t *testing.T, b []byte) {
		segs, err := appendSegments(nil, b)
		if err == nil && len(segs) > len(b) {
			t.Fatalf("%d segments out of %d bytes", len(segs), len(b))
		}
	})
}

func FuzzUnpackRuns(f *testing.F) {
	var h hourSum
	h.add(0, 1000)
	h.add(5000, hourUS)
	h.flush()
	f.Add(h.runs)
	f.Fuzz(func(t *testing.T, b []byte) {
		last := int64(7 * hourUS)
		_ = unpackRuns(b, last, func(start, end int64) { // what it gives before it notices damage must be possible, too
			if start < last || end < start || end > 8*hourUS {
				t.Fatalf("run %d to %d after %d", start, end, last)
			}
			last = end
		})
	})
}
