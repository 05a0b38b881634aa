package motion

import (
	"image"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestMotionInAMaskDoesNotCount(t *testing.T) {
	leftHalf := nvr.Polygon{{X: 0, Y: 0}, {X: 0.5, Y: 0}, {X: 0.5, Y: 1}, {X: 0, Y: 1}}
	masked, free := image.Rect(60, 100, 140, 240), image.Rect(460, 100, 540, 240)
	s := newScene(t, Config{Masks: []nvr.Polygon{leftHalf}})
	s.calm(10, 90)
	if r := s.show(90, masked); len(r.Boxes) != 0 || r.Changed != 0 {
		t.Errorf("motion in the mask counts: %+v", r)
	}
	r := s.show(90, masked, free)
	if len(r.Boxes) == 0 {
		t.Fatal("motion beside the mask does not count")
	}
	for _, b := range r.Boxes {
		if b.X < 0.5 {
			t.Errorf("box %+v reaches into the mask", b)
		}
	}
	if r := s.show(230); !r.Calibrating {
		t.Error("a sudden change of light is not recognized with a mask")
	}
	if _, err := New(Config{Masks: []nvr.Polygon{leftHalf[:2]}}); err == nil {
		t.Error("a mask of two points is taken")
	}
}
