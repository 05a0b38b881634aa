package mqtt

import (
	"encoding/json"
	"math"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// frameSize is the picture that boxes are told in. Without a known size boxes are in thousandths of the picture.
type frameSize struct{ w, h int }

func (f frameSize) orThousandths() frameSize {
	if f.w <= 0 || f.h <= 0 {
		return frameSize{1000, 1000}
	}
	return f
}

// frigateObject is one side of a message on <prefix>/events: the keys consumers of Frigate's messages read, with
// Frigate's meaning. Times are float seconds since 1970; box is [x1, y1, x2, y2] in pixels of the detect stream.
// Speeds are in km/h. Keys of things Nightjar does not measure (licence plates) hold the value Frigate sends for "none".
type frigateObject struct {
	ID                string             `json:"id"`
	Camera            string             `json:"camera"`
	Kind              nvr.EventKind      `json:"kind"` // ours: object, motion, camera, manual or sound
	Label             string             `json:"label"`
	SubLabel          any                `json:"sub_label"` // [name, similarity] of a known person
	FrameTime         float64            `json:"frame_time"`
	StartTime         float64            `json:"start_time"`
	EndTime           *float64           `json:"end_time"`
	FalsePositive     bool               `json:"false_positive"`
	Score             float64            `json:"score"`
	TopScore          float64            `json:"top_score"`
	ComputedScore     float64            `json:"computed_score"`
	Box               [4]int             `json:"box"`
	Area              int                `json:"area"`
	Ratio             float64            `json:"ratio"`
	Region            [4]int             `json:"region"`
	Active            bool               `json:"active"`
	Stationary        bool               `json:"stationary"`
	MotionlessCount   int                `json:"motionless_count"`
	PositionChanges   int                `json:"position_changes"`
	CurrentZones      []string           `json:"current_zones"`
	EnteredZones      []string           `json:"entered_zones"`
	HasClip           bool               `json:"has_clip"`
	HasSnapshot       bool               `json:"has_snapshot"`
	Attributes        map[string]float64 `json:"attributes"`
	CurrentAttributes []string           `json:"current_attributes"`
	PendingLoitering  bool               `json:"pending_loitering"`
	MaxSeverity       *string            `json:"max_severity"`
	Snapshot          *frigateSnapshot   `json:"snapshot"`
	PathData          []frigatePoint     `json:"path_data"`
	CurrentSpeed      float64            `json:"current_estimated_speed"`
	MaxSpeed          float64            `json:"max_estimated_speed"` // ours
	Crossings         []nvr.Crossing     `json:"crossings"`           // ours
	Identity          *identity          `json:"identity"`            // ours; null while nobody was recognised
}

// identity is who a person is.
type identity struct {
	State      nvr.IdentityState `json:"state"`               // known or unknown
	PersonID   string            `json:"person_id,omitempty"` // known
	Name       string            `json:"name,omitempty"`      // known
	Similarity float64           `json:"similarity"`
}

func identityOf(id nvr.Identity) *identity {
	if id.State == nvr.IdentityNone {
		return nil
	}
	return &identity{State: id.State, PersonID: id.PersonID, Name: id.Name, Similarity: round(id.Similarity)}
}

// subLabel is Frigate's way of naming a person, nil where nobody is known.
func subLabel(id nvr.Identity) any {
	if id.State != nvr.IdentityKnown {
		return nil
	}
	return []any{id.Name, round(id.Similarity)}
}

// frigatePoint is [[x, y], time]: fractions of the picture, seconds since 1970.
type frigatePoint [2]any

type frigateSnapshot struct {
	FrameTime  float64  `json:"frame_time"`
	Box        [4]int   `json:"box"`
	Area       int      `json:"area"`
	Region     [4]int   `json:"region"`
	Score      float64  `json:"score"`
	Attributes []string `json:"attributes"`
}

// frigateEvent encodes a change for <prefix>/events. now stands in for the frame's time, which the change does not
// carry; recording tells whether there is a clip.
func frigateEvent(c nvr.EventChange, size frameSize, recording bool, now time.Time) ([]byte, error) {
	size = size.orThousandths()
	before := toFrigate(c.Before, size, recording, now)
	before.FalsePositive = c.Phase == nvr.PhaseNew
	return json.Marshal(struct {
		Type   nvr.Phase     `json:"type"`
		Before frigateObject `json:"before"`
		After  frigateObject `json:"after"`
	}{c.Phase, before, toFrigate(c.After, size, recording, now)})
}

func toFrigate(e nvr.Event, size frameSize, recording bool, now time.Time) frigateObject {
	box := pixels(e.Box, size)
	w, h := box[2]-box[0], box[3]-box[1]
	severity := "detection"
	if e.Severity != "" {
		severity = "alert"
	}
	o := frigateObject{
		ID: e.ID, Camera: string(e.Camera), Kind: e.Kind, Label: e.Label, FrameTime: epoch(now), StartTime: epoch(e.Start),
		Score: round(e.Score), TopScore: round(e.TopScore), ComputedScore: round(e.Score),
		Box: box, Area: w * h, Region: [4]int{0, 0, size.w, size.h},
		Active: !e.Stationary && e.Ongoing(), Stationary: e.Stationary, PositionChanges: 1,
		CurrentZones: append([]string{}, e.Zones...), EnteredZones: append([]string{}, e.EnteredZones...),
		PathData: pathData(e), CurrentSpeed: round(e.Speed), MaxSpeed: round(e.MaxSpeed), Crossings: append([]nvr.Crossing{}, e.Crossings...),
		HasClip: recording, HasSnapshot: e.HasSnapshot,
		Attributes: map[string]float64{}, CurrentAttributes: []string{}, MaxSeverity: &severity,
		SubLabel: subLabel(e.Identity), Identity: identityOf(e.Identity),
	}
	if h > 0 {
		o.Ratio = math.Round(float64(w)/float64(h)*100) / 100
	}
	if !e.Ongoing() {
		end := epoch(e.End)
		o.EndTime, o.FrameTime = &end, end
	}
	if e.HasSnapshot {
		o.Snapshot = &frigateSnapshot{
			FrameTime: o.FrameTime, Box: o.Box, Area: o.Area, Region: o.Region, Score: o.TopScore, Attributes: []string{},
		}
	}
	return o
}

func pathData(e nvr.Event) []frigatePoint {
	out := make([]frigatePoint, len(e.Path))
	for i, p := range e.Path {
		out[i] = frigatePoint{[2]float64{round(p.X), round(p.Y)}, epoch(e.Start.Add(p.After))}
	}
	return out
}

func pixels(b nvr.Box, size frameSize) [4]int {
	scale := func(v float32, n int) int {
		return int(math.Round(float64(min(max(v, 0), 1)) * float64(n)))
	}
	return [4]int{scale(b.X, size.w), scale(b.Y, size.h), scale(b.X+b.W, size.w), scale(b.Y+b.H, size.h)}
}

func epoch(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

func round(f float32) float64 { return math.Round(float64(f)*1e4) / 1e4 }
