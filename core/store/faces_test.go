package store

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func embedding(seed float32) (e nvr.Embedding) {
	for i := range e {
		e[i] = seed + float32(i)/128
	}
	return e
}

// rig makes people, events and faces for a test.
type faceRig struct {
	t  *testing.T
	s  *Store
	t0 time.Time
}

func (r faceRig) ctx() context.Context { return r.t.Context() }

func (r faceRig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r faceRig) event(id nvr.Identity) string {
	r.t.Helper()
	e := nvr.Event{ID: uuid.Must(uuid.NewV7()).String(), Camera: "gate", Kind: nvr.EventObject, Label: "person", Start: r.t0, End: r.t0.Add(time.Minute), Revision: 1, Identity: id}
	r.must(r.s.SaveEvent(r.ctx(), e, nil))
	return e.ID
}

func (r faceRig) unknown(event string, seed, quality float32, change ...func(*nvr.FaceSample)) string {
	r.t.Helper()
	f := nvr.FaceSample{Source: nvr.FaceEvent, Camera: "gate", EventID: event, Seen: r.t0, Embedding: embedding(seed), Quality: quality, Size: 60, JPEG: []byte{0xff, 0xd8}}
	for _, c := range change {
		c(&f)
	}
	id, err := r.s.AddFace(r.ctx(), f)
	r.must(err)
	return id
}

func (r faceRig) identity(event string) nvr.Identity {
	r.t.Helper()
	e, err := r.s.Event(r.ctx(), event)
	r.must(err)
	return e.Identity
}

func (r faceRig) count(want nvr.FaceCounts) {
	r.t.Helper()
	if n, err := r.s.CountFaces(r.ctx()); err != nil || n != want {
		r.t.Fatalf("%+v, %v, want %+v", n, err, want)
	}
}

func TestFaces(t *testing.T) {
	r := faceRig{t: t, s: open(t), t0: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	t.Run("Inbox", func(t *testing.T) { r.t = t; testInbox(r) })
	t.Run("People", func(t *testing.T) { r.t = t; testPeople(r) })
	t.Run("Forgetting", func(t *testing.T) { r.t = t; testForgetting(r) })
	t.Run("Late", func(t *testing.T) { r.t = t; testLateEvents(r) })
	t.Run("Named", func(t *testing.T) { r.t = t; testNamedByHand(r) })
	t.Run("Many", func(t *testing.T) { r.t = t; testManyCorrections(r) })
}

func testInbox(r faceRig) {
	t, s, ctx := r.t, r.s, r.ctx()
	stranger := nvr.Identity{State: nvr.IdentityUnknown}
	a, b := r.event(stranger), r.event(stranger)
	first := r.unknown(a, 0.1, 0.5)
	if again := r.unknown(a, 0.2, 0.4); again != "" {
		t.Error("a worse face of the same event was kept")
	}
	if again := r.unknown(a, 0.3, 0.9); again != first {
		t.Error("a better face of the same event is another one")
	}
	hidden := r.unknown(b, 0.3, 0.8, func(f *nvr.FaceSample) { f.DuplicateOf, f.JPEG = first, nil })
	r.count(nvr.FaceCounts{Inbox: 1})
	all, err := s.Inbox(ctx, 10)
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	f, err := s.Face(ctx, first)
	if err != nil || f.Embedding != embedding(0.3) || f.EventID != a || f.Camera != "gate" || len(f.JPEG) != 2 || !f.Seen.Equal(r.t0) {
		t.Errorf("%+v, %v", f, err)
	}
	if f, err := s.FaceOfEvent(ctx, b); err != nil || f.ID != hidden {
		t.Errorf("%+v, %v", f, err)
	}
	for _, id := range []string{"", "x", uuid.NewString()} {
		if _, err := s.Face(ctx, id); nvr.ErrorCode(err) != nvr.CodeNotFound {
			t.Errorf("face %q: %v", id, err)
		}
	}
	if _, err := s.AddFace(ctx, nvr.FaceSample{Source: nvr.FaceEvent, Seen: r.t0, JPEG: make([]byte, MaxFaceJPEG+1)}); nvr.ErrorCode(err) != nvr.CodeInvalid {
		t.Errorf("a picture that is too large: %v", err)
	}
	if _, err := s.AddFace(ctx, nvr.FaceSample{Source: nvr.FaceUpload, Seen: r.t0, PersonID: uuid.NewString()}); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("a face of nobody: %v", err)
	}
	if n, _, err := s.DeleteFaces(ctx, []string{first}); err != nil || n != 1 {
		t.Error(n, err)
	}
	r.count(nvr.FaceCounts{}) // what was hidden behind it went along
	for range 5 {
		r.unknown(r.event(stranger), 0.5, 0.5)
	}
	r.unknown(r.event(stranger), 0.5, 0.5, func(f *nvr.FaceSample) { f.Seen = r.t0.Add(-time.Hour) })
	if n, err := s.ForgetUnknownFaces(ctx, r.t0, 3); err != nil || n != 3 {
		t.Errorf("forgot %d, %v", n, err)
	}
	if _, err := s.ForgetUnknownFaces(ctx, r.t0.Add(time.Second), 3); err != nil {
		t.Error(err)
	}
	r.count(nvr.FaceCounts{})
}

