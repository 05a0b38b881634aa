package rule

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Set is all rules of a site. Its methods may be called from any goroutine.
type Set struct {
	zone  *time.Location
	rules []Rule

	mu   sync.Mutex
	last map[lastKey]told
}

type lastKey struct {
	rule   string
	camera nvr.CameraID
}

// told is the last alert of a rule on a camera.
type told struct {
	event string
	at    time.Time
}

// NewSet checks the rules; zone is what schedules are in.
func NewSet(rules []Rule, zone *time.Location) (*Set, error) {
	seen := make(map[string]bool)
	for _, r := range rules {
		if err := r.Check(); err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.ID, err)
		}
		if seen[r.ID] {
			return nil, fmt.Errorf("rule %s: the id is used twice", r.ID)
		}
		seen[r.ID] = true
	}
	return &Set{zone: zone, rules: slices.Clone(rules), last: make(map[lastKey]told)}, nil
}

// Due reports whether f has lasted long enough to be an alert of a rule with a least duration that has not alerted on it yet.
func (s *Set) Due(f Facts) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.rules, func(r Rule) bool {
		return r.MinDuration > 0 && !slices.Contains(f.Alerted, r.ID) && s.judge(&r, f).Alert
	})
}

// Rules returns the rules in order.
func (s *Set) Rules() []Rule { return slices.Clone(s.rules) }

// Explain returns what each rule says of f, and changes nothing.
func (s *Set) Explain(f Facts) []nvr.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]nvr.Verdict, 0, len(s.rules))
	for i := range s.rules {
		out = append(out, s.judge(&s.rules[i], f))
	}
	return out
}

// Alert returns the rules by which f is an alert now, highest severity first, and starts their cool-down. An event that a rule
// alerted on stays its alert: it is returned again and costs no further cool-down.
func (s *Set) Alert(f Facts) []nvr.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []nvr.Verdict
	for i := range s.rules {
		v := s.judge(&s.rules[i], f)
		if !v.Alert {
			continue
		}
		key := lastKey{v.Rule, f.Camera}
		if s.last[key].event != f.EventID && !slices.Contains(f.Alerted, v.Rule) {
			s.last[key] = told{event: f.EventID, at: f.Now}
		}
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b nvr.Verdict) int { return b.Severity.Rank() - a.Severity.Rank() })
	return out
}

// judge evaluates every condition, also behind one that does not hold: the explanation names them all.
func (s *Set) judge(r *Rule, f Facts) nvr.Verdict {
	v := nvr.Verdict{Rule: r.ID, Severity: r.Severity, Alert: true}
	check := func(name string, asked, holds bool, format string, args ...any) {
		if !asked {
			return
		}
		v.Conditions = append(v.Conditions, nvr.Condition{Name: name, Holds: holds, Detail: fmt.Sprintf(format, args...)})
		v.Alert = v.Alert && holds
	}
	is := func(holds bool) string {
		if holds {
			return "is"
		}
		return "is not"
	}
	on := slices.Contains(r.Cameras, f.Camera)
	check("camera", len(r.Cameras) > 0, on, "it is on camera %s, and %s is asked for.", f.Camera, list(r.Cameras))
	label := slices.Contains(r.Labels, f.Label)
	check("label", len(r.Labels) > 0, label, "it is labelled %s, and %s is asked for.", f.Label, list(r.Labels))
	entered := slices.ContainsFunc(f.Zones, func(z string) bool { return slices.Contains(r.Zones, z) })
	check("zone", len(r.Zones) > 0, entered, "it has entered %s, and %s is asked for.", orNothing(f.Zones), list(r.Zones))
	check("identity", len(r.Identities) > 0, knows(r.Identities, f.Identity), "%s, and %s is asked for.", who(f.Identity), list(r.Identities))
	mode := slices.Contains(r.Modes, f.Mode)
	check("mode", len(r.Modes) > 0, mode, "the mode was %s when it began, and %s is asked for.", f.Mode, list(r.Modes))
	start := f.Start.In(s.zone)
	timely := slices.ContainsFunc(r.Schedule, func(w Window) bool { return w.holds(start) })
	check("schedule", len(r.Schedule) > 0, timely, "it began on %s, which %s in the schedule.", start.Format("Monday 15:04"), is(timely))
	check("score", r.MinScore > 0, f.Score >= r.MinScore, "its best score is %.2f, and at least %.2f is asked for.", f.Score, r.MinScore)
	lasted := f.Now.Sub(f.Start)
	check("duration", r.MinDuration > 0, lasted >= r.MinDuration, "it has lasted %v, and at least %v is asked for.", lasted.Round(time.Second), r.MinDuration)
	last, ago := s.last[lastKey{r.ID, f.Camera}], time.Duration(0)
	if slices.Contains(f.Alerted, r.ID) { // though others may have been alerts since
		last = told{event: f.EventID}
	}
	rested := last.event == "" || last.event == f.EventID
	if !rested {
		ago = f.Now.Sub(last.at)
		rested = ago >= r.Cooldown || ago < 0 // a clock that was set back must not silence a rule
	}
	check("cooldown", r.Cooldown > 0, rested, "%s, and the cool-down is %v.", lastAlert(last, f, ago), r.Cooldown)
	return v
}

func lastAlert(last told, f Facts, ago time.Duration) string {
	switch last.event {
	case "":
		return "it is the rule's first alert here"
	case f.EventID:
		return "the rule alerted on this event already"
	}
	if ago < 0 {
		return "the rule's last alert here came after it, and earlier ones are not remembered"
	}
	return fmt.Sprintf("the rule's last alert here was %v before", ago.Round(time.Second))
}

func list[T ~string](items []T) string {
	out := make([]string, len(items))
	for i, it := range items {
		out[i] = string(it)
	}
	if n := len(out); n > 1 {
		return strings.Join(out[:n-1], ", ") + " or " + out[n-1]
	}
	return strings.Join(out, "")
}

func orNothing(zones []string) string {
	if len(zones) == 0 {
		return "no zone"
	}
	return strings.Join(zones, ", ")
}
