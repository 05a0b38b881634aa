package rule

import (
	"slices"
	"time"
)

// remembered is how many alerts of a rule on a camera are kept to explain what their cool-down kept quiet.
const remembered = 128

// overlap is how long after its end an event may be known to have ended. An alert by another event that comes in between is no
// sign of a clock that was set back, and keeps the event quiet like one before it.
const overlap = 30 * time.Second

// history is the last alerts of a rule on a camera, in the order of their times. It is nil before the first.
type history struct {
	alerts []told
	lost   bool // older ones are forgotten
}

// told is one alert.
type told struct {
	event string
	at    time.Time
}

// note remembers an alert. A clock that was set back begins anew where it now is: what it said before has no meaning any more.
func (h *history) note(event string, at time.Time) {
	h.alerts = slices.DeleteFunc(h.alerts, func(a told) bool { return a.at.After(at) })
	if len(h.alerts) >= remembered {
		h.alerts, h.lost = slices.Delete(h.alerts, 0, 1), true
	}
	h.alerts = append(h.alerts, told{event, at})
}

// newest returns the last alert; its event is empty where there is none.
func (h *history) newest() told {
	if h == nil || len(h.alerts) == 0 {
		return told{}
	}
	return h.alerts[len(h.alerts)-1]
}

// asOf returns the last alert at t, which may be long ago: those that came later do not count.
func (h *history) asOf(t time.Time) told {
	if h == nil {
		return told{}
	}
	for _, a := range slices.Backward(h.alerts) {
		if !a.at.After(t) {
			return a
		}
	}
	return told{}
}

// soonAfter returns the first alert within overlap after t.
func (h *history) soonAfter(t time.Time) told {
	if h != nil {
		for _, a := range h.alerts {
			if a.at.After(t) && a.at.Sub(t) <= overlap {
				return a
			}
		}
	}
	return told{}
}

// has reports whether an event is among the alerts.
func (h *history) has(event string) bool {
	return h != nil && slices.ContainsFunc(h.alerts, func(a told) bool { return a.event == event })
}
