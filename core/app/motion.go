package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	motionFlush = 10 * time.Second
	// maxMotionSpans bounds what waits for the database: about a day of a busy site.
	maxMotionSpans = 20_000
)

type motionStore interface {
	AddMotion(ctx context.Context, camera nvr.CameraID, start, end time.Time) error
	Interest(ctx context.Context, camera nvr.CameraID, r nvr.TimeRange) ([]nvr.InterestSpan, error)
	SaveMotionRecords(ctx context.Context, records []nvr.MotionRecord) error
	MotionRecords(ctx context.Context, camera nvr.CameraID, r nvr.TimeRange) ([]nvr.MotionRecord, error)
}

// motionLog notes in the database when something moved in front of each camera, which retention and the archive ask for,
// and where, which the search in recordings asks for. While the database is away both wait in memory.
type motionLog struct {
	maps  motionMaps
	store motionStore
	bus   *bus.Bus
	log   *slog.Logger

	mu      sync.Mutex
	active  map[nvr.CameraID]time.Time
	pending []motionSpan
}

type motionSpan struct {
	camera nvr.CameraID
	nvr.TimeRange
}

func newMotionLog(st motionStore, b *bus.Bus, log *slog.Logger) *motionLog {
	return &motionLog{maps: newMotionMaps(st), store: st, bus: b, log: log, active: make(map[nvr.CameraID]time.Time)}
}

// Run follows motion until ctx ends, and writes what is left.
func (m *motionLog) Run(ctx context.Context) error {
	sub := m.bus.Motion.Subscribe(1024)
	defer sub.Close()
	tick := time.NewTicker(motionFlush)
	defer tick.Stop()
	failing := false
	for {
		select {
		case c := <-sub.C():
			m.change(c)
			continue
		case <-tick.C:
			err := errors.Join(m.flush(ctx, time.Now()), m.maps.flush(ctx, time.Now()))
			if err != nil && !failing && ctx.Err() == nil {
				m.log.Warn("motion cannot be noted, it waits in memory", "err", err)
			}
			failing = err != nil
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			_ = m.flush(last, time.Now()) // the database may be gone already; footage is kept by its events
			_ = m.maps.flush(last, time.Now().Add(mapsFlush))
			return ctx.Err()
		}
	}
}

func (m *motionLog) change(c nvr.MotionChange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	start, active := m.active[c.Camera]
	switch {
	case c.Active && !active:
		m.active[c.Camera] = c.Time
	case !c.Active && active:
		delete(m.active, c.Camera)
		m.pending = append(m.pending, motionSpan{c.Camera, nvr.TimeRange{Start: start, End: c.Time}})
		if over := len(m.pending) - maxMotionSpans; over > 0 {
			m.pending = m.pending[over:]
		}
	}
}

// spans returns what ended and was not written, and what goes on as far as now.
func (m *motionLog) spans(now time.Time) (ended, ongoing []motionSpan) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ended = append(ended, m.pending...)
	for camera, start := range m.active {
		if start.Before(now) {
			ongoing = append(ongoing, motionSpan{camera, nvr.TimeRange{Start: start, End: now}})
		}
	}
	return ended, ongoing
}

func (m *motionLog) flush(ctx context.Context, now time.Time) error {
	ended, ongoing := m.spans(now)
	for i, s := range append(ended, ongoing...) {
		call, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := m.store.AddMotion(call, s.camera, s.Start, s.End)
		cancel()
		if err != nil && nvr.ErrorCode(err) != nvr.CodeInvalid { // a clock that went back: nothing to keep
			return err
		}
		if i < len(ended) {
			m.mu.Lock()
			m.pending = m.pending[1:]
			m.mu.Unlock()
		}
	}
	return nil
}

// Interest returns when something happened in front of camera, what waits for the database included.
func (m *motionLog) Interest(ctx context.Context, camera nvr.CameraID, r nvr.TimeRange) ([]nvr.InterestSpan, error) {
	out, err := m.store.Interest(ctx, camera, r)
	if err != nil {
		return nil, err
	}
	ended, ongoing := m.spans(time.Now())
	for _, s := range append(ended, ongoing...) {
		if s.camera == camera && s.Overlaps(r) {
			out = append(out, nvr.InterestSpan{TimeRange: s.TimeRange, Kind: nvr.InterestMotion})
		}
	}
	return out, nil
}
