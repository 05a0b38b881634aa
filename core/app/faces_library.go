package app

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/face"
)

// Status implements the API's face library.
func (f *faces) Status(ctx context.Context) (httpapi.FaceStatus, error) {
	st := *f.state.Load()
	n, err := f.store.CountFaces(ctx)
	st.Persons, st.Faces, st.Inbox = n.Persons, n.Samples, n.Inbox
	return st, err
}

// Persons implements the API's face library.
func (f *faces) Persons(ctx context.Context) ([]nvr.Person, error) { return f.store.Persons(ctx) }

// PersonFaces implements the API's face library.
func (f *faces) PersonFaces(ctx context.Context, person string) ([]nvr.FaceSample, error) {
	return f.store.PersonFaces(ctx, person)
}

// Face implements the API's face library.
func (f *faces) Face(ctx context.Context, id string) (nvr.FaceSample, error) {
	return f.store.Face(ctx, id)
}

// AddPerson implements the API's face library.
func (f *faces) AddPerson(ctx context.Context, name string) (nvr.Person, error) {
	return f.store.AddPerson(ctx, name)
}

// change does something to the library and makes everybody go by what it is then. It returns how many events got another name.
// Whoever asked may go away in between, and the database too: what could not be read now is read by Run as soon as it can be.
func (f *faces) change(ctx context.Context, do func() ([]nvr.EventChange, error)) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	corrections, err := do()
	if err != nil {
		return 0, err
	}
	f.corrected(corrections)
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), reloadLimit)
	defer cancel()
	n, err := f.changed(after)
	if err != nil {
		f.log.Warn("the face library was changed but could not be read again, trying on", "err", err)
		select {
		case f.stale <- struct{}{}:
		default: // Run knows already
		}
	}
	return n, nil
}

// RenamePerson implements the API's face library.
func (f *faces) RenamePerson(ctx context.Context, person, name string) error {
	_, err := f.change(ctx, func() ([]nvr.EventChange, error) { return f.store.RenamePerson(ctx, person, name) })
	return err
}

// MergePersons implements the API's face library.
func (f *faces) MergePersons(ctx context.Context, into string, others []string) error {
	for i, o := range others {
		for _, same := range append([]string{into}, others[:i]...) {
			if o == same {
				return &nvr.Error{Code: nvr.CodeInvalid, Message: "a person cannot be merged with themselves: name each one once"}
			}
		}
	}
	_, err := f.change(ctx, func() ([]nvr.EventChange, error) { return f.store.MergePersons(ctx, into, others) })
	return err
}

// DeletePerson implements the API's face library.
func (f *faces) DeletePerson(ctx context.Context, person string) error {
	_, err := f.change(ctx, func() ([]nvr.EventChange, error) {
		corrections, err := f.store.DeletePerson(ctx, person)
		if err == nil {
			f.gallery.Forget(person) // even if the library cannot be read again now
		}
		return corrections, err
	})
	return err
}

// AssignFaces implements the API's face library.
func (f *faces) AssignFaces(ctx context.Context, person string, ids []string) (int, error) {
	assigned := 0
	events, err := f.change(ctx, func() (corrections []nvr.EventChange, err error) {
		assigned, corrections, err = f.store.AssignFaces(ctx, person, ids)
		return corrections, err
	})
	if err == nil && assigned == 0 {
		err = &nvr.Error{Code: nvr.CodeNotFound, Message: "none of these faces exists any more"}
	}
	return assigned + events, err
}

// DeleteFaces implements the API's face library.
func (f *faces) DeleteFaces(ctx context.Context, ids []string) (n int, err error) {
	_, err = f.change(ctx, func() (corrections []nvr.EventChange, err error) {
		n, corrections, err = f.store.DeleteFaces(ctx, ids)
		return corrections, err
	})
	return n, err
}

// Inbox implements the API's face library.
func (f *faces) Inbox(ctx context.Context) ([]httpapi.FaceGroup, error) {
	all, err := f.store.Inbox(ctx, f.set.InboxMax)
	if err != nil {
		return nil, err
	}
	var shown []nvr.FaceSample
	var embeddings []face.Embedding
	for _, s := range all {
		if s.MatchedID == "" && s.DuplicateOf == "" {
			shown, embeddings = append(shown, s), append(embeddings, face.Embedding(s.Embedding))
		}
	}
	f.grouping.Lock()
	defer f.grouping.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err // whoever asked did not wait
	}
	var out []httpapi.FaceGroup
	for _, members := range face.Group(embeddings, f.set.Threshold) {
		var g httpapi.FaceGroup
		for _, i := range members {
			g.Faces = append(g.Faces, shown[i])
			m := f.gallery.Match(&embeddings[i])
			// From 1 for the same picture to 0 where nobody would be suggested any more.
			limit := f.set.Threshold + suggestBeyond
			if near := float32(1 - m.Distance/limit); m.Distance <= limit && near > g.Suggestion.Similarity {
				g.Suggestion = nvr.Identity{PersonID: m.ID, Name: m.Name, Similarity: near}
			}
		}
		out = append(out, g)
	}
	return out, nil
}

// Enrol implements the API's face library.
func (f *faces) Enrol(ctx context.Context, person string, picture []byte) (httpapi.FaceEnrolment, error) {
	if err := f.ready(); err != nil {
		return httpapi.FaceEnrolment{}, err
	}
	bgr, err := face.Decode(picture)
	if err != nil {
		return httpapi.FaceEnrolment{}, err
	}
	defer bgr.Close()
	found, err := f.engine.FindInPicture(ctx, bgr)
	if err != nil {
		return httpapi.FaceEnrolment{}, busy(err)
	}
	s, err := onlyFace(found, bgr)
	if err != nil {
		return httpapi.FaceEnrolment{}, err
	}
	s.Source, s.PersonID, s.Seen = nvr.FaceUpload, person, time.Now().UTC()
	return f.enrol(ctx, s)
}

