package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func saveEvents(t *testing.T, s *Store, events ...nvr.Event) {
	t.Helper()
	for _, e := range events {
		e.ID, e.Revision = uuid.NewString(), 1
		if e.Kind == "" {
			e.Kind = nvr.EventObject
		}
		if err := s.SaveEvent(t.Context(), e, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func testTimeline(t *testing.T, s *Store) {
	ctx, t0 := t.Context(), time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	event := func(label string, start, length time.Duration) nvr.Event {
		e := nvr.Event{Camera: "yard", Label: label, Start: t0.Add(start)}
		if length >= 0 {
			e.End = e.Start.Add(length)
		}
		return e
	}
	const day = 24 * time.Hour
	saveEvents(t, s,
		event("short", -4*time.Minute, 5*time.Minute), event("short_over", -4*time.Minute, 3*time.Minute),
		event("long", -3*time.Hour, 4*time.Hour), event("long_over", -3*time.Hour, 2*time.Hour),
		event("endless", -9*day, 10*day), event("endless_over", -9*day, 8*day),
		event("ongoing", -90*day, -1), event("inside", 10*time.Minute, time.Minute), event("inside_ongoing", 20*time.Minute, -1),
		event("later", time.Hour, time.Minute), event("edge", -time.Hour, time.Hour),
	)
	r := nvr.TimeRange{Start: t0, End: t0.Add(time.Hour)}
	labels := func(cameras ...nvr.CameraID) (out []string) {
		t.Helper()
		events, err := s.TimelineEvents(ctx, cameras, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			out = append(out, string(e.Camera)+":"+e.Label)
		}
		return out
	}
	want := []string{"yard:ongoing", "yard:endless", "yard:long", "yard:short", "yard:inside", "yard:inside_ongoing"}
	if got := labels("yard", "nowhere"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := labels(); got != nil {
		t.Errorf("no cameras have %v", got)
	}

	// Of a camera with too many, the newest; and a camera's share does not depend on the others' events.
	_, err := s.pool.Exec(ctx, `INSERT INTO events (id, camera, kind, label, start_at, end_at)
		SELECT gen_random_uuid(), 'storm', 'object', 'leaf', $1::timestamptz + i * interval '0.1 s', $1::timestamptz + i * interval '0.1 s' FROM generate_series(1, 9000) AS i`, t0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.pool.Exec(ctx, `UPDATE events SET severity = 'high' WHERE camera = 'yard' AND label IN ('long', 'inside')`); err != nil {
		t.Fatal(err)
	}
	events, err := s.TimelineEvents(ctx, []nvr.CameraID{"storm", "yard"}, r)
	for _, e := range events {
		if alert := e.Label == "long" || e.Label == "inside"; (e.Severity == nvr.SeverityHigh) != alert {
			t.Errorf("%s has the severity %q", e.Label, e.Severity)
		}
	}
	if err != nil || len(events) != maxTimelineEvents/2+len(want) || events[0].Start.Sub(t0) != time.Duration(9000-maxTimelineEvents/2+1)*100*time.Millisecond {
		t.Errorf("%d events, first %v, %v", len(events), events[0], err)
	}
	if _, err := s.DeleteEventsBefore(ctx, "storm", t0.Add(day)); err != nil { // several batches
		t.Fatal(err)
	}
	if got := labels("storm"); len(got) != 0 {
		t.Errorf("%d events are left", len(got))
	}
}

// testDensity compares counts of any width with counting the events themselves, after adding and deleting.
func testDensity(t *testing.T, s *Store) {
	ctx, t0 := t.Context(), time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	rng := rand.New(rand.NewPCG(3, 4))
	cameras := []nvr.CameraID{"den_a", "den_b"}
	var events []nvr.Event
	for range 300 {
		e := nvr.Event{Camera: cameras[rng.IntN(2)], Label: []string{"cat", "dog"}[rng.IntN(2)], Start: t0.Add(time.Duration(rng.Int64N(int64(30 * time.Hour)))).Truncate(time.Microsecond)}
		if rng.IntN(10) == 0 { // on the edge of a minute and an hour
			e.Start = e.Start.Truncate(time.Hour)
		}
		e.End = e.Start.Add(time.Second)
		events = append(events, e)
	}
	saveEvents(t, s, events...)
	check := func() {
		t.Helper()
		for _, width := range []time.Duration{time.Second, 90 * time.Second, time.Minute, 7 * time.Minute, time.Hour, 90 * time.Minute, 2 * time.Hour, 24 * time.Hour} {
			r := nvr.TimeRange{Start: t0.Add(2*time.Hour + 17*time.Second), End: t0.Add(2*time.Hour + 17*time.Second + min(26*time.Hour, 3000*width))}
			got, err := s.EventDensity(ctx, cameras, r, width)
			if err != nil {
				t.Fatal(err)
			}
			if want := countEvents(events, r, width); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("per %s:\n%v, want\n%v", width, got, want)
			}
		}
	}
	check()
	cut := t0.Add(12 * time.Hour)
	for _, c := range cameras {
		if _, err := s.DeleteEventsBefore(ctx, c, cut); err != nil {
			t.Fatal(err)
		}
	}
	events = slices.DeleteFunc(events, func(e nvr.Event) bool { return e.End.Before(cut) })
	check()
	if labels, err := s.Labels(ctx); err != nil || !slices.Contains(labels, "cat") || !slices.IsSorted(labels) {
		t.Errorf("labels %v, %v", labels, err)
	}
	for _, c := range cameras {
		if _, err := s.DeleteEventsBefore(ctx, c, t0.Add(99*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	events = nil
	check()
	var left int
	if err := s.pool.QueryRow(ctx, "SELECT count(*) FROM event_hours WHERE camera LIKE 'den%'").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d hours of deleted events are left, %v", left, err)
	}
	if labels, err := s.Labels(ctx); err != nil || slices.Contains(labels, "cat") {
		t.Errorf("labels %v, %v", labels, err)
	}
	for _, bad := range []time.Duration{0, -time.Hour, time.Millisecond, time.Second + 1} {
		if _, err := s.EventDensity(ctx, cameras, nvr.TimeRange{Start: t0, End: cut}, bad); nvr.ErrorCode(err) != nvr.CodeInvalid {
			t.Errorf("a bucket of %s: %v", bad, err)
		}
	}
	if _, err := s.EventDensity(ctx, cameras, nvr.TimeRange{Start: t0, End: cut}, time.Second); nvr.ErrorCode(err) != nvr.CodeInvalid {
		t.Errorf("43,200 buckets: %v", err)
	}
}

func countEvents(events []nvr.Event, r nvr.TimeRange, width time.Duration) []nvr.EventBucket {
	epoch := time.Unix(0, 0).UTC()
	bucket := func(at time.Time) time.Time { return epoch.Add(at.Sub(epoch) / width * width) } //nolint:durationcheck // rounding down
	counts := map[nvr.EventBucket]int{}
	for _, e := range events {
		if b := bucket(e.Start); !b.Before(bucket(r.Start)) && !b.After(bucket(r.End.Add(-1))) {
			counts[nvr.EventBucket{Camera: e.Camera, Label: e.Label, Start: b}]++
		}
	}
	out := []nvr.EventBucket{}
	for b, n := range counts {
		b.Count = n
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b nvr.EventBucket) int {
		if a.Camera != b.Camera {
			return int(a.Camera[4]) - int(b.Camera[4])
		}
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		return int(a.Label[0]) - int(b.Label[0])
	})
	return out
}

func testInterest(t *testing.T, s *Store) {
	ctx, t0 := t.Context(), time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	at := t0.Add
	for _, m := range [][2]time.Duration{
		{-5 * time.Hour, 30 * time.Minute}, // through several hours, into the range
		{30 * time.Minute, 31 * time.Minute},
		{40 * time.Minute, 41 * time.Minute},
		{40 * time.Minute, 42 * time.Minute},
		{40 * time.Minute, 41 * time.Minute},
		{50 * time.Minute, 50 * time.Minute},
		{2 * time.Hour, 3 * time.Hour},
	} {
		if err := s.AddMotion(ctx, "gate", at(m[0]), at(m[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddMotion(ctx, "gate", at(time.Hour), at(0)); nvr.ErrorCode(err) != nvr.CodeInvalid {
		t.Errorf("motion that ends before it begins: %v", err)
	}
	saveEvents(t, s,
		nvr.Event{Camera: "gate", Label: "car", Start: at(-40 * 24 * time.Hour), End: at(5 * time.Minute)},
		nvr.Event{Camera: "gate", Label: "person", Start: at(4 * time.Minute), End: at(6 * time.Minute)},
		nvr.Event{Camera: "gate", Kind: nvr.EventCamera, Label: "offline", Start: at(10 * time.Minute), End: at(20 * time.Minute)},
		nvr.Event{Camera: "gate", Kind: nvr.EventManual, Label: "mark", Start: at(55 * time.Minute), End: at(56 * time.Minute)},
	)
	r := nvr.TimeRange{Start: at(0), End: at(time.Hour)}
	span := func(kind nvr.InterestKind, from, to time.Duration) nvr.InterestSpan {
		return nvr.InterestSpan{TimeRange: nvr.TimeRange{Start: at(from), End: at(to)}, Kind: kind}
	}
	want := []nvr.InterestSpan{
		span(nvr.InterestMotion, 0, 31*time.Minute), span(nvr.InterestEvent, 0, 6*time.Minute),
		span(nvr.InterestMotion, 40*time.Minute, 42*time.Minute), span(nvr.InterestMotion, 50*time.Minute, 50*time.Minute+time.Microsecond),
		span(nvr.InterestEvent, 55*time.Minute, 56*time.Minute),
	}
	check := func() {
		t.Helper()
		got, err := s.Interest(ctx, "gate", r)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
	check()
	now := time.Now().UTC()
	saveEvents(t, s, nvr.Event{Camera: "gate2", Label: "fox", Start: now.Add(-3 * time.Hour)}) // goes on
	got, err := s.Interest(ctx, "gate2", nvr.TimeRange{Start: now.Add(-time.Hour), End: now.Add(time.Hour)})
	if err != nil || len(got) != 1 || got[0].End.Before(now) || got[0].End.After(now.Add(time.Minute)) {
		t.Errorf("an event that goes on: %v, %v", got, err)
	}
	if n, err := s.DeleteMotionBefore(ctx, "gate", at(0)); err != nil || n == 0 {
		t.Errorf("deleted %d, %v", n, err)
	}
	check()
	if n, err := s.DeleteMotionBefore(ctx, "gate", at(24*time.Hour)); err != nil || n != 6 {
		t.Errorf("deleted %d, %v", n, err)
	}
	if _, err := s.DeleteEventsBefore(ctx, "gate", at(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Interest(ctx, "gate", r); err != nil || len(got) != 0 {
		t.Errorf("after deleting: %v, %v", got, err)
	}
}
