package httpapi

import (
	"context"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/nightjar-nvr/nightjar/core/auth"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	maxFaceUpload = 10 << 20
	facePicture   = "picture" // the form's field
	// uploadOverhead is what a form adds to its file.
	uploadOverhead = 64 << 10
)

// faceLibrary is the people Nightjar knows and the faces it does not.
type faceLibrary interface {
	Status(ctx context.Context) (FaceStatus, error)
	Persons(ctx context.Context) ([]nvr.Person, error)
	PersonFaces(ctx context.Context, person string) ([]nvr.FaceSample, error)
	AddPerson(ctx context.Context, name string) (nvr.Person, error)
	RenamePerson(ctx context.Context, person, name string) error
	MergePersons(ctx context.Context, into string, others []string) error
	// DeletePerson deletes embeddings and pictures too.
	DeletePerson(ctx context.Context, person string) error
	// Enrol adds the one face of an uploaded picture. CodeInvalid says in a sentence why there is none that could be used.
	Enrol(ctx context.Context, person string, picture []byte) (FaceEnrolment, error)
	// EnrolEvent adds the face of an event, and names the event.
	EnrolEvent(ctx context.Context, person string, e nvr.Event) (FaceEnrolment, error)
	// Inbox returns unknown faces in groups of like ones, the newest of each first.
	Inbox(ctx context.Context) ([]FaceGroup, error)
	Face(ctx context.Context, id string) (nvr.FaceSample, error)
	// AssignFaces gives faces to a person, and returns how many events are named anew.
	AssignFaces(ctx context.Context, person string, faces []string) (events int, err error)
	DeleteFaces(ctx context.Context, faces []string) (int, error)
}

// FaceStatus is the state of face recognition.
type FaceStatus struct {
	State   string `json:"state" enum:"ready,starting,disabled,missing,failed"`
	Message string `json:"message" doc:"What is wrong, for a person"`
	Fix     string `json:"fix" doc:"The command that fixes it"`
	Persons int    `json:"persons"`
	Faces   int    `json:"faces" doc:"Enrolled, of all persons"`
	Inbox   int    `json:"inbox" doc:"Unknown faces that wait for a name"`
}

// FacePerson is somebody the library knows.
type FacePerson struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	Faces     int        `json:"faces" doc:"Enrolled; without any, this person is never recognised"`
	Cover     string     `json:"cover,omitempty" doc:"URL of the best face, relative to the API's base"`
	Events    int64      `json:"events" doc:"That name this person"`
	LastSeen  *time.Time `json:"last_seen,omitempty"`
}

// FacePersonList is everybody, by name.
type FacePersonList struct {
	Items []FacePerson `json:"items" nullable:"false"`
}

// FacePersonDetail is one person with their faces, the best first.
type FacePersonDetail struct {
	FacePerson
	Samples []Face `json:"samples" nullable:"false"`
}

// Face is one face.
type Face struct {
	ID      string    `json:"id"`
	Source  string    `json:"source" enum:"upload,event"`
	Camera  string    `json:"camera,omitempty"`
	EventID string    `json:"event_id,omitempty" doc:"The event may be gone already"`
	SeenAt  time.Time `json:"seen_at"`
	Quality float32   `json:"quality" doc:"0 to 1"`
	Size    int       `json:"size" doc:"Side of the face in pixels of the picture it is from"`
	URL     string    `json:"url" doc:"JPEG, relative to the API's base"`
}

// FaceEnrolment is the answer to a new face.
type FaceEnrolment struct {
	Sample    nvr.FaceSample
	Events    int          // named anew
	LooksLike nvr.Identity // another person the face is as near to; zero: nobody
}

// FaceAdded is a new face of a person.
type FaceAdded struct {
	Face      Face            `json:"face"`
	Events    int             `json:"events" doc:"Events that are named anew"`
	LooksLike *FaceSuggestion `json:"looks_like,omitempty" doc:"Another person with a face like this one: they may be mistaken for each other, or be the same"`
}

