package vision

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/face"
)

// startFaces runs a recogniser with dlib's own weights that knows the people of the test data, or skips.
func startFaces(t *testing.T) *face.Recogniser {
	t.Helper()
	dir := os.Getenv("NIGHTJAR_FACE_MODELS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "nightjar-tools", "face-models")
	}
	e, err := face.Open(dir, face.Options{Log: quiet()})
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	g := face.NewGallery(face.GalleryOptions{})
	r := face.NewRecogniser(e, g, face.RecogniserOptions{Rate: 5, MaxCPU: 1, Log: quiet(), Registry: prometheus.NewRegistry()})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("recogniser ended: %v", err)
		}
	})
	var people []face.Person
	for name, file := range map[string]string{"obama": "obama_1.jpg", "biden": "biden_2.jpg", "miranda": "miranda_1.png", "lacamoire": "lacamoire_2.jpg"} {
		people = append(people, face.Person{ID: name, Name: name, Samples: []face.Embedding{enrolled(t, e, file)}})
	}
	g.Replace(people)
	return r
}

func enrolled(t *testing.T, e *face.Engine, file string) face.Embedding {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(footage.Dir(t), "faces", file))
	if err != nil {
		t.Fatal(err)
	}
	m, err := face.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	limit := time.After(20 * time.Second)
	for {
		faces, err := e.FindInPicture(t.Context(), m)
		if err == nil && len(faces) == 1 {
			return faces[0].Embedding
		}
		select {
		case <-limit:
			t.Fatalf("%s: %d faces, %v", file, len(faces), err)
		case <-time.After(10 * time.Millisecond): // the engine starts
		}
	}
}

// TestPeopleAreNamed plays a clip of visitors through the whole pipeline: nobody gets a wrong name, and those who are known get
// theirs; in the second run the analysed picture is too small for most faces, and the key pictures of the main stream help.
func TestPeopleAreNamed(t *testing.T) {
	pool := startPool(t, "yolox_nano.onnx")
	people := startFaces(t)
	units := footage.Load(t, "visitors_720p.mp4", 15)
	for name, side := range map[string]int{"sub": 1280, "main": 384} {
		t.Run(name, func(t *testing.T) {
			if name == "sub" && os.Getenv("NIGHTJAR_SLOW") == "" {
				t.Skip("SKIPPED: takes twice as long as the other; set NIGHTJAR_SLOW=1")
			}
			main := media.NewHub()
			var key face.KeyPicture
			if name == "main" {
				key = KeyPicture(main)
			}
			r := newRig(t, Config{Labels: []string{"person"}, MaxSide: side, Faces: people.Watch("test", key)}, pool)
			for i, u := range units {
				main.Publish(u)
				r.hub.Publish(u)
				if i%3 == 0 {
					r.sink.waitFor(t, u.NTP)
				}
			}
			if err := r.stop(); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			checkVisitors(t, r.sink.seen(), units[0].NTP)
		})
	}
}

// checkVisitors knows who walks by in each five seconds of the clip.
func checkVisitors(t *testing.T, all []nvr.Observation, start time.Time) {
	t.Helper()
	visits := []string{"obama", "biden", "", "miranda", "obama"}
	named, strangers := make([]int, len(visits)), 0
	for _, o := range all {
		for i := range o.Objects {
			x := &o.Objects[i]
			// Tracks outlive their visit by some seconds: who came first counts.
			n := min(int(x.FirstSeen.Sub(start)/(5*time.Second)), len(visits)-1)
			switch {
			case x.Identity.State == nvr.IdentityKnown && x.Identity.Name != visits[n]:
				t.Errorf("%v: %s instead of %q", o.Time.Sub(start), x.Identity.Name, visits[n])
			case x.Identity.State == nvr.IdentityKnown:
				named[n]++
			}
			if x.Face != nil {
				strangers++
			}
		}
	}
	t.Logf("frames with a name %v, %d unknown faces told", named, strangers)
	for n, who := range visits {
		if (named[n] > 0) != (who != "") {
			t.Errorf("visit %d: %d frames with a name, want %q", n, named[n], who)
		}
	}
}

// BenchmarkKeyPicture is what a look at the main stream costs besides the face itself.
func BenchmarkKeyPicture(b *testing.B) {
	for _, clip := range []string{"parking_main_1080p.mp4", "visitors_720p.mp4"} {
		b.Run(clip, func(b *testing.B) {
			hub := media.NewHub()
			for _, u := range footage.Load(b, clip, 15) {
				hub.Publish(u)
			}
			key := KeyPicture(hub)
			b.Run("decode", func(b *testing.B) {
				before := cpu(b)
				for b.Loop() {
					m, _, ok := key(b.Context(), time.Time{})
					if !ok {
						b.Fatal("no picture")
					}
					_ = m.Close()
				}
				b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
			})
			b.Run("none newer", func(b *testing.B) {
				later := time.Now().Add(time.Hour)
				for b.Loop() {
					if _, _, ok := key(b.Context(), later); ok {
						b.Fatal("a picture of the future")
					}
				}
			})
		})
	}
}
