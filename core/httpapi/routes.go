package httpapi

import (
	"context"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Route says which alerts a notifier tells, to whom, when and how. Empty conditions hold always; all must hold.
type Route struct {
	ID         string   `json:"id" pattern:"^[a-z0-9_-]{1,48}$"`
	Notifier   string   `json:"notifier" maxLength:"48"`
	FromFile   bool     `json:"from_file" readOnly:"true" doc:"It is in the configuration file and cannot be changed here"`
	Enabled    bool     `json:"enabled"`
	Recipients []string `json:"recipients" nullable:"false" maxItems:"50" doc:"In the channel's own terms; empty: the notifier's default"`

	Cameras     []string `json:"cameras" nullable:"false" maxItems:"1000"`
	Labels      []string `json:"labels" nullable:"false" maxItems:"100"`
	Zones       []string `json:"zones" nullable:"false" maxItems:"100" doc:"It entered one of these"`
	Rules       []string `json:"rules" nullable:"false" maxItems:"100" doc:"One of these alert rules made it an alert"`
	MinSeverity string   `json:"min_severity" enum:",low,normal,high"`
	Modes       []string `json:"modes" nullable:"false" maxItems:"3" doc:"The arming mode when it began: home, away, night"`
	Identities  []string `json:"identities" nullable:"false" maxItems:"100" doc:"known, unknown, or the names of people"`

	Updates       bool          `json:"updates" doc:"Tells changes and the end too"`
	Quiet         []QuietHours  `json:"quiet" nullable:"false" maxItems:"20"`
	Rate          RouteRate     `json:"rate"`
	DigestSeconds int64         `json:"digest_seconds" minimum:"0" maximum:"86400" doc:"Alerts are collected this long and told as one; 0: each at once"`
	Escalate      RouteEscalate `json:"escalate"`
	Silent        bool          `json:"silent"`
	Title         string        `json:"title" maxLength:"2000" doc:"Template; empty: the default"`
	Text          string        `json:"text" maxLength:"2000" doc:"Template; empty: the default"`
	ExpireSeconds int64         `json:"expire_seconds" minimum:"0" maximum:"604800" doc:"After which an alert is old news; 0: 6 hours"`
}

// QuietHours is a time of day at which a route does not ring.
type QuietHours struct {
	From   int    `json:"from" minimum:"0" maximum:"1440" doc:"Minutes since midnight, local"`
	To     int    `json:"to" minimum:"0" maximum:"1440" doc:"As from; earlier than from: over midnight; equal: the whole day"`
	Days   []int  `json:"days" nullable:"false" maxItems:"7" doc:"On which it begins, 0 is Sunday; empty: every day"`
	Action string `json:"action" enum:"silent,hold,drop"`
	Except string `json:"except" enum:",low,normal,high" doc:"Alerts of this severity and above are told as ever"`
}

// RouteRate bounds how often one recipient is told; what exceeds it is told as one digest.
type RouteRate struct {
	Burst      int   `json:"burst" minimum:"0" maximum:"1000" doc:"At once; 0: no limit"`
	PerSeconds int64 `json:"per_seconds" minimum:"0" maximum:"86400" doc:"In which the burst is earned again"`
}

// RouteEscalate says whom to tell when nobody acknowledges in time.
type RouteEscalate struct {
	AfterSeconds int64    `json:"after_seconds" minimum:"0" maximum:"86400" doc:"0: nobody"`
	To           []string `json:"to" nullable:"false" maxItems:"20" doc:"Ids of routes"`
}

// RouteList is all routes: those of the configuration file first, then by id.
type RouteList struct {
	Routes []Route `json:"routes" nullable:"false"`
}

// RouteVerdict says whether a route tells an event, and why.
type RouteVerdict struct {
	Route      string           `json:"route"`
	Notifier   string           `json:"notifier"`
	Told       bool             `json:"told"`
	Why        string           `json:"why" doc:"One sentence for a person"`
	Conditions []RouteCondition `json:"conditions" nullable:"false" doc:"All that the route has"`
}

// RouteCondition is one part of a route.
type RouteCondition struct {
	Name   string `json:"name" enum:"enabled,alert,camera,label,zone,rule,severity,mode,identity"`
	Holds  bool   `json:"holds"`
	Detail string `json:"detail" doc:"One sentence for a person"`
}

// RouteVerdicts is what each route of today makes of an event.
type RouteVerdicts struct {
	Routes []RouteVerdict `json:"routes" nullable:"false"`
}

// TemplateRequest asks what templates make.
type TemplateRequest struct {
	Title string `json:"title,omitempty" maxLength:"2000"`
	Text  string `json:"text,omitempty" maxLength:"2000"`
	Phase string `json:"phase,omitempty" enum:"new,update,end,digest" default:"new" doc:"Of the example"`
	Event string `json:"event,omitempty" maxLength:"64" doc:"An event to show instead of an example"`
}

// TemplatePreview is what templates make.
type TemplatePreview struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// NewRouteVerdict puts together what a route makes of an event.
func NewRouteVerdict(r nvr.Route, told bool, why string, conditions []nvr.Condition) RouteVerdict {
	v := RouteVerdict{Route: r.ID, Notifier: r.Notifier, Told: told, Why: why, Conditions: make([]RouteCondition, len(conditions))}
	for i, c := range conditions {
		v.Conditions[i] = RouteCondition(c)
	}
	return v
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

func typed[T ~string](list []string) []T {
	var out []T
	for _, v := range list {
		out = append(out, T(v))
	}
	return out
}

func routeOf(r nvr.Route, fromFile bool) Route {
	out := Route{
		ID: r.ID, Notifier: r.Notifier, FromFile: fromFile, Enabled: !r.Disabled, Recipients: texts(r.Recipients), Cameras: texts(r.Cameras),
		Labels: texts(r.Labels), Zones: texts(r.Zones), Rules: texts(r.Rules), MinSeverity: string(r.MinSeverity), Modes: texts(r.Modes),
		Identities: texts(r.Identities), Updates: r.Updates, Quiet: make([]QuietHours, len(r.Quiet)),
		Rate: RouteRate{Burst: r.Rate.Burst, PerSeconds: int64(r.Rate.Per.Seconds())}, DigestSeconds: int64(r.Digest.Seconds()),
		Escalate: RouteEscalate{AfterSeconds: int64(r.Escalate.After.Seconds()), To: texts(r.Escalate.To)},
		Silent:   r.Silent, Title: r.Title, Text: r.Text, ExpireSeconds: int64(r.Expire.Seconds()),
	}
	for i, q := range r.Quiet {
		h := QuietHours{From: q.From, To: q.To, Days: []int{}, Action: string(q.Action), Except: string(q.Except)}
		for _, d := range q.Days {
			h.Days = append(h.Days, int(d))
		}
		out.Quiet[i] = h
	}
	return out
}

func (r Route) domain() nvr.Route {
	seconds := func(n int64) time.Duration { return time.Duration(n) * time.Second }
	out := nvr.Route{
		ID: r.ID, Notifier: r.Notifier, Disabled: !r.Enabled, Recipients: r.Recipients, Cameras: typed[nvr.CameraID](r.Cameras),
		Labels: r.Labels, Zones: r.Zones, Rules: r.Rules, MinSeverity: nvr.Severity(r.MinSeverity), Modes: typed[nvr.Mode](r.Modes),
		Identities: r.Identities, Updates: r.Updates, Rate: nvr.Rate{Burst: r.Rate.Burst, Per: seconds(r.Rate.PerSeconds)},
		Digest: seconds(r.DigestSeconds), Escalate: nvr.Escalation{After: seconds(r.Escalate.AfterSeconds), To: r.Escalate.To},
		Silent: r.Silent, Title: r.Title, Text: r.Text, Expire: seconds(r.ExpireSeconds),
	}
	for _, q := range r.Quiet {
		one := nvr.Quiet{From: q.From, To: q.To, Action: nvr.QuietAction(q.Action), Except: nvr.Severity(q.Except)}
		for _, d := range q.Days {
			one.Days = append(one.Days, time.Weekday(d))
		}
		out.Quiet = append(out.Quiet, one)
	}
	return out
}

func (s *Server) registerRoutes() {
	type list struct{ Body RouteList }
	admin := func(method, path, id, summary string, status int) operation {
		return operation{method: method, path: path, id: id, tag: "alerts", summary: summary, access: accessAdmin, status: status}
	}
	register(s, admin("GET", "/routes", "listRoutes", "Which alerts notifiers tell, to whom, when and how", 0),
		func(context.Context, *struct{}) (*list, error) {
			out := &list{Body: RouteList{Routes: []Route{}}}
			for _, r := range s.deps.Deliveries.Routes() {
				out.Body.Routes = append(out.Body.Routes, routeOf(r, s.deps.Deliveries.FromFile(r.ID)))
			}
			return out, nil
		})
	type putInput struct {
		ID   string `path:"id" maxLength:"48"`
		Body Route
	}
	register(s, admin("PUT", "/routes/{id}", "putRoute", "Add a route, or replace the one with this id", 204),
		func(ctx context.Context, in *putInput) (*struct{}, error) {
			if in.Body.ID != in.ID {
				return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: "the id in the address and in the route differ"}
			}
			for _, c := range in.Body.Cameras {
				if _, err := s.camera(c); err != nil {
					return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: "there is no camera " + c}
				}
			}
			return nil, s.deps.Deliveries.PutRoute(ctx, in.Body.domain())
		})
	type idInput struct {
		ID string `path:"id" maxLength:"48"`
	}
	register(s, admin("DELETE", "/routes/{id}", "deleteRoute", "Remove a route", 204),
		func(ctx context.Context, in *idInput) (*struct{}, error) {
			return nil, s.deps.Deliveries.DeleteRoute(ctx, in.ID)
		})
	type previewInput struct{ Body TemplateRequest }
	type previewOutput struct{ Body TemplatePreview }
	register(s, admin("POST", "/routes/preview", "previewTemplate", "What title and text templates make", 0),
		func(ctx context.Context, in *previewInput) (*previewOutput, error) {
			title, text, err := s.deps.Deliveries.Preview(ctx, in.Body.Title, in.Body.Text, in.Body.Phase, in.Body.Event)
			return &previewOutput{Body: TemplatePreview{Title: title, Text: text}}, err
		})
	type verdictsOutput struct{ Body RouteVerdicts }
	register(s, admin("GET", "/events/{id}/routes", "explainRoutes", "Why an event was told, or not", 0),
		func(ctx context.Context, in *deliveryInput) (*verdictsOutput, error) {
			e, err := s.deps.Events.Event(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return &verdictsOutput{Body: RouteVerdicts{Routes: s.deps.Deliveries.Explain(e)}}, nil
		})
}
