// Package sound listens to one camera: it decodes the sound of a stream, tells how loud each second was, when something
// loud begins and ends, and, where there is a model, what it is. It keeps to the background: noise that goes on raises what
// counts as loud. It is one goroutine per camera that has it switched on; others cost nothing. It stores nothing and knows
// nothing of events.
package sound

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	// readerUnits is about ten seconds of pictures and sound.
	readerUnits = 1024
	readerBatch = 250 * time.Millisecond
	// maxGap is how far sound may part from its timestamps before what was being measured is thrown away.
	maxGap        = 500 * time.Millisecond
	complainEvery = time.Minute
	historyLength = 5 * 60 // seconds
)

// stream is where access units come from: a media.Hub.
type stream interface {
	Subscribe(o media.ReaderOptions) *media.Reader
}

// Config describes one camera. Zero values mean the defaults given.
type Config struct {
	Camera      nvr.CameraID
	Threshold   float32       // dBFS from which a sound counts; -30
	MinDuration time.Duration // of loudness, for a sound to count; 300 ms
	Hold        time.Duration // quiet time after which a sound has ended; 5 s
	// Labels are the classes that are told, lower case, with the score from which they are. Without a classifier there are none.
	Labels     map[string]float32
	Classifier *Classifier // nil: only levels count
	Metrics    *Metrics    // nil: none

	// Level and Sound hear what was heard. They are called from the camera's goroutine and must return quickly.
	Level func(nvr.SoundLevel)
	Sound func(nvr.SoundChange)
	// Picture returns what the camera shows as JPEG, nil where there is nothing. May be nil.
	Picture func() []byte
}

// Camera listens to one camera. Its methods may be called from any goroutine.
type Camera struct {
	cfg     Config
	stream  stream
	log     *slog.Logger
	meter   *cameraMetrics
	running atomic.Bool

	mu      sync.Mutex
	history []nvr.SoundLevel // oldest first
}

// New checks the configuration. hub is a stream that has sound, or may come to have it.
func New(cfg Config, hub stream, log *slog.Logger) (*Camera, error) {
	if cfg.Threshold == 0 {
		cfg.Threshold = -30
	}
	if cfg.MinDuration == 0 {
		cfg.MinDuration = 300 * time.Millisecond
	}
	if cfg.Hold == 0 {
		cfg.Hold = 5 * time.Second
	}
	if !(cfg.Threshold < 0 && cfg.Threshold > nvr.SoundSilence) || cfg.MinDuration < 0 || cfg.Hold < 0 || cfg.Level == nil || cfg.Sound == nil {
		return nil, fmt.Errorf("sound of camera %s: threshold %v dBFS must be between %d and 0, durations %v and %v not negative, and somebody must listen",
			cfg.Camera, cfg.Threshold, nvr.SoundSilence, cfg.MinDuration, cfg.Hold)
	}
	if cfg.Classifier != nil {
		for label := range cfg.Labels {
			if !slices.Contains(cfg.Classifier.Labels, strings.ToLower(label)) {
				return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
					"sound of camera %s: the model has no class %q; correct audio.labels", cfg.Camera, label)}
			}
		}
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	return &Camera{cfg: cfg, stream: hub, log: log, meter: cfg.Metrics.camera(cfg.Camera)}, nil
}

// History returns the levels of the last five minutes, oldest first; seconds without sound are missing.
func (c *Camera) History() []nvr.SoundLevel {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.history)
}

func (c *Camera) remember(l nvr.SoundLevel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.history) >= historyLength {
		c.history = slices.Delete(c.history, 0, len(c.history)-historyLength+1)
	}
	c.history = append(c.history, l)
}

// Run listens until ctx ends or the hub is closed; at the end all sounds are told to have ended. It may be called again
// afterwards, but not twice at a time.
func (c *Camera) Run(ctx context.Context) error {
	if !c.running.CompareAndSwap(false, true) {
		return fmt.Errorf("sound of camera %s runs already", c.cfg.Camera)
	}
	defer c.running.Store(false)
	reader := c.stream.Subscribe(media.ReaderOptions{Capacity: readerUnits, Batch: readerBatch, DropQueued: true})
	defer reader.Close()
	l := newListener(c)
	defer l.endSession()
	var dropped uint64
	for {
		units, err := reader.Read(ctx)
		if err != nil {
			return fmt.Errorf("listen to camera %s: %w", c.cfg.Camera, err)
		}
		for _, u := range units {
			l.unit(u)
		}
		if d := reader.Dropped(); d != dropped {
			c.meter.dropped.Add(float64(d - dropped))
			dropped = d
		}
	}
}
