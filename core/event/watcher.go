package event

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// track is what a watcher remembers of one object.
type track struct {
	obj   nvr.TrackedObject // as last seen, Best always nil
	event nvr.Event         // zero ID until the track is confirmed
	told  nvr.Event         // as last emitted
	// best is a snapshot that no change has carried yet.
	best     *nvr.Snapshot
	lastEmit time.Time // frame time
}

func (t *track) confirmed() bool { return t.event.ID != "" }

// watcher is the one owner of a camera's ongoing object and motion events.
type watcher struct {
	e      *Engine
	camera nvr.CameraID
	tracks map[uint64]*track
	now    time.Time // of the last frame

	motion  bool
	episode *episode

	total, active map[string]int // as last published
}

func newWatcher(e *Engine, camera nvr.CameraID) *watcher {
	return &watcher{
		e: e, camera: camera, tracks: map[uint64]*track{},
		total: map[string]int{}, active: map[string]int{},
	}
}

func (w *watcher) run(ctx context.Context, box *mailbox) {
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for {
		select {
		case <-box.wake:
			for _, o := range box.take() {
				w.observe(o)
			}
			quiet.Reset(silence)
		case <-quiet.C:
			w.endAll()
			quiet.Reset(silence)
		case <-ctx.Done():
			for _, o := range box.take() {
				w.observe(o)
			}
			w.endAll()
			return
		}
	}
}

func (w *watcher) observe(o nvr.Observation) {
	w.now = o.Time
	for _, obj := range o.Objects {
		w.see(obj)
	}
	for _, id := range o.Ended {
		w.end(id)
	}
	for id, t := range w.tracks {
		// A track that is neither seen nor reported ended: the pipeline was replaced, or its report was lost.
		if w.now.Sub(t.obj.LastSeen) > silence {
			w.end(id)
		}
	}
	w.setMotion(o.Motion)
	w.followMotion(o)
	w.publishCounts()
}

// see takes in one object of a frame and emits what has become worth telling.
func (w *watcher) see(obj nvr.TrackedObject) {
	t := w.tracks[obj.TrackID]
	if t != nil && !t.obj.FirstSeen.Equal(obj.FirstSeen) {
		w.end(obj.TrackID) // a new pipeline counts its tracks from the start again
		t = nil
	}
	if t == nil {
		if len(w.tracks) >= maxObjects {
			return
		}
		t = &track{}
		w.tracks[obj.TrackID] = t
	}
	if obj.Best != nil && plausibleJPEG(obj.Best.JPEG) {
		t.best = obj.Best
	}
	face := obj.Face
	obj.Best, obj.Face = nil, nil
	t.obj = obj
	switch {
	case t.confirmed():
		w.update(t)
	case obj.Confirmed:
		w.begin(t)
	}
	if face != nil && t.confirmed() && w.e.cfg.UnknownFace != nil {
		w.e.cfg.UnknownFace(t.event, *face)
	}
}

func (w *watcher) begin(t *track) {
	t.event = nvr.Event{
		ID: NewID(t.obj.FirstSeen), Camera: w.camera, Kind: nvr.EventObject, Label: t.obj.Label, Start: t.obj.FirstSeen,
		Score: t.obj.Confidence, TopScore: t.obj.TopScore, Box: t.obj.Box, Stationary: t.obj.Stationary,
	}
	w.whereabouts(t)
	w.emit(nvr.PhaseNew, t)
}

func (w *watcher) update(t *track) {
	t.event.Score = t.obj.Confidence
	t.event.Label = t.obj.Label
	t.event.Stationary = t.obj.Stationary
	t.event.TopScore = max(t.event.TopScore, t.obj.TopScore)
	age := w.now.Sub(t.lastEmit)
	w.whereabouts(t)
	flipped := t.event.Stationary != t.told.Stationary || t.event.Label != t.told.Label ||
		!slices.Equal(t.event.Zones, t.told.Zones) || !slices.Equal(t.event.EnteredZones, t.told.EnteredZones) ||
		len(t.event.Crossings) != len(t.told.Crossings) || !t.event.Identity.Same(t.told.Identity)
	firstPicture := t.best != nil && !t.told.HasSnapshot
	alerts := age >= urgentInterval && w.e.dueAlert(t.event)
	if (flipped || firstPicture) && age >= urgentInterval || alerts ||
		t.best != nil && age >= snapshotInterval || age >= heartbeatInterval {
		w.emit(nvr.PhaseUpdate, t)
	}
}

// whereabouts takes over where the object is and was, and who it is. The slices are never changed by the pipeline.
func (w *watcher) whereabouts(t *track) {
	t.event.Zones, t.event.EnteredZones = t.obj.Zones, t.obj.EnteredZones
	t.event.Crossings, t.event.Path = t.obj.Crossings, t.obj.Path
	t.event.Speed, t.event.MaxSpeed = t.obj.Speed, t.obj.MaxSpeed
	t.event.Identity = w.e.ongoing.recognised(t.event.ID, t.obj.Identity)
}

// end forgets a track and ends its event, if it had come to one, where the object was last seen.
func (w *watcher) end(id uint64) {
	t := w.tracks[id]
	if t == nil {
		return
	}
	delete(w.tracks, id)
	if !t.confirmed() {
		return
	}
	t.event.End = later(t.obj.LastSeen, t.event.Start)
	w.emit(nvr.PhaseEnd, t)
}

func (w *watcher) emit(phase nvr.Phase, t *track) {
	var jpeg []byte
	if t.best != nil {
		jpeg = t.best.JPEG
		t.event.Box = t.best.Box // whoever draws the box draws it on this picture
	}
	w.e.emit(phase, t.told, &t.event, jpeg)
	t.told, t.best, t.lastEmit = t.event, nil, w.now
}

// endAll is for when nothing more is to be seen: the pictures stopped, or Nightjar stops.
func (w *watcher) endAll() {
	for id := range w.tracks {
		w.end(id)
	}
	w.setMotion(false)
	w.endEpisode()
	w.publishCounts()
}

func (w *watcher) publishCounts() {
	total, active := zeros(w.total), zeros(w.active)
	for _, t := range w.tracks {
		if !t.confirmed() {
			continue
		}
		total[t.event.Label]++
		if t.event.Stationary {
			active[t.event.Label] += 0
		} else {
			active[t.event.Label]++
		}
	}
	if maps.Equal(total, w.total) && maps.Equal(active, w.active) {
		return
	}
	w.total, w.active = total, active
	w.e.bus.Counts.Publish(nvr.ObjectCounts{Camera: w.camera, Total: maps.Clone(total), Active: maps.Clone(active)})
}

// zeros returns m's keys with nothing counted yet, so that a label that fell to zero is still told.
func zeros(m map[string]int) map[string]int {
	out := make(map[string]int, len(m))
	for k := range m {
		out[k] = 0
	}
	return out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
