package event

import (
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	motionConfirm = time.Second     // shorter motion makes no event
	motionMerge   = 5 * time.Second // motion that comes back sooner is the same event
)

// episode is motion that is, or may become, an event.
type episode struct {
	start, lastOn time.Time
	still         []byte
	event         nvr.Event // zero ID until the motion lasted long enough
	told          nvr.Event
	lastEmit      time.Time
}

// setMotion tells the bus when motion begins or ends; the off delay is vision's.
func (w *watcher) setMotion(active bool) {
	if w.motion == active {
		return
	}
	w.motion = active
	at := w.now
	if at.IsZero() {
		at = time.Now()
	}
	w.e.bus.Motion.Publish(nvr.MotionChange{Camera: w.camera, Active: active, Time: at})
}

// followMotion makes motion itself an event where nothing detects objects.
func (w *watcher) followMotion(o nvr.Observation) {
	if !w.e.cfg.MotionOnly(w.camera) {
		w.endEpisode() // a detector has come: its events tell more
		return
	}
	ep := w.episode
	switch {
	case ep == nil && o.Motion:
		ep = &episode{start: o.Time, lastOn: o.Time}
		w.episode = ep
	case ep == nil:
		return
	case o.Motion:
		ep.lastOn = o.Time
	case o.Time.Sub(ep.lastOn) >= motionMerge:
		w.endEpisode()
		return
	}
	if o.Still != nil && ep.still == nil && plausibleJPEG(o.Still.JPEG) {
		ep.still = o.Still.JPEG
	}
	w.tellMotion(ep)
}

func (w *watcher) tellMotion(ep *episode) {
	switch {
	case ep.event.ID == "" && ep.lastOn.Sub(ep.start) >= motionConfirm:
		ep.event = nvr.Event{
			ID: NewID(ep.start), Camera: w.camera, Kind: nvr.EventMotion, Label: nvr.MotionLabel, Start: ep.start,
		}
		w.emitMotion(nvr.PhaseNew, ep)
	case ep.event.ID == "":
	case ep.still != nil && !ep.event.HasSnapshot && w.now.Sub(ep.lastEmit) >= urgentInterval,
		w.now.Sub(ep.lastEmit) >= heartbeatInterval:
		w.emitMotion(nvr.PhaseUpdate, ep)
	}
}

func (w *watcher) emitMotion(phase nvr.Phase, ep *episode) {
	var jpeg []byte
	if !ep.event.HasSnapshot {
		jpeg = ep.still
	}
	w.e.emit(phase, ep.told, &ep.event, jpeg)
	ep.told, ep.lastEmit = ep.event, w.now
}

func (w *watcher) endEpisode() {
	ep := w.episode
	w.episode = nil
	if ep == nil || ep.event.ID == "" {
		return
	}
	ep.event.End = later(ep.lastOn, ep.start)
	w.emitMotion(nvr.PhaseEnd, ep)
}
