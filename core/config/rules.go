package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Rule says which events are alerts. Empty conditions hold always; without any rule every event is an alert.
type Rule struct {
	Severity    string         `yaml:"severity"` // low, normal, high; unset: normal
	Cameras     []nvr.CameraID `yaml:"cameras"`
	Labels      []string       `yaml:"labels"`
	Zones       []string       `yaml:"zones"`      // it entered one of these
	Identities  []string       `yaml:"identities"` // recognised as one of these: known, unknown, or names of people
	Modes       []string       `yaml:"modes"`      // armed as one of these: home, away, night
	Schedule    []Schedule     `yaml:"schedule"`   // it began in one of these
	MinScore    float64        `yaml:"min_score"`
	MinDuration Duration       `yaml:"min_duration"`
	Cooldown    Duration       `yaml:"cooldown"` // per camera
}

// Schedule is a time of day on days of the week, written "22:00-06:00", "mon-fri 08:00-17:30" or "sat,sun 00:00-24:00". A window
// over midnight belongs to the day it begins on.
type Schedule struct {
	Days  []time.Weekday // empty: every day
	From  time.Duration  // since midnight
	Until time.Duration
	bad   string
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// UnmarshalYAML implements yaml.InterfaceUnmarshaler. A bad value is remembered, as a Duration's is.
func (s *Schedule) UnmarshalYAML(unmarshal func(any) error) error {
	var text string
	err := unmarshal(&text)
	if err == nil {
		*s, err = parseSchedule(text)
	}
	if err != nil {
		s.bad = fmt.Sprintf("%q is not a schedule: %v; want one such as 22:00-06:00 or mon-fri 08:00-17:30", text, err)
	}
	return nil
}

func (s Schedule) invalid() string { return s.bad }

func parseSchedule(text string) (s Schedule, err error) {
	fields := strings.Fields(strings.ToLower(text))
	if len(fields) == 0 || len(fields) > 2 {
		return s, fmt.Errorf("it has %d words", len(fields))
	}
	if len(fields) == 2 {
		if s.Days, err = parseDays(fields[0]); err != nil {
			return s, err
		}
	}
	from, until, ok := strings.Cut(fields[len(fields)-1], "-")
	if !ok {
		return s, fmt.Errorf("%q has no -", fields[len(fields)-1])
	}
	if s.From, err = parseClock(from); err != nil {
		return s, err
	}
	if s.Until, err = parseClock(until); err != nil {
		return s, err
	}
	if s.From == s.Until || s.From == 24*time.Hour {
		return s, fmt.Errorf("it begins at %s and ends at %s", from, until)
	}
	return s, nil
}

// parseDays reads "mon-fri", "sat,sun" or both mixed. A range may run over Saturday.
func parseDays(text string) (out []time.Weekday, err error) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, span := strings.Cut(part, "-")
		if !span {
			last = first
		}
		a, b := slices.Index(weekdays, first), slices.Index(weekdays, last)
		if a < 0 || b < 0 {
			return nil, fmt.Errorf("%q is not a day, want mon, tue, wed, thu, fri, sat or sun", part)
		}
		for d := a; ; d = (d + 1) % 7 {
			if !slices.Contains(out, time.Weekday(d)) {
				out = append(out, time.Weekday(d))
			}
			if d == b {
				break
			}
		}
	}
	return out, nil
}

// parseClock reads "08:30"; "24:00" is the end of the day.
func parseClock(text string) (time.Duration, error) {
	if text == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time of day", text)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

func (c *Config) validateRules(v *validator) {
	if _, err := time.LoadLocation(c.Timezone); err != nil {
		v.add("timezone", "%q is not a time zone, want one such as Europe/Berlin", c.Timezone)
	}
	for _, id := range c.RuleIDs() {
		r := c.Rules[id]
		path := "rules." + id
		if !rulePattern.MatchString(id) {
			v.add(path, "the id must be 1 to 48 characters of a-z, 0-9 and _")
		}
		if r.Severity != "" {
			v.oneOf(path+".severity", r.Severity, "low", "normal", "high")
		}
		c.validateScope(v, path, "rule", r.Cameras, r.Labels, r.Zones)
		c.validateIdentities(v, path, r)
		for i, m := range r.Modes {
			v.oneOf(fmt.Sprintf("%s.modes[%d]", path, i), m, "home", "away", "night")
		}
		v.within(path+".min_score", r.MinScore, 0, 1)
		v.within(path+".min_duration", r.MinDuration.D.Seconds(), 0, 3600)
		v.within(path+".cooldown", r.Cooldown.D.Seconds(), 0, 86400)
	}
}

// RuleIDs returns the ids of the alert rules in order.
func (c *Config) RuleIDs() []string { return slices.Sorted(maps.Keys(c.Rules)) }

// Location returns the time zone that schedules are in.
func (c *Config) Location() *time.Location {
	if c.Timezone == "" {
		return time.Local // a schedule is about the people at this place
	}
	zone, err := time.LoadLocation(c.Timezone)
	if err != nil { // validation has refused it
		return time.Local
	}
	return zone
}
