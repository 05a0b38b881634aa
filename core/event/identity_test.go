package event

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nightjar-nvr/nightjar/core/event/rule"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// TestIdentityIsToldAndAlerts: who somebody is comes after the event began; it is a change of its own, and a rule that asks for it
// alerts then, not before.
func TestIdentityIsToldAndAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules, err := rule.NewSet([]rule.Rule{{ID: "stranger", Severity: nvr.SeverityHigh, Identities: []string{"unknown"}}}, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		var faces []nvr.FaceSample
		var of []nvr.Event
		cfg := Config{Rules: rules, Routes: routes(nvr.Route{ID: "hook", Notifier: "hook"}), UnknownFace: func(e nvr.Event, s nvr.FaceSample) {
			faces, of = append(faces, s), append(of, e)
		}}
		r := start(t, cfg, &fakeStore{})
		first := time.Now()
		r.see(0, person(first, .9))
		c := r.changes()
		if len(c) != 1 || c[0].After.Severity != "" || c[0].After.Identity.State != nvr.IdentityNone {
			t.Fatalf("new: %+v", c)
		}
		is := func(id nvr.Identity) func(*nvr.TrackedObject) {
			return func(o *nvr.TrackedObject) { o.Identity = id }
		}
		stranger := nvr.Identity{State: nvr.IdentityUnknown}
		r.see(2*time.Second, person(first, .9, is(stranger), func(o *nvr.TrackedObject) { o.Face = &nvr.FaceSample{Quality: 0.7} }))
		c = r.changes()
		if len(c) != 1 || c[0].Phase != nvr.PhaseUpdate || c[0].After.Identity != stranger || c[0].After.Severity != nvr.SeverityHigh {
			t.Fatalf("stranger: %+v", c)
		}
		if len(faces) != 1 || of[0].ID != c[0].After.ID || faces[0].Quality != 0.7 {
			t.Fatalf("faces %+v", faces)
		}
		if _, ds := r.store.snapshot(); len(ds) != 1 || ds[0].Phase != nvr.PhaseNew {
			t.Fatalf("deliveries %+v", ds)
		}
		// Surer is no news, another name is.
		anna := nvr.Identity{State: nvr.IdentityKnown, PersonID: "p", Name: "Anna", Similarity: 0.6}
		r.see(2*time.Second, person(first, .9, is(anna)))
		anna.Similarity = 0.9
		r.see(2*time.Second, person(first, .9, is(anna)))
		if c = r.changes(); len(c) != 1 || c[0].After.Identity.Name != "Anna" {
			t.Fatalf("Anna: %+v", c)
		}
		r.stop()
		rows, _ := r.store.snapshot()
		if e := rows[of[0].ID]; e.Identity != anna || e.Severity != nvr.SeverityHigh || len(faces) != 1 {
			t.Fatalf("end: %+v", e)
		}
	})
}

func TestMergedObservationsKeepFaces(t *testing.T) {
	first := time.Unix(1000, 0)
	older, newer := person(first, .9), person(first, .9)
	older.Face = &nvr.FaceSample{Quality: 0.5}
	out := merge(nvr.Observation{Objects: []nvr.TrackedObject{older}}, nvr.Observation{Objects: []nvr.TrackedObject{newer}})
	if len(out.Objects) != 1 || out.Objects[0].Face == nil {
		t.Fatalf("%+v", out.Objects)
	}
}
