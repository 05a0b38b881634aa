// Package route decides which routes tell an alert, explains why, checks what people wrote into routes, and makes titles
// and texts from their templates. It is pure: it reads no clock, keeps nothing and sends nothing.
package route

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// DefaultExpire is how long an alert is worth telling where a route does not say.
const DefaultExpire = 6 * time.Hour

// MaxLevels bounds how often one alert is escalated further.
const MaxLevels = 5

// Problem is one thing wrong with a route.
type Problem struct {
	Field   string // "min_severity", "quiet[0].from"
	Message string // one sentence for a person
}

var idPattern = regexp.MustCompile(`^[a-z0-9_-]{1,48}$`)

// Explain says of each condition of r whether it holds for an event. Told is whether all do, whatever the phase.
func Explain(r nvr.Route, e nvr.Event) (told bool, conditions []nvr.Condition) {
	told = true
	add := func(name string, holds bool, format string, args ...any) {
		conditions = append(conditions, nvr.Condition{Name: name, Holds: holds, Detail: fmt.Sprintf(format, args...)})
		told = told && holds
	}
	if r.Disabled {
		add("enabled", false, "the route is switched off")
	}
	if e.Severity == "" {
		add("alert", false, "the event is no alert: no alert rule held")
	}
	if len(r.Cameras) > 0 {
		add("camera", slices.Contains(r.Cameras, e.Camera), "camera %s, and %s is asked for", e.Camera, join(r.Cameras))
	}
	if len(r.Labels) > 0 {
		add("label", slices.Contains(r.Labels, e.Label), "a %s, and %s is asked for", e.Label, join(r.Labels))
	}
	if len(r.Zones) > 0 {
		in := "it has entered no zone"
		if len(e.EnteredZones) > 0 {
			in = "it has entered " + join(e.EnteredZones)
		}
		add("zone", shares(r.Zones, e.EnteredZones), "%s, and %s is asked for", in, join(r.Zones))
	}
	if len(r.Rules) > 0 {
		add("rule", shares(r.Rules, e.Rules), "an alert by %s, and %s is asked for", join(e.Rules), join(r.Rules))
	}
	if r.MinSeverity != "" {
		add("severity", e.Severity.Rank() >= r.MinSeverity.Rank(), "its severity is %q, and at least %s is asked for", string(e.Severity), r.MinSeverity)
	}
	if len(r.Modes) > 0 {
		add("mode", slices.Contains(r.Modes, e.Mode), "the mode was %s when it began, and %s is asked for", e.Mode, join(r.Modes))
	}
	if len(r.Identities) > 0 {
		add("identity", recognised(r.Identities, e.Identity), "%s, and %s is asked for", who(e.Identity), join(r.Identities))
	}
	return told, conditions
}

func recognised(wanted []string, i nvr.Identity) bool {
	switch i.State {
	case nvr.IdentityKnown:
		return slices.Contains(wanted, "known") || slices.ContainsFunc(wanted, func(s string) bool { return strings.EqualFold(s, i.Name) })
	case nvr.IdentityUnknown:
		return slices.Contains(wanted, "unknown")
	case nvr.IdentityNone:
	}
	return false
}

func who(i nvr.Identity) string {
	switch i.State {
	case nvr.IdentityKnown:
		return "it is " + i.Name
	case nvr.IdentityUnknown:
		return "it is somebody unknown"
	case nvr.IdentityNone:
	}
	return "nobody was recognised"
}

// Why returns an explanation in one sentence: the first condition that does not hold, or that all do.
func Why(conditions []nvr.Condition) string {
	for _, c := range conditions {
		if !c.Holds {
			return c.Detail
		}
	}
	if len(conditions) == 0 {
		return "the route has no conditions"
	}
	return "all conditions of the route hold"
}

// Change is what routes are asked about: one change of an event.
type Change struct {
	Phase         nvr.Phase
	Before, After nvr.Event
	Told          func(notifier, recipient string) bool // whether somebody was told of the event before; nil: nobody was
}

// tells reports whether r tells c, and whether that is the first that people hear of the event by this route. It is where what
// the route asks for has just come to hold, however old the event is: it became an alert or a graver one, entered the zone, or
// was recognised. A route that is made or switched on does not tell what went on before.
func (c Change) tells(r nvr.Route) (tells, first bool) {
	if holds, _ := Explain(r, c.After); !holds {
		return false, false
	}
	if c.Phase == nvr.PhaseNew {
		return true, true
	}
	held, _ := Explain(r, c.Before)
	first = !held && !c.allTold(r)
	return first || r.Updates, first
}

