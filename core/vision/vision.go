// Package vision watches one camera: it decodes the sub stream at the detect rate, finds motion, runs the shared
// detector on the parts of the picture where something happens, follows the objects and tells a sink what it saw in
// each frame. Nothing moves and nothing is followed: nothing is inferred. A camera's pipeline is two goroutines: one
// decodes and compares pictures, one analyses; between them lies one frame, the newest, so a slow detector costs
// frames and never delays the stream.
package vision

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
	"github.com/nightjar-nvr/nightjar/core/vision/health"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
	"github.com/nightjar-nvr/nightjar/core/vision/motion"
	"github.com/nightjar-nvr/nightjar/core/vision/track"
	"github.com/nightjar-nvr/nightjar/core/vision/zone"
)

// Sink hears what a camera saw. Observe is called from the pipeline for every analysed frame, in order; it must return
// quickly and must not keep Objects or Ended.
type Sink interface {
	Observe(o nvr.Observation)
}

// stream is where access units come from: a media.Hub.
type stream interface {
	Subscribe(o media.ReaderOptions) *media.Reader
}

// Config describes one camera. Zero values mean the defaults given.
type Config struct {
	Camera     nvr.CameraID
	FPS        float64                 // frames analysed per second; 5
	Labels     []string                // what is tracked; empty: everything
	MinScore   float32                 // a detection below this starts no track; 0.4
	Threshold  float32                 // median score that confirms a track; 0.6
	Thresholds map[string]float32      // by label, instead of Threshold
	Filters    map[string]track.Filter // by label: what a detection must be like
	Masks      []track.Mask            // where objects do not count; Motion has masks of its own
	Zones      zone.Config
	Motion     motion.Config
	MotionOff  time.Duration    // quiet time after which motion has ended; 3 s
	MaxSide    int              // longest side of the analysed picture in pixels; 1280
	MaxLag     time.Duration    // stream time by which decoding may be behind for more than 1 s before it goes on at the next key picture; 2 s
	Disabled   bool             // start with detection switched off
	Hardware   *decode.Hardware // that decodes, while it can; nil: the processor
	// Frames, if set, is shown each decoded picture, in the goroutine that decodes: it must be quick and keep nothing.
	Frames func(*decode.Frame)
	Faces  FaceWatcher // nil: nobody is recognised
	// Health, if set, hears when the camera's pictures begin and cease to be bad. It is called in the goroutine that
	// decodes and must return quickly.
	Health       func(nvr.HealthChange)
	HealthChecks health.Config
}

// FaceWatcher finds out who the people in front of a camera are. Look hears what is in one frame of size pixels, also that all
// tracks ended; it may set Identity and Face of objects and must return quickly. bgr gives the pixels, which must not be kept.
type FaceWatcher interface {
	Look(now time.Time, size image.Point, bgr func() (gocv.Mat, error), objects []nvr.TrackedObject, ended []uint64)
}

// Shared is what all cameras use together.
type Shared struct {
	// Decoders bounds how many cameras decode at a time: a channel whose capacity is the number of cores.
	Decoders chan struct{}
	// Pool is the detector. Nil: motion only.
	Pool    *detect.Pool
	Metrics *Metrics
}

const (
	detectDeadline = 2 * time.Second // for a place in the detector's queue; then the frame is skipped
	idleAfter      = 5 * time.Second // without a frame: what was tracked has ended
	stillEvery     = time.Second
	maxLag         = 2 * time.Second
	// readerUnits is one group of pictures of a camera with 30 frames per second and a key frame every 8 s.
	readerUnits = 240
)

// Camera is the pipeline of one camera. Its methods may be called from any goroutine.
type Camera struct {
	cfg    Config
	stream stream
	shared Shared
	sink   Sink
	log    *slog.Logger
	meter  *cameraMetrics

	enabled atomic.Bool
	toggled chan struct{}
	running atomic.Bool
	stats   statsBox
	latest  latestStill
	idle    time.Duration // idleAfter, less in tests
}

