package face

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// TestWhoseFace: of the faces in a person's crop only one that is surely this person's counts.
func TestWhoseFace(t *testing.T) {
	box := nvr.Box{X: 0.2, Y: 0.2, W: 0.2, H: 0.6} // pixels 200..400, 200..800
	at := func(x, y int) Face {
		p := newPlace(t0, box, nil, 1000, 1000, 0)
		w, h := float32(p.crop.Dx()), float32(p.crop.Dy())
		return Face{Box: nvr.Box{X: (float32(x-p.crop.Min.X) - 20) / w, Y: (float32(y-p.crop.Min.Y) - 20) / h, W: 40 / w, H: 40 / h}}
	}
	neighbour := nvr.Box{X: 0.32, Y: 0.2, W: 0.2, H: 0.6} // pixels 320..520
	for _, c := range []struct {
		name   string
		others []nvr.Box
		found  []Face
		ok     bool
	}{
		{"none", nil, nil, false},
		{"one", nil, []Face{at(300, 230)}, true},
		{"two", nil, []Face{at(250, 230), at(350, 230)}, false},
		{"the neighbour's", []nvr.Box{neighbour}, []Face{at(390, 230)}, false},
		{"own beside the neighbour's", []nvr.Box{neighbour}, []Face{at(300, 230), at(395, 230)}, true},
		{"above someone's knees", []nvr.Box{{X: 0.25, Y: 0, W: 0.1, H: 0.4}}, []Face{at(300, 230)}, true},
	} {
		p := newPlace(t0, box, c.others, 1000, 1000, 0)
		if _, ok := p.own(c.found); ok != c.ok {
			t.Errorf("%s: %v", c.name, ok)
		}
	}
	if p := newPlace(t0, nvr.Box{X: -1, Y: -1, W: 5, H: 5}, nil, 640, 480, mainSlack); p.crop != image.Rect(0, 0, 640, 480) {
		t.Errorf("a box beyond the picture: %v", p.crop)
	}
}

func TestChip(t *testing.T) {
	m := picture(t, "faces/obama_1.jpg")
	for _, box := range []nvr.Box{{X: 0.3, Y: 0.1, W: 0.3, H: 0.3}, {W: 1, H: 1}, {X: 0.9, Y: 0.9, W: 0.3, H: 0.3}} {
		b, err := Chip(m, box)
		if err != nil || len(b) > maxJPEG {
			t.Fatalf("%v: %d bytes, %v", box, len(b), err)
		}
		if img, err := jpeg.Decode(bytes.NewReader(b)); err != nil || img.Bounds().Dx() > chipPixels {
			t.Errorf("%v: %v", box, err)
		}
	}
	noise := gocv.NewMatWithSize(400, 400, gocv.MatTypeCV8UC3)
	defer noise.Close()
	gocv.RandU(&noise, gocv.NewScalar(0, 0, 0, 0), gocv.NewScalar(255, 255, 255, 0))
	if b, err := Chip(noise, nvr.Box{W: 1, H: 1}); err != nil || len(b) > maxJPEG {
		t.Errorf("noise: %d bytes, %v", len(b), err)
	}
	if _, err := Chip(m, nvr.Box{X: 2, Y: 2, W: 1, H: 1}); err == nil {
		t.Error("a box outside")
	}
}

// scene is a camera whose frames are pictures.
type scene struct {
	t       *testing.T
	r       *Recogniser
	w       *Watcher
	gallery *Gallery
	now     time.Time
}

func newScene(t *testing.T, main KeyPicture) *scene {
	t.Helper()
	e, err := Open(realModels(t), Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, gallery: NewGallery(GalleryOptions{}), now: t0}
	s.r = NewRecogniser(e, s.gallery, RecogniserOptions{Rate: 10, MaxCPU: 1, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	s.w = s.r.Watch("gate", main)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("recogniser ended: %v", err)
		}
	})
	return s
}

// show lets the frame be seen with these objects and waits until they were looked at.
func (s *scene) show(frame gocv.Mat, objects ...nvr.TrackedObject) []nvr.TrackedObject {
	s.t.Helper()
	wait(s.t, "the recogniser is idle", s.r.idle.Load)
	s.now = s.now.Add(200 * time.Millisecond)
	s.w.Look(s.now, image.Pt(frame.Cols(), frame.Rows()), func() (gocv.Mat, error) { return frame, nil }, objects, nil)
	wait(s.t, "the recogniser is idle again", s.r.idle.Load)
	return objects
}

func somebody(track uint64, box nvr.Box) nvr.TrackedObject {
	return nvr.TrackedObject{TrackID: track, Label: "person", Score: 0.9, Confirmed: true, FirstSeen: t0, Box: box}
}

