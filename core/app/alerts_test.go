package app

import (
	"slices"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// TestRulesAreListed: as they are configured, and the one that holds where none is.
func TestRulesAreListed(t *testing.T) {
	cfg := config.Default()
	a := newArming(nil, nil)
	if got := a.Rules(); len(got) != 1 || got[0].ID != "everything" || got[0].Source != "default" || got[0].Labels == nil {
		t.Errorf("without rules: %+v", got)
	}
	cfg.Rules = map[string]config.Rule{
		"night": {
			Severity: "high", Cameras: []nvr.CameraID{"door"}, Labels: []string{"person"}, Zones: []string{"porch"}, Identities: []string{"unknown"}, Modes: []string{"away"},
			Schedule: []config.Schedule{{Days: []time.Weekday{time.Friday, time.Saturday}, From: 22 * time.Hour, Until: 6 * time.Hour}},
			MinScore: 0.5, MinDuration: config.Duration{D: 5 * time.Second}, Cooldown: config.Duration{D: time.Minute},
		},
		"any": {},
	}
	rules, err := alertRules(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.rules = rules
	got := a.Rules()
	if len(got) != 2 || got[0].ID != "any" || got[0].Severity != "normal" || got[0].Source != "config" {
		t.Fatalf("%+v", got)
	}
	n := got[1]
	if n.ID != "night" || n.Severity != "high" || !slices.Equal(n.Cameras, []string{"door"}) || !slices.Equal(n.Labels, []string{"person"}) || !slices.Equal(n.Zones, []string{"porch"}) ||
		!slices.Equal(n.Identities, []string{"unknown"}) || !slices.Equal(n.Modes, []string{"away"}) || n.MinScore != 0.5 || n.MinDurationS != 5 || n.CooldownS != 60 ||
		len(n.Schedule) != 1 || !slices.Equal(n.Schedule[0].Days, []int{5, 6}) || n.Schedule[0].From != 1320 || n.Schedule[0].To != 360 {
		t.Errorf("%+v", n)
	}
}
