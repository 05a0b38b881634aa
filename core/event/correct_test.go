package event

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// TestCorrectionsAreTold: of an event that is over at once; of one that goes on with its next change, in which a person's word
// counts for more than recognition's, and which stays so until its end.
func TestCorrectionsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{Routes: routes(nvr.Route{ID: "hook", Notifier: "hook", Updates: true})}, &fakeStore{})
		stranger, anna := nvr.Identity{State: nvr.IdentityUnknown}, nvr.Identity{State: nvr.IdentityKnown, PersonID: "p", Name: "Anna", Similarity: 1}
		is := func(id nvr.Identity) func(*nvr.TrackedObject) { return func(o *nvr.TrackedObject) { o.Identity = id } }
		correct := func(before nvr.Event, id nvr.Identity) {
			after := before
			after.Identity = id
			r.e.Correct([]nvr.EventChange{{Phase: nvr.PhaseUpdate, Before: before, After: after}})
			synctest.Wait()
		}
		first := time.Now()
		r.see(0, person(first, .9, is(stranger)))
		ev := r.changes()[0].After
		correct(ev, anna)
		if c := r.changes(); len(c) != 0 {
			t.Fatalf("told beside who writes the event: %+v", c)
		}
		r.see(2*time.Second, person(first, .9, is(stranger)))
		if c := r.changes(); len(c) != 1 || c[0].After.Identity != anna || c[0].After.Revision != 2 {
			t.Fatalf("named while it goes on: %+v", c)
		}
		r.see(2*time.Second, person(first, .9, is(stranger)))
		if c := r.changes(); len(c) != 0 {
			t.Fatalf("no news: %+v", c)
		}
		// What a machine recognised is recognised anew by the library of now.
		bert := nvr.Identity{State: nvr.IdentityKnown, PersonID: "q", Name: "Bert", Similarity: 0.5}
		correct(ev, stranger)
		r.see(2*time.Second, person(first, .9, is(bert)))
		if c := r.changes(); len(c) != 1 || c[0].After.Identity != bert {
			t.Fatalf("no longer named: %+v", c)
		}
		renamed := bert
		renamed.Name = "Bertram"
		correct(ev, renamed)
		r.stop()
		c := r.changes()
		if len(c) != 1 || c[0].Phase != nvr.PhaseEnd || c[0].After.Identity != renamed {
			t.Fatalf("renamed when nobody saw him any more: %+v", c)
		}
		_, before := r.store.snapshot()
		correct(c[0].After, anna)
		c = r.changes()
		if len(c) != 1 || c[0].Phase != nvr.PhaseUpdate || c[0].Before.Identity != renamed || c[0].After.Identity != anna || c[0].After.Ongoing() {
			t.Fatalf("over: %+v", c)
		}
		if _, after := r.store.snapshot(); len(after) != len(before) {
			t.Error("a correction is delivered")
		}
		if len(r.e.ongoing.events) != 0 {
			t.Errorf("kept after the end: %v", r.e.ongoing.events)
		}
	})
}

// TestARouteIsToldLateAndOnce: it asks for somebody who is recognised after the event became an alert, and may be lost again.
func TestARouteIsToldLateAndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{Routes: routes(nvr.Route{ID: "anna", Notifier: "hook", Identities: []string{"Anna"}})}, &fakeStore{})
		first := time.Now()
		anna := nvr.Identity{State: nvr.IdentityKnown, PersonID: "p", Name: "Anna", Similarity: 0.6}
		for _, id := range []nvr.Identity{{}, anna, {State: nvr.IdentityUnknown}, anna} {
			r.see(2*time.Second, person(first, .9, func(o *nvr.TrackedObject) { o.Identity = id }))
		}
		r.stop()
		if _, ds := r.store.snapshot(); len(ds) != 1 || ds[0].Phase != nvr.PhaseNew || ds[0].Revision != 2 {
			t.Fatalf("deliveries %+v", ds)
		}
	})
}