// allTold reports whether everybody whom r tells has been told of the event.
func (c Change) allTold(r nvr.Route) bool {
	return c.Told != nil && !slices.ContainsFunc(recipients(r), func(to string) bool { return !c.Told(r.Notifier, to) })
}

func recipients(r nvr.Route) []string {
	if len(r.Recipients) == 0 {
		return []string{""}
	}
	return r.Recipients
}

// Deliver returns the outbox rows of one change of an alert, escalations among them, made at now with ids of newID.
func Deliver(routes []nvr.Route, c Change, now time.Time, newID func(time.Time) string) []nvr.Delivery {
	e := c.After
	if e.Severity == "" {
		return nil
	}
	var out []nvr.Delivery
	phase := c.Phase
	add := func(r nvr.Route, level int, at time.Time) {
		if r.Nobody { // those whom it escalates to are told all the same
			return
		}
		for _, to := range recipients(r) {
			if slices.ContainsFunc(out, func(d nvr.Delivery) bool { return d.Plugin == r.Notifier && d.Recipient == to && d.Level == level }) {
				continue
			}
			d := nvr.Delivery{
				ID: newID(now), EventID: e.ID, Plugin: r.Notifier, Recipient: to, Route: r.ID, Level: level, Revision: e.Revision, Phase: phase,
				State: nvr.DeliveryPending, CreatedAt: now, NextAt: at, ExpiresAt: at.Add(Expire(r)),
			}
			if level > 0 {
				d.Hold = nvr.HoldEscalation
			}
			out = append(out, d)
		}
	}
	for _, r := range routes {
		tells, first := c.tells(r)
		if !tells {
			continue
		}
		if phase = c.Phase; first && phase == nvr.PhaseUpdate {
			phase = nvr.PhaseNew
		}
		add(r, 0, now)
		if first {
			escalate(routes, r, 1, now, add)
		}
	}
	return out
}

func escalate(routes []nvr.Route, from nvr.Route, level int, at time.Time, add func(nvr.Route, int, time.Time)) {
	if from.Escalate.After <= 0 || level > MaxLevels {
		return
	}
	at = at.Add(from.Escalate.After)
	for _, id := range from.Escalate.To {
		i := slices.IndexFunc(routes, func(r nvr.Route) bool { return r.ID == id && !r.Disabled })
		if i < 0 {
			continue
		}
		add(routes[i], level, at)
		escalate(routes, routes[i], level+1, at, add)
	}
}

// Expire returns how long an alert of r is worth telling.
func Expire(r nvr.Route) time.Duration {
	if r.Expire <= 0 {
		return DefaultExpire
	}
	return r.Expire
}

// QuietNow returns the quiet hours of r that an alert of the given severity meets at t, whose zone is the site's, and when
// they end. ok is false where there are none.
func QuietNow(r nvr.Route, severity nvr.Severity, t time.Time) (action nvr.QuietAction, end time.Time, ok bool) {
	for _, q := range r.Quiet {
		if q.Except != "" && severity.Rank() >= q.Except.Rank() {
			continue
		}
		if end, in := window(q, t); in {
			return q.Action, end, true
		}
	}
	return "", time.Time{}, false
}

// window says whether t lies in q and when the window ends. The clock on the wall counts.
func window(q nvr.Quiet, t time.Time) (end time.Time, in bool) {
	at := func(days, minutes int) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day()+days, 0, minutes, 0, 0, t.Location())
	}
	for _, days := range []int{0, -1} { // a window over midnight began yesterday
		begin, until := at(days, q.From), at(days, q.To)
		if q.To <= q.From {
			until = at(days+1, q.To)
		}
		if q.From == q.To {
			begin, until = at(days, 0), at(days+1, 0)
		}
		if len(q.Days) > 0 && !slices.Contains(q.Days, begin.Weekday()) {
			continue
		}
		if !t.Before(begin) && t.Before(until) {
			return until, true
		}
	}
	return time.Time{}, false
}

