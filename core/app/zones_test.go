package app

import (
	"reflect"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestAreasTellWhatIsConfigured(t *testing.T) {
	square := config.Points{{0, 0}, {1, 0}, {1, 1}}
	cam := config.Camera{
		Zones: map[string]config.Zone{
			"porch": {Points: square, Labels: []string{"person"}, Inertia: 2, Loitering: config.Duration{D: 1500 * time.Millisecond}},
			"lawn":  {Points: square, Lengths: []float64{1, 2, 1, 2}},
		},
		Lines: map[string]config.Line{"gate": {Points: config.Points{{0, 0}, {1, 1}}}},
	}
	cam.Detect.Masks = config.Masks{Motion: []config.Points{square}, Objects: []config.ObjectMask{{Points: square, Labels: []string{"car"}}}}
	got := areasOf(map[nvr.CameraID]config.Camera{"front": cam, "back": {}})
	want := []httpapi.Area{
		{Kind: "zone", Name: "lawn", Points: square, Labels: []string{}, Lengths: []float64{1, 2, 1, 2}},
		{Kind: "zone", Name: "porch", Points: square, Labels: []string{"person"}, Inertia: 2, LoiteringS: 1.5},
		{Kind: "line", Name: "gate", Points: config.Points{{0, 0}, {1, 1}}, Labels: []string{}},
		{Kind: "motion_mask", Points: square, Labels: []string{}},
		{Kind: "object_mask", Points: square, Labels: []string{"car"}},
	}
	if !reflect.DeepEqual(got["front"], want) || len(got["back"]) != 0 {
		t.Errorf("got %+v\nwant %+v", got["front"], want)
	}
}
