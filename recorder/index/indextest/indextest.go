// Package indextest holds what every index.Index must do, as tests that run against any of them. memindex is the
// reference for the random ones. It tests no speed: core/internal/bench/index does.
package indextest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
)

// Run tests x. It uses cameras whose names begin with "t_", of which x must hold nothing.
func Run(t *testing.T, x index.Index) {
	t.Run("Recordings", func(t *testing.T) { testRecordings(t, x) })
	t.Run("Place", func(t *testing.T) { testPlace(t, x) })
	t.Run("Runs", func(t *testing.T) { testRuns(t, x) })
	t.Run("Gaps", func(t *testing.T) { testGaps(t, x) })
	t.Run("Random", func(t *testing.T) { testRandom(t, x) })
	t.Run("Concurrent", func(t *testing.T) { testConcurrent(t, x) })
}

// evening is close to the end of a UTC day, so that what follows crosses it.
func evening() time.Time { return time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC) }

func stream(camera string) nvr.StreamID {
	return nvr.StreamID{Camera: nvr.CameraID("t_" + camera), Role: nvr.Main}
}

func recording(s nvr.StreamID, start time.Time, d time.Duration) index.Recording {
	r := index.Recording{
		Stream: s, Start: start, Duration: d, Path: fmt.Sprintf("%s/%d.mp4", s, start.UnixMicro()), Bytes: 1000 + d.Milliseconds(),
		InitBytes: 900, CRC: 0xfedcba98, Codecs: "avc1.640028,mp4a.40.2", Width: 1920, Height: 1080,
	}
	half := (d / 2).Truncate(time.Microsecond)
	if half > 0 {
		r.Segments = append(r.Segments, index.Segment{Offset: 900, Bytes: 50, Duration: half})
	}
	r.Segments = append(r.Segments, index.Segment{Offset: 950, Bytes: r.Bytes - 950, Start: half, Duration: d - half})
	return r
}

func add(t *testing.T, x index.Index, recs ...index.Recording) {
	t.Helper()
	if err := x.AddRecordings(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
}

func starts(t *testing.T, x index.Index, s nvr.StreamID, r nvr.TimeRange) []time.Time {
	t.Helper()
	recs, err := x.Recordings(t.Context(), s, r)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]time.Time, len(recs))
	for i, rec := range recs {
		out[i] = rec.Start
	}
	return out
}

func runs(t *testing.T, x index.Index, s nvr.StreamID, r nvr.TimeRange) []nvr.TimeRange {
	t.Helper()
	all, err := x.Runs(t.Context(), []nvr.StreamID{s}, r)
	if err != nil {
		t.Fatal(err)
	}
	return all[s]
}

