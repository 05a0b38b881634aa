package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/camera"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
	"github.com/nightjar-nvr/nightjar/core/vision/sound"
)

// ears listen to the cameras that have sound switched on.
type ears struct {
	cameras    map[nvr.CameraID]*sound.Camera
	order      []nvr.CameraID
	classifier *sound.Classifier // nil: only levels count
}

// picturesOf returns what a camera shows as JPEG, nil where there is nothing.
type picturesOf func(nvr.CameraID) []byte

// newEars never fails for want of a model: levels are told without one. A label that the model does not have is a mistake.
func newEars(cfg *config.Config, cams *camera.Manager, b *bus.Bus, pictures picturesOf, log *slog.Logger, reg prometheus.Registerer) (*ears, error) {
	e := &ears{cameras: make(map[nvr.CameraID]*sound.Camera)}
	for _, id := range cfg.CameraIDs() {
		if hears(cfg, id) {
			e.order = append(e.order, id)
		}
	}
	if len(e.order) == 0 {
		return e, nil
	}
	if cfg.Audio.Model != "" {
		var err error
		if e.classifier, err = openClassifier(cfg); err != nil {
			log.Warn("sounds are not named", "model", cfg.Audio.Model, "reason", message(err))
		}
	}
	metrics := sound.NewMetrics(reg)
	for _, id := range e.order {
		set := cfg.AudioFor(id)
		stream, _ := cams.Resolve(id, nvr.Main)
		cam, err := sound.New(sound.Config{
			Camera: id, Threshold: float32(set.Threshold), MinDuration: set.MinDuration.D, Hold: set.Hold.D,
			Labels: soundLabels(set), Classifier: e.classifier, Metrics: metrics,
			Level: b.Levels.Publish, Sound: b.Sounds.Publish, Picture: func() []byte { return pictures(id) },
		}, cams.Hub(stream), log)
		if err != nil {
			return nil, err
		}
		e.cameras[id] = cam
	}
	return e, nil
}

// hears reports whether a camera is listened to.
func hears(cfg *config.Config, id nvr.CameraID) bool {
	return enabled(cfg.Cameras[id].Enabled) && cfg.AudioFor(id).Enabled
}

// namesSounds reports whether a classifier may name sounds of any camera. Without its file none will: sounds are told at once
// then, by their level.
func namesSounds(cfg *config.Config) bool {
	if _, err := os.Stat(cfg.Audio.Model); err != nil {
		return false
	}
	for _, id := range cfg.CameraIDs() {
		if hears(cfg, id) {
			return true
		}
	}
	return false
}

func openClassifier(cfg *config.Config) (*sound.Classifier, error) {
	library, err := detect.FindLibrary(cfg.Detect.ONNXRuntime)
	if err != nil {
		return nil, err
	}
	return sound.OpenClassifier(library, cfg.Audio.Model)
}

func soundLabels(set config.Audio) map[string]float32 {
	out := make(map[string]float32, len(set.Labels))
	for label, from := range set.Labels {
		out[strings.ToLower(label)] = float32(from)
	}
	return out
}

// parts returns the listeners as components.
func (e *ears) parts() stage {
	var st stage
	for _, id := range e.order {
		st = append(st, part{name: "sound of " + string(id), run: untilClosed(e.cameras[id].Run)})
	}
	return st
}

// SoundLevels implements the API's ears: the levels of the last minutes, oldest first.
func (e *ears) SoundLevels(_ context.Context, id nvr.CameraID) ([]nvr.SoundLevel, error) {
	c := e.cameras[id]
	if c == nil {
		return nil, &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf(
			"nobody listens to camera %s: set audio.enabled for it and restart", id)}
	}
	return c.History(), nil
}

// latest returns what the pipeline of a camera shows, for picturesOf.
func (d *detector) latest(id nvr.CameraID) []byte {
	if c := d.cameras[id]; c != nil {
		if s := c.LatestStill(); s != nil {
			return s.JPEG
		}
	}
	return nil
}
