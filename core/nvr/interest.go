package nvr

// InterestKind says why a span of time is worth keeping.
type InterestKind string

// The kinds of interest.
const (
	InterestMotion InterestKind = "motion" // something moved
	InterestEvent  InterestKind = "event"  // an object, motion or manual event
)

// InterestSpan is a span of time in which something happened in front of a camera. Retention keeps such recordings longer.
type InterestSpan struct {
	TimeRange
	Kind InterestKind
}
