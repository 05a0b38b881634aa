package httpapi

import (
	"net/http"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// setWhereabouts gives the world's event a way through the picture.
func setWhereabouts(e *nvr.Event) {
	e.Mode = nvr.ModeNight
	e.Zones, e.EnteredZones, e.MaxSpeed = []string{"porch"}, []string{"street", "porch"}, 12.5
	e.Crossings = []nvr.Crossing{{Line: "gate", Direction: nvr.BToA, Time: e.Start.Add(time.Second)}}
	e.Path = []nvr.PathPoint{{Point: nvr.Point{X: 0.25, Y: 0.5}, After: 2 * time.Second}}
}

func (w *world) testEvents(t *testing.T) {
	for query, want := range map[string]int{"": 1, "?zones=porch": 1, "?zones=garden,street": 1, "?zones=garden": 0} {
		var page EventPage
		if resp := w.do(request{path: "/api/v1/events" + query, token: w.viewer}, &page); resp.StatusCode != http.StatusOK || len(page.Items) != want {
			t.Errorf("%s: %s, %+v, want %d events", query, resp.Status, page, want)
			continue
		}
		for _, e := range page.Items {
			if len(e.Path) != 0 || len(e.EnteredZones) != 2 || e.MaxSpeed != 12.5 || len(e.Crossings) != 1 || e.Crossings[0].Direction != "b_to_a" {
				t.Errorf("%s: %+v", query, e)
			}
		}
	}
	var e Event
	w.do(request{path: "/api/v1/events/" + w.eventID, token: w.viewer}, &e)
	if e.Mode != "night" || len(e.Zones) != 1 || e.EnteredZones[0] != "street" || len(e.Path) != 1 || e.Path[0].X != 0.25 || !e.Path[0].Time.Equal(e.Start.Add(2*time.Second)) {
		t.Errorf("one event: %+v", e)
	}
}
