package httpapi

import (
	"context"
	"time"

	"github.com/nightjar-nvr/nightjar/core/auth"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Snooze keeps alerts from people until a time.
type Snooze struct {
	Notifier  string `json:"notifier" doc:"Empty: all notifiers"`
	Recipient string `json:"recipient" doc:"Of the notifier; empty: its default. Administrators only, empty for others"`
	Camera    string `json:"camera" doc:"Empty: all cameras"`
	Until     int64  `json:"until" doc:"UTC milliseconds"`
	By        string `json:"by"`
	CreatedAt int64  `json:"created_at" doc:"UTC milliseconds"`
}

// SnoozeList is all snoozes that have not ended, by their end.
type SnoozeList struct {
	Snoozes []Snooze `json:"snoozes" nullable:"false"`
}

// SnoozeRequest asks for alerts to be kept from people.
type SnoozeRequest struct {
	Notifier  string `json:"notifier,omitempty" maxLength:"48" doc:"Empty: all notifiers"`
	Recipient string `json:"recipient,omitempty" maxLength:"2048" doc:"Of the notifier; empty: its default"`
	Camera    string `json:"camera,omitempty" maxLength:"48" doc:"Empty: all cameras"`
	Seconds   int64  `json:"seconds" minimum:"60" maximum:"604800"`
}

func (s *Server) registerSnoozes() {
	type list struct{ Body SnoozeList }
	register(s, operation{method: "GET", path: "/snoozes", id: "listSnoozes", tag: "alerts", summary: "Snoozes that have not ended", access: accessViewer},
		func(ctx context.Context, _ *struct{}) (*list, error) {
			all, err := s.deps.Deliveries.Snoozes(ctx)
			if err != nil {
				return nil, err
			}
			out := &list{Body: SnoozeList{Snoozes: []Snooze{}}}
			for _, z := range all {
				if z.Camera != "" && s.mayHear(ctx, z.Camera, "snooze") != nil {
					continue
				}
				one := Snooze{Notifier: z.Notifier, Camera: string(z.Camera), Until: millis(z.Until), By: discreet(ctx, z.Recipient)(z.By), CreatedAt: millis(z.CreatedAt)}
				if identityOf(ctx).Role == auth.RoleAdmin {
					one.Recipient = z.Recipient
				}
				out.Body.Snoozes = append(out.Body.Snoozes, one)
			}
			return out, nil
		})
	type addInput struct{ Body SnoozeRequest }
	// A snooze keeps alerts from others, so it takes more than looking.
	register(s, operation{method: "POST", path: "/snoozes", id: "addSnooze", tag: "alerts", summary: "Keep alerts from people for a while, or change how long", access: accessAdmin, status: 204},
		func(ctx context.Context, in *addInput) (*struct{}, error) {
			b := in.Body
			if b.Camera != "" {
				if _, err := s.camera(b.Camera); err != nil {
					return nil, err
				}
			}
			if b.Notifier == "" && b.Recipient != "" {
				return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: "name the notifier of this recipient, too"}
			}
			return nil, s.deps.Deliveries.PutSnooze(ctx, nvr.Snooze{
				Notifier: b.Notifier, Recipient: b.Recipient, Camera: nvr.CameraID(b.Camera),
				Until: time.Now().Add(time.Duration(b.Seconds) * time.Second), By: identityOf(ctx).Name,
			})
		})
	type endInput struct {
		Notifier  string `query:"notifier" maxLength:"48"`
		Recipient string `query:"recipient" maxLength:"2048"`
		Camera    string `query:"camera" maxLength:"48"`
	}
	register(s, operation{method: "DELETE", path: "/snoozes", id: "endSnooze", tag: "alerts", summary: "End a snooze", access: accessAdmin, status: 204},
		func(ctx context.Context, in *endInput) (*struct{}, error) {
			return nil, s.deps.Deliveries.DeleteSnooze(ctx, in.Notifier, in.Recipient, nvr.CameraID(in.Camera))
		})
}