// FaceSuggestion is who somebody may be.
type FaceSuggestion struct {
	PersonID   string  `json:"person_id"`
	Name       string  `json:"name"`
	Similarity float32 `json:"similarity" doc:"0 to 1"`
}

// FaceGroup is unknown faces that are like each other.
type FaceGroup struct {
	Faces      []nvr.FaceSample
	Suggestion nvr.Identity // zero: nobody comes near
}

// FaceInboxGroup is unknown faces that seem to be one person's.
type FaceInboxGroup struct {
	Faces      []Face          `json:"faces" nullable:"false" doc:"The newest first"`
	FirstSeen  time.Time       `json:"first_seen"`
	LastSeen   time.Time       `json:"last_seen"`
	Suggestion *FaceSuggestion `json:"suggestion,omitempty" doc:"The person who comes nearest, if any does"`
}

// FaceInbox is the unknown faces in groups, the largest first.
type FaceInbox struct {
	Groups []FaceInboxGroup `json:"groups" nullable:"false"`
	Total  int              `json:"total" doc:"Faces in all groups"`
}

// FaceName names a person.
type FaceName struct {
	Name string `json:"name" minLength:"1" maxLength:"64"`
}

// FaceMerge says whose faces and events become another person's.
type FaceMerge struct {
	Persons []string `json:"persons" minItems:"1" maxItems:"32" nullable:"false" doc:"Are gone then"`
}

// FaceEvent names an event.
type FaceEvent struct {
	EventID string `json:"event_id" maxLength:"64"`
}

// FaceAssign gives unknown faces, or those of another person, to one: either by id, or by a name, which is taken for a new
// person where nobody has it.
type FaceAssign struct {
	Faces    []string `json:"faces" minItems:"1" maxItems:"500" nullable:"false"`
	PersonID string   `json:"person_id,omitempty" maxLength:"64"`
	Name     string   `json:"name,omitempty" maxLength:"64"`
}

// FaceSelection names faces.
type FaceSelection struct {
	Faces []string `json:"faces" minItems:"1" maxItems:"500" nullable:"false"`
}

// FaceAssigned is the answer to FaceAssign.
type FaceAssigned struct {
	Person FacePerson `json:"person"`
	Events int        `json:"events" doc:"Events that are named anew"`
}

// FaceDeleted is how many faces were deleted.
type FaceDeleted struct {
	Deleted int `json:"deleted"`
}

func faceURL(id string) string { return "faces/samples/" + id + "/crop.jpg" }

func faceOf(f nvr.FaceSample) Face {
	return Face{
		ID: f.ID, Source: string(f.Source), Camera: string(f.Camera), EventID: f.EventID, SeenAt: f.Seen.UTC(), Quality: f.Quality,
		Size: f.Size, URL: faceURL(f.ID),
	}
}

func facePersonOf(p nvr.Person) FacePerson {
	out := FacePerson{ID: p.ID, Name: p.Name, CreatedAt: p.CreatedAt.UTC(), Faces: p.Samples, Events: p.Events, LastSeen: timeOrNil(p.LastSeen)}
	if p.Cover != "" {
		out.Cover = faceURL(p.Cover)
	}
	return out
}

func suggestionOf(id nvr.Identity) *FaceSuggestion {
	if id.PersonID == "" {
		return nil
	}
	return &FaceSuggestion{PersonID: id.PersonID, Name: id.Name, Similarity: id.Similarity}
}

func addedOf(e FaceEnrolment) FaceAdded {
	return FaceAdded{Face: faceOf(e.Sample), Events: e.Events, LooksLike: suggestionOf(e.LooksLike)}
}

