package store

import (
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
	r.must(r.s.RenamePerson(r.ctx(), rosa.ID, "Rosalie"))
	r.must(r.s.MergePersons(r.ctx(), emma.ID, []string{vera.ID}))
	renamed()
	merged()
	kept()

	jan := add("Jan")
	deleted := late(jan)
	r.must(r.s.DeletePerson(r.ctx(), jan.ID))
	deleted()
	fresh := r.event(nvr.Identity{State: nvr.IdentityKnown, PersonID: jan.ID, Name: "Jan", Similarity: 0.5})
	if id := r.identity(fresh); id != (nvr.Identity{State: nvr.IdentityUnknown}) {
		r.t.Errorf("a new event brings a deleted person back: %+v", id)
	}
}
