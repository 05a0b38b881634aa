package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/camera"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
	"github.com/nightjar-nvr/nightjar/core/vision/detect/kserve"
	"github.com/nightjar-nvr/nightjar/core/vision/models"
	"github.com/nightjar-nvr/nightjar/core/vision/motion"
)

// detector is the shared pool and the pipeline of each camera. Without a usable model the pipelines run on motion
// alone, and state says why and what to do.
type detector struct {
	pool    *detect.Pool   // nil: motion only
	remote  *kserve.Client // nil: all inference is local
	streams *camera.Manager
	cameras map[nvr.CameraID]*vision.Camera // those that the configuration has detection on for
	order   []nvr.CameraID
	watched stage // cameras without detection, whose pictures are looked after all the same
	state   httpapi.Detector
	stills  chan struct{} // bounds decoders made for one picture
	decode  *decoders
}

// newDetector never fails for want of a model: that is a state, told once.
func newDetector(cfg *config.Config, cams *camera.Manager, sink vision.Sink, people *faces, frames func(nvr.CameraID, *decode.Frame), log *slog.Logger, reg prometheus.Registerer) (*detector, error) {
	d := &detector{streams: cams, cameras: make(map[nvr.CameraID]*vision.Camera), stills: make(chan struct{}, 2), decode: newDecoders(log)}
	d.openPool(cfg, log, reg)
	shared := vision.Shared{Decoders: make(chan struct{}, runtime.GOMAXPROCS(0)), Pool: d.pool, Metrics: vision.NewMetrics(reg)}
	for _, id := range cfg.CameraIDs() {
		stream, ok := cams.Resolve(id, nvr.Sub)
		set, own := cfg.DetectFor(id), cfg.Cameras[id].Detect
		if !ok || !enabled(cfg.Cameras[id].Enabled) || !set.Enabled {
			if err := d.watchPictures(cfg, id, shared, log); err != nil {
				return nil, err
			}
			continue
		}
		checks, tell := healthOf(cfg, id, cams)
		cam, err := vision.New(vision.Config{
			Camera: id, FPS: set.FPS, Labels: set.Labels, MinScore: float32(set.MinScore), Threshold: float32(set.Threshold),
			Motion:  motion.Config{Threshold: own.MotionThreshold, MinArea: own.MotionArea, Masks: motionMasks(own)},
			Faces:   people.watcher(cams, id),
			Filters: filters(own), Masks: objectMasks(own), Zones: zonesOf(cfg.Cameras[id]),
			Health: tell, HealthChecks: checks,
			Frames: func(f *decode.Frame) { frames(id, f) }, Hardware: d.decode.hardware(id, decode.Accel(set.Decode)),
		}, cams.Hub(stream), shared, sink, log.With("camera_id", string(id)))
		if err != nil {
			return nil, err
		}
		d.cameras[id] = cam
		d.order = append(d.order, id)
	}
	return d, nil
}

func enabled(p *bool) bool { return p == nil || *p }

func (d *detector) openPool(cfg *config.Config, log *slog.Logger, reg prometheus.Registerer) {
	d.state = httpapi.Detector{State: "disabled", Model: cfg.Detect.Model, Message: "detection is switched off in the configuration"}
	if !cfg.Detect.Enabled {
		return
	}
	if cfg.Detect.Model == "" {
		d.openServed(cfg, log, reg)
		return
	}
	model, state, err := openModel(cfg)
	if err != nil {
		fix := "nightjar models pull " + cfg.Detect.Model
		if state == "failed" {
			fix = "make build" // brings ONNX Runtime; a broken model's message names its own remedy
		}
		d.without(state, err, fix, log)
		return
	}
	if d.remote, err = remote(cfg, log); err != nil {
		d.without("failed", err, "correct detect.remote", log)
		return
	}
	d.usePool(cfg, model, log, reg)
	log.Info("detector is ready", "model", model.Name, "layout", string(model.Layout), "width", model.Width, "height", model.Height,
		"runtime", detect.RuntimeVersion())
}

// serverWait is how long a start waits for an inference server that alone knows the model.
const serverWait = 5 * time.Second

// openServed uses the model of an inference server without a local copy: frames are skipped while it does not answer. What the
// model takes and gives only the server knows, so it must answer at the start.
func (d *detector) openServed(cfg *config.Config, log *slog.Logger, reg prometheus.Registerer) {
	client, err := remote(cfg, log)
	if err != nil {
		d.without("failed", err, "correct detect.remote", log)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), serverWait)
	defer cancel()
	model, err := detect.OpenRemoteModel(ctx, client, cfg.Detect.Remote.Labels)
	if err != nil {
		_ = client.Close() // nobody uses it
		d.without("failed", err, "start the inference server, then Nightjar again; with detect.model set, a local model stands in", log)
		return
	}
	d.remote = client
	d.usePool(cfg, model, log, reg)
	log.Info("detector is ready", "model", model.Name, "layout", string(model.Layout), "width", model.Width, "height", model.Height,
		"server", client.URL())
}

