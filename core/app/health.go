package app

import (
	"log/slog"

	"github.com/nightjar-nvr/nightjar/core/camera"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision"
	"github.com/nightjar-nvr/nightjar/core/vision/health"
)

// healthOf returns what is looked for in a camera's pictures and who is told; nil where nothing is.
func healthOf(cfg *config.Config, id nvr.CameraID, cams *camera.Manager) (health.Config, func(nvr.HealthChange)) {
	h := cfg.HealthFor(id)
	checks := h.Pictures()
	if len(checks) == 0 {
		return health.Config{}, nil
	}
	return health.Config{Checks: checks, SlowBelow: h.SlowBelow, BlurredBelow: h.BlurredBelow}, cams.NoteHealth
}

// deaf is the sink of a camera on which nothing is detected.
type deaf struct{}

// Observe implements vision.Sink.
func (deaf) Observe(nvr.Observation) {}

// watchPictures adds a pipeline that decodes key pictures only, for the health of a camera without detection.
func (d *detector) watchPictures(cfg *config.Config, id nvr.CameraID, shared vision.Shared, log *slog.Logger) error {
	stream, ok := d.streams.Resolve(id, nvr.Sub)
	checks, tell := healthOf(cfg, id, d.streams)
	if !ok || !enabled(cfg.Cameras[id].Enabled) || tell == nil {
		return nil // no decoder runs for a camera that nothing looks at
	}
	shared.Pool = nil
	cam, err := vision.New(vision.Config{Camera: id, Disabled: true, Health: tell, HealthChecks: checks}, d.streams.Hub(stream), shared, deaf{},
		log.With("camera_id", string(id)))
	if err != nil {
		return err
	}
	d.watched = append(d.watched, part{name: "pictures of " + string(id), run: untilClosed(cam.Run)})
	return nil
}
