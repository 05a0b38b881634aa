package nvr

import "time"

// Box is a rectangle in fractions of the picture: X, Y is the top left corner, all values in 0..1.
type Box struct {
	X float32 `json:"x"`
	Y float32 `json:"y"`
	W float32 `json:"w"`
	H float32 `json:"h"`
}

// Area returns the fraction of the picture the box covers.
func (b Box) Area() float32 { return b.W * b.H }

// IoU returns the intersection of two boxes over their union, 0..1.
func (b Box) IoU(o Box) float32 {
	w := min(b.X+b.W, o.X+o.W) - max(b.X, o.X)
	h := min(b.Y+b.H, o.Y+o.H) - max(b.Y, o.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	inter := w * h
	return inter / (b.Area() + o.Area() - inter)
}

// Detection is one labelled box with a score in one frame.
type Detection struct {
	Label string
	Score float32 // 0..1
	Box   Box
}

// Snapshot is a JPEG of the best view of an object so far.
type Snapshot struct {
	JPEG  []byte
	Time  time.Time // wall time of the frame
	Box   Box       // the object in that frame
	Score float32
}

// TrackedObject is one track as it stands after one frame.
type TrackedObject struct {
	TrackID    uint64 // unique within a run of the camera's pipeline
	Place      uint64 // another than before: it was mistaken for somebody and found here, and did not walk from there to here
	Label      string
	Score      float32 // this frame's detection score; 0 when the track was only predicted
	Confidence float32 // median of the recent scores: what decides whether the track is real
	TopScore   float32 // the largest Confidence so far
	Box        Box
	FirstSeen  time.Time
	LastSeen   time.Time
	Confirmed  bool      // Confidence reached the label's threshold; stays true
	Stationary bool      // has not moved for a while
	Best       *Snapshot // set only in the frame where a better snapshot was chosen

	Identity Identity    // as far as its face was seen
	Face     *FaceSample // set only in the frame that follows a better view of an unknown face; without ID, camera and event

	// The slices below are never changed once told, so that they may be kept.
	Zones        []string    // it is in now, in the order of their names
	EnteredZones []string    // it was ever in, in the order it entered them
	Crossings    []Crossing  // of lines, oldest first
	Path         []PathPoint // where its bottom centre was, oldest first, thinned
	Speed        float32     // km/h, where a zone measures it; 0 while unknown
	MaxSpeed     float32     // km/h, the highest Speed so far
}

// Direction tells from which side of a line to which an object went. Side a is left of the way from the line's first
// point to its second as seen in the picture, side b is right of it.
type Direction string

// The directions in which a line is crossed.
const (
	AToB Direction = "a_to_b"
	BToA Direction = "b_to_a"
)

// Crossing is an object's step over a line.
type Crossing struct {
	Line      string    `json:"line"`
	Direction Direction `json:"direction"`
	Time      time.Time `json:"time"`
}

// PathPoint is where an object stood at some time after it was first seen.
type PathPoint struct {
	Point
	After time.Duration
}

// Observation is what the vision pipeline saw in one frame of one camera. A consumer must not keep Objects.
type Observation struct {
	Camera  CameraID
	Time    time.Time // wall time of the frame (NTP mapping of its PTS)
	Motion  bool
	Objects []TrackedObject
	Ended   []uint64  // tracks that ended with this frame
	Still   *Snapshot // the whole picture as JPEG, set on motion start and at most once a second after; Box and Score are zero

	Searched bool      // for motion: false while the background is being learned, and where no frame is meant
	Moved    MotionMap // where, while Motion lasts
}

// EventKind tells what an event is the life of.
type EventKind string

// The kinds of event.
const (
	EventObject EventKind = "object" // a confirmed track
	EventMotion EventKind = "motion" // motion without a detector
	EventCamera EventKind = "camera" // camera offline, or a problem of its pictures or clock
	EventSound  EventKind = "sound"
	EventManual EventKind = "manual"
)

// Event is the life of a track, or a motion, camera or manual episode.
type Event struct {
	ID          string // UUIDv7: sorts by start
	Camera      CameraID
	Kind        EventKind
	Label       string // "person"; "motion" for motion events
	Start       time.Time
	End         time.Time // zero while ongoing
	Score       float32   // last confidence
	TopScore    float32
	Box         Box // in the snapshot; where the object was first seen while there is none
	Stationary  bool
	HasSnapshot bool
	Revision    int // grows with each stored change

	Severity Severity // of the alert it is; empty: it is none
	Rules    []string // ids of the rules that made it one
	Mode     Mode     // arming mode when it began

	Zones        []string // it is in now, or was when the event ended
	EnteredZones []string // it was ever in, in the order it entered them
	Crossings    []Crossing
	Path         []PathPoint // after Start; empty in lists of events
	Speed        float32     // km/h, last measured; 0 when unknown
	MaxSpeed     float32     // km/h

	Identity Identity // of a person
}

// Ongoing reports whether the event has not ended.
func (e Event) Ongoing() bool { return e.End.IsZero() }

// Phase says which change of an event a message is about.
type Phase string

// The phases, as published on MQTT and the WebSocket.
const (
	PhaseNew    Phase = "new"
	PhaseUpdate Phase = "update"
	PhaseEnd    Phase = "end"
)

// EventChange is one change of an event, already stored. Before equals After when Phase is new.
type EventChange struct {
	Phase    Phase
	Before   Event
	After    Event
	Snapshot []byte // JPEG, only when this change brought a better one
}

// MotionChange reports that motion began or ended in front of a camera.
type MotionChange struct {
	Camera CameraID
	Active bool
	Time   time.Time
}

// ObjectCounts is how many confirmed objects of each label a camera sees now. Labels that fell to zero stay in the map.
type ObjectCounts struct {
	Camera CameraID
	Total  map[string]int
	Active map[string]int // without stationary ones
}
