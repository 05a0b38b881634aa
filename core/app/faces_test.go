package app

import (
	"context"
	"errors"
	"image"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/event"
	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store"
	"github.com/nightjar-nvr/nightjar/core/vision/face"
)

// faceModels returns the folder with dlib's own weights, or skips: nothing else tells people apart.
func faceModels(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("NIGHTJAR_FACE_MODELS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "nightjar-tools", "face-models")
	}
	if _, err := os.Stat(filepath.Join(dir, "dlib_face_recognition_resnet_model_v1.dat")); err != nil {
		t.Skipf("SKIPPED: no face models in %s; run make face-models, or set NIGHTJAR_FACE_MODELS", dir)
	}
	return dir
}

// gate is a camera whose frames are pictures, with all that lies between a frame and the database.
type gate struct {
	t      *testing.T
	faces  *faces
	store  *store.Store
	events *event.Engine
	told   *bus.Subscription[nvr.EventChange]
	watch  *face.Watcher
	now    time.Time
	last   nvr.EventChange
}

func newGate(t *testing.T) *gate {
	t.Helper()
	models := faceModels(t)
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	st, err := store.New(testkit.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	if err := st.Migrate(t.Context(), log); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Faces.Enabled, cfg.Faces.ModelsDir, cfg.Faces.Rate, cfg.Faces.MaxCPU = true, models, 10, 1
	g := &gate{t: t, store: st, now: time.Now()}
	g.faces = newFaces(&cfg, st, log, reg)
	b := &bus.Bus{}
	g.told = b.Events.Subscribe(1000)
	if g.events, err = event.New(event.Config{Dir: t.TempDir(), Cameras: []nvr.CameraID{"gate"}, UnknownFace: g.faces.hear}, st, b, log, reg); err != nil {
		t.Fatal(err)
	}
	g.faces.snapshots, g.faces.corrected = (&pictures{events: g.events}).Snapshot, g.events.Correct
	g.watch = g.faces.recogniser.Watch("gate", nil)
	tables := make(chan struct{})
	close(tables)
	g.start(g.events.Run)
	for _, p := range g.faces.parts(tables) {
		g.start(p.run)
	}
	return g
}

func (g *gate) start(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	g.t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			g.t.Errorf("ended: %v", err)
		}
	})
}

func faceFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(testkit.Data(t, "faces/"+name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wait asks again and again.
func (g *gate) wait(what string, done func() bool) {
	g.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(60 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-late:
			g.t.Fatalf("waited in vain: %s; last %+v", what, g.last.After.Identity)
		}
	}
}

// see shows a new somebody, or one who is there, to the camera until their event says what is wanted, and returns the event.
func (g *gate) see(track uint64, file string, want func(nvr.Identity) bool) nvr.Event {
	g.t.Helper()
	frame, err := face.Decode(faceFile(g.t, file))
	if err != nil {
		g.t.Fatal(err)
	}
	defer frame.Close()
	first := g.now
	g.last = nvr.EventChange{}
	g.wait(file+" is recognised", func() bool {
		g.now = g.now.Add(200 * time.Millisecond)
		objects := []nvr.TrackedObject{{
			TrackID: track, Label: "person", Score: 0.9, Confidence: 0.9, TopScore: 0.9, Confirmed: true, FirstSeen: first, LastSeen: g.now, Box: nvr.Box{W: 1, H: 1},
		}}
		if g.last.After.ID == "" {
			jpeg, err := gocv.IMEncode(gocv.JPEGFileExt, frame)
			if err != nil {
				g.t.Fatal(err)
			}
			objects[0].Best = &nvr.Snapshot{JPEG: append([]byte{}, jpeg.GetBytes()...), Time: g.now, Box: nvr.Box{W: 1, H: 1}, Score: 0.9}
			jpeg.Close()
		}
		g.watch.Look(g.now, image.Pt(frame.Cols(), frame.Rows()), func() (gocv.Mat, error) { return frame, nil }, objects, nil)
		g.events.Observe(nvr.Observation{Camera: "gate", Time: g.now, Objects: objects})
		for {
			select {
			case c := <-g.told.C():
				if c.After.Start.Equal(first) {
					g.last = c
				}
				continue
			default:
			}
			return g.last.After.ID != "" && want(g.last.After.Identity)
		}
	})
	return g.last.After
}

func (g *gate) leave(track uint64) {
	g.watch.Look(g.now, image.Point{}, nil, nil, []uint64{track})
	g.events.Observe(nvr.Observation{Camera: "gate", Time: g.now, Ended: []uint64{track}})
}

// stored waits until the event in the database says so.
func (g *gate) stored(id string, want func(nvr.Identity) bool) {
	g.t.Helper()
	g.wait("the event is stored", func() bool {
		e, err := g.store.Event(g.t.Context(), id)
		return err == nil && want(e.Identity)
	})
}

func unknown(id nvr.Identity) bool { return id.State == nvr.IdentityUnknown && id.Name == "" }

func named(name string) func(nvr.Identity) bool {
	return func(id nvr.Identity) bool {
		return id.State == nvr.IdentityKnown && id.Name == name && id.PersonID != "" && id.Similarity > 0
	}
}

// TestPeopleAreRecognised is the whole way: a stranger's face waits in the inbox; once the library knows who it is, past events and
// those that go on are named without another look at any picture; and nothing is left of who is deleted.
func TestPeopleAreRecognised(t *testing.T) {
	g := newGate(t)
	ctx := t.Context()
	past := g.see(1, "obama_1.jpg", unknown)
	g.leave(1)
	g.wait("the face is in the inbox", func() bool { groups, err := g.faces.Inbox(ctx); return err == nil && len(groups) == 1 })
	groups, err := g.faces.Inbox(ctx)
	if err != nil || len(groups[0].Faces) != 1 || groups[0].Faces[0].EventID != past.ID || groups[0].Faces[0].Camera != "gate" {
		t.Fatalf("%+v, %v", groups, err)
	}
	current := g.see(2, "biden_1.jpg", unknown)
	g.wait("two are in the inbox", func() bool { groups, err := g.faces.Inbox(ctx); return err == nil && len(groups) == 2 })

	barack, err := g.faces.AddPerson(ctx, "Barack")
	if err != nil {
		t.Fatal(err)
	}
	got, err := g.faces.Enrol(ctx, barack.ID, faceFile(t, "obama_2.jpg"))
	if err != nil || got.Events != 1 || got.LooksLike.PersonID != "" || len(got.Sample.JPEG) == 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	g.stored(past.ID, named("Barack"))
	g.enrolCurrent(current)
	if err := g.faces.RenamePerson(ctx, barack.ID, "Barack O."); err != nil {
		t.Fatal(err)
	}
	g.stored(past.ID, named("Barack O."))
	later := g.see(3, "obama_partial.jpg", func(id nvr.Identity) bool { return id.State != nvr.IdentityNone })
	if !named("Barack O.")(later.Identity) {
		t.Errorf("obama_partial.jpg: %+v", later.Identity)
	}
	g.refusals(barack.ID)

	if err := g.faces.DeletePerson(ctx, barack.ID); err != nil {
		t.Fatal(err)
	}
	g.see(3, "obama_1.jpg", unknown)
	g.stored(past.ID, unknown)
	known, err := g.store.KnownFaces(ctx)
	if err != nil || len(known) != 1 || known[0].Name != "Joe" {
		t.Errorf("%d faces are known, %v", len(known), err)
	}
}

// enrolCurrent names somebody who is still there, by the event's face.
func (g *gate) enrolCurrent(current nvr.Event) {
	t, ctx := g.t, g.t.Context()
	joe, err := g.faces.AddPerson(ctx, "Joe")
	if err != nil {
		t.Fatal(err)
	}
	got, err := g.faces.EnrolEvent(ctx, joe.ID, current)
	if err != nil || got.Sample.EventID != current.ID || got.Events != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	g.see(2, "biden_1.jpg", named("Joe"))
	g.leave(2)
	groups, err := g.faces.Inbox(ctx)
	if err != nil || len(groups) != 0 {
		t.Errorf("%+v, %v: strangers whom the library knows are in the inbox", groups, err)
	}
	// A face that nobody kept is found in the event's picture.
	fresh := g.see(4, "miranda_1.png", unknown)
	g.leave(4)
	g.wait("the face is in the inbox", func() bool { groups, err := g.faces.Inbox(ctx); return err == nil && len(groups) == 1 })
	f, err := g.store.FaceOfEvent(ctx, fresh.ID)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := g.faces.DeleteFaces(ctx, []string{f.ID}); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	lin, err := g.faces.AddPerson(ctx, "Lin")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := g.faces.EnrolEvent(ctx, lin.ID, fresh); err != nil || got.Events != 1 || got.Sample.Size == 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	g.stored(fresh.ID, named("Lin"))
	if err := g.faces.MergePersons(ctx, joe.ID, []string{joe.ID}); nvr.ErrorCode(err) != nvr.CodeInvalid {
		t.Errorf("merged with themselves: %v", err)
	}
	if err := g.faces.DeletePerson(ctx, lin.ID); err != nil {
		t.Fatal(err)
	}
}

// refusals: what cannot be enrolled is told in a sentence.
func (g *gate) refusals(person string) {
	g.t.Helper()
	for file, want := range map[string]string{"faces/two_people.jpg": "two faces are in the picture", "images/room_3.jpg": "no face was found", "SOURCES.md": "neither a JPEG nor a PNG"} {
		path := filepath.Join(testkit.DataDir(), file)
		b, err := os.ReadFile(path)
		if err != nil {
			g.t.Logf("SKIPPED: %v", err)
			continue
		}
		if _, err := g.faces.Enrol(g.t.Context(), person, b); nvr.ErrorCode(err) != nvr.CodeInvalid || !strings.Contains(err.Error(), want) {
			g.t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
	bgr, err := face.Decode(faceFile(g.t, "obama_1.jpg"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer bgr.Close()
	gocv.GaussianBlur(bgr, &bgr, image.Pt(0, 0), 12, 12, gocv.BorderDefault)
	jpeg, err := gocv.IMEncode(gocv.JPEGFileExt, bgr)
	if err != nil {
		g.t.Fatal(err)
	}
	defer jpeg.Close()
	if _, err := g.faces.Enrol(g.t.Context(), person, append([]byte{}, jpeg.GetBytes()...)); nvr.ErrorCode(err) != nvr.CodeInvalid {
		g.t.Errorf("a blurred face: %v", err)
	}
}

// TestWithoutModels: the library can be looked at, and a sentence says what is missing.
func TestWithoutModels(t *testing.T) {
	cfg := config.Default()
	f := newFaces(&cfg, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if st := f.state.Load(); st.State != "disabled" || f.watcher(nil, "gate") != nil || len(f.parts(nil)) != 1 {
		t.Errorf("%+v", st)
	}
	cfg.Faces.Enabled, cfg.Faces.ModelsDir = true, t.TempDir()
	f = newFaces(&cfg, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if st := f.state.Load(); st.State != "missing" || !strings.Contains(st.Fix, "models pull dlib") || !strings.Contains(st.Message, cfg.Faces.ModelsDir) {
		t.Errorf("%+v", st)
	}
	if _, err := f.Enrol(t.Context(), "p", nil); nvr.ErrorCode(err) != nvr.CodeUnavailable {
		t.Error(err)
	}
}

// TestDuplicatesAreHidden: the fourth like face is kept for its event only.
func TestDuplicatesAreHidden(t *testing.T) {
	var others []nvr.FaceSample
	add := func(id string, v float32, change func(*nvr.FaceSample)) {
		s := nvr.FaceSample{ID: id, EventID: "e" + id}
		s.Embedding[0] = v
		if change != nil {
			change(&s)
		}
		others = append(others, s)
	}
	add("1", 0.1, nil)
	add("2", 0.2, nil)
	add("far", 2, nil)
	add("hidden", 0, func(s *nvr.FaceSample) { s.DuplicateOf = "1" })
	add("known", 0, func(s *nvr.FaceSample) { s.MatchedID = "p" })
	s := nvr.FaceSample{EventID: "new"}
	if d := duplicateOf(s, others); d != "" {
		t.Errorf("like %s after two", d)
	}
	add("3", 0.3, nil)
	if d := duplicateOf(s, others); d != "1" {
		t.Errorf("like %q, want the nearest", d)
	}
	s.EventID = "e3"
	if d := duplicateOf(s, others); d != "" {
		t.Errorf("a better view of a face that is there: like %s", d)
	}
}
