package event

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nightjar-nvr/nightjar/core/event/rule"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// TestOnlyAlertsAreDelivered has a rule that holds from the third second on: the event is told at once, and notifiers hear of
// it as new when it becomes an alert, and of its end.
func TestOnlyAlertsAreDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules, err := rule.NewSet([]rule.Rule{
			{ID: "stays", Severity: nvr.SeverityHigh, Labels: []string{"person"}, MinDuration: 3 * time.Second, Modes: []nvr.Mode{nvr.ModeAway}},
			{ID: "cats", Severity: nvr.SeverityLow, Labels: []string{"cat"}},
		}, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		mode := nvr.ModeAway
		st := &fakeStore{}
		r := start(t, Config{Routes: routes(nvr.Route{ID: "hook", Notifier: "hook", Updates: true}), Rules: rules, Mode: func() nvr.Mode { return mode }}, st)
		first := time.Now()
		r.see(0, person(first, .7))
		if c := r.changes(); len(c) != 1 || c[0].After.Severity != "" || c[0].After.Mode != nvr.ModeAway {
			t.Fatalf("told as %+v", c)
		}
		for range 12 {
			r.see(200*time.Millisecond, person(first, .7))
		}
		if c := r.changes(); len(c) != 0 {
			t.Fatalf("after 2.4 s: %+v", c)
		}
		mode = nvr.ModeHome // too late: the event began in another mode
		for range 5 {
			r.see(200*time.Millisecond, person(first, .7))
		}
		c := r.changes()
		if len(c) != 1 || c[0].Phase != nvr.PhaseUpdate || c[0].After.Severity != nvr.SeverityHigh || c[0].After.Rules[0] != "stays" {
			t.Fatalf("after 3.4 s: %+v", c)
		}
		if v := r.e.Explain(c[0].After); len(v) != 2 || !v[0].Alert || v[1].Alert {
			t.Errorf("explained as %+v", v)
		}
		other := person(time.Now(), .7)
		other.TrackID = 2
		r.see(200*time.Millisecond, person(first, .7), other)
		r.stop()
		_, ds := st.snapshot()
		if len(ds) != 2 || ds[0].Phase != nvr.PhaseNew || ds[1].Phase != nvr.PhaseEnd || ds[0].EventID != c[0].After.ID || ds[1].EventID != ds[0].EventID {
			t.Errorf("deliveries %+v", ds)
		}
	})
}