// New checks the configuration. hub is the camera's sub stream.
func New(cfg Config, hub stream, shared Shared, sink Sink, log *slog.Logger) (*Camera, error) {
	if cfg.FPS == 0 {
		cfg.FPS = 5
	}
	if cfg.MotionOff == 0 {
		cfg.MotionOff = 3 * time.Second
	}
	if cfg.MaxSide == 0 {
		cfg.MaxSide = 1280
	}
	if cfg.MaxLag == 0 {
		cfg.MaxLag = maxLag
	}
	if cfg.FPS < 0.1 || cfg.FPS > 60 || cfg.MotionOff < 0 || cfg.MaxSide < 64 {
		return nil, fmt.Errorf("vision of camera %s: fps %v must be 0.1 to 60, motion off delay %v not negative, longest side %d at least 64",
			cfg.Camera, cfg.FPS, cfg.MotionOff, cfg.MaxSide)
	}
	if shared.Decoders == nil || cap(shared.Decoders) == 0 {
		return nil, errors.New("vision: Shared.Decoders needs a capacity")
	}
	if shared.Metrics == nil {
		shared.Metrics = NewMetrics(nil)
	}
	c := &Camera{
		cfg: cfg, stream: hub, shared: shared, sink: sink, log: log, meter: shared.Metrics.camera(cfg.Camera),
		toggled: make(chan struct{}, 1), idle: idleAfter,
	}
	// A mistake in these settings is found now, not when the camera comes online.
	if m, err := motion.New(cfg.Motion); err != nil {
		return nil, fmt.Errorf("vision of camera %s: %w", cfg.Camera, err)
	} else if err := m.Close(); err != nil {
		return nil, fmt.Errorf("vision of camera %s: %w", cfg.Camera, err)
	}
	if _, err := c.newTracker(); err != nil {
		return nil, fmt.Errorf("vision of camera %s: %w", cfg.Camera, err)
	}
	if _, err := zone.New(cfg.Zones); err != nil {
		return nil, fmt.Errorf("vision of camera %s: %w", cfg.Camera, err)
	}
	c.enabled.Store(!cfg.Disabled)
	return c, nil
}

func (c *Camera) newTracker() (*track.Tracker, error) {
	return track.New(track.Config{
		Labels: c.cfg.Labels, MinScore: c.cfg.MinScore, Threshold: c.cfg.Threshold, Thresholds: c.cfg.Thresholds,
		Filters: c.cfg.Filters, Masks: c.cfg.Masks,
	})
}

// Run watches the stream until ctx ends or the hub is closed. At the end the sink hears that all tracks and the motion
// ended. It may be called again afterwards, but not twice at a time.
func (c *Camera) Run(ctx context.Context) error {
	if !c.running.CompareAndSwap(false, true) {
		return fmt.Errorf("vision of camera %s runs already", c.cfg.Camera)
	}
	defer c.running.Store(false)
	cv.SingleThread()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	box := newMailbox()
	defer box.close()
	in, err := newIngest(c, box)
	if err != nil {
		return err
	}
	defer in.close()
	an, err := newAnalysis(c)
	if err != nil {
		return err
	}
	defer an.close()
	var wg sync.WaitGroup
	wg.Go(func() { an.run(ctx, box) })
	if err = in.run(ctx); errors.Is(err, media.ErrReaderClosed) {
		box.drain(ctx, in.cur)
	}
	cancel()
	wg.Wait()
	return fmt.Errorf("watch camera %s: %w", c.cfg.Camera, err)
}

// SetEnabled switches detection on or off. While it is off only key frames are decoded, for LatestStill.
func (c *Camera) SetEnabled(on bool) {
	if c.enabled.Swap(on) == on {
		return
	}
	select {
	case c.toggled <- struct{}{}:
	default:
	}
}

// Enabled reports whether detection is switched on.
func (c *Camera) Enabled() bool { return c.enabled.Load() }

// Stats is how the pipeline does, for display.
type Stats struct {
	Enabled       bool
	Motion        bool
	DetectFPS     float64       // frames analysed per second, recent average
	InferenceTime time.Duration // of one inference, recent average over all cameras; 0 without a detector
	Tracks        int
	Width, Height int    // of the analysed picture, pixels
	Frames        uint64 // analysed
	Skipped       uint64 // picked but not analysed, because the detector was busy
	Inferences    uint64
	DecodeErrors  uint64
	Dropped       uint64 // access units lost before decoding, because decoding was slow
	LastFrame     time.Time
}

type statsBox struct {
	sync.Mutex
	s Stats
}

func (b *statsBox) change(f func(*Stats)) {
	b.Lock()
	f(&b.s)
	b.Unlock()
}

// Stats returns the figures as they are now.
func (c *Camera) Stats() Stats {
	c.stats.Lock()
	s := c.stats.s
	c.stats.Unlock()
	s.Enabled = c.enabled.Load()
	if c.shared.Pool != nil {
		s.InferenceTime = c.shared.Pool.InferenceTime()
	}
	return s
}

// LatestStill returns the newest picture as JPEG, at most about a second old while the camera delivers, or nil before
// the first. It is encoded on demand, once per picture.
func (c *Camera) LatestStill() *nvr.Snapshot { return c.latest.get(c.log) }
