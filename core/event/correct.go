package event

import (
	"sync"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// ongoing is what is kept of the events that go on beside what their owners know: whom a person says they show, and who
// was told of them.
type ongoing struct {
	mu     sync.Mutex
	events map[string]*ongoingEvent
}

type ongoingEvent struct {
	identity *nvr.Identity // as the face library has it; nil: what recognition says
	told     map[recipient]bool
}

type recipient struct{ notifier, address string }

// byHand is the similarity of what a person said; recognition is never as sure.
const byHand = 1

func (o *ongoing) begin(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events[id] = &ongoingEvent{told: map[recipient]bool{}}
}

func (o *ongoing) end(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.events, id)
}

// correct notes whom an event shows. It returns false where the event does not go on.
func (o *ongoing) correct(id string, is nvr.Identity) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.events[id]
	if e != nil {
		e.identity = &is
	}
	return e != nil
}

// recognised returns whom an event shows when recognition says who: a person's word counts for more. Recognition knows the
// library as it is by then, so that nothing else is kept.
func (o *ongoing) recognised(id string, who nvr.Identity) nvr.Identity {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.events[id]
	switch {
	case e == nil || e.identity == nil:
	case e.identity.Similarity == byHand:
		return *e.identity
	default:
		e.identity = nil
	}
	return who
}

// last returns whom an event shows that is not seen any more.
func (o *ongoing) last(id string, who nvr.Identity) nvr.Identity {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.events[id]; e != nil && e.identity != nil {
		return *e.identity
	}
	return who
}

// told reports whether somebody was told of an event before.
func (o *ongoing) told(id string, to recipient) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.events[id]
	return e != nil && e.told[to]
}

func (o *ongoing) noteTold(id string, ds []nvr.Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.events[id]
	for i := range ds {
		if e != nil && ds[i].Level == 0 {
			e.told[recipient{ds[i].Plugin, ds[i].Recipient}] = true
		}
	}
}

// Correct hears of events that show somebody else by the face library of now; they are stored so already. Those that are over
// are told as updates, without deliveries; those that go on say so with their next change.
func (e *Engine) Correct(changes []nvr.EventChange) {
	for _, c := range changes {
		if e.ongoing.correct(c.After.ID, c.After.Identity) || c.After.Ongoing() {
			continue
		}
		e.met.changes.WithLabelValues(string(c.After.Camera), string(c.Phase)).Inc()
		e.bus.Events.Publish(c)
	}
}