func testRecordings(t *testing.T, x index.Index) {
	s, t0 := stream("recordings"), evening()
	var recs []index.Recording
	for i := range 300 { // 2.5 h, over midnight
		recs = append(recs, recording(s, t0.Add(time.Duration(i)*30*time.Second), 30*time.Second))
	}
	add(t, x, recs...)
	twin := recs[1]
	twin.Bytes++
	add(t, x, twin, twin, recs[2]) // known ones stay as they are
	if err := x.AddRecordings(t.Context(), nil); err != nil {
		t.Error(err)
	}
	got, err := x.Recordings(t.Context(), s, nvr.TimeRange{Start: t0.Add(45 * time.Second), End: t0.Add(90 * time.Second)})
	if err != nil || len(got) != 2 || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", recs[1:3]) {
		t.Errorf("%+v, %v; want %+v", got, err, recs[1:3])
	}
	if n := len(starts(t, x, s, nvr.TimeRange{Start: t0, End: t0.Add(24 * time.Hour)})); n != 300 {
		t.Errorf("%d recordings, want 300", n)
	}
	if err := x.RemoveRecordings(t.Context(), s, []time.Time{recs[0].Start, t0.Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := x.RemoveRecordings(t.Context(), s, nil); err != nil {
		t.Error(err)
	}
	if at := starts(t, x, s, nvr.TimeRange{Start: t0, End: t0.Add(time.Minute)}); len(at) != 1 || !at[0].Equal(recs[1].Start) {
		t.Errorf("after removing the first: %v", at)
	}
	other := s
	other.Role = nvr.Sub
	if at := starts(t, x, other, nvr.TimeRange{Start: t0, End: t0.Add(time.Hour)}); len(at) != 0 {
		t.Errorf("another stream has %v", at)
	}
}

func testPlace(t *testing.T, x index.Index) {
	s, t0 := stream("place"), evening()
	var at []time.Time
	for i := range 4 {
		r := recording(s, t0.Add(time.Duration(i)*time.Minute), time.Minute)
		add(t, x, r)
		at = append(at, r.Start)
	}
	place := func(remote, evicted bool, at ...time.Time) {
		t.Helper()
		if err := x.Place(t.Context(), s, at, remote, evicted); err != nil {
			t.Fatal(err)
		}
	}
	place(true, false, at[0], at[1], t0.Add(time.Hour))
	place(true, true, at[1])
	place(false, true, at[2]) // nowhere
	for range 2 {
		place(true, true, at[1])
	}
	hour := nvr.TimeRange{Start: t0, End: t0.Add(time.Hour)}
	recs, err := x.Recordings(t.Context(), s, hour)
	if err != nil || len(recs) != 3 {
		t.Fatalf("%d recordings, %v; want 3", len(recs), err)
	}
	for i, want := range [][2]bool{{true, false}, {true, true}, {false, false}} {
		if recs[i].Remote != want[0] || recs[i].Evicted != want[1] {
			t.Errorf("recording %d: remote %v, evicted %v; want %v", i, recs[i].Remote, recs[i].Evicted, want)
		}
	}
	want := []nvr.TimeRange{{Start: t0, End: at[2]}, {Start: at[3], End: at[3].Add(time.Minute)}}
	if got := runs(t, x, s, hour); !slices.EqualFunc(got, want, sameRange) {
		t.Errorf("runs %v, want %v", got, want)
	}
}

func testRuns(t *testing.T, x index.Index) {
	const us = time.Microsecond
	s, t0 := stream("runs"), evening()
	add(t, x,
		recording(s, t0.Add(59*time.Minute), 2*time.Minute),  // over the hour
		recording(s, t0.Add(61*time.Minute+us), time.Minute), // beside it: no hole
		recording(s, t0.Add(62*time.Minute+3*us), time.Minute),
		recording(s, t0.Add(62*time.Minute+30*time.Second), 10*time.Second), // inside
		recording(s, t0.Add(119*time.Minute), 90*time.Minute),               // over the day
	)
	all := nvr.TimeRange{Start: t0, End: t0.Add(6 * time.Hour)}
	want := []nvr.TimeRange{
		{Start: t0.Add(59 * time.Minute), End: t0.Add(62*time.Minute + us)},
		{Start: t0.Add(62*time.Minute + 3*us), End: t0.Add(63*time.Minute + 3*us)},
		{Start: t0.Add(119 * time.Minute), End: t0.Add(209 * time.Minute)},
	}
	if got := runs(t, x, s, all); !slices.EqualFunc(got, want, sameRange) {
		t.Errorf("runs %v, want %v", got, want)
	}
	clip := nvr.TimeRange{Start: t0.Add(61 * time.Minute), End: t0.Add(119*time.Minute + us)}
	want = []nvr.TimeRange{
		{Start: t0.Add(61*time.Minute + us), End: t0.Add(62*time.Minute + us)},
		want[1],
		{Start: t0.Add(119 * time.Minute), End: clip.End},
	}
	if got := runs(t, x, s, clip); !slices.EqualFunc(got, want, sameRange) {
		t.Errorf("clipped runs %v, want %v", got, want)
	}
	if got := runs(t, x, s, nvr.TimeRange{Start: all.End, End: all.Start}); len(got) != 0 {
		t.Errorf("an empty range has runs %v", got)
	}
	if got := runs(t, x, stream("never"), all); len(got) != 0 {
		t.Errorf("an unknown stream has runs %v", got)
	}
}

func testGaps(t *testing.T, x index.Index) {
	s, t0 := stream("gaps"), evening()
	gap := func(start, end time.Duration) index.Gap {
		return index.Gap{Stream: s, Start: t0.Add(start), End: t0.Add(end), Reason: index.GapOffline, Detail: "connection refused"}
	}
	long, short, moment := gap(-100*24*time.Hour, 0), gap(time.Minute, 2*time.Minute), gap(5*time.Minute, 5*time.Minute)
	if err := x.AddGaps(t.Context(), []index.Gap{short, long, moment}); err != nil {
		t.Fatal(err)
	}
	short.End, short.Reason, short.Detail = t0.Add(3*time.Minute), index.GapDisk, "no space"
	if err := x.AddGaps(t.Context(), []index.Gap{short}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to time.Duration
		want     []index.Gap
	}{
		{-time.Hour, time.Hour, []index.Gap{long, short, moment}},
		{0, time.Minute, nil},
		{150 * time.Second, time.Hour, []index.Gap{short, moment}},
		{-50 * 24 * time.Hour, -49 * 24 * time.Hour, []index.Gap{long}},
		{5 * time.Minute, time.Hour, nil},
		{time.Hour, -time.Hour, nil},
	} {
		got, err := x.Gaps(t.Context(), s, nvr.TimeRange{Start: t0.Add(c.from), End: t0.Add(c.to)})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("gaps from %s to %s: %v, %v; want %v", c.from, c.to, got, err, c.want)
		}
	}
	testGapsOf(t, x, long)
}

