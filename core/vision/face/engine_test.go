package face

import (
	"context"
	"errors"
	"image"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

func TestMissingModelsAreOneSentence(t *testing.T) {
	dir := t.TempDir()
	system := t.TempDir()
	put := func(dir, name string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	missing := func(name string) {
		t.Helper()
		_, err := findModels(dir, system)
		if nvr.ErrorCode(err) != nvr.CodeUnavailable || !strings.Contains(err.Error(), name+" is not in "+dir) ||
			!strings.Contains(err.Error(), "make face-models") || strings.Contains(err.Error(), "\n") {
			t.Fatalf("%v, want a sentence about %s", err, name)
		}
	}
	missing(resnetFile)
	put(dir, resnetFile)
	missing(landmarksFile)
	put(system, landmarks68File)
	missing(detectorFile)
	put(dir, detectorFile)
	for _, from := range []string{filepath.Join(system, landmarks68File), filepath.Join(dir, landmarks68File), filepath.Join(dir, landmarksFile)} {
		put(filepath.Dir(from), filepath.Base(from))
		files, err := findModels(dir, system)
		if err != nil || files[landmarksFile] != from {
			t.Fatalf("%v, %v, want the landmarks of %s", files, err, from)
		}
	}
}

func TestDamagedModelEndsRun(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{resnetFile, landmarksFile, detectorFile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("not a model"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, err := Open(dir, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Run(t.Context())
	if nvr.ErrorCode(err) != nvr.CodeUnavailable || !strings.Contains(err.Error(), "cannot be read") {
		t.Fatal(err)
	}
	m := gocv.NewMatWithSize(100, 100, gocv.MatTypeCV8UC3)
	defer m.Close()
	if _, err := e.Find(t.Context(), m); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
}

// The whole way with weights that need no download: found, measured, the same person near, another one far.
func TestEngine(t *testing.T) {
	e, err := Open(standIn(t), Options{Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	run(t, e)
	if err := e.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "already") {
		t.Fatal("a second Run:", err)
	}
	embedding := func(name string, box image.Rectangle) Embedding {
		t.Helper()
		faces, err := e.FindInPicture(t.Context(), picture(t, "faces/"+name))
		if err != nil || len(faces) != 1 {
			t.Fatalf("%s: %d faces, %v", name, len(faces), err)
		}
		f := faces[0]
		m := picture(t, "faces/"+name)
		x, y := int((f.Box.X+f.Box.W/2)*float32(m.Cols())), int((f.Box.Y+f.Box.H/2)*float32(m.Rows()))
		if !image.Pt(x, y).In(box) || f.Quality.Reason != Fit || f.Size < box.Dx()*3/4 || f.Size > box.Dx()*3/2 {
			t.Fatalf("%s: %+v, want it in %v", name, f.Quality, box)
		}
		return f.Embedding
	}
	a, b := embedding("obama_1.jpg", image.Rect(371, 92, 612, 423)), embedding("obama_2.jpg", image.Rect(202, 228, 478, 634))
	c := embedding("miranda_1.png", image.Rect(258, 130, 530, 504))
	if same, other := a.Distance(&b), a.Distance(&c); same > 0.5 || other < 0.55 {
		t.Errorf("the same person %.2f, another %.2f", same, other)
	}
	t.Run("nothing there", func(t *testing.T) {
		m := gocv.NewMatWithSize(300, 200, gocv.MatTypeCV8UC3)
		defer m.Close()
		if faces, err := e.Find(t.Context(), m); err != nil || len(faces) != 0 {
			t.Fatal(faces, err)
		}
	})
	t.Run("pictures that cannot hold a face", func(t *testing.T) { refused(t, e) })
	t.Run("nobody waits any more", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := e.Find(ctx, picture(t, "faces/obama_1.jpg")); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
}

func refused(t *testing.T, e *Engine) {
	t.Helper()
	for _, m := range []gocv.Mat{gocv.NewMat(), gocv.NewMatWithSize(8, 200, gocv.MatTypeCV8UC3), gocv.NewMatWithSize(200, 200, gocv.MatTypeCV8UC1)} {
		if _, err := e.Find(t.Context(), m); nvr.ErrorCode(err) != nvr.CodeInvalid {
			t.Errorf("%v", err)
		}
		if _, err := e.FindInPicture(t.Context(), m); nvr.ErrorCode(err) != nvr.CodeInvalid {
			t.Errorf("%v", err)
		}
		m.Close()
	}
	for _, size := range []image.Point{{X: 16, Y: 4000}, {X: 4000, Y: 16}} { // extreme, not wrong
		m := gocv.NewMatWithSize(size.Y, size.X, gocv.MatTypeCV8UC3)
		if faces, err := e.Find(t.Context(), m); err != nil || len(faces) != 0 {
			t.Errorf("%v: %v, %v", size, faces, err)
		}
		m.Close()
	}
}

// A full queue refuses at once, and what waits when the engine stops is answered.
func TestQueueIsBounded(t *testing.T) {
	e := &Engine{queue: make(chan *request, 2), running: true, log: slog.New(slog.DiscardHandler)}
	e.metrics = newMetrics(e, nil)
	m := gocv.NewMatWithSize(100, 100, gocv.MatTypeCV8UC3)
	defer m.Close()
	answers := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := e.Find(context.Background(), m)
			answers <- err
		}()
	}
	wait(t, "the queue is full", func() bool { return len(e.queue) == 2 })
	if _, err := e.Find(t.Context(), m); !errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
	e.stop()
	for range 2 {
		if err := <-answers; !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
	}
	if _, err := e.Find(t.Context(), m); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
}

func TestViews(t *testing.T) {
	for _, c := range []struct {
		name string
		got  view
		want view
	}{
		{"standing", personView(160, 480), view{image.Rect(0, 0, 160, 160), image.Pt(640, 640)}},
		{"large", personView(1000, 2000), view{image.Rect(0, 0, 1000, 1000), image.Pt(640, 640)}},
		{"lying", personView(400, 200), view{image.Rect(0, 0, 400, 200), image.Pt(640, 320)}},
		{"far away", personView(50, 120), view{image.Rect(0, 0, 50, 50), image.Pt(250, 250)}},
		{"photograph", photoView(3200, 1600), view{image.Rect(0, 0, 3200, 1600), image.Pt(1280, 640)}},
		{"hair", personView(10000, 16), view{image.Rect(0, 0, 10000, 16), image.Pt(640, 1)}},
	} {
		if c.got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, c.got, c.want)
		}
	}
	if got := personView(160, 480).back(image.Rect(320, 0, 480, 160)); got != image.Rect(80, 0, 120, 40) {
		t.Errorf("back in the picture: %v", got)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good, err := os.ReadFile(filepath.Join(footage.Dir(t), "faces", "obama_1_240p.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	tiny := gocv.NewMatWithSize(8, 8, gocv.MatTypeCV8UC3)
	defer tiny.Close()
	small, err := cv.JPEG(tiny, 100, 90)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "header only": good[:300], "tiny": small,
	} {
		m, err := Decode(file)
		if err == nil {
			m.Close()
		}
		if nvr.ErrorCode(err) != nvr.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
