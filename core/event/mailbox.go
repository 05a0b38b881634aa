package event

import (
	"slices"
	"sync"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	mailboxSize = 64  // observations; 12 s at 5 frames per second
	maxObjects  = 256 // of one observation, also a merged one
	maxEnded    = 4096
)

// mailbox is a camera's queue of observations. It never blocks the sender: when full, its two oldest become one.
type mailbox struct {
	mu    sync.Mutex
	queue []nvr.Observation
	wake  chan struct{}
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// put appends a copy of o and reports whether two observations had to be merged for it.
func (m *mailbox) put(o nvr.Observation) (merged bool) {
	o.Objects = slices.Clone(o.Objects[:min(len(o.Objects), maxObjects)])
	o.Ended = slices.Clone(o.Ended[:min(len(o.Ended), maxEnded)])
	m.mu.Lock()
	if len(m.queue) >= mailboxSize {
		m.queue[1] = merge(m.queue[0], m.queue[1])
		m.queue = slices.Delete(m.queue, 0, 1)
		merged = true
	}
	m.queue = append(m.queue, o)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return merged
}

// take empties the mailbox.
func (m *mailbox) take() []nvr.Observation {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queue
	m.queue = nil
	return q
}

// merge tells in one observation what two told: the newer frame, with the ends, the better snapshots and the objects
// that only the older one knew (they may be confirmed there for the first time and end in the newer).
func merge(older, newer nvr.Observation) nvr.Observation {
	newer.Ended = append(newer.Ended, older.Ended[:min(len(older.Ended), max(0, maxEnded-len(newer.Ended)))]...)
	if newer.Still == nil {
		newer.Still = older.Still
	}
	for _, old := range older.Objects {
		i := slices.IndexFunc(newer.Objects, func(t nvr.TrackedObject) bool {
			return t.TrackID == old.TrackID && t.FirstSeen.Equal(old.FirstSeen)
		})
		switch {
		case i >= 0:
			if newer.Objects[i].Best == nil {
				newer.Objects[i].Best = old.Best
			}
			if newer.Objects[i].Face == nil {
				newer.Objects[i].Face = old.Face
			}
		case len(newer.Objects) < maxObjects:
			newer.Objects = append(newer.Objects, old)
		}
	}
	return newer
}
