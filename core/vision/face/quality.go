package face

import (
	"fmt"
	"image"
	"math"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

// Gate says which faces are good enough. Zero values mean the defaults given.
type Gate struct {
	MinSize       int     // pixels; 28
	MinSharpness  float32 // see Quality; 0.02
	MaxYaw        float32 // see Quality; 0.4
	MinBrightness float32 // 0..255; 40
	MaxBrightness float32 // 0..255; 225
}

func (g Gate) withDefaults() Gate {
	if g.MinSize <= 0 {
		g.MinSize = 28
	}
	if g.MinSharpness <= 0 {
		g.MinSharpness = 0.02
	}
	if g.MaxYaw <= 0 {
		g.MaxYaw = 0.4
	}
	if g.MinBrightness <= 0 {
		g.MinBrightness = 40
	}
	if g.MaxBrightness <= 0 {
		g.MaxBrightness = 225
	}
	return g
}

// Faces this good gain nothing by being better. Three people, scaled down: from 30 pixels on the distance to another
// picture of them is within 0.1 of what it is at full size, from 60 on within 0.02; at 20 it passes the threshold.
const (
	plentySize      = 64
	plentySharpness = 5 // times Gate.MinSharpness
	chipSide        = 112
)

// judge fills Score and Reason from what was measured. inside is the share of the face's box within the picture.
func (g Gate) judge(q *Quality, size int, inside float64) {
	parts := []struct {
		reason Reason
		good   float64 // 1: as good as it gets; 0: at the limit
	}{
		{TooSmall, between(float64(size), float64(g.MinSize), plentySize)},
		{TooDark, between(float64(q.Brightness), float64(g.MinBrightness), 2*float64(g.MinBrightness))},
		{TooLight, between(float64(q.Brightness), float64(g.MaxBrightness), float64(g.MaxBrightness)-25)},
		{Blurred, between(float64(q.Sharpness), float64(g.MinSharpness), plentySharpness*float64(g.MinSharpness))},
		{Turned, between(float64(q.Yaw), float64(g.MaxYaw), float64(g.MaxYaw)/4)},
		{CutOff, between(inside, 0.75, 0.95)},
	}
	worst := 1.0
	q.Reason = Fit
	for _, p := range parts {
		if p.good < 0 && q.Reason == Fit {
			q.Reason = p.reason
		}
		worst = min(worst, p.good)
	}
	q.Score = 0
	if q.Reason == Fit {
		q.Score = float32(0.2 + 0.8*worst)
	}
}

// between maps limit to 0 and plenty to 1, never more than 1, and below 0 on the wrong side of limit.
func between(v, limit, plenty float64) float64 {
	return min(1, (v-limit)/(plenty-limit))
}

// measure looks at the pixels of a face. box may reach over the edge of the picture.
func measure(bgr gocv.Mat, box image.Rectangle) (Quality, error) {
	box = box.Intersect(image.Rect(0, 0, bgr.Cols(), bgr.Rows()))
	if box.Dx() < 2 || box.Dy() < 2 {
		return Quality{}, nil
	}
	view, err := cv.Crop(bgr, box)
	if err != nil {
		return Quality{}, fmt.Errorf("measure face: %w", err)
	}
	defer view.Close()
	chip, grey, edges := gocv.NewMat(), gocv.NewMat(), gocv.NewMat()
	mean, dev := gocv.NewMat(), gocv.NewMat()
	for _, m := range []*gocv.Mat{&chip, &grey, &edges, &mean, &dev} {
		defer m.Close()
	}
	// Never enlarged: a small face would look blurred, and its size counts already.
	size := image.Pt(min(box.Dx(), chipSide), min(box.Dy(), chipSide))
	if err := cv.Resize(view, &chip, size, gocv.InterpolationArea); err != nil {
		return Quality{}, fmt.Errorf("measure face: %w", err)
	}
	gocv.CvtColor(chip, &grey, gocv.ColorBGRToGray)
	gocv.MeanStdDev(grey, &mean, &dev)
	q := Quality{Brightness: float32(mean.GetDoubleAt(0, 0))}
	contrast := max(dev.GetDoubleAt(0, 0), 1)
	gocv.Laplacian(grey, &edges, gocv.MatTypeCV32F, 1, 1, 0, gocv.BorderDefault)
	gocv.MeanStdDev(edges, &mean, &dev)
	sharp := dev.GetDoubleAt(0, 0) / contrast
	q.Sharpness = float32(sharp * sharp)
	return q, nil
}

// yaw tells from dlib's landmarks how far a head is turned. Of 5 points the first two and the next two are the corners
// of the eyes and the last is below the nose; of 68 points 36..41 and 42..47 are the eyes and 33 is below the nose.
func yaw(shape []image.Point) float32 {
	var a, b, nose point
	switch len(shape) {
	case 5:
		a, b, nose = middle(shape[0:2]), middle(shape[2:4]), middle(shape[4:])
	case 68:
		a, b, nose = middle(shape[36:42]), middle(shape[42:48]), middle(shape[33:34])
	default:
		return 0
	}
	eyes := point{b.x - a.x, b.y - a.y}
	length2 := eyes.x*eyes.x + eyes.y*eyes.y
	if length2 < 1 {
		return 1
	}
	// The foot of the nose on the line of the eyes, so that a tilted head is not a turned one.
	along := ((nose.x-a.x)*eyes.x + (nose.y-a.y)*eyes.y) / length2
	return float32(math.Abs(along - 0.5))
}

type point struct{ x, y float64 }

func middle(points []image.Point) point {
	var m point
	for _, p := range points {
		m.x += float64(p.X) / float64(len(points))
		m.y += float64(p.Y) / float64(len(points))
	}
	return m
}