func (d *detector) usePool(cfg *config.Config, model *detect.Model, log *slog.Logger, reg prometheus.Registerer) {
	d.pool = detect.NewPool(model, detect.PoolConfig{
		Workers: cfg.Detect.Workers, Batch: batchSize(cfg, model, log), BatchWait: cfg.Detect.BatchWait.D, Remote: d.remote,
	}, log, reg)
	d.state = httpapi.Detector{State: "ready", Model: model.Name}
}

// without says why nothing detects objects, once, and what to do.
func (d *detector) without(state string, err error, fix string, log *slog.Logger) {
	d.state.State, d.state.Message, d.state.Fix = state, message(err), fix
	log.Warn("running on motion alone", "model", d.state.Model, "reason", d.state.Message, "fix", fix)
}

// remote returns the inference server of the configuration, nil where there is none. It connects when it is first asked.
func remote(cfg *config.Config, log *slog.Logger) (*kserve.Client, error) {
	r := cfg.Detect.Remote
	if r.URL == "" {
		return nil, nil //nolint:nilnil // no server is the usual case
	}
	return kserve.New(kserve.Options{
		URL: r.URL, Model: r.Model, Version: r.Version, CAFile: r.CAFile, Token: r.Token.Reveal(), Timeout: r.Timeout.D, Log: log,
	})
}

// runPool runs the detector and ends the connection to its server, if it has one.
func (d *detector) runPool(ctx context.Context) error {
	err := d.pool.Run(ctx)
	if d.remote != nil {
		err = errors.Join(err, d.remote.Close())
	}
	return err
}

// openModel finds and checks the model and its runtime. state tells a missing model from one that does not work.
func openModel(cfg *config.Config) (m *detect.Model, state string, err error) {
	path, err := models.New(cfg.ModelsPath(), nil).Resolve(cfg.Detect.Model)
	if err != nil {
		return nil, "motion_only", err
	}
	library, err := detect.FindLibrary(cfg.Detect.ONNXRuntime)
	if err != nil {
		return nil, "failed", err
	}
	m, err = detect.OpenModelOn(detect.Provider(cfg.Detect.Provider), library, path, "")
	return m, "failed", err
}

// message is the sentence of an error that a person may read.
func message(err error) string {
	var e *nvr.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

// motionOnly reports whether motion itself makes events for a camera.
func (d *detector) motionOnly(nvr.CameraID) bool { return d.pool == nil }

// parts returns the pool and the pipelines as components.
func (d *detector) parts() stage {
	var st stage
	if d.pool != nil {
		st = append(st, part{name: "detector pool", run: d.runPool})
	}
	st = append(st, part{name: "decoding hardware", run: d.decode.run})
	for _, id := range d.order {
		st = append(st, part{name: "vision of " + string(id), run: untilClosed(d.cameras[id].Run)})
	}
	return append(st, d.watched...)
}

// untilClosed waits for ctx when the hub closes first, as it does on every stop: that is no fault.
func untilClosed(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		err := run(ctx)
		if errors.Is(err, media.ErrReaderClosed) {
			<-ctx.Done()
		}
		return err
	}
}

func (d *detector) status() httpapi.Detector {
	s := d.state
	s.Decode, s.DecodeMessage = d.decode.on(), d.decode.problem()
	for _, c := range d.cameras {
		st := c.Stats()
		s.FPS += st.DetectFPS
	}
	if d.pool != nil {
		s.InferenceMS = float64(d.pool.InferenceTime().Microseconds()) / 1000
	}
	return s
}

// Still implements the API's pictures: the pipeline's newest, or one decoded for the occasion.
func (d *detector) Still(ctx context.Context, id nvr.CameraID) ([]byte, time.Time, error) {
	none := &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf("camera %s has not sent a picture yet", id)}
	if c := d.cameras[id]; c != nil {
		if s := c.LatestStill(); s != nil {
			return s.JPEG, s.Time, nil
		}
		return nil, time.Time{}, none
	}
	stream, ok := d.streams.Resolve(id, nvr.Sub)
	if !ok || d.streams.Hub(stream).Description() == nil {
		return nil, time.Time{}, none
	}
	select {
	case d.stills <- struct{}{}:
		defer func() { <-d.stills }()
	case <-ctx.Done():
		return nil, time.Time{}, ctx.Err()
	}
	s, err := vision.Still(ctx, d.streams.Hub(stream))
	if err != nil {
		none.Err = err
		return nil, time.Time{}, none
	}
	return s.JPEG, s.Time, nil
}

// frameSize is the analysed picture of a camera in pixels, zeros before the first.
func (d *detector) frameSize(id nvr.CameraID) (width, height int) {
	if c := d.cameras[id]; c != nil {
		st := c.Stats()
		return st.Width, st.Height
	}
	return 0, 0
}