// faceName checks a person's name: known and unknown are words of rules and filters.
func faceName(name string) (string, error) {
	name = strings.TrimSpace(name)
	bad := strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	if name == "" || bad || strings.EqualFold(name, string(nvr.IdentityKnown)) || strings.EqualFold(name, string(nvr.IdentityUnknown)) {
		return "", &nvr.Error{Code: nvr.CodeInvalid, Message: "this is no name for a person: want 1 to 64 letters and the like, and neither known nor unknown"}
	}
	return name, nil
}

// mayUseFace checks that the caller may see the camera a face is from. Uploads are from none; those of cameras that are gone
// are an administrator's.
func (s *Server) mayUseFace(id auth.Identity, f nvr.FaceSample) bool {
	if f.Camera == "" || id.Role == auth.RoleAdmin {
		return true
	}
	_, err := s.camera(string(f.Camera))
	return err == nil
}

func (s *Server) person(ctx context.Context, id string) (FacePerson, error) {
	all, err := s.deps.Faces.Persons(ctx)
	if err != nil {
		return FacePerson{}, err
	}
	for _, p := range all {
		if p.ID == id {
			return facePersonOf(p), nil
		}
	}
	return FacePerson{}, &nvr.Error{Code: nvr.CodeNotFound, Message: "this person does not exist, they may have been removed or merged"}
}

func faceOp(method, path, id, summary string, a access, status int) operation {
	return operation{method: method, path: "/faces" + path, id: id, tag: "faces", summary: summary, access: a, status: status}
}

func (s *Server) registerFaces() {
	s.limitBodies(s.requestLimits)
	s.registerPersons()
	s.registerEnrolment()
	s.registerInbox()
	type status struct{ Body FaceStatus }
	register(s, faceOp("GET", "", "getFaces", "Whether faces are recognised, and how many there are", accessViewer, 0),
		func(ctx context.Context, _ *struct{}) (*status, error) {
			st, err := s.deps.Faces.Status(ctx)
			return &status{Body: st}, err
		})
	s.raw(fiber.MethodGet, apiBase+"/faces/samples/:id/crop.jpg", accessViewer, s.serveFace)
}

