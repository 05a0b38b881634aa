package event

import (
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/event/rule"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// facts is what alert rules may ask of an event at now.
func facts(ev nvr.Event, now time.Time) rule.Facts {
	if !ev.Ongoing() {
		now = ev.End
	}
	return rule.Facts{
		EventID: ev.ID, Camera: ev.Camera, Label: ev.Label, Zones: ev.EnteredZones, Score: ev.TopScore, Start: ev.Start, Now: now, Mode: ev.Mode,
		Identity: ev.Identity,
	}
}

// judge lets the rules decide on an event and reports whether it has just become an alert. What is an alert stays one.
func (e *Engine) judge(ev *nvr.Event) (became bool) {
	if ev.Mode == "" {
		ev.Mode = e.cfg.Mode()
	}
	was := ev.Severity
	for _, v := range e.cfg.Rules.Alert(facts(*ev, time.Now())) {
		if v.Severity.Rank() > ev.Severity.Rank() {
			ev.Severity = v.Severity
		}
		if !slices.Contains(ev.Rules, v.Rule) {
			ev.Rules = append(slices.Clip(ev.Rules), v.Rule)
		}
	}
	return was == "" && ev.Severity != ""
}

// dueAlert reports whether an event that was no alert has lasted long enough to be one. Nothing but time changes between two
// changes of an event, so only rules with a least duration are worth asking.
func (e *Engine) dueAlert(ev nvr.Event) bool {
	return ev.Severity == "" && e.cfg.Rules.Timed() &&
		slices.ContainsFunc(e.cfg.Rules.Explain(facts(ev, time.Now())), func(v nvr.Verdict) bool { return v.Alert })
}

// Explain says what each alert rule makes of an event as it is stored, by the rules of today.
func (e *Engine) Explain(ev nvr.Event) []nvr.Verdict {
	return e.cfg.Rules.Explain(facts(ev, time.Now()))
}
