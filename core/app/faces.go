package app

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/camera"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision"
	"github.com/nightjar-nvr/nightjar/core/vision/face"
)

const (
	unknownQueue = 64 // faces that wait for the database; more are lost, the people come again
	faceTries    = 5  // to store one
	reloadLimit  = 20 * time.Second
	reloadPause  = time.Second // between tries to read a library that was changed
	// A face this near to so many others of the inbox tells nothing new: it is kept for its event, without a picture.
	sameFace   = 0.35
	sameEnough = 3
	// suggestBeyond is how much farther than the threshold a person may be to be suggested for a group of the inbox.
	suggestBeyond = 0.1
)

// faceStore is what recognition keeps; core/store implements it.
type faceStore interface {
	AddPerson(ctx context.Context, name string) (nvr.Person, error)
	Persons(ctx context.Context) ([]nvr.Person, error)
	// What changes the library returns the newest events that say somebody else now.
	RenamePerson(ctx context.Context, id, name string) ([]nvr.EventChange, error)
	MergePersons(ctx context.Context, into string, others []string) ([]nvr.EventChange, error)
	DeletePerson(ctx context.Context, id string) ([]nvr.EventChange, error)
	AddFace(ctx context.Context, f nvr.FaceSample) (string, error)
	KnownFaces(ctx context.Context) ([]nvr.KnownFace, error)
	PersonFaces(ctx context.Context, person string) ([]nvr.FaceSample, error)
	Inbox(ctx context.Context, n int) ([]nvr.FaceSample, error)
	Face(ctx context.Context, id string) (nvr.FaceSample, error)
	FaceOfEvent(ctx context.Context, event string) (nvr.FaceSample, error)
	AssignFaces(ctx context.Context, person string, ids []string) (int, []nvr.EventChange, error)
	IdentifyEvent(ctx context.Context, event, person string) ([]nvr.EventChange, error)
	Rematch(ctx context.Context, matches []nvr.FaceMatch) (int64, []nvr.EventChange, error)
	DeleteFaces(ctx context.Context, ids []string) (int, []nvr.EventChange, error)
	ForgetUnknownFaces(ctx context.Context, t time.Time, keep int) (int64, error)
	CountFaces(ctx context.Context) (nvr.FaceCounts, error)
}

// faces is the face library and who watches for its people. Without models the library can still be looked at and tidied.
type faces struct {
	set        config.Faces
	store      faceStore
	snapshots  func(ctx context.Context, e nvr.Event) ([]byte, error)
	corrected  func([]nvr.EventChange) // tells everybody whom events show now
	gallery    *face.Gallery
	engine     *face.Engine // nil: state says why
	recogniser *face.Recogniser
	log        *slog.Logger
	state      atomic.Pointer[httpapi.FaceStatus]
	unknown    chan nvr.FaceSample
	stale      chan struct{} // holds one: the gallery is not what the library is
	lost       prometheus.Counter

	grouping sync.Mutex // one inbox at a time: grouping five thousand faces takes 100 MB

	mu sync.Mutex // one change of the library, or of the inbox, at a time
}

func newFaces(cfg *config.Config, st faceStore, log *slog.Logger, reg prometheus.Registerer) *faces {
	f := &faces{
		set: cfg.Faces, store: st, log: log, corrected: func([]nvr.EventChange) {}, unknown: make(chan nvr.FaceSample, unknownQueue), stale: make(chan struct{}, 1),
		gallery: face.NewGallery(face.GalleryOptions{Threshold: cfg.Faces.Threshold}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nvr_faces_lost_total", Help: "Unknown faces that were not stored because the database was away or slow.",
		}),
	}
	reg.MustRegister(f.lost)
	f.open(cfg, reg)
	return f
}

// open never fails for want of models: that is a state, told once.
func (f *faces) open(cfg *config.Config, reg prometheus.Registerer) {
	f.tell("disabled", "face recognition is switched off in the configuration", "set faces.enabled: true and restart")
	if !f.set.Enabled {
		return
	}
	engine, err := face.Open(cfg.FaceModelsPath(), face.Options{Gate: face.Gate{MinSize: f.set.MinFace}, Log: f.log, Registry: reg})
	if err != nil {
		f.tell("missing", message(err), "nightjar models pull dlib")
		f.log.Warn("nobody is recognised", "reason", message(err), "fix", "nightjar models pull dlib")
		return
	}
	f.engine = engine
	f.recogniser = face.NewRecogniser(engine, f.gallery, face.RecogniserOptions{Rate: f.set.Rate, MaxCPU: f.set.MaxCPU, Log: f.log, Registry: reg})
	f.tell("starting", "the face models are being loaded", "")
}

func (f *faces) tell(state, message, fix string) {
	f.state.Store(&httpapi.FaceStatus{State: state, Message: message, Fix: fix})
}

// watcher returns who looks at the people of a camera, nil while nobody is recognised.
func (f *faces) watcher(cams *camera.Manager, id nvr.CameraID) vision.FaceWatcher {
	if f == nil || f.recogniser == nil {
		return nil
	}
	var main face.KeyPicture
	if stream, ok := cams.Resolve(id, nvr.Main); ok && f.set.Main {
		main = vision.KeyPicture(cams.Hub(stream))
	}
	return f.recogniser.Watch(id, main)
}

