package httpapi

import (
	"context"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Event is the life of a tracked object, or a motion, camera or manual episode.
type Event struct {
	ID          string     `json:"id"`
	Camera      string     `json:"camera"`
	Kind        string     `json:"kind" enum:"object,motion,camera,manual"`
	Label       string     `json:"label"`
	Start       time.Time  `json:"start"`
	End         *time.Time `json:"end,omitempty" doc:"Absent while it goes on"`
	Score       float32    `json:"score" doc:"Last confidence, 0 to 1"`
	TopScore    float32    `json:"top_score"`
	Box         Box        `json:"box"`
	Stationary  bool       `json:"stationary"`
	HasSnapshot bool       `json:"has_snapshot"`
	Revision    int        `json:"revision"`
}

// Box is a rectangle in fractions of the picture.
type Box struct {
	X float32 `json:"x"`
	Y float32 `json:"y"`
	W float32 `json:"w"`
	H float32 `json:"h"`
}

// EventPage is one page of events, newest first.
type EventPage struct {
	Items      []Event `json:"items" nullable:"false"`
	NextCursor string  `json:"next_cursor,omitempty" doc:"Absent on the last page"`
}

func eventOf(e nvr.Event) Event {
	return Event{
		ID: e.ID, Camera: string(e.Camera), Kind: string(e.Kind), Label: e.Label, Start: e.Start.UTC(), End: timeOrNil(e.End),
		Score: e.Score, TopScore: e.TopScore, Box: Box(e.Box), Stationary: e.Stationary, HasSnapshot: e.HasSnapshot, Revision: e.Revision,
	}
}

func (s *Server) registerEvents() {
	type listInput struct {
		Camera []string  `query:"camera" doc:"Only these cameras" maxItems:"64"`
		Label  []string  `query:"label" doc:"Only these labels" maxItems:"64"`
		Kind   string    `query:"kind" enum:"object,motion,camera,manual"`
		From   time.Time `query:"from" doc:"Started at or after"`
		To     time.Time `query:"to" doc:"Started before"`
		Cursor string    `query:"cursor" maxLength:"200" doc:"next_cursor of the page before"`
		Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
	}
	type list struct{ Body EventPage }
	register(s, operation{method: "GET", path: "/events", id: "listEvents", tag: "events", summary: "Events, newest first", access: accessViewer},
		func(ctx context.Context, in *listInput) (*list, error) {
			f := nvr.EventFilter{
				Labels: in.Label, Kind: nvr.EventKind(in.Kind), Range: nvr.TimeRange{Start: in.From, End: in.To},
				Cursor: in.Cursor, Limit: in.Limit,
			}
			for _, c := range in.Camera {
				id, err := parseCamera(c)
				if err != nil {
					return nil, err
				}
				f.Cameras = append(f.Cameras, id)
			}
			page, next, err := s.deps.Events.Events(ctx, f)
			if err != nil {
				return nil, err
			}
			out := EventPage{Items: make([]Event, len(page)), NextCursor: next}
			for i, e := range page {
				out.Items[i] = eventOf(e)
			}
			return &list{Body: out}, nil
		})
	type eventInput struct {
		ID string `path:"id" maxLength:"64"`
	}
	type eventOutput struct{ Body Event }
	register(s, operation{method: "GET", path: "/events/{id}", id: "getEvent", tag: "events", summary: "One event", access: accessViewer},
		func(ctx context.Context, in *eventInput) (*eventOutput, error) {
			e, err := s.deps.Events.Event(ctx, in.ID)
			return &eventOutput{Body: eventOf(e)}, err
		})
}
