package httpapi

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// fakeEars hears front.
type fakeEars struct{}

func (fakeEars) SoundLevels(context.Context, nvr.CameraID) ([]nvr.SoundLevel, error) {
	return []nvr.SoundLevel{
		{Camera: "front", Time: time.Now().Add(-time.Minute), RMS: -60, Peak: -40, Floor: -62},
		{Camera: "front", Time: time.Now(), RMS: -20, Peak: -3, Floor: -62},
	}, nil
}

func (w *world) testSound(t *testing.T) {
	var out SoundLevels
	if resp := w.do(request{path: "/api/v1/cameras/front/sound", token: w.viewer}, &out); resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	if len(out.Levels) != 2 || out.Now == nil || out.Now.RMS != -20 || out.Levels[0].Peak != -40 {
		t.Errorf("%+v", out)
	}
	if resp := w.do(request{path: "/api/v1/cameras/nobody/sound", token: w.viewer}, nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("unknown camera: %s", resp.Status)
	}
	var cam Camera
	w.do(request{path: "/api/v1/cameras/front", token: w.viewer}, &cam)
	if len(cam.Problems) != 1 || cam.Problems[0].Problem != "blurred" || cam.Problems[0].Detail == "" || !cam.Problems[0].Since.Equal(t0) {
		t.Errorf("problems %+v", cam.Problems)
	}
}
