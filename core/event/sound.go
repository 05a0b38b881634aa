package event

import (
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// nameWait is how long a sound that was noticed by its level waits for a classifier to name it: two windows of one second.
// One sound shall be one event, and the label of an event never changes.
const nameWait = 2500 * time.Millisecond

// hearSound makes an event of a sound. While a sound with a name goes on, its level tells nothing new.
func (w *spells) hearSound(c nvr.SoundChange) {
	key := spellKey{c.Camera, nvr.EventSound, c.Label}
	if !c.Active {
		if s := w.ongoing[key]; s != nil {
			s.loudest(c)
		}
		w.end(key, c.Time)
		return
	}
	ev := nvr.Event{Start: c.Since, Score: c.Score, TopScore: c.Score}
	if c.Label != nvr.SoundLabel {
		nameless := spellKey{c.Camera, nvr.EventSound, nvr.SoundLabel}
		if s := w.ongoing[nameless]; s != nil && !s.due.IsZero() {
			delete(w.ongoing, nameless) // nobody has heard of it
			ev.Start = earlier(ev.Start, s.event.Start)
			if c.JPEG == nil {
				c.JPEG = s.jpeg
			}
		}
		w.begin(key, ev, c.JPEG, 0)
		return
	}
	for other := range w.ongoing {
		if other.camera == c.Camera && other.kind == nvr.EventSound {
			return
		}
	}
	delay := nameWait
	if !w.e.cfg.NamesSounds {
		delay = 0
	}
	w.begin(key, ev, c.JPEG, delay)
}

// loudest takes over the highest score of a sound that ends.
func (s *spell) loudest(c nvr.SoundChange) {
	s.event.Score = c.Score
	s.event.TopScore = max(s.event.TopScore, c.Score)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
