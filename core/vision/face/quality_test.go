package face

import (
	"image"
	"math"
	"testing"

	"gocv.io/x/gocv"
)

func TestJudge(t *testing.T) {
	good := Quality{Sharpness: 0.2, Brightness: 120, Yaw: 0.05}
	for _, c := range []struct {
		name   string
		change func(q *Quality)
		size   int
		inside float64
		want   Reason
	}{
		{"good", func(*Quality) {}, 150, 1, Fit},
		{"small", func(*Quality) {}, 27, 1, TooSmall},
		{"dark", func(q *Quality) { q.Brightness = 20 }, 150, 1, TooDark},
		{"light", func(q *Quality) { q.Brightness = 240 }, 150, 1, TooLight},
		{"blurred", func(q *Quality) { q.Sharpness = 0.001 }, 150, 1, Blurred},
		{"turned", func(q *Quality) { q.Yaw = 0.45 }, 150, 1, Turned},
		{"cut off", func(*Quality) {}, 150, 0.6, CutOff},
		{"everything at once", func(q *Quality) { *q = Quality{} }, 1, 0, TooSmall},
	} {
		q := good
		c.change(&q)
		Gate{}.withDefaults().judge(&q, c.size, c.inside)
		if q.Reason != c.want || (q.Score == 0) != (c.want != Fit) || q.Score > 1 {
			t.Errorf("%s: %+v", c.name, q)
		}
	}
}

func TestYaw(t *testing.T) {
	frontal := []image.Point{{X: 60, Y: 50}, {X: 80, Y: 50}, {X: 40, Y: 50}, {X: 20, Y: 50}, {X: 50, Y: 80}}
	tilted := make([]image.Point, len(frontal)) // by 90 degrees: a head on its side still looks at us
	for i, p := range frontal {
		tilted[i] = image.Pt(-p.Y, p.X)
	}
	turned := append([]image.Point(nil), frontal...)
	turned[4] = image.Pt(70, 80)
	many := make([]image.Point, 68)
	for i := 36; i < 42; i++ {
		many[i], many[i+6] = image.Pt(30, 50), image.Pt(70, 50)
	}
	many[33] = image.Pt(50, 90)
	for _, c := range []struct {
		name  string
		shape []image.Point
		want  float64
	}{
		{"frontal", frontal, 0},
		{"tilted", tilted, 0},
		{"turned", turned, 0.5},
		{"68 points", many, 0},
		{"none", nil, 0},
		{"all in one place", make([]image.Point, 5), 1},
	} {
		if got := yaw(c.shape); math.Abs(float64(got)-c.want) > 1e-6 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// A face that is out of focus, or in the dark, does not count; the same one as it is does.
func TestBadPicturesAreTold(t *testing.T) {
	m := picture(t, "faces/obama_1.jpg")
	box := image.Rect(371, 92, 612, 423)
	spoilt := gocv.NewMat()
	defer spoilt.Close()
	for _, c := range []struct {
		name  string
		spoil func()
		want  Reason
	}{
		{"as it is", func() { m.CopyTo(&spoilt) }, Fit},
		{"out of focus", func() { gocv.GaussianBlur(m, &spoilt, image.Point{}, 12, 12, gocv.BorderDefault) }, Blurred},
		{"in the dark", func() { m.ConvertToWithParams(&spoilt, gocv.MatTypeCV8UC3, 0.15, 0) }, TooDark},
		{"in the glare", func() { m.ConvertToWithParams(&spoilt, gocv.MatTypeCV8UC3, 1, 150) }, TooLight},
	} {
		c.spoil()
		q, err := measure(spoilt, box)
		if err != nil {
			t.Fatal(err)
		}
		Gate{}.withDefaults().judge(&q, box.Dx(), 1)
		t.Logf("%s: %+v", c.name, q)
		if q.Reason != c.want {
			t.Errorf("%s: %+v, want %q", c.name, q, c.want)
		}
	}
	for _, outside := range []image.Rectangle{{}, image.Rect(-50, -50, -10, -10), image.Rect(5000, 0, 6000, 10)} {
		if q, err := measure(m, outside); err != nil || q != (Quality{}) {
			t.Errorf("%v: %+v, %v", outside, q, err)
		}
	}
}
