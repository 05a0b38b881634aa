package store

import (
	"time"

	"github.com/google/uuid"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Who writes an event may still hold the name of somebody who was renamed, merged or deleted meanwhile.
func testLateEvents(r faceRig) {
	add := func(name string) nvr.Person {
		p, err := r.s.AddPerson(r.ctx(), name)
		r.must(err)
		return p
	}
	rosa, vera, emma := add("Rosa"), add("Vera"), add("Emma")
	late := func(p nvr.Person) (write func()) {
		e, err := r.s.Event(r.ctx(), r.event(nvr.Identity{State: nvr.IdentityKnown, PersonID: p.ID, Name: p.Name, Similarity: 0.5}))
		r.must(err)
		return func() {
			e.Revision++
			r.must(r.s.SaveEvent(r.ctx(), e, nil))
			e, err = r.s.Event(r.ctx(), e.ID)
			r.must(err)
			want := map[string]string{rosa.ID: "Rosalie", vera.ID: "Emma", emma.ID: "Emma"}[p.ID]
			if e.Identity.Name != want || (want == "") != (e.Identity.State == nvr.IdentityUnknown && e.Identity.PersonID == "") {
				r.t.Errorf("event of %s has %+v, want %q", p.Name, e.Identity, want)
			}
		}
	}
	renamed, merged, kept := late(rosa), late(vera), late(emma)
	for _, change := range []func() ([]nvr.EventChange, error){
		func() ([]nvr.EventChange, error) { return r.s.RenamePerson(r.ctx(), rosa.ID, "Rosalie") },
		func() ([]nvr.EventChange, error) { return r.s.MergePersons(r.ctx(), emma.ID, []string{vera.ID}) },
	} {
		if changes, err := change(); err != nil || len(changes) != 1 {
			r.t.Errorf("%d events changed, %v", len(changes), err)
		}
	}
	renamed()
	merged()
	kept()

	jan := add("Jan")
	deleted := late(jan)
	if _, err := r.s.DeletePerson(r.ctx(), jan.ID); err != nil {
		r.t.Fatal(err)
	}
	deleted()
	fresh := r.event(nvr.Identity{State: nvr.IdentityKnown, PersonID: jan.ID, Name: "Jan", Similarity: 0.5})
	if id := r.identity(fresh); id != (nvr.Identity{State: nvr.IdentityUnknown}) {
		r.t.Errorf("a new event brings a deleted person back: %+v", id)
	}
}

// corrected checks that just these events are told to be somebody else now, with a revision of their own.
func (r faceRig) corrected(name string, want ...string) func([]nvr.EventChange, error) {
	return func(changes []nvr.EventChange, err error) {
		r.t.Helper()
		r.must(err)
		if len(changes) != len(want) {
			r.t.Errorf("%d events are told, want %d", len(changes), len(want))
		}
		for i, c := range changes {
			stored, err := r.s.Event(r.ctx(), c.After.ID)
			r.must(err)
			if i >= len(want) || c.After.ID != want[i] || c.Phase != nvr.PhaseUpdate || c.After.Identity.Name != name || c.Before.Identity.Name == name ||
				c.After.Identity != stored.Identity || c.After.Revision != c.Before.Revision+1 || stored.Revision != c.After.Revision {
				r.t.Errorf("%d: %+v, then %+v", i, c.Before, c.After)
			}
		}
	}
}

// Whom a person has named stays named: who writes the event may not have heard of it. And an event that goes on keeps the
// revision of who writes it, or its next change would be taken for an old one.
func testNamedByHand(r faceRig) {
	anna, err := r.s.AddPerson(r.ctx(), "Anna Hand")
	r.must(err)
	e := nvr.Event{ID: uuid.Must(uuid.NewV7()).String(), Camera: "gate", Kind: nvr.EventObject, Label: "person", Start: r.t0, Revision: 1, Identity: nvr.Identity{State: nvr.IdentityUnknown}}
	r.must(r.s.SaveEvent(r.ctx(), e, nil))
	changes, err := r.s.IdentifyEvent(r.ctx(), e.ID, anna.ID)
	if err != nil || len(changes) != 1 || changes[0].After.Revision != 1 || changes[0].After.Identity.Similarity != 1 {
		r.t.Fatalf("%+v, %v", changes, err)
	}
	if again, err := r.s.IdentifyEvent(r.ctx(), e.ID, anna.ID); err != nil || len(again) != 0 {
		r.t.Errorf("told without news: %+v, %v", again, err)
	}
	e.Revision, e.End = 2, r.t0.Add(time.Second)
	r.must(r.s.SaveEvent(r.ctx(), e, nil))
	stored, err := r.s.Event(r.ctx(), e.ID)
	if err != nil || stored.Ongoing() || stored.Identity.Name != "Anna Hand" || stored.Identity.Similarity != 1 {
		r.t.Errorf("%+v, %v", stored, err)
	}
	if changes, err := r.s.DeletePerson(r.ctx(), anna.ID); err != nil || len(changes) != 1 || changes[0].After.Identity != (nvr.Identity{State: nvr.IdentityUnknown}) {
		r.t.Errorf("%+v, %v", changes, err)
	}
}

// A person may be in more events than anybody wants to hear of: the newest are told.
func testManyCorrections(r faceRig) {
	p, err := r.s.AddPerson(r.ctx(), "Everywhere")
	r.must(err)
	for i := range maxCorrections + 3 {
		e := nvr.Event{
			ID: uuid.Must(uuid.NewV7()).String(), Camera: "gate", Kind: nvr.EventObject, Label: "person", Start: r.t0.Add(time.Duration(i) * time.Second), End: r.t0.Add(time.Hour), Revision: 1,
			Identity: nvr.Identity{State: nvr.IdentityKnown, PersonID: p.ID, Name: p.Name, Similarity: 0.5},
		}
		r.must(r.s.SaveEvent(r.ctx(), e, nil))
	}
	changes, err := r.s.RenamePerson(r.ctx(), p.ID, "Nowhere")
	if err != nil || len(changes) != maxCorrections || !changes[0].After.Start.Equal(r.t0.Add(3*time.Second)) {
		r.t.Errorf("%d, %v", len(changes), err)
	}
	all, _, err := r.s.Events(r.ctx(), nvr.EventFilter{Persons: []string{p.ID}, Range: nvr.TimeRange{End: r.t0.Add(3 * time.Second)}})
	if err != nil || len(all) == 0 || all[0].Identity.Name != "Nowhere" {
		r.t.Errorf("%+v, %v", all, err)
	}
}
