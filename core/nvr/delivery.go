package nvr

import "time"

// DeliveryState is where a delivery is in its life; every delivery ends visibly in one of the last three.
type DeliveryState string

// The states of a delivery, as stored.
const (
	DeliveryPending   DeliveryState = "pending"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryFailed    DeliveryState = "failed"  // the channel refused it for good; LastError says why
	DeliveryExpired   DeliveryState = "expired" // not delivered before ExpiresAt; LastError holds the last attempt's reason
)

// Delivery is one alert on its way to one recipient of one notifier: a row of the outbox.
type Delivery struct {
	ID        string // UUIDv7; the idempotency key the channel sees
	EventID   string
	Plugin    string // id of the notifier plugin
	Recipient string // empty: the plugin's own default
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
}