func (s *Server) registerPersons() {
	type idInput struct {
		ID string `path:"id" maxLength:"64"`
	}
	type nameInput struct{ Body FaceName }
	type renameInput struct {
		ID   string `path:"id" maxLength:"64"`
		Body FaceName
	}
	type mergeInput struct {
		ID   string `path:"id" maxLength:"64"`
		Body FaceMerge
	}
	type list struct{ Body FacePersonList }
	type one struct{ Body FacePerson }
	type detail struct{ Body FacePersonDetail }
	register(s, faceOp("GET", "/persons", "listPersons", "Everybody the library knows, by name", accessViewer, 0),
		func(ctx context.Context, _ *struct{}) (*list, error) {
			all, err := s.deps.Faces.Persons(ctx)
			out := list{Body: FacePersonList{Items: make([]FacePerson, len(all))}}
			for i, p := range all {
				out.Body.Items[i] = facePersonOf(p)
			}
			return &out, err
		})
	register(s, faceOp("POST", "/persons", "addPerson", "A new person, without faces as yet", accessAdmin, 201),
		func(ctx context.Context, in *nameInput) (*one, error) {
			name, err := faceName(in.Body.Name)
			if err != nil {
				return nil, err
			}
			p, err := s.deps.Faces.AddPerson(ctx, name)
			return &one{Body: facePersonOf(p)}, err
		})
	register(s, faceOp("GET", "/persons/{id}", "getPerson", "One person with their faces, the best first", accessViewer, 0),
		func(ctx context.Context, in *idInput) (*detail, error) {
			p, err := s.person(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			faces, err := s.deps.Faces.PersonFaces(ctx, in.ID)
			out := detail{Body: FacePersonDetail{FacePerson: p, Samples: []Face{}}}
			for _, f := range faces {
				if s.mayUseFace(identityOf(ctx), f) {
					out.Body.Samples = append(out.Body.Samples, faceOf(f))
				}
			}
			return &out, err
		})
	register(s, faceOp("PATCH", "/persons/{id}", "renamePerson", "Rename a person, in their events too", accessAdmin, 0),
		func(ctx context.Context, in *renameInput) (*one, error) {
			name, err := faceName(in.Body.Name)
			if err != nil {
				return nil, err
			}
			if err := s.deps.Faces.RenamePerson(ctx, in.ID, name); err != nil {
				return nil, err
			}
			p, err := s.person(ctx, in.ID)
			return &one{Body: p}, err
		})
	register(s, faceOp("POST", "/persons/{id}/merge", "mergePersons", "Give the faces and events of others to this person; the others are gone then", accessAdmin, 0),
		func(ctx context.Context, in *mergeInput) (*one, error) {
			if err := s.deps.Faces.MergePersons(ctx, in.ID, in.Body.Persons); err != nil {
				return nil, err
			}
			p, err := s.person(ctx, in.ID)
			return &one{Body: p}, err
		})
	register(s, faceOp("DELETE", "/persons/{id}", "deletePerson", "Forget a person: faces, embeddings, and the name in events", accessAdmin, 204),
		func(ctx context.Context, in *idInput) (*struct{}, error) {
			return nil, s.deps.Faces.DeletePerson(ctx, in.ID)
		})
}

func (s *Server) registerEnrolment() {
	type eventInput struct {
		ID   string `path:"id" maxLength:"64"`
		Body FaceEvent
	}
	type added struct{ Body FaceAdded }
	register(s, faceOp("POST", "/persons/{id}/events", "enrolEvent", "This event shows this person: add the face, and name the event", accessAdmin, 201),
		func(ctx context.Context, in *eventInput) (*added, error) {
			e, err := s.deps.Events.Event(ctx, in.Body.EventID)
			if err != nil {
				return nil, err
			}
			if !s.mayUseFace(identityOf(ctx), nvr.FaceSample{Camera: e.Camera}) {
				return nil, &nvr.Error{Code: nvr.CodeNotFound, Message: "event does not exist"}
			}
			out, err := s.deps.Faces.EnrolEvent(ctx, in.ID, e)
			return &added{Body: addedOf(out)}, err
		})
	// A form, because JSON would make a third more of every picture.
	s.raw(fiber.MethodPost, apiBase+"/faces/persons/:id/faces", accessAdmin, s.enrolUpload)
}

// requestLimits lets one route take more than the megabyte that all others may, from an administrator: bodies are in memory
// before anybody asks who sent them.
func (s *Server) requestLimits(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	path, _, _ := strings.Cut(string(h.RequestURI()), "?")
	token, bearer := strings.CutPrefix(string(h.Peek(fiber.HeaderAuthorization)), "Bearer ")
	if !h.IsPost() || !bearer || !strings.Contains(path, apiBase+"/faces/persons/") || !strings.HasSuffix(path, "/faces") {
		return fasthttp.RequestConfig{}
	}
	if id, err := s.deps.Auth.Verify(token); err != nil || id.Role != auth.RoleAdmin {
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: maxFaceUpload + uploadOverhead}
}

// enrolUpload takes a form with one picture.
func (s *Server) enrolUpload(c *fiber.Ctx) error {
	header, err := c.FormFile(facePicture)
	if err != nil {
		return &nvr.Error{Code: nvr.CodeInvalid, Err: err, Message: "no picture came: send a form (multipart/form-data) with a JPEG or PNG file in the field picture"}
	}
	if header.Size > maxFaceUpload {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: "the picture is larger than 10 MB"}
	}
	f, err := header.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	file, err := io.ReadAll(io.LimitReader(f, maxFaceUpload))
	if err != nil {
		return err
	}
	ctx, cancel := requestContext()
	defer cancel()
	out, err := s.deps.Faces.Enrol(ctx, c.Params("id"), file)
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(addedOf(out))
}

