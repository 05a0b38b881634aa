package store

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func containsCanary(s string) bool { return strings.Contains(s, "canary") }

// countingQueue notes what it was asked to enqueue and can refuse.
type countingQueue struct {
	got  int
	fail error
}

func (q *countingQueue) EnqueueTx(_ context.Context, _ pgx.Tx, d []nvr.Delivery) error {
	q.got += len(d)
	return q.fail
}

func (q *countingQueue) Committed([]nvr.Delivery) {}

func testEvents(t *testing.T, s *Store) {
	ctx, t0 := t.Context(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	queue := &countingQueue{}
	s.UseQueue(queue)
	defer s.UseQueue(nil)
	var ids []string
	for i := range 25 {
		e := nvr.Event{
			ID: uuid.Must(uuid.NewV7()).String(), Camera: "front", Kind: nvr.EventObject, Label: []string{"person", "car"}[i%2],
			Start: t0.Add(time.Duration(i) * time.Minute), Score: 0.5, TopScore: 0.75, Box: nvr.Box{X: 0.1, Y: 0.2, W: 0.3, H: 0.4}, Revision: 1,
		}
		ids = append(ids, e.ID)
		d := nvr.Delivery{ID: uuid.NewString(), EventID: e.ID, Plugin: "hook", Revision: 1, Phase: nvr.PhaseNew, ExpiresAt: t0.Add(time.Hour)}
		if err := s.SaveEvent(ctx, e, []nvr.Delivery{d}); err != nil {
			t.Fatal(err)
		}
		d.ID = uuid.NewString() // the same news again, after a retry
		if err := s.SaveEvent(ctx, e, []nvr.Delivery{d}); err != nil {
			t.Fatal(err)
		}
	}
	if queue.got != 25 {
		t.Errorf("%d jobs for 25 deliveries told twice", queue.got)
	}
	testEventPages(t, s, ids)

	e, err := s.Event(ctx, ids[3])
	if err != nil || e.Label != "car" || e.Box.W != 0.3 || !e.Ongoing() {
		t.Fatalf("%+v, %v", e, err)
	}
	e.End, e.Revision = e.Start.Add(5*time.Second), 3
	if err := s.SaveEvent(ctx, e, nil); err != nil {
		t.Fatal(err)
	}
	e.Revision, e.Label, e.TopScore = 2, "car", 0.1 // late and old
	if err := s.SaveEvent(ctx, e, nil); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Event(ctx, ids[3]); got.Revision != 3 || got.TopScore != 0.75 {
		t.Errorf("an older revision won: %+v", got)
	}

	testWhereabouts(t, s, ids[5])

	tl, err := s.TimelineEvents(ctx, []nvr.CameraID{"front"}, nvr.TimeRange{Start: t0.Add(210 * time.Second), End: t0.Add(330 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	// Those that began at 0, 1, 2, 4 and 5 min go on; the one at 3 min ended 25 s before the range.
	if len(tl) != 5 {
		t.Errorf("%d events on the timeline, want 5", len(tl))
	}
	if n, err := s.CloseOngoing(ctx); err != nil || n != 24 {
		t.Errorf("closed %d, %v", n, err)
	}
	if labels, err := s.Labels(ctx); err != nil || strings.Join(labels, ",") != "car,person" {
		t.Errorf("%v, %v", labels, err)
	}

	if n, err := s.DeleteEventsBefore(ctx, "front", t0.Add(time.Minute)); err != nil || n != 0 {
		t.Errorf("deleted %d events that are not old, %v", n, err)
	}
	if n, err := s.DeleteEventsBefore(ctx, "front", time.Now().Add(time.Hour)); err != nil || n != 25 {
		t.Errorf("deleted %d old events, %v", n, err)
	}
	if left, err := s.PendingDeliveries(ctx, "", 100); err != nil || len(left) != 0 {
		t.Errorf("%d deliveries of deleted events are left, %v", len(left), err)
	}

	queue.fail = context.DeadlineExceeded
	lost := nvr.Event{ID: uuid.NewString(), Camera: "front", Kind: nvr.EventObject, Label: "dog", Start: t0, Revision: 1}
	d := nvr.Delivery{ID: uuid.NewString(), EventID: lost.ID, Plugin: "hook", Revision: 1, Phase: nvr.PhaseNew, ExpiresAt: t0}
	if err := s.SaveEvent(ctx, lost, []nvr.Delivery{d}); err == nil {
		t.Error("saved although the queue refused")
	}
	if _, err := s.Event(ctx, lost.ID); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("half of the transaction stayed: %v", err)
	}
	lost.Kind = "nonsense"
	if err := s.SaveEvent(ctx, lost, nil); nvr.ErrorCode(err) != nvr.CodeInvalid {
		t.Errorf("a row that can never be stored: %v", err)
	}
}

// testWhereabouts: what an event tells of zones, lines, path and speed comes back, and zones filter.
func testWhereabouts(t *testing.T, s *Store, id string) {
	t.Helper()
	ctx := t.Context()
	e, err := s.Event(ctx, id)
	if err != nil || e.Zones != nil || e.EnteredZones != nil || e.Crossings != nil || e.Path != nil {
		t.Fatalf("an event that was nowhere: %+v, %v", e, err)
	}
	e.Revision, e.Zones, e.EnteredZones, e.Speed, e.MaxSpeed = 2, []string{"porch"}, []string{"street", "porch"}, 3.5, 7.25
	e.Crossings = []nvr.Crossing{{Line: "gate", Direction: nvr.BToA, Time: e.Start.Add(time.Second)}}
	e.Path = []nvr.PathPoint{{Point: nvr.Point{X: 0.25, Y: 0.5}}, {Point: nvr.Point{X: 0.1234, Y: 0.9999}, After: 1234 * time.Millisecond}}
	if err := s.SaveEvent(ctx, e, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Event(ctx, id); err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("%v: stored\n%+v, read\n%+v", err, e, got)
	}
	for zone, want := range map[string]int{"porch": 1, "street": 1, "garden": 0} {
		page, _, err := s.Events(ctx, nvr.EventFilter{Limit: 10, Zones: []string{zone, "nowhere"}})
		if err != nil || len(page) != want {
			t.Errorf("%d events in %s, want %d, %v", len(page), zone, want, err)
		}
		for _, p := range page {
			whole := e
			whole.Path = nil
			if !reflect.DeepEqual(p, whole) {
				t.Errorf("in a list: %+v, want %+v", p, whole)
			}
		}
	}
}

func testEventPages(t *testing.T, s *Store, ids []string) {
	t.Helper()
	ctx := t.Context()
	var seen []string
	cursor := ""
	for {
		page, next, err := s.Events(ctx, nvr.EventFilter{Limit: 7, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			seen = append(seen, e.ID)
		}
		if cursor = next; next == "" {
			break
		}
	}
	if len(seen) != len(ids) || seen[0] != ids[len(ids)-1] || seen[len(seen)-1] != ids[0] {
		t.Errorf("paged through %d of %d events", len(seen), len(ids))
	}
	only, _, err := s.Events(ctx, nvr.EventFilter{Limit: 200, Labels: []string{"car"}, Cameras: []nvr.CameraID{"front"}, Kind: nvr.EventObject})
	if err != nil || len(only) != 12 {
		t.Errorf("%d cars, %v", len(only), err)
	}
	for _, bad := range []string{"x", "////", "MjAyNg"} {
		if _, _, err := s.Events(ctx, nvr.EventFilter{Cursor: bad}); nvr.ErrorCode(err) != nvr.CodeInvalid {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
}
