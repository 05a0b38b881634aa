package offline

import (
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// tracks collects what the pipeline tells of each track, and keeps those that were confirmed.
type tracks struct {
	open map[uint64]*tracked
	done []Event
}

type tracked struct {
	Event
	confirmed bool
}

func (t *tracks) observe(o nvr.Observation) {
	if t.open == nil {
		t.open = make(map[uint64]*tracked)
	}
	for i := range o.Objects {
		t.see(o.Time, &o.Objects[i])
	}
	for _, id := range o.Ended {
		t.end(id)
	}
}

func (t *tracks) see(now time.Time, o *nvr.TrackedObject) {
	k := t.open[o.TrackID]
	if k == nil {
		k = &tracked{Event: Event{From: o.FirstSeen.Sub(Start())}}
		t.open[o.TrackID] = k
	}
	k.Label, k.TopScore, k.To = o.Label, o.TopScore, o.LastSeen.Sub(Start())
	k.confirmed = k.confirmed || o.Confirmed
	if o.Best != nil {
		k.Best = o.Best
	}
	if o.Score > 0 {
		k.Path = append(k.Path, Sighting{At: now.Sub(Start()), Box: o.Box, Score: o.Score})
	}
}

func (t *tracks) end(id uint64) {
	if k := t.open[id]; k != nil && k.confirmed {
		t.done = append(t.done, k.Event)
	}
	delete(t.open, id)
}

// events ends what is still open.
func (t *tracks) events() []Event {
	for id := range t.open {
		t.end(id)
	}
	slices.SortStableFunc(t.done, func(a, b Event) int {
		if a.From != b.From {
			return int(a.From - b.From)
		}
		return int(a.To - b.To)
	})
	return t.done
}

// At returns where the event was found nearest to a moment, at most within away from it.
func (e *Event) At(at, within time.Duration) (s Sighting, ok bool) {
	for _, p := range e.Path {
		if d := (p.At - at).Abs(); d <= within {
			s, ok, within = p, true, d
		}
	}
	return s, ok
}