var whole = nvr.Box{W: 1, H: 1}

// TestWatcher: a stranger is told once, with a face; when the library learns who it is the track is named without another look,
// and nameless when the library forgets.
func TestWatcher(t *testing.T) {
	s := newScene(t, nil)
	frame := picture(t, "faces/obama_1.jpg")
	var sample *nvr.FaceSample
	told := 0
	var got nvr.TrackedObject
	for range 8 {
		got = s.show(frame, somebody(1, whole), nvr.TrackedObject{TrackID: 2, Label: "car", Score: 1, Confirmed: true, Box: whole})[0]
		if got.Face != nil {
			sample = got.Face
			told++
		}
	}
	if got.Identity.State != nvr.IdentityUnknown || told != 1 || sample.Quality <= 0 || len(sample.JPEG) == 0 || !sample.Seen.After(t0) {
		t.Fatalf("%+v, told %d times, %+v", got.Identity, told, sample)
	}
	e := s.r.engine
	faces, err := e.FindInPicture(t.Context(), picture(t, "faces/obama_2.jpg"))
	if err != nil || len(faces) != 1 {
		t.Fatal(len(faces), err)
	}
	s.gallery.Replace([]Person{{ID: "p", Name: "Anna", Samples: []Embedding{faces[0].Embedding}}})
	tries := s.w.people[1].tries
	still := somebody(1, whole)
	still.Score = 0 // only predicted: nobody looks
	if got = s.show(frame, still)[0]; got.Identity.Name != "Anna" || got.Identity.State != nvr.IdentityKnown || s.w.people[1].tries != tries {
		t.Fatalf("%+v", got.Identity)
	}
	if id := s.gallery.Identify((*Embedding)(&sample.Embedding)); id.PersonID != "p" || id.Similarity <= 0 {
		t.Errorf("the stored face alone: %+v", id)
	}
	s.gallery.Replace(nil)
	if got = s.show(frame, still)[0]; got.Identity.State != nvr.IdentityUnknown || got.Face != nil {
		t.Fatalf("%+v", got.Identity)
	}
	s.w.Look(s.now, image.Point{}, nil, nil, []uint64{1, 2})
	if len(s.w.people) != 0 {
		t.Error("an ended track is remembered")
	}
}

// TestMainStreamHelps: a face of a dozen pixels is looked for in the main stream's key picture, once per key picture.
func TestMainStreamHelps(t *testing.T) {
	large := picture(t, "faces/obama_1.jpg")
	asked := 0
	keyAt := t0.Add(100 * time.Millisecond)
	s := newScene(t, func(_ context.Context, after time.Time) (gocv.Mat, time.Time, bool) {
		asked++
		if !keyAt.After(after) {
			return gocv.Mat{}, time.Time{}, false
		}
		return large.Clone(), keyAt, true
	})
	small := gocv.NewMat()
	defer small.Close()
	if err := cv.Resize(large, &small, image.Pt(large.Cols()/14, large.Rows()/14), gocv.InterpolationArea); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.show(small, somebody(1, whole))
	}
	if p := s.w.people[1]; len(p.seen) != 1 || p.seen[0].score <= 0 || asked < 3 {
		t.Fatalf("%d faces of one key picture, asked %d times", len(p.seen), asked)
	}
	keyAt = s.now
	s.show(small, somebody(1, whole))
	if p := s.w.people[1]; len(p.seen) != 2 {
		t.Fatalf("%d faces of two key pictures", len(p.seen))
	}
	keyAt = s.now.Add(time.Minute) // of a time of which nobody knows where the person was
	s.show(small, somebody(1, whole))
	if p := s.w.people[1]; len(p.seen) != 2 {
		t.Fatal("looked somewhere")
	}
}

// TestBusyDrops: nobody waits for a recogniser that is busy, or that does not run.
func TestBusyDrops(t *testing.T) {
	r := NewRecogniser(nil, NewGallery(GalleryOptions{}), RecogniserOptions{})
	w := r.Watch("gate", nil)
	objects := []nvr.TrackedObject{somebody(1, whole)}
	w.Look(t0, image.Pt(640, 480), func() (gocv.Mat, error) { t.Fatal("pixels were asked for"); return gocv.Mat{}, nil }, objects, nil)
	if objects[0].Identity != (nvr.Identity{}) || w.people[1].tries != 0 {
		t.Errorf("%+v", objects[0])
	}
	w.add(7, t0, seen{}) // of a track that has ended
	small := somebody(2, nvr.Box{W: 0.05, H: 0.1})
	if w.due(w.note(t0, &small, nil), &small, t0, image.Pt(640, 480)) {
		t.Error("a face of ten pixels is worth a try")
	}
}
