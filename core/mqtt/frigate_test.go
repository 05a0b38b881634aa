package mqtt

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestEventTellsZonesAndPathAsFrigateDoes(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	before := nvr.Event{ID: "e", Camera: "front", Kind: nvr.EventObject, Label: "person", Start: start}
	after := before
	after.Zones, after.EnteredZones, after.Speed = []string{"porch"}, []string{"street", "porch"}, 4.5
	after.Path = []nvr.PathPoint{{Point: nvr.Point{X: 0.25, Y: 0.5}}, {Point: nvr.Point{X: 0.5, Y: 0.75}, After: 1500 * time.Millisecond}}
	b, err := frigateEvent(nvr.EventChange{Phase: nvr.PhaseUpdate, Before: before, After: after}, frameSize{}, true, start)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Before, After struct {
			CurrentZones []string `json:"current_zones"`
			EnteredZones []string `json:"entered_zones"`
			PathData     []any    `json:"path_data"`
			Speed        float64  `json:"current_estimated_speed"`
		}
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	at := float64(start.Unix())
	want := []any{[]any{[]any{0.25, 0.5}, at}, []any{[]any{0.5, 0.75}, at + 1.5}}
	if a := got.After; !reflect.DeepEqual(a.CurrentZones, []string{"porch"}) || !reflect.DeepEqual(a.EnteredZones, []string{"street", "porch"}) ||
		!reflect.DeepEqual(a.PathData, want) || a.Speed != 4.5 {
		t.Errorf("after: %s", b)
	}
	// Consumers read the lists without asking whether they are there.
	if o := got.Before; o.CurrentZones == nil || o.EnteredZones == nil || o.PathData == nil {
		t.Errorf("before: %s", b)
	}
}
