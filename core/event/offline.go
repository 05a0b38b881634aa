package event

import (
	"context"
	"time"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// absence is a camera that is away; event has an ID once it was away long enough to be one.
type absence struct {
	since time.Time // as the camera reports it
	due   time.Time // when it becomes an event
	event nvr.Event
	told  nvr.Event
}

// offlineWatch is the one owner of camera events.
type offlineWatch struct {
	e    *Engine
	away map[nvr.CameraID]*absence
}

func newOfflineWatch(e *Engine) *offlineWatch {
	return &offlineWatch{e: e, away: map[nvr.CameraID]*absence{}}
}

func (w *offlineWatch) run(ctx context.Context, sub *bus.Subscription[nvr.CameraStatus]) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	beat := time.NewTicker(heartbeatInterval)
	defer beat.Stop()
	for {
		select {
		case status := <-sub.C():
			w.hear(status)
		case <-timer.C:
		case <-beat.C:
			w.heartbeat()
		case <-ctx.Done():
			for id := range w.away {
				w.back(id)
			}
			return
		}
		timer.Reset(w.announce())
	}
}

func (w *offlineWatch) hear(s nvr.CameraStatus) {
	if _, known := w.e.boxes[s.Camera]; !known {
		return
	}
	switch s.State {
	case nvr.StateOffline:
		if w.away[s.Camera] == nil {
			now := time.Now()
			since := s.Since
			if since.IsZero() || since.After(now) {
				since = now
			}
			w.away[s.Camera] = &absence{since: since, due: now.Add(w.e.cfg.OfflineAfter - now.Sub(since))}
		}
	case nvr.StateOnline, nvr.StateDisabled:
		w.back(s.Camera)
	case nvr.StateStarting: // the next attempt has begun: neither here nor there
	}
}

// announce makes events of the absences that are due and returns the time until the next one is.
func (w *offlineWatch) announce() time.Duration {
	next := time.Hour
	for id, a := range w.away {
		if a.event.ID != "" {
			continue
		}
		if wait := time.Until(a.due); wait > 0 {
			next = min(next, wait)
			continue
		}
		a.event = nvr.Event{ID: NewID(a.since), Camera: id, Kind: nvr.EventCamera, Label: nvr.OfflineLabel, Start: a.since}
		w.emit(nvr.PhaseNew, a)
	}
	return next
}

func (w *offlineWatch) heartbeat() {
	for _, a := range w.away {
		if a.event.ID != "" {
			w.emit(nvr.PhaseUpdate, a)
		}
	}
}

func (w *offlineWatch) back(id nvr.CameraID) {
	a := w.away[id]
	delete(w.away, id)
	if a == nil || a.event.ID == "" {
		return
	}
	a.event.End = later(time.Now(), a.since)
	w.emit(nvr.PhaseEnd, a)
}

func (w *offlineWatch) emit(phase nvr.Phase, a *absence) {
	w.e.emit(phase, a.told, &a.event, nil)
	a.told = a.event
}
