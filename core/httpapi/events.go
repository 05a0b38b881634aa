package httpapi

import (
	"context"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Event is the life of a tracked object, or a motion, camera, manual or sound episode.
type Event struct {
	ID          string     `json:"id"`
	Camera      string     `json:"camera"`
	Kind        string     `json:"kind" enum:"object,motion,camera,manual,sound"`
	Label       string     `json:"label"`
	Start       time.Time  `json:"start"`
	End         *time.Time `json:"end,omitempty" doc:"Absent while it goes on"`
	Score       float32    `json:"score" doc:"Last confidence, 0 to 1"`
	TopScore    float32    `json:"top_score"`
	Box         Box        `json:"box"`
	Stationary  bool       `json:"stationary"`
	HasSnapshot bool       `json:"has_snapshot"`
	Revision    int        `json:"revision"`
	Severity    string     `json:"severity" enum:",low,normal,high" doc:"Of the alert it is; empty: it is none"`
	Rules       []string   `json:"rules" nullable:"false" doc:"The rules that made it an alert"`
	Mode        string     `json:"mode" enum:",home,away,night" doc:"Arming mode when it began; empty: not known"`

	Zones        []string    `json:"zones" nullable:"false" doc:"It is in now, or was when the event ended"`
	EnteredZones []string    `json:"entered_zones" nullable:"false" doc:"It was ever in, in the order it entered them"`
	Crossings    []Crossing  `json:"crossings" nullable:"false" doc:"Of lines, oldest first"`
	MaxSpeed     float32     `json:"max_speed" doc:"In km/h, where a zone measures it; else 0"`
	Identity     *Identity   `json:"identity,omitempty" doc:"Of a person; absent while nobody was recognised"`
	Path         []PathPoint `json:"path,omitempty" nullable:"false" doc:"Where its bottom centre was, oldest first, at most 256 points; not in lists of events"`
}

// Identity is who a person is taken to be.
type Identity struct {
	State      string  `json:"state" enum:"known,unknown" doc:"unknown: seen well enough, and nobody of the library"`
	PersonID   string  `json:"person_id,omitempty" doc:"Of a known person"`
	Name       string  `json:"name,omitempty" doc:"Of a known person"`
	Similarity float32 `json:"similarity" doc:"How sure that is, 0 to 1; 1 when a person said so"`
}

// Crossing is an object's step over a line.
type Crossing struct {
	Line      string    `json:"line"`
	Direction string    `json:"direction" enum:"a_to_b,b_to_a" doc:"Side a is left of the way from the line's first point to its second"`
	Time      time.Time `json:"time"`
}

// PathPoint is where an object stood at some time, in fractions of the picture.
type PathPoint struct {
	X    float32   `json:"x"`
	Y    float32   `json:"y"`
	Time time.Time `json:"time"`
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
	out := Event{
		ID: e.ID, Camera: string(e.Camera), Kind: string(e.Kind), Label: e.Label, Start: e.Start.UTC(), End: timeOrNil(e.End),
		Score: e.Score, TopScore: e.TopScore, Box: Box(e.Box), Stationary: e.Stationary, HasSnapshot: e.HasSnapshot, Revision: e.Revision,
		Severity: string(e.Severity), Rules: append([]string{}, e.Rules...), Mode: string(e.Mode),
		Zones: append([]string{}, e.Zones...), EnteredZones: append([]string{}, e.EnteredZones...),
		Crossings: make([]Crossing, len(e.Crossings)), MaxSpeed: e.MaxSpeed,
	}
	for i, c := range e.Crossings {
		out.Crossings[i] = Crossing{Line: c.Line, Direction: string(c.Direction), Time: c.Time.UTC()}
	}
	if id := e.Identity; id.State != nvr.IdentityNone {
		out.Identity = &Identity{State: string(id.State), PersonID: id.PersonID, Name: id.Name, Similarity: id.Similarity}
	}
	for _, p := range e.Path {
		out.Path = append(out.Path, PathPoint{X: p.X, Y: p.Y, Time: e.Start.Add(p.After).UTC()})
	}
	return out
}

func (s *Server) registerEvents() {
	type listInput struct {
		Camera []string  `query:"camera" doc:"Only these cameras" maxItems:"64"`
		Label  []string  `query:"label" doc:"Only these labels" maxItems:"64"`
		Zones  []string  `query:"zones" doc:"Only what was in one of these zones" maxItems:"64"`
		Alerts bool      `query:"alerts" doc:"Only alerts"`
		Person []string  `query:"person" maxItems:"64" doc:"Only of these persons: ids, known for anybody, unknown for strangers"`
		Kind   string    `query:"kind" enum:"object,motion,camera,manual,sound"`
		From   time.Time `query:"from" doc:"Started at or after"`
		To     time.Time `query:"to" doc:"Started before"`
		Cursor string    `query:"cursor" maxLength:"200" doc:"next_cursor of the page before"`
		Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
	}
	type list struct{ Body EventPage }
	register(s, operation{method: "GET", path: "/events", id: "listEvents", tag: "events", summary: "Events, newest first", access: accessViewer},
		func(ctx context.Context, in *listInput) (*list, error) {
			f := nvr.EventFilter{
				Labels: in.Label, Zones: in.Zones, Alerts: in.Alerts, Persons: in.Person, Kind: nvr.EventKind(in.Kind), Range: nvr.TimeRange{Start: in.From, End: in.To},
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