// Check says what is wrong with r by itself; that it names things that exist is for the caller to check.
func Check(r nvr.Route) []Problem {
	var out []Problem
	fail := func(field, format string, args ...any) {
		out = append(out, Problem{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	between := func(field string, d, low, high time.Duration) {
		if d != 0 && (d < low || d > high) {
			fail(field, "%s is out of range, want %s to %s", d, low, high)
		}
	}
	if !idPattern.MatchString(r.ID) {
		fail("id", "%q is no id, want 1 to 48 characters of a-z, 0-9, _ and -", r.ID)
	}
	if len(r.Recipients) > 50 {
		fail("recipients", "holds %d recipients, want at most 50", len(r.Recipients))
	}
	for i, to := range r.Recipients {
		if to == "" || len(to) > 2048 || slices.Index(r.Recipients, to) != i {
			fail(fmt.Sprintf("recipients[%d]", i), "is empty, longer than 2048 bytes or given twice")
		}
	}
	if r.MinSeverity != "" && r.MinSeverity.Rank() == 0 {
		fail("min_severity", "%q is not one of low, normal, high", r.MinSeverity)
	}
	for i, m := range r.Modes {
		if _, err := nvr.ParseMode(string(m)); err != nil {
			fail(fmt.Sprintf("modes[%d]", i), "%v", err)
		}
	}
	for i, q := range r.Quiet {
		out = append(out, checkQuiet(fmt.Sprintf("quiet[%d]", i), q)...)
	}
	if r.Rate.Burst < 0 || r.Rate.Burst > 1000 {
		fail("rate.burst", "%d is out of range, want 0 to 1000", r.Rate.Burst)
	}
	if r.Rate.Burst > 0 && (r.Rate.Per < time.Second || r.Rate.Per > 24*time.Hour) {
		fail("rate.per", "%s is out of range, want 1s to 24h", r.Rate.Per)
	}
	between("digest", r.Digest, time.Second, 24*time.Hour)
	between("expire", r.Expire, time.Minute, 7*24*time.Hour)
	between("escalate.after", r.Escalate.After, time.Second, 24*time.Hour)
	if r.Escalate.After > 0 && len(r.Escalate.To) == 0 {
		fail("escalate.to", "is empty: name the routes to tell when nobody acknowledges")
	}
	if r.Escalate.After <= 0 && len(r.Escalate.To) > 0 {
		fail("escalate.after", "is missing: say how long to wait for an acknowledgement, for example 5m")
	}
	for field, text := range map[string]string{"title": r.Title, "text": r.Text} {
		if err := CheckTemplate(text); err != nil {
			fail(field, "%v", err)
		}
	}
	slices.SortStableFunc(out, func(a, b Problem) int { return strings.Compare(a.Field, b.Field) })
	return out
}

func checkQuiet(field string, q nvr.Quiet) (out []Problem) {
	if q.From < 0 || q.From > 1440 || q.To < 0 || q.To > 1440 {
		out = append(out, Problem{field, "want times of day, such as 22:00 to 07:00"})
	}
	if !slices.Contains([]nvr.QuietAction{nvr.QuietSilent, nvr.QuietHold, nvr.QuietDrop}, q.Action) {
		out = append(out, Problem{field + ".action", fmt.Sprintf("%q is not one of silent, hold, drop", q.Action)})
	}
	if q.Except != "" && q.Except.Rank() == 0 {
		out = append(out, Problem{field + ".except", fmt.Sprintf("%q is not one of low, normal, high", q.Except)})
	}
	if q.Action == nvr.QuietHold && q.From == q.To && len(q.Days) == 0 {
		out = append(out, Problem{field, "is always: alerts would be held for ever; give it an end, or drop them"})
	}
	for _, d := range q.Days {
		if d < time.Sunday || d > time.Saturday {
			out = append(out, Problem{field + ".days", fmt.Sprintf("%d is not a day of the week", int(d))})
		}
	}
	return out
}

// CheckAll says what is wrong between routes: ids used twice, escalation to routes that do not exist. Fields begin with the
// id of the route.
func CheckAll(routes []nvr.Route) []Problem {
	var out []Problem
	known := map[string]bool{}
	for _, r := range routes {
		if known[r.ID] {
			out = append(out, Problem{r.ID + ".id", "the id " + r.ID + " is used twice"})
		}
		known[r.ID] = true
	}
	for _, r := range routes {
		for i, to := range r.Escalate.To {
			if !known[to] {
				out = append(out, Problem{fmt.Sprintf("%s.escalate.to[%d]", r.ID, i), "there is no route " + to})
			}
		}
	}
	return out
}

func join[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, t := range list {
		texts[i] = string(t)
	}
	return strings.Join(texts, ", ")
}

func shares(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
