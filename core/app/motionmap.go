package app

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision"
)

const (
	// mapsFlush is how often maps are written: as much is unknown after a crash.
	mapsFlush = time.Minute
	// mapsBatch is how many records one statement writes.
	mapsBatch = 500
	// maxMapRecords bounds what waits for the database: two days of sixteen cameras, 25 MB at the very most.
	maxMapRecords = 5000
	// maxRecord is how long a record may be; it ends at full ten minutes too.
	maxRecord = 10 * time.Minute
)

// sinks hands what cameras saw to everyone who wants it, in order.
type sinks []vision.Sink

func (s sinks) Observe(o nvr.Observation) {
	for _, to := range s {
		to.Observe(o)
	}
}

// motionMaps gathers where something moved.
type motionMaps struct {
	store motionStore

	mu      sync.Mutex
	open    map[nvr.CameraID]*nvr.MotionRecord // goes on
	ended   []nvr.MotionRecord                 // waits for the database; only flush removes
	changed map[nvr.CameraID]bool              // open and not written as it is
	flushed time.Time
}

func newMotionMaps(st motionStore) motionMaps {
	return motionMaps{store: st, open: make(map[nvr.CameraID]*nvr.MotionRecord), changed: make(map[nvr.CameraID]bool)}
}

// Observe implements vision.Sink.
func (m *motionLog) Observe(o nvr.Observation) {
	if o.Searched {
		m.maps.add(o.Camera, o.Time, &o.Moved)
	}
}

func (m *motionMaps) add(camera nvr.CameraID, t time.Time, moved *nvr.MotionMap) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.open[camera]
	if r != nil && !goesOn(r, t) {
		m.ended = append(m.ended, *r)
		r = nil
	}
	if r == nil {
		r = &nvr.MotionRecord{Camera: camera, TimeRange: nvr.TimeRange{Start: t, End: t}}
		m.open[camera] = r
	}
	r.End, m.changed[camera] = t, true
	if moved.Count() == 0 {
		return
	}
	slot := nvr.MotionSlotOf(t)
	if n := len(r.Slots); n == 0 || r.Slots[n-1].Index != slot {
		r.Slots = append(r.Slots, nvr.MotionSlot{Index: slot})
	}
	r.Slots[len(r.Slots)-1].Map.Add(moved)
}

// goesOn reports whether a frame at t continues r: there was no pause, the clock did not go back, and it is not full.
func goesOn(r *nvr.MotionRecord, t time.Time) bool {
	return !t.Before(r.End) && t.Sub(r.End) < nvr.MotionStep && t.Sub(r.Start) < maxRecord &&
		t.Truncate(maxRecord).Equal(r.Start.Truncate(maxRecord))
}

// flush writes what changed, when it is time to.
func (m *motionMaps) flush(ctx context.Context, now time.Time) error {
	m.mu.Lock()
	if since := now.Sub(m.flushed); since >= 0 && since < mapsFlush {
		m.mu.Unlock()
		return nil
	}
	if over := len(m.ended) - maxMapRecords; over > 0 {
		m.ended = slices.Delete(m.ended, 0, over)
	}
	ended, written := slices.Clone(m.ended), 0
	var open []nvr.MotionRecord
	for camera := range m.changed {
		open = append(open, copyRecord(m.open[camera]))
	}
	clear(m.changed)
	m.mu.Unlock()

	var err error
	for written < len(ended) && err == nil {
		batch := ended[written:min(written+mapsBatch, len(ended))]
		if err = m.save(ctx, batch); err == nil {
			written += len(batch)
		}
	}
	if err == nil {
		err = m.save(ctx, open)
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = slices.Delete(m.ended, 0, written)
	if err != nil {
		for _, r := range open {
			m.changed[r.Camera] = true
		}
		return err
	}
	m.flushed = now
	return nil
}

func (m *motionMaps) save(ctx context.Context, records []nvr.MotionRecord) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return m.store.SaveMotionRecords(ctx, records)
}

// copyRecord copies a record that goes on changing.
func copyRecord(r *nvr.MotionRecord) nvr.MotionRecord {
	out := *r
	out.Slots = slices.Clone(r.Slots)
	return out
}

// MotionRecords implements the API's search, what waits for the database included.
func (m *motionLog) MotionRecords(ctx context.Context, camera nvr.CameraID, r nvr.TimeRange) ([]nvr.MotionRecord, error) {
	out, err := m.store.MotionRecords(ctx, camera, r)
	if err != nil {
		return nil, fmt.Errorf("search motion: %w", err)
	}
	m.maps.mu.Lock()
	defer m.maps.mu.Unlock()
	for _, e := range m.maps.ended {
		if e.Camera == camera && !e.End.Before(r.Start) && e.Start.Before(r.End) {
			out = append(out, e)
		}
	}
	if e := m.maps.open[camera]; e != nil && !e.End.Before(r.Start) && e.Start.Before(r.End) {
		out = append(out, copyRecord(e))
	}
	return out, nil
}
