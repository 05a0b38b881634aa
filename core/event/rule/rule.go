// Package rule decides which events are worth telling a person. A rule names what must hold of an event; a Set evaluates
// all rules in one place and explains each verdict, so that "why did this alert" and "why not" have the same answer as the
// alert itself. It keeps only what cool-down needs; it stores and delivers nothing.
package rule

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Window is a time of day on some days of the week, local time. Until before From runs over midnight and belongs to the day it
// begins on. Equal times are the whole day.
type Window struct {
	Days  []time.Weekday // empty: every day
	From  time.Duration  // since midnight, by the clock on the wall
	Until time.Duration
}

// Rule is what must hold for an event to be an alert. Empty conditions hold always.
type Rule struct {
	ID          string // [a-z0-9_]{1,48}
	Severity    nvr.Severity
	Cameras     []nvr.CameraID
	Labels      []string
	Zones       []string   // entered any of these
	Modes       []nvr.Mode // armed in any of these
	Schedule    []Window   // within any of these, when the event began
	Identities  []string   // known, unknown, or the names of people: it was recognised as any of these
	MinScore    float32    // best confidence, 0..1
	MinDuration time.Duration
	Cooldown    time.Duration // per camera, from one alert of this rule to the next
}

// Facts is what is known of an event when it is judged.
type Facts struct {
	EventID string
	Camera  nvr.CameraID
	Label   string
	Zones   []string // entered so far
	Score   float32  // best confidence so far
	Start   time.Time
	Now     time.Time // of the newest picture of it
	Mode    nvr.Mode

	Identity nvr.Identity
	Alerted  []string // ids of the rules that alerted on it already
}

// Why returns a verdict in one sentence: the first condition that does not hold, or all that do.
func Why(v nvr.Verdict) string {
	var held []string
	for _, c := range v.Conditions {
		if !c.Holds {
			return "No alert by " + v.Rule + ": " + c.Detail
		}
		held = append(held, strings.TrimSuffix(c.Detail, "."))
	}
	if len(held) == 0 {
		return "Alert by " + v.Rule + ": it has no conditions."
	}
	return "Alert by " + v.Rule + ": " + strings.Join(held, "; ") + "."
}

var idPattern = regexp.MustCompile(`^[a-z0-9_]{1,48}$`)

// Check says what is wrong with r, naming the field.
func (r Rule) Check() error {
	var errs []error
	fail := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
	}
	if !idPattern.MatchString(r.ID) {
		fail("id", "%q, want 1 to 48 characters of a-z, 0-9 and _", r.ID)
	}
	if r.Severity.Rank() == 0 {
		fail("severity", "%q is not one of low, normal, high", r.Severity)
	}
	for _, m := range r.Modes {
		if _, err := nvr.ParseMode(string(m)); err != nil {
			fail("modes", "%v", err)
		}
	}
	if !(r.MinScore >= 0 && r.MinScore <= 1) {
		fail("min_score", "%v is out of range, want 0 to 1", r.MinScore)
	}
	if r.MinDuration < 0 || r.MinDuration > time.Hour {
		fail("min_duration", "%v is out of range, want 0 to 1h", r.MinDuration)
	}
	if r.Cooldown < 0 || r.Cooldown > 24*time.Hour {
		fail("cooldown", "%v is out of range, want 0 to 24h", r.Cooldown)
	}
	for i, w := range r.Schedule {
		if w.From < 0 || w.From >= 24*time.Hour || w.Until < 0 || w.Until > 24*time.Hour {
			fail(fmt.Sprintf("schedule[%d]", i), "%v to %v, want times of day", w.From, w.Until)
		}
	}
	return errors.Join(errs...)
}

// holds reports whether t, in its own zone, lies in w. The clock on the wall counts: on the two days a year on which it is
// set, a window is an hour shorter or longer.
func (w Window) holds(t time.Time) bool {
	clock := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	on := func(day time.Weekday) bool { return len(w.Days) == 0 || slices.Contains(w.Days, day) }
	today := t.Weekday()
	switch {
	case w.From == w.Until:
		return on(today)
	case w.From < w.Until:
		return on(today) && clock >= w.From && clock < w.Until
	case clock >= w.From:
		return on(today)
	default: // after midnight: the window began yesterday
		return clock < w.Until && on((today+6)%7)
	}
}
