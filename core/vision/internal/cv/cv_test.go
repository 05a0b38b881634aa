package cv

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"

	"go.uber.org/goleak"
	"gocv.io/x/gocv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Everything that would make OpenCV throw, and so end the process, is an error here.
func TestBadArgumentsAreErrors(t *testing.T) {
	SingleThread()
	empty, grey, odd := gocv.NewMat(), gocv.NewMatWithSize(30, 40, gocv.MatTypeCV8UC1), gocv.NewMatWithSize(31, 41, gocv.MatTypeCV8UC1)
	colour, dst := gocv.NewMatWithSize(30, 40, gocv.MatTypeCV8UC3), gocv.NewMat()
	for _, m := range []*gocv.Mat{&empty, &grey, &odd, &colour, &dst} {
		defer m.Close()
	}
	check := func(name string, err error, want bool) {
		t.Helper()
		if (err != nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	check("resize empty", Resize(empty, &dst, image.Pt(10, 10), gocv.InterpolationLinear), true)
	check("resize to nothing", Resize(grey, &dst, image.Pt(0, 10), gocv.InterpolationLinear), true)
	check("resize to a lot", Resize(grey, &dst, image.Pt(1<<20, 10), gocv.InterpolationLinear), true)
	check("resize", Resize(grey, &dst, image.Pt(10, 10), gocv.InterpolationLinear), false)
	check("convert empty", I420ToBGR(empty, &dst), true)
	check("convert colour", I420ToBGR(colour, &dst), true)
	check("convert odd", I420ToBGR(odd, &dst), true)
	check("convert", I420ToBGR(grey, &dst), false)
	for _, r := range []image.Rectangle{{}, image.Rect(-1, 0, 5, 5), image.Rect(0, 0, 41, 5), {Min: image.Pt(9, 9), Max: image.Pt(3, 3)}} {
		_, err := Crop(grey, r)
		check("crop "+r.String(), err, true)
	}
	_, err := Crop(empty, image.Rect(0, 0, 1, 1))
	check("crop empty", err, true)
	_, err = JPEG(empty, 100, 85)
	check("JPEG of nothing", err, true)
	_, err = JPEG(grey, 100, 85)
	check("JPEG of grey", err, true)
	for _, c := range []struct{ w, h, n int }{{0, 0, 100}, {3, 4, 100}, {4, 4, 23}, {-2, 4, 100}} {
		_, err := WrapI420(make([]byte, c.n), c.w, c.h)
		check("wrap I420", err, true)
	}
	_, err = WrapGrey(make([]byte, 5), 2, 3)
	check("wrap grey", err, true)
	_, err = WrapGrey(nil, 0, 0)
	check("wrap nothing", err, true)
}

func TestJPEGIsScaledDown(t *testing.T) {
	m := gocv.NewMatWithSize(300, 600, gocv.MatTypeCV8UC3)
	defer m.Close()
	for side, want := range map[int]image.Point{1280: {X: 600, Y: 300}, 100: {X: 100, Y: 50}, 1: {X: 1, Y: 1}} {
		b, err := JPEG(m, side, 85)
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil || img.Bounds().Size() != want {
			t.Errorf("%d: %v, %v", side, img.Bounds(), err)
		}
	}
}