func testPeople(r faceRig) {
	t, s, ctx := r.t, r.s, r.ctx()
	anna, err := s.AddPerson(ctx, "Anna")
	r.must(err)
	ben, err := s.AddPerson(ctx, "Ben")
	r.must(err)
	if _, err := s.AddPerson(ctx, "ANNA"); nvr.ErrorCode(err) != nvr.CodeConflict {
		t.Errorf("a name twice: %v", err)
	}
	stranger := nvr.Identity{State: nvr.IdentityUnknown}
	e1, e2 := r.event(stranger), r.event(stranger)
	f1, f2 := r.unknown(e1, 0.1, 0.6), r.unknown(e2, 0.1, 0.7)
	if n, _, err := s.AssignFaces(ctx, anna.ID, []string{f1, uuid.NewString()}); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if id := r.identity(e1); id != (nvr.Identity{State: nvr.IdentityKnown, PersonID: anna.ID, Name: "Anna", Similarity: 1}) {
		t.Errorf("%+v", id)
	}
	if n, _, err := s.Rematch(ctx, []nvr.FaceMatch{{SampleID: f2, EventID: e2, PersonID: anna.ID, Similarity: 0.5}}); err != nil || n != 1 || r.identity(e2).Name != "Anna" {
		t.Errorf("%d, %v, %+v", n, err, r.identity(e2))
	}
	r.count(nvr.FaceCounts{Persons: 2, Samples: 1})
	for who, want := range map[string]int{anna.ID: 2, ben.ID: 0, "known": 2, uuid.NewString(): 0, "Anna": 0} {
		if page, _, err := s.Events(ctx, nvr.EventFilter{Limit: 50, Persons: []string{who}, Cameras: []nvr.CameraID{"gate"}}); err != nil || len(page) != want {
			t.Errorf("events of %s: %d, %v, want %d", who, len(page), err, want)
		}
	}
	if page, _, err := s.Events(ctx, nvr.EventFilter{Limit: 50, Persons: []string{anna.ID, "unknown"}}); err != nil || len(page) < 4 {
		t.Errorf("Anna's and strangers': %d, %v", len(page), err)
	}
	r.corrected("Anna B.", e1, e2)(s.RenamePerson(ctx, anna.ID, "Anna B."))
	if r.identity(e1).Name != "Anna B." || r.identity(e2).Name != "Anna B." {
		t.Error("events have the old name")
	}
	if _, err := s.RenamePerson(ctx, anna.ID, "ben"); nvr.ErrorCode(err) != nvr.CodeConflict {
		t.Errorf("renamed to a name that is taken: %v", err)
	}
	if _, err := s.RenamePerson(ctx, uuid.NewString(), "x"); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("renamed nobody: %v", err)
	}
	known, err := s.KnownFaces(ctx)
	if err != nil || len(known) != 1 || known[0].Name != "Anna B." || known[0].Embedding != embedding(0.1) {
		t.Errorf("%+v, %v", known, err)
	}
	if _, err := s.MergePersons(ctx, ben.ID, []string{uuid.NewString()}); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("merged nobody: %v", err)
	}
	r.corrected("Ben", e1, e2)(s.MergePersons(ctx, ben.ID, []string{anna.ID}))
	if id := r.identity(e2); id.Name != "Ben" || id.PersonID != ben.ID {
		t.Errorf("%+v", id)
	}
	all, err := s.Persons(ctx)
	if err != nil || len(all) != 1 || all[0].Samples != 1 || all[0].Events != 2 || all[0].Cover != f1 || !all[0].LastSeen.Equal(r.t0) {
		t.Errorf("%+v, %v", all, err)
	}
	if faces, err := s.PersonFaces(ctx, ben.ID); err != nil || len(faces) != 1 || faces[0].ID != f1 || faces[0].EventID != e1 {
		t.Errorf("%+v, %v", faces, err)
	}
}

// testForgetting: of a deleted person nothing is left, also nothing that was recognised as theirs.
func testForgetting(r faceRig) {
	t, s, ctx := r.t, r.s, r.ctx()
	cleo, err := s.AddPerson(ctx, "Cleo")
	r.must(err)
	before, err := s.CountFaces(ctx)
	r.must(err)
	stranger := nvr.Identity{State: nvr.IdentityUnknown}
	e1, e2, e3 := r.event(stranger), r.event(stranger), r.event(stranger)
	f1, f2 := r.unknown(e1, 0.1, 0.6), r.unknown(e2, 0.1, 0.7)
	f3 := r.unknown(e3, 0.1, 0.7, func(f *nvr.FaceSample) { f.DuplicateOf, f.JPEG = f1, nil })
	if _, _, err := s.AssignFaces(ctx, cleo.ID, []string{f1}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Rematch(ctx, []nvr.FaceMatch{{SampleID: f2, EventID: e2, PersonID: cleo.ID, Similarity: 0.5}}); err != nil {
		t.Fatal(err)
	}
	r.corrected("", e1, e2)(s.DeletePerson(ctx, cleo.ID))
	for _, f := range []string{f1, f2, f3} {
		if _, err := s.Face(ctx, f); nvr.ErrorCode(err) != nvr.CodeNotFound {
			t.Errorf("face %s is left: %v", f, err)
		}
	}
	for _, e := range []string{e1, e2} {
		if id := r.identity(e); id != stranger {
			t.Errorf("event still says %+v", id)
		}
	}
	before.Persons--
	r.count(before)
	if _, err := s.DeletePerson(ctx, cleo.ID); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("deleted twice: %v", err)
	}
}