// testGapsOf asks for a stream without gaps between two that have some, and once for none at all.
func testGapsOf(t *testing.T, x index.Index, front index.Gap) {
	back := front
	back.Stream.Role = nvr.Sub
	if err := x.AddGaps(t.Context(), []index.Gap{back}); err != nil {
		t.Fatal(err)
	}
	r := nvr.TimeRange{Start: front.Start, End: front.Start.Add(time.Hour)}
	got, err := x.GapsOf(t.Context(), []nvr.StreamID{back.Stream, stream("gapless"), front.Stream}, r)
	if err != nil || len(got) != 2 || !slices.Equal(got[front.Stream], []index.Gap{front}) || !slices.Equal(got[back.Stream], []index.Gap{back}) {
		t.Errorf("gaps of three streams: %v, %v; want one each of two", got, err)
	}
	if got, err := x.GapsOf(t.Context(), nil, r); err != nil || len(got) > 0 {
		t.Errorf("gaps of no stream: %v, %v", got, err)
	}
}

// testConcurrent lets several feeders tell the same and different things at once.
func testConcurrent(t *testing.T, x index.Index) {
	ref, t0 := memindex.New(), evening()
	streams := []nvr.StreamID{stream("concurrent_a"), stream("concurrent_b"), stream("concurrent_c")}
	var recs []index.Recording
	for i := range 240 {
		for _, s := range streams {
			recs = append(recs, recording(s, t0.Add(time.Duration(i)*30*time.Second), 30*time.Second))
		}
	}
	both(t, ref, func(ctx context.Context, y index.Index) error { return y.AddRecordings(ctx, recs) })
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			for at := 0; at < len(recs); at += 60 {
				from := (at + w*180) % len(recs)
				batch := slices.Clone(recs[from:min(from+120, len(recs))])
				if w%2 == 1 {
					slices.Reverse(batch)
				}
				if err := x.AddRecordings(t.Context(), batch); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	compare(t, ref, x, streams, nvr.TimeRange{Start: t0, End: t0.Add(3 * time.Hour)})
	var calls []func(ctx context.Context, y index.Index) error
	for _, s := range streams {
		for k := range 8 {
			var at []time.Time
			for i := k; i < 240; i += 8 {
				at = append(at, t0.Add(time.Duration(i)*30*time.Second))
			}
			calls = append(calls, func(ctx context.Context, y index.Index) error {
				if k%2 == 0 {
					return y.RemoveRecordings(ctx, s, at)
				}
				return y.Place(ctx, s, at, k%4 == 1, true)
			})
		}
	}
	for _, f := range calls {
		both(t, ref, f)
		wg.Go(func() {
			if err := f(t.Context(), x); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	compare(t, ref, x, streams, nvr.TimeRange{Start: t0, End: t0.Add(3 * time.Hour)})
}

// both does the same to every index.
func both(t *testing.T, x index.Index, f func(context.Context, index.Index) error, more ...index.Index) {
	t.Helper()
	for _, y := range append(more, x) {
		if err := f(t.Context(), y); err != nil {
			t.Fatal(err)
		}
	}
}

func sameRange(a, b nvr.TimeRange) bool { return a.Start.Equal(b.Start) && a.End.Equal(b.End) }
