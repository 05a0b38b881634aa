package nvr

import "time"

// EventFilter selects events. Zero fields do not filter.
type EventFilter struct {
	Cameras []CameraID
	Labels  []string
	Zones   []string // entered at any time, one of them
	Alerts  bool     // only alerts
	Kind    EventKind
	Persons []string  // ids of persons, "known" for anybody, "unknown" for strangers
	Range   TimeRange // by start; a zero end is open
	Cursor  string    // from a previous page
	Limit   int       // at most 200
}

// TimelineEvent is what the timeline draws of an event.
type TimelineEvent struct {
	ID       string
	Camera   CameraID
	Kind     EventKind
	Label    string
	Start    time.Time
	End      time.Time // zero while ongoing
	TopScore float32
	Severity Severity // of the alert it is; empty: it is none
}
