package httpapi

import (
	"context"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// alerts is the arming mode and what alert rules make of events.
type alerts interface {
	Mode() nvr.Mode
	SetMode(ctx context.Context, m nvr.Mode) error
	// Explain returns what each rule of today makes of an event.
	Explain(e nvr.Event) []nvr.Verdict
	// Rules returns the alert rules, by id.
	Rules() []AlertRule
}

// AlertRule is one alert rule. Empty conditions hold always.
type AlertRule struct {
	ID           string       `json:"id" doc:"Also its name"`
	Source       string       `json:"source" enum:"config,default" doc:"config: the configuration file. default: no rule is configured, and every event is an alert"`
	Severity     string       `json:"severity" enum:"low,normal,high"`
	Cameras      []string     `json:"cameras" nullable:"false"`
	Labels       []string     `json:"labels" nullable:"false"`
	Zones        []string     `json:"zones" nullable:"false" doc:"It entered one of these"`
	Modes        []string     `json:"modes" nullable:"false" doc:"Armed as one of these when it began"`
	Identities   []string     `json:"identities" nullable:"false" doc:"Recognised as one of these: known, unknown, or names of people"`
	Schedule     []RuleWindow `json:"schedule" nullable:"false" doc:"It began in one of these"`
	MinScore     float32      `json:"min_score" doc:"0 to 1; 0: any"`
	MinDurationS float64      `json:"min_duration_s" doc:"Seconds"`
	CooldownS    float64      `json:"cooldown_s" doc:"Seconds, per camera"`
	Warnings     []string     `json:"warnings" nullable:"false" doc:"What it asks for though no event can have it, as things are since the start: a sentence each"`
}

// RuleWindow is a time of day on days of the week, by the clock on the wall. One over midnight belongs to the day it begins on.
type RuleWindow struct {
	Days []int `json:"days" nullable:"false" doc:"0 is Sunday; empty: every day"`
	From int   `json:"from" doc:"Minutes after midnight"`
	To   int   `json:"to" doc:"Minutes after midnight"`
}

// AlertRules is all alert rules, by id.
type AlertRules struct {
	Items []AlertRule `json:"items" nullable:"false"`
}

// ModeState is the arming mode that alert rules may ask for.
type ModeState struct {
	Mode string `json:"mode" enum:"home,away,night"`
}

// Verdict is what one alert rule makes of an event.
type Verdict struct {
	Rule       string      `json:"rule"`
	Severity   string      `json:"severity" enum:"low,normal,high"`
	Alert      bool        `json:"alert" doc:"All conditions hold"`
	Conditions []Condition `json:"conditions" nullable:"false" doc:"All that the rule has"`
}

// Condition is one part of an alert rule.
type Condition struct {
	Name   string `json:"name" enum:"camera,label,zone,identity,mode,schedule,score,duration,cooldown"`
	Holds  bool   `json:"holds"`
	Detail string `json:"detail" doc:"One sentence for a person"`
}

// Verdicts says whether an event became an alert, and what each rule makes of it.
type Verdicts struct {
	Severity string    `json:"severity" enum:",low,normal,high" doc:"Of the alert it became; empty: it became none"`
	Rules    []string  `json:"rules" nullable:"false" doc:"The rules that made it one"`
	Verdicts []Verdict `json:"verdicts" nullable:"false" doc:"By the rules of today"`
}

func verdictsOf(e nvr.Event, vs []nvr.Verdict) Verdicts {
	out := Verdicts{Severity: string(e.Severity), Rules: append([]string{}, e.Rules...), Verdicts: make([]Verdict, len(vs))}
	for i, v := range vs {
		w := Verdict{Rule: v.Rule, Severity: string(v.Severity), Alert: v.Alert, Conditions: make([]Condition, len(v.Conditions))}
		for k, c := range v.Conditions {
			w.Conditions[k] = Condition(c)
		}
		out.Verdicts[i] = w
	}
	return out
}

func (s *Server) registerAlerts() {
	type modeOutput struct{ Body ModeState }
	type modeInput struct{ Body ModeState }
	register(s, operation{method: "GET", path: "/mode", id: "getMode", tag: "alerts", summary: "The arming mode", access: accessViewer},
		func(context.Context, *struct{}) (*modeOutput, error) {
			return &modeOutput{Body: ModeState{Mode: string(s.deps.Alerts.Mode())}}, nil
		})
	register(s, operation{method: "PUT", path: "/mode", id: "setMode", tag: "alerts", summary: "Change the arming mode", access: accessAdmin},
		func(ctx context.Context, in *modeInput) (*modeOutput, error) {
			m, err := nvr.ParseMode(in.Body.Mode)
			if err != nil {
				return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: err.Error()}
			}
			if err := s.deps.Alerts.SetMode(ctx, m); err != nil {
				return nil, err
			}
			return &modeOutput{Body: ModeState{Mode: string(m)}}, nil
		})
	type rulesOutput struct{ Body AlertRules }
	register(s, operation{
		method: "GET", path: "/rules", id: "listAlertRules", tag: "alerts", summary: "The alert rules: which events are alerts", access: accessViewer,
	}, func(context.Context, *struct{}) (*rulesOutput, error) {
		return &rulesOutput{Body: AlertRules{Items: append([]AlertRule{}, s.deps.Alerts.Rules()...)}}, nil
	})
	type eventInput struct {
		ID string `path:"id" maxLength:"64"`
	}
	type verdictsOutput struct{ Body Verdicts }
	register(s, operation{
		method: "GET", path: "/events/{id}/verdicts", id: "explainEvent", tag: "alerts", summary: "Why an event is an alert, or none", access: accessViewer,
	}, func(ctx context.Context, in *eventInput) (*verdictsOutput, error) {
		e, err := s.deps.Events.Event(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &verdictsOutput{Body: verdictsOf(e, s.deps.Alerts.Explain(e))}, nil
	})
}
