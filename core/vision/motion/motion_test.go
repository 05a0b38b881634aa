package motion

import (
	"image"
	"image/color"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scene draws grey pictures of 640x360 with a little noise.
type scene struct {
	t   *testing.T
	d   *Detector
	mat gocv.Mat
	rnd *rand.Rand
}

func newScene(t *testing.T, cfg Config) *scene {
	t.Helper()
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, d: d, mat: gocv.NewMatWithSize(360, 640, gocv.MatTypeCV8UC1), rnd: rand.New(rand.NewPCG(1, 2))} //nolint:gosec // test
	t.Cleanup(func() { _ = d.Close(); _ = s.mat.Close() })
	return s
}

func (s *scene) show(background uint8, objects ...image.Rectangle) Result {
	s.t.Helper()
	s.mat.SetTo(gocv.NewScalar(float64(background), 0, 0, 0))
	for _, o := range objects {
		gocv.Rectangle(&s.mat, o, color.RGBA{R: 220, G: 220, B: 220, A: 255}, -1)
	}
	pix, err := s.mat.DataPtrUint8()
	if err != nil {
		s.t.Fatal(err)
	}
	for range 5000 {
		pix[s.rnd.IntN(len(pix))] += uint8(s.rnd.IntN(9)) - 4
	}
	r, err := s.d.Update(s.mat)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *scene) calm(n int, background uint8) {
	s.t.Helper()
	for range n {
		if r := s.show(background); len(r.Boxes) > 0 {
			s.t.Fatalf("motion in a still scene: %v", r.Boxes)
		}
	}
}

func TestMotionBoxesFollowTheObject(t *testing.T) {
	s := newScene(t, Config{})
	s.calm(10, 60)
	for x := 100; x < 400; x += 40 {
		r := s.show(60, image.Rect(x, 150, x+60, 280))
		if len(r.Boxes) != 1 {
			t.Fatalf("at %d: %v", x, r.Boxes)
		}
		want := nvr.Box{X: float32(x) / 640, Y: 150. / 360, W: 60. / 640, H: 130. / 360}
		if iou := want.IoU(r.Boxes[0]); iou < 0.6 {
			t.Fatalf("at %d: %v, want about %v (IoU %.2f)", x, r.Boxes[0], want, iou)
		}
	}
	// What walked by leaves no ghost.
	s.calm(3, 60)
}

func TestMotionSmallAndFaintChangesDoNotCount(t *testing.T) {
	s := newScene(t, Config{})
	s.calm(10, 60)
	if r := s.show(60, image.Rect(100, 100, 103, 103)); len(r.Boxes) > 0 {
		t.Fatalf("3x3 pixels: %v", r.Boxes)
	}
	for b := uint8(60); b < 85; b++ { // dawn
		s.calm(1, b)
	}
}

func TestMotionLightningIsNotMotion(t *testing.T) {
	s := newScene(t, Config{})
	s.calm(10, 40)
	if r := s.show(140); !r.Calibrating || len(r.Boxes) > 0 || r.Changed < 0.9 {
		t.Fatalf("lights on: %+v", r)
	}
	s.calm(6, 140)
	if r := s.show(140, image.Rect(100, 100, 160, 230)); len(r.Boxes) != 1 {
		t.Fatalf("after lights on: %+v", r)
	}
}

func TestMotionStops(t *testing.T) {
	s := newScene(t, Config{})
	s.calm(10, 60)
	car := image.Rect(200, 200, 340, 280)
	frames := 0
	for ; len(s.show(60, car).Boxes) > 0; frames++ {
		if frames > 120 {
			t.Fatal("a parked car moves for ever")
		}
	}
	if frames < persistFrames {
		t.Fatalf("background after %d pictures only", frames)
	}
}

func TestMotionSettlesInARestlessScene(t *testing.T) {
	s := newScene(t, Config{})
	for i := range maxSettling + 5 {
		x := i * 97 % 500
		r := s.show(60, image.Rect(x, 50, x+120, 300))
		if i >= maxSettling && len(r.Boxes) == 0 {
			t.Fatalf("picture %d: %+v", i, r)
		}
	}
}

func TestMotionContrastFindsTheFaint(t *testing.T) {
	found := func(contrast bool) bool {
		s := newScene(t, Config{Contrast: contrast})
		hut := image.Rect(500, 200, 600, 300)
		for range 10 {
			s.show(200, hut)
		}
		return len(s.show(200, hut, image.Rect(100, 100, 200, 250)).Boxes) > 0 // 220 on 200
	}
	if found(false) || !found(true) {
		t.Fatal("contrast stretching makes no difference")
	}
}

func TestMotionRefusesBadInput(t *testing.T) {
	for _, cfg := range []Config{{Threshold: 256}, {Threshold: -1}, {MinArea: -1}, {Alpha: 2}, {Lightning: -1}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v accepted", cfg)
		}
	}
	s := newScene(t, Config{})
	empty, colour, tiny := gocv.NewMat(), gocv.NewMatWithSize(90, 90, gocv.MatTypeCV8UC3), gocv.NewMatWithSize(4, 400, gocv.MatTypeCV8UC1)
	for _, m := range []gocv.Mat{empty, colour, tiny} {
		if _, err := s.d.Update(m); err == nil {
			t.Errorf("%dx%d accepted", m.Cols(), m.Rows())
		}
		_ = m.Close()
	}
	// A change of size is a new start, not an error.
	s.calm(4, 60)
	small := gocv.NewMatWithSize(90, 160, gocv.MatTypeCV8UC1)
	defer small.Close()
	small.SetTo(gocv.NewScalar(60, 0, 0, 0)) // as bright as before: only the size is new
	for i := range 4 {
		if r, err := s.d.Update(small); err != nil || len(r.Boxes) > 0 || i == 0 && !r.Calibrating {
			t.Fatal(i, r, err)
		}
	}
}

// On the real clip motion must be there when something happens and absent when nothing does.
func TestMotionOnRealVideo(t *testing.T) {
	units := footage.Load(t, "parking_sub.mp4", 15)
	dec, err := decode.New(units[0].Desc, decode.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	d, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var f decode.Frame
	defer f.Close()
	var moving [40]int
	var due int64
	for _, u := range units {
		got, err := dec.Decode(u, due, &f)
		if err != nil {
			t.Fatal(err)
		}
		if !got {
			continue
		}
		due = f.PTS + 18000
		grey, err := cv.WrapGrey(f.Luma(), f.Width, f.Height)
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.Update(grey)
		_ = grey.Close()
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Boxes) > 0 {
			moving[f.PTS/90000]++
		}
	}
	t.Logf("pictures with motion per second: %v", moving)
	for _, s := range []int{26, 27, 28} {
		if moving[s] < 4 {
			t.Errorf("second %d: a walker, but motion in only %d pictures", s, moving[s])
		}
	}
	quiet := 0
	for _, n := range moving {
		if n == 0 {
			quiet++
		}
	}
	if quiet < 8 {
		t.Errorf("only %d quiet seconds", quiet)
	}
}

func BenchmarkUpdate(b *testing.B) {
	d, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	m := gocv.NewMatWithSize(360, 640, gocv.MatTypeCV8UC1)
	defer m.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Update(m); err != nil {
			b.Fatal(err)
		}
	}
}
