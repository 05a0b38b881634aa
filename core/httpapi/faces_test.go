package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store"
)

// storedFaces is the library without an engine: any picture of more than two bytes has one face.
type storedFaces struct{ *store.Store }

func (f storedFaces) Status(ctx context.Context) (FaceStatus, error) {
	n, err := f.CountFaces(ctx)
	return FaceStatus{State: "ready", Persons: n.Persons, Faces: n.Samples, Inbox: n.Inbox}, err
}

func (f storedFaces) Enrol(ctx context.Context, person string, picture []byte) (FaceEnrolment, error) {
	if len(picture) <= 2 {
		return FaceEnrolment{}, &nvr.Error{Code: nvr.CodeInvalid, Message: "no face was found in the picture"}
	}
	s := nvr.FaceSample{PersonID: person, Source: nvr.FaceUpload, Seen: t0, Quality: 1, Size: len(picture), JPEG: []byte("\xff\xd8face")}
	var err error
	s.ID, err = f.AddFace(ctx, s)
	return FaceEnrolment{Sample: s, LooksLike: nvr.Identity{PersonID: person, Name: "Twin", Similarity: 0.5}}, err
}

func (f storedFaces) EnrolEvent(ctx context.Context, person string, e nvr.Event) (FaceEnrolment, error) {
	s, err := f.FaceOfEvent(ctx, e.ID)
	if err != nil {
		return FaceEnrolment{}, err
	}
	n, _, err := f.Store.AssignFaces(ctx, person, []string{s.ID})
	return FaceEnrolment{Sample: s, Events: n}, err
}

func (f storedFaces) Inbox(ctx context.Context) ([]FaceGroup, error) {
	all, err := f.Store.Inbox(ctx, 100)
	if len(all) == 0 {
		return nil, err
	}
	return []FaceGroup{{Faces: all, Suggestion: nvr.Identity{PersonID: "p", Name: "Anna", Similarity: 0.4}}}, err
}

func (f storedFaces) RenamePerson(ctx context.Context, person, name string) error {
	_, err := f.Store.RenamePerson(ctx, person, name)
	return err
}

func (f storedFaces) MergePersons(ctx context.Context, into string, others []string) error {
	_, err := f.Store.MergePersons(ctx, into, others)
	return err
}

func (f storedFaces) DeletePerson(ctx context.Context, person string) error {
	_, err := f.Store.DeletePerson(ctx, person)
	return err
}

func (f storedFaces) AssignFaces(ctx context.Context, person string, faces []string) (int, error) {
	n, _, err := f.Store.AssignFaces(ctx, person, faces)
	return n, err
}

func (f storedFaces) DeleteFaces(ctx context.Context, faces []string) (int, error) {
	n, _, err := f.Store.DeleteFaces(ctx, faces)
	return n, err
}

// unknownFace stores a stranger's face and event.
func (w *world) unknownFace(camera nvr.CameraID) (face, event string) {
	w.t.Helper()
	ctx := context.Background()
	e := nvr.Event{
		ID: uuid.Must(uuid.NewV7()).String(), Camera: camera, Kind: nvr.EventObject, Label: "person", Start: t0, End: t0.Add(time.Second), Revision: 1,
		Identity: nvr.Identity{State: nvr.IdentityUnknown},
	}
	if err := w.store.SaveEvent(ctx, e, nil); err != nil {
		w.t.Fatal(err)
	}
	id, err := w.store.AddFace(ctx, nvr.FaceSample{Source: nvr.FaceEvent, Camera: camera, EventID: e.ID, Seen: t0, Quality: 0.7, Size: 50, JPEG: []byte("\xff\xd8unknown")})
	if err != nil {
		w.t.Fatal(err)
	}
	return id, e.ID
}

// upload sends a form with one file.
func (w *world) upload(path, token, field string, file []byte, v any) *http.Response {
	w.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile(field, "face.jpg")
	if err != nil {
		w.t.Fatal(err)
	}
	_, _ = part.Write(file)
	_ = form.Close()
	req := httptest.NewRequest(http.MethodPost, path, &body)
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := w.srv.app.Test(req, 30_000)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	if v != nil {
		if err := json.Unmarshal(b, v); err != nil {
			w.t.Fatalf("%v: %.300s", err, b)
		}
	}
	return resp
}

func (w *world) status(want int, r request, v any) {
	w.t.Helper()
	if resp := w.do(r, v); resp.StatusCode != want {
		w.t.Errorf("%s %s: %s, want %d: %.300s", r.method, r.path, resp.Status, want, text(resp))
	}
}

const facesPath = "/api/v1/faces"

