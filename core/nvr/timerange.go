package nvr

import "time"

// TimeRange is the half-open interval [Start, End).
type TimeRange struct {
	Start time.Time
	End   time.Time
}

// Duration returns End minus Start.
func (r TimeRange) Duration() time.Duration { return r.End.Sub(r.Start) }

// Overlaps reports whether the two ranges share an instant.
func (r TimeRange) Overlaps(o TimeRange) bool { return r.Start.Before(o.End) && o.Start.Before(r.End) }
