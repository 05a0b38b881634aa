package nvr

import "fmt"

// Severity says how much an alert matters; an event without one is no alert.
type Severity string

// The severities, least first.
const (
	SeverityLow    Severity = "low"    // to be looked at some time
	SeverityNormal Severity = "normal" // to be told
	SeverityHigh   Severity = "high"   // to be told at night, too
)

// Rank orders severities: 0 for none, 3 for the highest.
func (s Severity) Rank() int {
	switch s {
	case SeverityLow:
		return 1
	case SeverityNormal:
		return 2
	case SeverityHigh:
		return 3
	}
	return 0
}

// Mode is the arming mode of the site: alert rules may ask for one.
type Mode string

// The arming modes.
const (
	ModeHome  Mode = "home"
	ModeAway  Mode = "away"
	ModeNight Mode = "night"
)

// ParseMode returns the mode called home, away or night.
func ParseMode(s string) (Mode, error) {
	if m := Mode(s); m == ModeHome || m == ModeAway || m == ModeNight {
		return m, nil
	}
	return "", fmt.Errorf("arming mode %q: want home, away or night", s)
}

// ModeChange reports a new arming mode.
type ModeChange struct{ Mode Mode }

// Condition is one part of an alert rule and whether it holds for an event.
type Condition struct {
	Name   string // camera, label, zone, identity, mode, schedule, score, duration, cooldown
	Holds  bool
	Detail string // one sentence for a person
}

// Verdict is what one alert rule says of one event.
type Verdict struct {
	Rule       string
	Severity   Severity
	Alert      bool
	Conditions []Condition // all that the rule has, in a fixed order
}
