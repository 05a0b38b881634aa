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

	mu    sync.Mutex
	past  map[pastKey]*history
	since time.Time // of the first event that was judged: alerts before it are not known
}

type pastKey struct {
	rule   string
	camera nvr.CameraID
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
	return &Set{zone: zone, rules: slices.Clone(rules), past: make(map[pastKey]*history)}, nil
}

// Due reports whether f has lasted long enough to be an alert of a rule with a least duration that has not alerted on it yet.
func (s *Set) Due(f Facts) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.rules, func(r Rule) bool {
		return r.MinDuration > 0 && !slices.Contains(f.Alerted, r.ID) && s.judge(&r, f, false).Alert
	})
}

// Rules returns the rules in order.
func (s *Set) Rules() []Rule { return slices.Clone(s.rules) }

// Explain returns what each rule says of f, also long after, and changes nothing. Alerts since do not count.
func (s *Set) Explain(f Facts) []nvr.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]nvr.Verdict, 0, len(s.rules))
	for i := range s.rules {
		out = append(out, s.judge(&s.rules[i], f, true))
	}
	return out
}

// Alert returns the rules by which f is an alert now, highest severity first, and starts their cool-down. An event that a rule
// alerted on stays its alert: it is returned again and costs no further cool-down.
func (s *Set) Alert(f Facts) []nvr.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() || f.Now.Before(s.since) {
		s.since = f.Now
	}
	var out []nvr.Verdict
	for i := range s.rules {
		v := s.judge(&s.rules[i], f, false)
		if !v.Alert {
			continue
		}
		s.note(&s.rules[i], f)
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b nvr.Verdict) int { return b.Severity.Rank() - a.Severity.Rank() })
	return out
}

// note starts the cool-down of a rule by an event that it had not alerted on yet.
func (s *Set) note(r *Rule, f Facts) {
	key := pastKey{r.ID, f.Camera}
	h := s.past[key]
	if r.Cooldown == 0 || slices.Contains(f.Alerted, r.ID) || h.has(f.EventID) {
		return
	}
	if h == nil {
		h = &history{}
		s.past[key] = h
	}
	h.note(f.EventID, f.Now)
}

// judge evaluates every condition, also behind one that does not hold: the explanation names them all. later says that f is
// what was known then, and not what is new.
func (s *Set) judge(r *Rule, f Facts, later bool) nvr.Verdict {
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
	check("score", r.MinScore > 0, f.Score >= r.MinScore, "its best score is %s, and at least %.2f is asked for.", scoreText(f.Score, r.MinScore), r.MinScore)
	lasted := f.Now.Sub(f.Start)
	check("duration", r.MinDuration > 0, lasted >= r.MinDuration, "it has lasted %v, and at least %v is asked for.", span(lasted), r.MinDuration)
	rested, why := s.rested(r, f, later)
	check("cooldown", r.Cooldown > 0, rested, "%s, and the cool-down is %v.", why, r.Cooldown)
	return v
}

// rested reports whether the cool-down of the rule's last alert was over, and says when that was.
func (s *Set) rested(r *Rule, f Facts, later bool) (bool, string) {
	h := s.past[pastKey{r.ID, f.Camera}]
	if slices.Contains(f.Alerted, r.ID) || h.has(f.EventID) {
		return true, "the rule alerted on this event already"
	}
	last := h.newest()
	if later {
		last = h.asOf(f.Now)
	}
	if last.event == "" || f.Now.Sub(last.at) >= r.Cooldown || f.Now.Before(last.at) {
		if h.soonAfter(f.Now).event != "" {
			return false, "the rule alerted on another event here just as it ended"
		}
	}
	switch {
	case last.event != "":
	case later && (s.since.IsZero() || f.Now.Before(s.since) || h != nil && h.lost):
		return false, "the rule did not alert on it; which alerts came before is not remembered any more"
	default:
		return true, "it is the rule's first alert here"
	}
	ago := f.Now.Sub(last.at)
	if ago < 0 { // a clock that was set back must not silence a rule
		return true, "the clock was set back since the rule's last alert here"
	}
	return ago >= r.Cooldown, fmt.Sprintf("the rule's last alert here was %v before", span(ago))
}

// span is a time for a sentence. It is never rounded up: what is missing to a limit must not read as if it were reached.
func span(d time.Duration) time.Duration {
	if d < time.Minute {
		return d.Truncate(100 * time.Millisecond)
	}
	return d.Truncate(time.Second)
}

// scoreText is a score for a sentence, exact enough to see that it is below the least.
func scoreText(score, least float32) string {
	text := fmt.Sprintf("%.2f", score)
	if score < least && text == fmt.Sprintf("%.2f", least) {
		return fmt.Sprintf("%.4f", score)
	}
	return text
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