// EnrolEvent implements the API's face library: the face that was kept of the event, or the one in its snapshot.
func (f *faces) EnrolEvent(ctx context.Context, person string, e nvr.Event) (httpapi.FaceEnrolment, error) {
	kept, err := f.store.FaceOfEvent(ctx, e.ID)
	if err == nil && len(kept.JPEG) > 0 {
		out := httpapi.FaceEnrolment{LooksLike: f.looksLike(person, &kept.Embedding)}
		if out.Events, err = f.AssignFaces(ctx, person, []string{kept.ID}); err != nil {
			return out, err
		}
		out.Sample, err = f.store.Face(ctx, kept.ID)
		return out, err
	}
	if err != nil && nvr.ErrorCode(err) != nvr.CodeNotFound {
		return httpapi.FaceEnrolment{}, err
	}
	if err := f.ready(); err != nil {
		return httpapi.FaceEnrolment{}, err
	}
	jpeg, err := f.snapshots(ctx, e)
	if err != nil {
		return httpapi.FaceEnrolment{}, err
	}
	s, err := f.faceOfSnapshot(ctx, jpeg, e.Box)
	if err != nil {
		return httpapi.FaceEnrolment{}, err
	}
	s.Source, s.PersonID, s.Seen, s.EventID, s.Camera = nvr.FaceEvent, person, e.Start, e.ID, e.Camera
	return f.enrol(ctx, s)
}

// faceOfSnapshot finds the face of the object in box.
func (f *faces) faceOfSnapshot(ctx context.Context, jpeg []byte, box nvr.Box) (nvr.FaceSample, error) {
	bgr, err := face.Decode(jpeg)
	if err != nil {
		return nvr.FaceSample{}, err
	}
	defer bgr.Close()
	w, h := float32(bgr.Cols()), float32(bgr.Rows())
	r := image.Rect(int(box.X*w), int((box.Y-box.H/10)*h), int((box.X+box.W)*w), int((box.Y+box.H)*h)).Intersect(image.Rect(0, 0, bgr.Cols(), bgr.Rows()))
	if r.Empty() {
		return nvr.FaceSample{}, &nvr.Error{Code: nvr.CodeInvalid, Message: "the event's picture does not show where the person is"}
	}
	crop := bgr.Region(r)
	defer crop.Close()
	found, err := f.engine.Find(ctx, crop)
	if err != nil {
		return nvr.FaceSample{}, busy(err)
	}
	return onlyFace(found, crop)
}

// enrol stores a face of a person.
func (f *faces) enrol(ctx context.Context, s nvr.FaceSample) (httpapi.FaceEnrolment, error) {
	out := httpapi.FaceEnrolment{Sample: s, LooksLike: f.looksLike(s.PersonID, &s.Embedding)}
	named := 0
	events, err := f.change(ctx, func() (_ []nvr.EventChange, err error) {
		if out.Sample.ID, err = f.store.AddFace(ctx, s); err != nil {
			return nil, err
		}
		if out.Sample.ID == "" {
			return nil, &nvr.Error{Code: nvr.CodeConflict, Message: "somebody said already whose face this event shows; assign that face instead"}
		}
		if s.EventID == "" {
			return nil, nil
		}
		named = 1
		return f.store.IdentifyEvent(ctx, s.EventID, s.PersonID)
	})
	out.Events = events + named
	return out, err
}

// looksLike returns another person whose faces are as near as one's own may be.
func (f *faces) looksLike(person string, e *nvr.Embedding) nvr.Identity {
	m := f.gallery.Match((*face.Embedding)(e))
	if m.ID == person || m.Distance > m.Threshold {
		return nvr.Identity{}
	}
	return nvr.Identity{PersonID: m.ID, Name: m.Name, Similarity: float32(1 - m.Distance/m.Threshold)}
}

func (f *faces) ready() error {
	if st := f.state.Load(); f.engine == nil || st.State != "ready" {
		return &nvr.Error{Code: nvr.CodeUnavailable, Message: "faces cannot be looked for: " + st.Message}
	}
	return nil
}

// busy is what a person reads when the engine has no time.
func busy(err error) error {
	if errors.Is(err, face.ErrBusy) || errors.Is(err, face.ErrStopped) {
		return &nvr.Error{Code: nvr.CodeUnavailable, Err: err, Message: "faces are being looked for in other pictures; try again in a moment"}
	}
	return err
}

// onlyFace returns the one face in a picture, or says in a sentence why there is none that could be used.
func onlyFace(found []face.Face, bgr gocv.Mat) (nvr.FaceSample, error) {
	invalid := func(format string, args ...any) (nvr.FaceSample, error) {
		return nvr.FaceSample{}, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(format, args...)}
	}
	switch len(found) {
	case 0:
		return invalid("no face was found in the picture; take one in which the face is larger and looks at the camera")
	case 1:
	case 2:
		return invalid("two faces are in the picture; cut out the one that is meant")
	default:
		return invalid("%d faces are in the picture; cut out the one that is meant", len(found))
	}
	x := found[0]
	if x.Quality.Reason != face.Fit {
		return invalid("the face cannot be used, it is %s (%d pixels wide); take a larger, sharper picture from the front", x.Quality.Reason, x.Size)
	}
	jpeg, err := face.Chip(bgr, x.Box)
	if err != nil {
		return nvr.FaceSample{}, err
	}
	return nvr.FaceSample{Embedding: nvr.Embedding(x.Embedding), Quality: x.Quality.Score, Size: x.Size, JPEG: jpeg}, nil
}