func (s *Server) registerInbox() {
	type inbox struct{ Body FaceInbox }
	register(s, faceOp("GET", "/inbox", "faceInbox", "Unknown faces in groups of like ones", accessViewer, 0),
		func(ctx context.Context, _ *struct{}) (*inbox, error) {
			groups, err := s.deps.Faces.Inbox(ctx)
			if err != nil {
				return nil, err
			}
			return &inbox{Body: s.inboxOf(ctx, groups)}, nil
		})
	type assignInput struct{ Body FaceAssign }
	type assigned struct{ Body FaceAssigned }
	register(s, faceOp("POST", "/assign", "assignFaces", "Say whose faces these are", accessAdmin, 0),
		func(ctx context.Context, in *assignInput) (*assigned, error) {
			person, err := s.assignee(ctx, in.Body)
			if err != nil {
				return nil, err
			}
			n, err := s.deps.Faces.AssignFaces(ctx, person, in.Body.Faces)
			if err != nil {
				return nil, err
			}
			p, err := s.person(ctx, person)
			return &assigned{Body: FaceAssigned{Person: p, Events: n}}, err
		})
	type selection struct{ Body FaceSelection }
	type deleted struct{ Body FaceDeleted }
	register(s, faceOp("POST", "/delete", "deleteFaces", "Delete faces, of the inbox or of persons", accessAdmin, 0),
		func(ctx context.Context, in *selection) (*deleted, error) {
			n, err := s.deps.Faces.DeleteFaces(ctx, in.Body.Faces)
			return &deleted{Body: FaceDeleted{Deleted: n}}, err
		})
}

// assignee finds, or makes, the person faces are given to.
func (s *Server) assignee(ctx context.Context, a FaceAssign) (string, error) {
	if (a.PersonID == "") == (a.Name == "") {
		return "", &nvr.Error{Code: nvr.CodeInvalid, Message: "say whose faces these are: either person_id or name"}
	}
	if a.PersonID != "" {
		return a.PersonID, nil
	}
	name, err := faceName(a.Name)
	if err != nil {
		return "", err
	}
	all, err := s.deps.Faces.Persons(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range all {
		if strings.EqualFold(p.Name, name) {
			return p.ID, nil
		}
	}
	p, err := s.deps.Faces.AddPerson(ctx, name)
	return p.ID, err
}

// inboxOf leaves out the faces of cameras that the caller may not see.
func (s *Server) inboxOf(ctx context.Context, groups []FaceGroup) FaceInbox {
	out := FaceInbox{Groups: []FaceInboxGroup{}}
	for _, g := range groups {
		shown := FaceInboxGroup{Faces: []Face{}, Suggestion: suggestionOf(g.Suggestion)}
		for _, f := range g.Faces {
			if !s.mayUseFace(identityOf(ctx), f) {
				continue
			}
			shown.Faces = append(shown.Faces, faceOf(f))
			if shown.FirstSeen.IsZero() || f.Seen.Before(shown.FirstSeen) {
				shown.FirstSeen = f.Seen.UTC()
			}
			if f.Seen.After(shown.LastSeen) {
				shown.LastSeen = f.Seen.UTC()
			}
		}
		if len(shown.Faces) > 0 {
			out.Groups = append(out.Groups, shown)
			out.Total += len(shown.Faces)
		}
	}
	return out
}

func (s *Server) serveFace(c *fiber.Ctx) error {
	ctx, cancel := requestContext()
	defer cancel()
	f, err := s.deps.Faces.Face(ctx, c.Params("id"))
	if err != nil {
		return err
	}
	id, _ := c.Locals(identityKey{}).(auth.Identity)
	if len(f.JPEG) == 0 || !s.mayUseFace(id, f) {
		return &nvr.Error{Code: nvr.CodeNotFound, Message: "this face does not exist, it may have been removed or have expired"}
	}
	c.Set(fiber.HeaderCacheControl, "private, no-cache") // it is gone when its person is
	return sendJPEG(c, f.JPEG)
}
