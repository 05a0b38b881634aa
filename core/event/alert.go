package event

import (
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/event/rule"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Everything is the rule that holds where none is configured.
func Everything() rule.Rule { return rule.Rule{ID: "everything", Severity: nvr.SeverityNormal} }

// facts is what alert rules may ask of an event at now.
func facts(ev nvr.Event, now time.Time) rule.Facts {
	if !ev.Ongoing() {
		now = ev.End
	}
	return rule.Facts{
		EventID: ev.ID, Camera: ev.Camera, Label: ev.Label, Zones: ev.EnteredZones, Score: ev.TopScore, Start: ev.Start, Now: now, Mode: ev.Mode,
		Identity: ev.Identity, Alerted: ev.Rules,
	}
}

// judge lets the rules decide on an event. What is an alert stays one.
func (e *Engine) judge(ev *nvr.Event) {
	if ev.Mode == "" {
		ev.Mode = e.cfg.Mode()
	}
	for _, v := range e.cfg.Rules.Alert(facts(*ev, time.Now())) {
		if v.Severity.Rank() > ev.Severity.Rank() {
			ev.Severity = v.Severity
		}
		if !slices.Contains(ev.Rules, v.Rule) {
			ev.Rules = append(slices.Clip(ev.Rules), v.Rule)
		}
	}
}

// dueAlert reports whether an event has lasted long enough to be an alert of a rule of which it was none. Nothing but time
// changes between two changes of an event, so only rules with a least duration are worth asking.
func (e *Engine) dueAlert(ev nvr.Event) bool {
	return e.cfg.Rules.Due(facts(ev, time.Now()))
}

// Explain says what each alert rule makes of an event as it is stored, by the rules of today.
func (e *Engine) Explain(ev nvr.Event) []nvr.Verdict {
	return e.cfg.Rules.Explain(facts(ev, time.Now()))
}
