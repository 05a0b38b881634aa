//go:build matprofile

package vision

import (
	"testing"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
)

// Run with -tags matprofile: a camera that stops leaves no Mat behind, nor does a still that is asked for.
func TestCameraClosesItsMats(t *testing.T) {
	pool := startPool(t, "yolox_nano.onnx")
	r := newRig(t, Config{}, pool)
	r.play(footage.Load(t, "counter_sub.mp4", 15)[:90], 3) // the pool's sessions have opened by the first inference
	_ = r.stop()
	before := gocv.MatProfile.Count()
	for range 3 {
		r := newRig(t, Config{}, pool)
		r.play(footage.Load(t, "counter_sub.mp4", 15)[:150], 3)
		if r.cam.LatestStill() == nil {
			t.Fatal("no still")
		}
		_ = r.stop()
	}
	if n := gocv.MatProfile.Count(); n > before {
		t.Fatalf("%d Mats left", n-before)
	}
}
