package httpapi

import (
	"context"
	"time"

	"github.com/nightjar-nvr/nightjar/core/auth"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// holder keeps footage from being deleted.
type holder interface {
	Holds() ([]Hold, error)
	AddHold(ctx context.Context, h Hold) (Hold, error)
	ReleaseHold(ctx context.Context, id string) error
}

// maxHoldSpan bounds one hold.
const maxHoldSpan = 366 * 24 * time.Hour

// Hold keeps the video of a range, whatever retention says.
type Hold struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind" enum:"favourite,export,legal"`
	Cameras   []string `json:"cameras" nullable:"false"`
	From      int64    `json:"from" doc:"UTC milliseconds"`
	To        int64    `json:"to" doc:"UTC milliseconds"`
	Note      string   `json:"note"`
	CreatedAt int64    `json:"created_at" doc:"UTC milliseconds"`
	CreatedBy string   `json:"created_by"`
}

// HoldList is all holds, newest first.
type HoldList struct {
	Holds []Hold `json:"holds" nullable:"false"`
}

// HoldRequest asks for footage to be kept.
type HoldRequest struct {
	Kind    string   `json:"kind" enum:"favourite,legal"`
	Cameras []string `json:"cameras" minItems:"1" maxItems:"256" nullable:"false"`
	From    int64    `json:"from" doc:"UTC milliseconds" minimum:"0" maximum:"253402300799999"`
	To      int64    `json:"to" doc:"UTC milliseconds" minimum:"0" maximum:"253402300799999"`
	Note    string   `json:"note,omitempty" maxLength:"500"`
}

func (s *Server) registerHolds() {
	type list struct{ Body HoldList }
	type output struct{ Body Hold }
	op := func(method, path, id, summary string, status int) operation {
		return operation{method: method, path: path, id: id, tag: "holds", summary: summary, access: accessViewer, status: status}
	}
	register(s, op("GET", "/holds", "listHolds", "What is kept from deletion, newest first", 0),
		func(context.Context, *struct{}) (*list, error) {
			holds, err := s.deps.Holds.Holds()
			if err != nil {
				return nil, err
			}
			var out list
			out.Body.Holds = append([]Hold{}, holds...)
			return &out, nil
		})
	type addInput struct{ Body HoldRequest }
	register(s, op("POST", "/holds", "addHold", "Keep footage from deletion; a legal hold needs an administrator", 201),
		func(ctx context.Context, in *addInput) (*output, error) {
			if in.Body.Kind == "legal" && identityOf(ctx).Role != auth.RoleAdmin {
				return nil, errForbidden
			}
			for _, c := range in.Body.Cameras {
				if _, err := s.camera(c); err != nil {
					return nil, err
				}
			}
			if _, err := spanOf(in.Body.From, in.Body.To, maxHoldSpan); err != nil {
				return nil, err
			}
			h, err := s.deps.Holds.AddHold(ctx, Hold{
				Kind: in.Body.Kind, Cameras: in.Body.Cameras, From: in.Body.From, To: in.Body.To, Note: in.Body.Note, CreatedBy: identityOf(ctx).Name,
			})
			return &output{Body: h}, err
		})
	type idInput struct {
		ID string `path:"id" maxLength:"64"`
	}
	register(s, op("DELETE", "/holds/{id}", "releaseHold", "Let footage go; one's own favourite, or any hold as an administrator", 204),
		func(ctx context.Context, in *idInput) (*struct{}, error) {
			holds, err := s.deps.Holds.Holds()
			if err != nil {
				return nil, err
			}
			for _, h := range holds {
				if h.ID != in.ID {
					continue
				}
				if err := mayRelease(ctx, h); err != nil {
					return nil, err
				}
				return nil, s.deps.Holds.ReleaseHold(ctx, in.ID)
			}
			return nil, &nvr.Error{Code: nvr.CodeNotFound, Message: "this hold does not exist, it may have been released"}
		})
}

func mayRelease(ctx context.Context, h Hold) error {
	switch {
	case h.Kind == "export":
		return &nvr.Error{Code: nvr.CodeConflict, Message: "this footage is kept for an evidence package; delete the export to release it"}
	case h.Kind == "legal" && identityOf(ctx).Role != auth.RoleAdmin:
		return errForbidden
	default:
		return mayRemove(ctx, h.CreatedBy, "favourite")
	}
}