func (w *world) testFaces(t *testing.T) {
	w.t = t
	var anna, ben FacePerson
	w.status(201, request{method: "POST", path: facesPath + "/persons", token: w.admin, body: FaceName{Name: " Anna "}}, &anna)
	w.status(409, request{method: "POST", path: facesPath + "/persons", token: w.admin, body: FaceName{Name: "anna"}}, nil)
	w.status(403, request{method: "POST", path: facesPath + "/persons", token: w.viewer, body: FaceName{Name: "x"}}, nil)
	for _, name := range []string{"Known", "unknown", "a\nb", " "} {
		w.status(422, request{method: "POST", path: facesPath + "/persons", token: w.admin, body: FaceName{Name: name}}, nil)
	}
	if anna.Name != "Anna" || anna.ID == "" {
		t.Fatalf("%+v", anna)
	}
	w.testUpload(anna)
	face, event := w.unknownFace("front")
	foreign, _ := w.unknownFace("cellar") // a camera that the configuration no longer has

	var inbox FaceInbox
	w.status(200, request{path: facesPath + "/inbox", token: w.viewer}, &inbox)
	if inbox.Total != 1 || inbox.Groups[0].Faces[0].ID != face || inbox.Groups[0].Suggestion.Name != "Anna" || !inbox.Groups[0].LastSeen.Equal(t0) {
		t.Errorf("a viewer's inbox: %+v", inbox)
	}
	w.status(200, request{path: facesPath + "/inbox", token: w.admin}, &inbox)
	if inbox.Total != 2 {
		t.Errorf("an administrator's inbox: %+v", inbox)
	}
	w.status(404, request{path: facesPath + "/samples/" + foreign + "/crop.jpg", token: w.viewer}, nil)
	w.status(401, request{path: facesPath + "/samples/" + face + "/crop.jpg"}, nil)
	if resp := w.do(request{path: "/api/v1/" + inbox.Groups[0].Faces[0].URL, token: w.admin}, nil); resp.Header.Get("Content-Type") != "image/jpeg" || text(resp) != "\xff\xd8unknown" {
		t.Errorf("crop: %s", resp.Status)
	}

	var assigned FaceAssigned
	w.status(422, request{method: "POST", path: facesPath + "/assign", token: w.admin, body: FaceAssign{Faces: []string{face}}}, nil)
	w.status(403, request{method: "POST", path: facesPath + "/assign", token: w.viewer, body: FaceAssign{Faces: []string{face}, Name: "Ben"}}, nil)
	w.status(200, request{method: "POST", path: facesPath + "/assign", token: w.admin, body: FaceAssign{Faces: []string{face}, Name: "Ben"}}, &assigned)
	if ben = assigned.Person; ben.Name != "Ben" || assigned.Events != 1 || ben.Faces != 1 {
		t.Errorf("%+v", assigned)
	}
	var page EventPage
	w.status(200, request{path: "/api/v1/events?person=" + ben.ID, token: w.viewer}, &page)
	if len(page.Items) != 1 || page.Items[0].ID != event || page.Items[0].Identity == nil || page.Items[0].Identity.Name != "Ben" {
		t.Errorf("%+v", page)
	}
	w.status(200, request{method: "PATCH", path: facesPath + "/persons/" + ben.ID, token: w.admin, body: FaceName{Name: "Benno"}}, &ben)
	w.status(200, request{method: "POST", path: facesPath + "/persons/" + anna.ID + "/merge", token: w.admin, body: FaceMerge{Persons: []string{ben.ID}}}, &anna)
	if ben.Name != "Benno" || anna.Events != 1 || anna.Faces != 2 {
		t.Errorf("%+v, %+v", ben, anna)
	}
	var detail FacePersonDetail
	w.status(200, request{path: facesPath + "/persons/" + anna.ID, token: w.viewer}, &detail)
	if len(detail.Samples) != 2 || detail.Name != "Anna" {
		t.Errorf("%+v", detail)
	}
	w.testFaceRemoval(anna, face, foreign)
}

func (w *world) testUpload(anna FacePerson) {
	t, path := w.t, facesPath+"/persons/"+anna.ID+"/faces"
	var added FaceAdded
	large := bytes.Repeat([]byte{1}, 3<<20) // more than any other route takes
	if resp := w.upload(path, w.admin, "picture", large, &added); resp.StatusCode != http.StatusCreated || added.Face.Size != len(large) || added.LooksLike == nil || added.LooksLike.Name != "Twin" {
		t.Errorf("%s: %+v", resp.Status, added)
	}
	for _, c := range []struct {
		token, field string
		file         []byte
		status       int
		says         string
	}{
		{w.admin, "picture", []byte{1}, 422, "no face was found"},
		{w.admin, "file", large, 422, "in the field picture"},
		{w.admin, "picture", bytes.Repeat([]byte{1}, maxFaceUpload+1), 422, "larger than 10 MB"},
		{w.viewer, "picture", []byte("abc"), 403, "administrator"},
	} {
		if resp := w.upload(path, c.token, c.field, c.file, nil); resp.StatusCode != c.status || !strings.Contains(text(resp), c.says) {
			t.Errorf("%s: %s", c.says, resp.Status)
		}
	}
}

// TestTooLargeIsASentence: whoever sends a film in place of a picture reads what to do.
func TestTooLargeIsASentence(t *testing.T) {
	if p := problemOf(fmt.Errorf("read body: %w", fiber.ErrRequestEntityTooLarge)); p.Status != 413 || !strings.Contains(p.Detail, "send a smaller file") {
		t.Errorf("%+v", p)
	}
}

// testFaceRemoval: what is deleted is gone at once, crops included.
func (w *world) testFaceRemoval(anna FacePerson, face, foreign string) {
	var deleted FaceDeleted
	w.status(403, request{method: "POST", path: facesPath + "/delete", token: w.viewer, body: FaceSelection{Faces: []string{foreign}}}, nil)
	w.status(200, request{method: "POST", path: facesPath + "/delete", token: w.admin, body: FaceSelection{Faces: []string{foreign}}}, &deleted)
	if deleted.Deleted != 1 {
		w.t.Errorf("%+v", deleted)
	}
	w.status(403, request{method: "DELETE", path: facesPath + "/persons/" + anna.ID, token: w.viewer}, nil)
	w.status(204, request{method: "DELETE", path: facesPath + "/persons/" + anna.ID, token: w.admin}, nil)
	w.status(404, request{path: facesPath + "/samples/" + face + "/crop.jpg", token: w.admin}, nil)
	w.status(404, request{path: facesPath + "/persons/" + anna.ID, token: w.admin}, nil)
	var st FaceStatus
	w.status(200, request{path: facesPath, token: w.viewer}, &st)
	if st.Persons+st.Faces+st.Inbox != 0 {
		w.t.Errorf("left: %+v", st)
	}
}
