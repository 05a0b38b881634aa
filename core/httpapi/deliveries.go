package httpapi

import (
	"context"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/auth"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// DeliveryService is the outbox, what people say about alerts, and the routes.
type DeliveryService interface {
	Deliveries(ctx context.Context, f nvr.DeliveryFilter) (page []nvr.DeliveryRecord, next string, err error)
	Delivery(ctx context.Context, id string) (nvr.Delivery, nvr.Event, string, error)
	Attempts(ctx context.Context, ids []string) (map[string][]nvr.DeliveryAttempt, error)
	QueueDepths(ctx context.Context) ([]nvr.QueueDepth, error)
	// Retry makes a delivery that was not told pending again. CodeConflict: it is pending or was told.
	Retry(ctx context.Context, id string) error
	// Acknowledge notes that somebody saw the alert of a delivery, and reports whether nobody had before.
	Acknowledge(ctx context.Context, id, by string) (first bool, err error)

	Snoozes(ctx context.Context) ([]nvr.Snooze, error)
	PutSnooze(ctx context.Context, z nvr.Snooze) error
	DeleteSnooze(ctx context.Context, notifier, recipient string, camera nvr.CameraID) error

	Routes() []nvr.Route
	FromFile(route string) bool
	PutRoute(ctx context.Context, r nvr.Route) error
	DeleteRoute(ctx context.Context, id string) error
	// Preview makes title and text of templates for an example (phase new, update, end or digest), or for an event.
	Preview(ctx context.Context, title, text, phase, eventID string) (gotTitle, gotText string, err error)
	// Explain says of each route whether it tells an event.
	Explain(e nvr.Event) []RouteVerdict
}

// Delivery is one alert on its way to one recipient of one notifier.
type Delivery struct {
	ID          string  `json:"id"`
	Event       string  `json:"event"`
	Camera      string  `json:"camera"`
	Label       string  `json:"label"`
	Severity    string  `json:"severity" enum:",low,normal,high"`
	EventStart  int64   `json:"event_start" doc:"UTC milliseconds"`
	Notifier    string  `json:"notifier"`
	Recipient   string  `json:"recipient" doc:"In the channel's own terms; empty: the notifier's default. Administrators only, empty for others"`
	Route       string  `json:"route"`
	Level       int     `json:"level" doc:"How often the alert was escalated before"`
	Phase       string  `json:"phase" enum:"new,update,end"`
	State       string  `json:"state" enum:"pending,delivered,failed,expired,suppressed"`
	Hold        string  `json:"hold" enum:",quiet,digest,rate,escalation" doc:"Why a pending one waits on purpose"`
	Digest      string  `json:"digest" doc:"The delivery that tells this one too; empty: it speaks for itself"`
	Members     int     `json:"members" doc:"Other deliveries that this one tells, for a digest"`
	Attempts    int     `json:"attempts"`
	Reason      string  `json:"reason" doc:"What the last attempt said, or why it was suppressed, for a person"`
	CreatedAt   int64   `json:"created_at" doc:"UTC milliseconds"`
	NextAt      int64   `json:"next_at" doc:"UTC milliseconds; 0 unless pending"`
	DeliveredAt int64   `json:"delivered_at" doc:"UTC milliseconds; 0: not told"`
	ExpiresAt   int64   `json:"expires_at" doc:"UTC milliseconds"`
	Seen        Seen    `json:"seen"`
	History     []Tried `json:"history" nullable:"false" doc:"Each attempt, oldest first, the last 50; empty in lists"`
}

// Seen says who acknowledged an alert.
type Seen struct {
	At int64  `json:"at" doc:"UTC milliseconds; 0: nobody did"`
	By string `json:"by"`
}

// Tried is one attempt at a delivery.
type Tried struct {
	At         int64  `json:"at" doc:"UTC milliseconds, of the last time"`
	Outcome    string `json:"outcome" enum:"delivered,retry,failed,error,unavailable"`
	Detail     string `json:"detail" doc:"One sentence for a person"`
	DurationMS int64  `json:"duration_ms"`
	Times      int    `json:"times" doc:"In a row with this outcome"`
}

// DeliveryPage is one page of deliveries, newest first.
type DeliveryPage struct {
	Items      []Delivery `json:"items" nullable:"false"`
	NextCursor string     `json:"next_cursor,omitempty" doc:"Absent on the last page"`
}

// EventDeliveries is who was told of an event.
type EventDeliveries struct {
	Items []Delivery `json:"items" nullable:"false" doc:"Newest first, with their history; at most 200"`
}

// QueueDepth is what waits for a notifier.
type QueueDepth struct {
	Notifier string `json:"notifier"`
	Pending  int    `json:"pending" doc:"Due, or to be tried again"`
	Held     int    `json:"held" doc:"Waits on purpose"`
	Oldest   int64  `json:"oldest" doc:"UTC milliseconds, of the oldest that is not held; 0: none"`
}

// QueueList is what waits, by notifier.
type QueueList struct {
	Queues []QueueDepth `json:"queues" nullable:"false"`
}

// Acknowledgement says whether one was the first to see an alert.
type Acknowledgement struct {
	First bool `json:"first"`
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func deliveryOf(ctx context.Context, r nvr.DeliveryRecord, tried []nvr.DeliveryAttempt) Delivery {
	d := Delivery{
		ID: r.ID, Event: r.EventID, Camera: string(r.Camera), Label: r.Label, Severity: string(r.Severity), EventStart: millis(r.Start),
		Notifier: r.Plugin, Route: r.Route, Level: r.Level, Phase: string(r.Phase), State: string(r.State), Hold: string(r.Hold), Digest: r.DigestID,
		Members: r.Members, Attempts: r.Attempts, Reason: r.LastError, CreatedAt: millis(r.CreatedAt), DeliveredAt: millis(r.DeliveredAt),
		ExpiresAt: millis(r.ExpiresAt), Seen: Seen{At: millis(r.AcknowledgedAt), By: r.AcknowledgedBy}, History: make([]Tried, len(tried)),
	}
	if r.State == nvr.DeliveryPending {
		d.NextAt = millis(r.NextAt)
	}
	show := discreet(ctx, r.Recipient)
	if identityOf(ctx).Role == auth.RoleAdmin { // addresses of people
		d.Recipient = r.Recipient
	}
	d.Reason, d.Seen.By = show(d.Reason), show(d.Seen.By)
	for i, t := range tried {
		d.History[i] = Tried{At: millis(t.At), Outcome: t.Outcome, Detail: show(t.Detail), DurationMS: t.Duration.Milliseconds(), Times: t.Times}
	}
	return d
}

// discreet returns what takes a recipient's address out of a text, for all but administrators: a channel may repeat it in what
// it says, and a person who sends a command is named by it.
func discreet(ctx context.Context, recipient string) func(string) string {
	if recipient == "" || identityOf(ctx).Role == auth.RoleAdmin {
		return func(s string) string { return s }
	}
	return func(s string) string { return strings.ReplaceAll(s, recipient, "…") }
}

// mayHear refuses what belongs to a camera that the caller may not see, as if it did not exist. Administrators see those of
// removed cameras, too.
func (s *Server) mayHear(ctx context.Context, camera nvr.CameraID, what string) error {
	if identityOf(ctx).Role == auth.RoleAdmin {
		return nil
	}
	if _, err := s.camera(string(camera)); err != nil {
		return &nvr.Error{Code: nvr.CodeNotFound, Message: what + " does not exist"}
	}
	return nil
}

// heard returns the cameras whose deliveries the caller may list, nil for all.
func (s *Server) heard(ctx context.Context) []nvr.CameraID {
	if identityOf(ctx).Role == auth.RoleAdmin {
		return nil
	}
	out := []nvr.CameraID{}
	for _, c := range s.cameras() {
		out = append(out, nvr.CameraID(c.ID))
	}
	return out
}

type deliveryInput struct {
	ID string `path:"id" maxLength:"64"`
}

// delivery returns one delivery that the caller may see.
func (s *Server) delivery(ctx context.Context, id string) (nvr.DeliveryRecord, error) {
	d, e, _, err := s.deps.Deliveries.Delivery(ctx, id)
	if err != nil {
		return nvr.DeliveryRecord{}, err
	}
	r := nvr.DeliveryRecord{Delivery: d, Camera: e.Camera, Label: e.Label, Severity: e.Severity, Start: e.Start}
	return r, s.mayHear(ctx, e.Camera, "delivery "+id)
}

func (s *Server) registerDeliveries() {
	s.registerHistory()
	s.registerSnoozes()
	type output struct{ Body Delivery }
	register(s, operation{method: "GET", path: "/deliveries/{id}", id: "getDelivery", tag: "alerts", summary: "One delivery with each attempt", access: accessViewer},
		func(ctx context.Context, in *deliveryInput) (*output, error) {
			r, err := s.delivery(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			tried, err := s.deps.Deliveries.Attempts(ctx, []string{r.ID})
			return &output{Body: deliveryOf(ctx, r, tried[r.ID])}, err
		})
	register(s, operation{method: "POST", path: "/deliveries/{id}/retry", id: "retryDelivery", tag: "alerts", summary: "Try a failed, expired or suppressed delivery again", access: accessAdmin, status: 204},
		func(ctx context.Context, in *deliveryInput) (*struct{}, error) {
			return nil, s.deps.Deliveries.Retry(ctx, in.ID)
		})
	type seenOutput struct{ Body Acknowledgement }
	register(s, operation{method: "POST", path: "/deliveries/{id}/acknowledge", id: "acknowledgeDelivery", tag: "alerts", summary: "Say that an alert was seen: it is not escalated", access: accessViewer},
		func(ctx context.Context, in *deliveryInput) (*seenOutput, error) {
			if _, err := s.delivery(ctx, in.ID); err != nil {
				return nil, err
			}
			first, err := s.deps.Deliveries.Acknowledge(ctx, in.ID, identityOf(ctx).Name)
			return &seenOutput{Body: Acknowledgement{First: first}}, err
		})
	type queues struct{ Body QueueList }
	register(s, operation{method: "GET", path: "/delivery-queues", id: "listDeliveryQueues", tag: "alerts", summary: "What waits for each notifier", access: accessAdmin},
		func(ctx context.Context, _ *struct{}) (*queues, error) {
			depths, err := s.deps.Deliveries.QueueDepths(ctx)
			out := &queues{Body: QueueList{Queues: make([]QueueDepth, len(depths))}}
			for i, d := range depths {
				out.Body.Queues[i] = QueueDepth{Notifier: d.Notifier, Pending: d.Pending, Held: d.Held, Oldest: millis(d.Oldest)}
			}
			return out, err
		})
}

func (s *Server) registerHistory() {
	type listInput struct {
		Notifier string   `query:"notifier" maxLength:"64"`
		State    []string `query:"state" maxItems:"5" enum:"pending,delivered,failed,expired,suppressed" doc:"failed,expired are the dead letters"`
		Cursor   string   `query:"cursor" maxLength:"64" doc:"next_cursor of the page before"`
		Limit    int      `query:"limit" minimum:"1" maximum:"200" default:"50"`
	}
	type list struct{ Body DeliveryPage }
	register(s, operation{method: "GET", path: "/deliveries", id: "listDeliveries", tag: "alerts", summary: "Deliveries, newest first", access: accessViewer},
		func(ctx context.Context, in *listInput) (*list, error) {
			f := nvr.DeliveryFilter{Notifier: in.Notifier, Cursor: in.Cursor, Limit: in.Limit, Cameras: s.heard(ctx)}
			for _, st := range in.State {
				f.States = append(f.States, nvr.DeliveryState(st))
			}
			page, next, err := s.deps.Deliveries.Deliveries(ctx, f)
			if err != nil {
				return nil, err
			}
			out := &list{Body: DeliveryPage{Items: make([]Delivery, len(page)), NextCursor: next}}
			for i, r := range page {
				out.Body.Items[i] = deliveryOf(ctx, r, nil)
			}
			return out, nil
		})
	type eventOutput struct{ Body EventDeliveries }
	register(s, operation{method: "GET", path: "/events/{id}/deliveries", id: "listEventDeliveries", tag: "alerts", summary: "Who was told of an event, with each attempt", access: accessViewer},
		func(ctx context.Context, in *deliveryInput) (*eventOutput, error) {
			e, err := s.deps.Events.Event(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			if err := s.mayHear(ctx, e.Camera, "event "+in.ID); err != nil {
				return nil, err
			}
			page, _, err := s.deps.Deliveries.Deliveries(ctx, nvr.DeliveryFilter{EventID: e.ID, Limit: 200})
			if err != nil {
				return nil, err
			}
			ids := make([]string, len(page))
			for i, r := range page {
				ids[i] = r.ID
			}
			tried, err := s.deps.Deliveries.Attempts(ctx, ids)
			out := &eventOutput{Body: EventDeliveries{Items: make([]Delivery, len(page))}}
			for i, r := range page {
				out.Body.Items[i] = deliveryOf(ctx, r, tried[r.ID])
			}
			return out, err
		})
}
