package nvr

import "time"

// DeliveryState is where a delivery is in its life; every delivery ends visibly in one of those after pending.
type DeliveryState string

// The states of a delivery, as stored.
const (
	DeliveryPending   DeliveryState = "pending"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryFailed    DeliveryState = "failed"  // the channel refused it for good; LastError says why
	DeliveryExpired   DeliveryState = "expired" // not delivered before ExpiresAt; LastError holds the last attempt's reason
	// DeliverySuppressed is not told on purpose, by quiet hours, a snooze or an acknowledgement; LastError says which.
	DeliverySuppressed DeliveryState = "suppressed"
)

// HoldReason says why a pending delivery waits although its notifier is there.
type HoldReason string

// The reasons to wait, as stored.
const (
	HoldNone       HoldReason = ""
	HoldQuiet      HoldReason = "quiet"      // until quiet hours end
	HoldDigest     HoldReason = "digest"     // alerts are collected
	HoldRate       HoldReason = "rate"       // the recipient was told as much as the route's rate allows
	HoldEscalation HoldReason = "escalation" // somebody may acknowledge the alert first
)

// Delivery is one alert on its way to one recipient of one notifier: a row of the outbox.
type Delivery struct {
	ID        string // UUIDv7; the idempotency key the channel sees
	EventID   string
	Plugin    string // id of the notifier plugin
	Recipient string // empty: the plugin's own default
	Route     string // id of the route that made it
	Level     int    // how often the alert was escalated before; 0: never
	Revision  int    // of the event when the delivery was written
	Phase     Phase
	State     DeliveryState
	Attempts  int // asked of the plugin so far
	LastError string
	CreatedAt time.Time
	// DeliveredAt is zero until State is DeliveryDelivered.
	DeliveredAt time.Time
	// ExpiresAt is when the news is too old to be told.
	ExpiresAt time.Time

	Hold     HoldReason // why it waits, while pending
	NextAt   time.Time  // nothing is tried before
	DigestID string     // the delivery that tells this one too; empty: it speaks for itself
	Admitted bool       // it was counted by the rate of its recipient
	Message  string     // the channel's own id of what was sent
	Token    string     // secret of its actions, 32 hexadecimal digits

	AcknowledgedAt time.Time // zero: nobody did
	AcknowledgedBy string
}

// DeliveryTurn is a delivery whose time has come, with all that decides whether and how it is told.
type DeliveryTurn struct {
	Delivery

	Event  Event  // as it stands now
	Camera string // display name of its camera; the id where none is known

	Previous       string    // Message of what the recipient was told of the event before
	Earlier        bool      // an earlier change of the event is still pending for the recipient
	EarlierAt      time.Time // when that is tried next
	Collected      bool      // an earlier change waits on purpose, or is told by a digest
	Superseded     bool      // a later change is pending too
	Acknowledged   bool      // somebody has seen the alert; of a digest, all that it tells
	AcknowledgedBy string
	Snoozed        bool // and of a digest, all that it tells
	SnoozedUntil   time.Time

	Members int     // deliveries that this one tells too
	Digest  []Event // at most 50, oldest first, its own among them; nil without members
	Total   int     // events in all
}

// DeliveryAttempt is one time a notifier was asked to tell something, or was not there.
type DeliveryAttempt struct {
	At       time.Time // of the last of them
	Outcome  string    // delivered, retry, failed, error, unavailable
	Detail   string    // one sentence for a person
	Duration time.Duration
	Times    int // how often in a row, for unavailable
}

// DeliveryFilter selects deliveries for display. Zero fields select everything.
type DeliveryFilter struct {
	EventID  string
	Notifier string
	States   []DeliveryState
	Cameras  []CameraID
	Cursor   string // of the page before
	Limit    int    // 1 to 200
}

// DeliveryRecord is a delivery with what a person needs to know of its event.
type DeliveryRecord struct {
	Delivery

	Camera   CameraID
	Label    string
	Severity Severity
	Start    time.Time // of the event
	Members  int       // other deliveries that it tells, for a digest
}

// QueueDepth is what waits for one notifier.
type QueueDepth struct {
	Notifier string
	Pending  int       // due or soon due
	Held     int       // waits on purpose
	Oldest   time.Time // CreatedAt of the oldest that is not held; zero: none
}

// Alert is what a notifier is asked to tell its recipient.
type Alert struct {
	DeliveryID string
	Attempt    int // from 1
	Recipient  string
	Phase      Phase
	Event      Event
	CameraName string // for people; the id is Event.Camera
	Snapshot   []byte // JPEG, nil where there is none
	// Title is one line and Text a paragraph of plain text, made from the route's templates.
	Title, Text string
	Silent      bool // must not make a sound
	Attachments []Attachment
	Actions     []AlertAction
	Link        string    // where a person sees the event; empty: our own address is not known
	Previous    string    // what the notifier answered as DeliveryResult.Message for an earlier phase; empty: nothing was sent
	Digest      []Event   // all events of a digest, the newest last; nil for a single alert
	Test        bool      // an example that somebody asked for
	ExpiresAt   time.Time // when the news is too old to be told; zero: never
}

// AttachmentKind says what an attachment shows.
type AttachmentKind string

// The kinds of attachments.
const (
	AttachSnapshot AttachmentKind = "snapshot" // JPEG
	AttachClip     AttachmentKind = "clip"     // MP4
)

// Attachment is media that a notifier may fetch while it handles a delivery.
type Attachment struct {
	Kind        AttachmentKind
	Ref         string // opaque, good for this delivery only
	ContentType string
	Bytes       int64 // 0: not known before it is made
}

// AlertActionKind is what a person may do with an alert.
type AlertActionKind string

// The kinds of actions.
const (
	ActionAcknowledge AlertActionKind = "acknowledge" // "seen": ends escalation
	ActionSnooze      AlertActionKind = "snooze"      // no alerts of this camera to this recipient for a while
)

// AlertAction is an offer that belongs to an alert.
type AlertAction struct {
	Kind  AlertActionKind
	Token string // opaque, [A-Za-z0-9_-]{1,48}
	Label string // for people
}

// DeliveryClass is a notifier's verdict on one attempt; it decides whether there will be another.
type DeliveryClass string

// The verdicts.
const (
	DeliveryOK        DeliveryClass = "ok"
	DeliveryRetry     DeliveryClass = "retry_after" // not now; RetryAfter says when, zero leaves it to the host
	DeliveryPermanent DeliveryClass = "permanent"   // this alert will never be accepted
	DeliveryBadConfig DeliveryClass = "bad_config"  // no alert will be accepted until a person changes the settings
)

// DeliveryResult is the answer of a notifier to one attempt.
type DeliveryResult struct {
	Class      DeliveryClass
	RetryAfter time.Duration
	Detail     string // one sentence for a person; empty for DeliveryOK
	Message    string // the channel's id of what was sent, at most 512 bytes; Alert.Previous of the next phase
}
