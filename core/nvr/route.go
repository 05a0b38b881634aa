package nvr

import "time"

// Route says which alerts a notifier tells, to whom, when and how. Empty conditions hold always; all must hold. The JSON tags
// are how it is stored; durations are nanoseconds there.
type Route struct {
	ID       string `json:"id"`       // [a-z0-9_-]{1,48}
	Notifier string `json:"notifier"` // id of the configured notifier
	// Recipients are whom to tell, in the channel's own terms (a chat, an address, a topic); each gets a delivery of its
	// own. Empty: the notifier's default.
	Recipients []string `json:"recipients"`
	Disabled   bool     `json:"disabled"`

	Cameras     []CameraID `json:"cameras"`
	Labels      []string   `json:"labels"`
	Zones       []string   `json:"zones"` // it entered one of these
	Rules       []string   `json:"rules"` // one of these alert rules made it an alert
	MinSeverity Severity   `json:"min_severity"`
	Modes       []Mode     `json:"modes"`      // the arming mode when it began
	Identities  []string   `json:"identities"` // known, unknown, or the names of people: it was recognised as any of these

	Updates  bool          `json:"updates"`  // tells changes and the end too, not only that it began
	Quiet    []Quiet       `json:"quiet"`    // times of day at which it does not ring
	Rate     Rate          `json:"rate"`     // per recipient; what exceeds it is told as one digest
	Digest   time.Duration `json:"digest"`   // alerts are collected this long and told as one; 0: each is told at once
	Escalate Escalation    `json:"escalate"` // what happens when nobody acknowledges
	Silent   bool          `json:"silent"`   // never makes a sound
	Title    string        `json:"title"`    // text/template of the line; empty: the default
	Text     string        `json:"text"`     // text/template of the paragraph; empty: the default
	Expire   time.Duration `json:"expire"`   // after which an alert is old news; 0: 6 h

	// Nobody says that there is nobody whom the notifier could tell by this route. It is known only while Nightjar runs,
	// so it is not stored.
	Nobody bool `json:"-"`
}

// QuietAction says what happens to an alert in quiet hours.
type QuietAction string

// What happens in quiet hours.
const (
	QuietSilent QuietAction = "silent" // it is told without a sound
	QuietHold   QuietAction = "hold"   // it is told when they end, all of them as one digest
	QuietDrop   QuietAction = "drop"   // it is not told; the history says so
)

// Quiet is a time of day, local, on some days of the week. To before From runs over midnight and belongs to the day it
// begins on; equal times are the whole day.
type Quiet struct {
	From   int            `json:"from"` // minutes since midnight, 0..1440
	To     int            `json:"to"`   // minutes since midnight, 0..1440
	Days   []time.Weekday `json:"days"` // empty: every day
	Action QuietAction    `json:"action"`
	Except Severity       `json:"except"` // alerts of this severity and above are told as ever; empty: none are
}

// Rate is a token bucket: Burst alerts at once, and one more every Per/Burst.
type Rate struct {
	Burst int           `json:"burst"` // 0: no limit
	Per   time.Duration `json:"per"`
}

// Escalation tells other routes of an alert that nobody acknowledged After it was made. Their conditions are not asked,
// their quiet hours and rate are. Zero: there is none.
type Escalation struct {
	After time.Duration `json:"after"`
	To    []string      `json:"to"` // ids of routes
}

// Snooze keeps alerts from a recipient until a time.
type Snooze struct {
	Notifier  string   // empty: all notifiers
	Recipient string   // of Notifier; empty: its default
	Camera    CameraID // empty: all cameras
	Until     time.Time
	By        string // who asked for it
	CreatedAt time.Time
}