// hear takes in the face of a stranger. It waits for nothing.
func (f *faces) hear(e nvr.Event, s nvr.FaceSample) {
	s.EventID, s.Camera = e.ID, e.Camera
	select {
	case f.unknown <- s:
	default:
		f.lost.Inc()
	}
}

// Run keeps the inbox until ctx ends. It needs the tables.
func (f *faces) Run(ctx context.Context) error {
	if err := f.reload(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	f.expire(ctx)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.stale:
			if err := f.reload(ctx); err != nil {
				return err
			}
		case s := <-f.unknown:
			f.keep(ctx, s)
		case <-tick.C:
			f.expire(ctx)
		}
	}
}

// reload reads the library, trying until it can be read.
func (f *faces) reload(ctx context.Context) error {
	for {
		f.mu.Lock()
		_, err := f.changed(ctx)
		f.mu.Unlock()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(reloadPause):
		}
	}
}

// recognise runs the engine. A model that cannot be read is a state until the next try.
func (f *faces) recognise(ctx context.Context) error {
	f.tell("ready", "", "")
	err := f.recogniser.Run(ctx)
	if ctx.Err() == nil && err != nil {
		f.tell("failed", message(err), "nightjar models pull dlib")
	}
	return err
}

// parts returns recognition as components.
func (f *faces) parts(tables <-chan struct{}) stage {
	st := stage{{name: "face library", run: after(f.Run, tables, 0)}}
	if f.recogniser != nil {
		st = append(st, part{name: "face recognition", run: f.recognise})
	}
	return st
}

func (f *faces) expire(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.store.ForgetUnknownFaces(ctx, time.Now().AddDate(0, 0, -f.set.InboxDays), f.set.InboxMax)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		f.log.Warn("old unknown faces could not be removed, trying again in an hour", "err", err)
	case n > 0:
		f.log.Info("old unknown faces removed", "faces", n)
	}
}

// keep stores a stranger's face, and tries again while the database is away.
func (f *faces) keep(ctx context.Context, s nvr.FaceSample) {
	var err error
	for n := range faceTries {
		if n > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Duration(n) * time.Second):
			}
		}
		if err = f.keepOnce(ctx, s); err == nil || nvr.ErrorCode(err) == nvr.CodeInvalid {
			break
		}
	}
	if err != nil && ctx.Err() == nil {
		f.lost.Inc()
		f.log.Warn("an unknown face could not be stored", "camera_id", string(s.Camera), "event_id", s.EventID, "err", err)
	}
}

func (f *faces) keepOnce(ctx context.Context, s nvr.FaceSample) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	f.mu.Lock()
	defer f.mu.Unlock()
	others, err := f.store.Inbox(ctx, f.set.InboxMax)
	if err != nil {
		return err
	}
	if like := duplicateOf(s, others); like != "" {
		s.DuplicateOf, s.JPEG = like, nil
	}
	if _, err := f.store.AddFace(ctx, s); err != nil {
		return err
	}
	if len(others) >= f.set.InboxMax {
		_, err = f.store.ForgetUnknownFaces(ctx, time.Now().AddDate(0, 0, -f.set.InboxDays), f.set.InboxMax)
	}
	return err
}

// duplicateOf returns the face that may stand for s in the inbox, empty where s is worth showing.
func duplicateOf(s nvr.FaceSample, others []nvr.FaceSample) string {
	e, n, nearest, best := (*face.Embedding)(&s.Embedding), 0, sameFace, ""
	for i := range others {
		o := &others[i]
		if o.EventID == s.EventID || o.DuplicateOf != "" || o.MatchedID != "" {
			continue
		}
		if d := e.Distance((*face.Embedding)(&o.Embedding)); d <= sameFace {
			n++
			if d <= nearest {
				nearest, best = d, o.ID
			}
		}
	}
	if n < sameEnough {
		return ""
	}
	return best
}

// changed makes the library what the watchers go by, and looks again at every unknown face. It must be called with mu held, and
// returns how many events got another name.
func (f *faces) changed(ctx context.Context) (int, error) {
	known, err := f.store.KnownFaces(ctx)
	if err != nil {
		return 0, err
	}
	byID := make(map[string]int)
	var people []face.Person
	for _, k := range known {
		i, ok := byID[k.PersonID]
		if !ok {
			i = len(people)
			byID[k.PersonID] = i
			people = append(people, face.Person{ID: k.PersonID, Name: k.Name})
		}
		people[i].Samples = append(people[i].Samples, face.Embedding(k.Embedding))
	}
	f.gallery.Replace(people)
	inbox, err := f.store.Inbox(ctx, f.set.InboxMax)
	if err != nil {
		return 0, err
	}
	var matches []nvr.FaceMatch
	for i := range inbox {
		s := &inbox[i]
		id := f.gallery.Identify((*face.Embedding)(&s.Embedding))
		if id.PersonID != s.MatchedID {
			matches = append(matches, nvr.FaceMatch{SampleID: s.ID, EventID: s.EventID, PersonID: id.PersonID, Similarity: id.Similarity})
		}
	}
	if len(matches) == 0 {
		return 0, nil
	}
	n, corrections, err := f.store.Rematch(ctx, matches)
	f.corrected(corrections)
	return int(n), err
}
