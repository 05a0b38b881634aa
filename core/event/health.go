package event

import (
	"context"
	"time"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// alertCheck is how often ongoing spells are held against rules that ask for a least duration.
const alertCheck = 5 * time.Second

// spell is a problem or a sound that goes on; event has an ID once it was told.
type spell struct {
	event, told nvr.Event
	lastEmit    time.Time
	due         time.Time // when a sound is told; zero: told already
	jpeg        []byte    // not yet told
}

type spellKey struct {
	camera nvr.CameraID
	kind   nvr.EventKind
	label  string
}

// spells is the one owner of events that others begin and end with two reports: problems of a camera's pictures or clock,
// and sounds. Who reports them has made sure already that they lasted long enough.
type spells struct {
	e       *Engine
	ongoing map[spellKey]*spell
}

func newSpells(e *Engine) *spells { return &spells{e: e, ongoing: map[spellKey]*spell{}} }

func (w *spells) run(ctx context.Context, health *bus.Subscription[nvr.HealthChange], sounds *bus.Subscription[nvr.SoundChange]) {
	check := time.NewTicker(alertCheck)
	defer check.Stop()
	wait := time.NewTimer(time.Hour)
	defer wait.Stop()
	for {
		select {
		case c := <-health.C():
			w.hearHealth(c)
		case c := <-sounds.C():
			w.hearSound(c)
		case <-wait.C:
		case <-check.C:
			w.update()
		case <-ctx.Done():
			for key := range w.ongoing {
				w.end(key, time.Now())
			}
			return
		}
		wait.Reset(w.announce())
	}
}

// hearHealth makes a camera event of a problem; its label is the problem.
func (w *spells) hearHealth(c nvr.HealthChange) {
	key := spellKey{c.Camera, nvr.EventCamera, string(c.Problem)}
	if !c.Active {
		w.end(key, c.Time)
		return
	}
	w.begin(key, nvr.Event{Start: c.Since}, c.JPEG, 0)
}

// begin starts a spell that is told after delay. One that goes on already stays as it is.
func (w *spells) begin(key spellKey, ev nvr.Event, jpeg []byte, delay time.Duration) {
	if _, known := w.e.boxes[key.camera]; !known || w.ongoing[key] != nil {
		return
	}
	now := time.Now()
	if ev.Start.IsZero() || ev.Start.After(now) {
		ev.Start = now
	}
	ev.ID, ev.Camera, ev.Kind, ev.Label = NewID(ev.Start), key.camera, key.kind, key.label
	s := &spell{event: ev, due: now.Add(delay)}
	if plausibleJPEG(jpeg) {
		s.jpeg = jpeg
	}
	w.ongoing[key] = s
}

// announce tells of the spells that are due and returns the time until the next one is.
func (w *spells) announce() time.Duration {
	next := time.Hour
	for _, s := range w.ongoing {
		if s.due.IsZero() {
			continue
		}
		if wait := time.Until(s.due); wait > 0 {
			next = min(next, wait)
			continue
		}
		s.due = time.Time{}
		w.emit(nvr.PhaseNew, s)
	}
	return next
}

// update writes ongoing spells now and then, and where a rule has come to hold.
func (w *spells) update() {
	for _, s := range w.ongoing {
		if s.due.IsZero() && (time.Since(s.lastEmit) >= heartbeatInterval || w.e.dueAlert(s.event)) {
			w.emit(nvr.PhaseUpdate, s)
		}
	}
}

// end ends a spell. One that was too short to be told is told now, for it was none the less.
func (w *spells) end(key spellKey, at time.Time) {
	s := w.ongoing[key]
	if s == nil {
		return
	}
	delete(w.ongoing, key)
	if !s.due.IsZero() {
		w.emit(nvr.PhaseNew, s)
	}
	s.event.End = later(at, s.event.Start)
	w.emit(nvr.PhaseEnd, s)
}

func (w *spells) emit(phase nvr.Phase, s *spell) {
	w.e.emit(phase, s.told, &s.event, s.jpeg)
	s.told, s.jpeg, s.lastEmit = s.event, nil, time.Now()
}
