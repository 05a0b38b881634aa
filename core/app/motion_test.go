package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// fakeMotion is a database that can be away.
type fakeMotion struct {
	err   error
	spans map[time.Time]time.Time // by start
	maps  []nvr.MotionRecord      // newest of each start
}

func (f *fakeMotion) AddMotion(_ context.Context, _ nvr.CameraID, start, end time.Time) error {
	if f.err != nil {
		return f.err
	}
	f.spans[start] = end
	return nil
}

func (f *fakeMotion) Interest(context.Context, nvr.CameraID, nvr.TimeRange) ([]nvr.InterestSpan, error) {
	return nil, f.err
}

func (f *fakeMotion) SaveMotionRecords(_ context.Context, records []nvr.MotionRecord) error {
	if f.err != nil {
		return f.err
	}
	for _, r := range records {
		f.maps = slices.DeleteFunc(f.maps, func(o nvr.MotionRecord) bool { return o.Camera == r.Camera && o.Start.Equal(r.Start) })
		f.maps = append(f.maps, r)
	}
	return nil
}

func (f *fakeMotion) MotionRecords(context.Context, nvr.CameraID, nvr.TimeRange) ([]nvr.MotionRecord, error) {
	return slices.Clone(f.maps), f.err
}

func TestMotionIsNotedAlsoAfterAnOutage(t *testing.T) {
	db := &fakeMotion{spans: map[time.Time]time.Time{}}
	m := newMotionLog(db, &bus.Bus{}, slog.New(slog.DiscardHandler))
	t0 := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	on := func(s int, active bool) { m.change(nvr.MotionChange{Camera: "front", Active: active, Time: at(s)}) }

	on(0, true)
	if err := m.flush(t.Context(), at(5)); err != nil || !db.spans[t0].Equal(at(5)) {
		t.Fatalf("motion that goes on: %v, %v", db.spans, err)
	}
	on(8, false)
	on(9, false) // told twice
	db.err = errors.New("away")
	on(20, true)
	on(25, false)
	if err := m.flush(t.Context(), at(30)); err == nil {
		t.Fatal("the outage is not told")
	}
	db.err = nil
	spans, err := m.Interest(t.Context(), "front", nvr.TimeRange{Start: t0, End: at(60)})
	if err != nil || len(spans) != 2 {
		t.Errorf("what waits is not told of: %v, %v", spans, err)
	}
	if err := m.flush(t.Context(), at(31)); err != nil {
		t.Fatal(err)
	}
	if !db.spans[t0].Equal(at(8)) || !db.spans[at(20)].Equal(at(25)) || len(m.pending) != 0 {
		t.Errorf("noted %v, %d wait", db.spans, len(m.pending))
	}
}
