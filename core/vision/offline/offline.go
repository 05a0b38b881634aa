// Package offline runs one video through the pipeline of a camera in the time of the file instead of that of the wall,
// as fast as the machine goes and without leaving out a frame: the same decoding, motion, detection and tracking that
// a live camera gets. It owns the pace, the list of what was seen and the drawing of boxes. It reads no files, keeps no
// events and decides nothing about objects.
package offline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
)

// Start is the wall time that stands for the beginning of a file.
func Start() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// Units are the access units of one file in decoding order, with wall times that count from Start. They end with the
// first error.
type Units = iter.Seq2[*media.AccessUnit, error]

// Options say how a video is looked at.
type Options struct {
	// Camera is the configuration of the camera that the file stands for. Its Frames must be nil.
	Camera vision.Config
	Pool   *detect.Pool // running; nil: motion only
	// Frame, if set, is called for each analysed frame with its picture and what was seen in it. Neither may be kept.
	Frame func(*decode.Frame, nvr.Observation) error
	Log   *slog.Logger
}

// Sighting is where a track was in one frame that found it.
type Sighting struct {
	At    time.Duration `json:"at"` // from the start of the file
	Box   nvr.Box       `json:"box"`
	Score float32       `json:"score"`
}

// Event is a track that was confirmed: what a live camera would make an event of.
type Event struct {
	Label    string
	From, To time.Duration // first and last seen, from the start of the file
	TopScore float32
	Path     []Sighting    // in the order of time
	Best     *nvr.Snapshot // the picture that the event would show, or nil
}

// Result is what was seen in a file.
type Result struct {
	Events     []Event // by beginning
	Frames     int     // analysed
	Moving     int     // of these, frames with motion
	Inferences uint64  // regions given to the detector
	Length     time.Duration
}

// ahead is how far, in the time of the file, units are handed to the pipeline before it has shown their pictures.
const ahead = 2 * time.Second

// patience is how long the pipeline may show no picture before more units are handed out all the same: those that
// cannot be decoded never show one.
const patience = time.Second

// Run looks at the whole video. The error is ctx's, that of units or Frame, or says that the file was not fully
// analysed.
func Run(ctx context.Context, units Units, o Options) (*Result, error) {
	r := &run{opts: o, hub: media.NewHub(), subscribed: make(chan struct{}), picked: make(chan time.Time, 1), seen: make(chan struct{}, 1)}
	r.seen <- struct{}{}
	reg := prometheus.NewRegistry()
	o.Camera.Frames = r.show
	cam, err := vision.New(o.Camera, r, vision.Shared{
		Decoders: make(chan struct{}, 1), Pool: o.Pool, Metrics: vision.NewMetrics(reg),
	}, r, o.Log)
	if err != nil {
		return nil, fmt.Errorf("look at video: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.ctx, r.cancel = ctx, cancel
	ended := make(chan error, 1)
	go func() { ended <- cam.Run(ctx) }()
	if err := r.feed(units); err != nil {
		cancel(err)
	}
	r.hub.Close()
	err = <-ended
	r.last.Close()
	if cause := context.Cause(ctx); cause != nil {
		return nil, fmt.Errorf("look at video: %w", cause)
	}
	if !errors.Is(err, media.ErrReaderClosed) {
		return nil, fmt.Errorf("look at video: %w", err)
	}
	return r.result(cam.Stats(), reg)
}

// run is one file on its way. The decoding goroutine calls show, the analysing one Observe, in turn: show waits until
// the frame before was observed, so that no frame is ever replaced by a newer one.
type run struct {
	opts   Options
	hub    *media.Hub
	ctx    context.Context //nolint:containedctx // the pipeline's callbacks have none
	cancel context.CancelCauseFunc

	subscribed chan struct{}
	picked     chan time.Time // of the last picture shown
	seen       chan struct{}  // holds a token while no frame is under way
	last       decode.Frame
	looked     time.Time // of the last frame that Options.Frame got
	tracks     tracks
	length     time.Duration
	moving     int
}

// Subscribe gives the pipeline a reader that never loses a unit.
func (r *run) Subscribe(o media.ReaderOptions) *media.Reader {
	o.Capacity, o.DropQueued, o.MaxLag = 1<<30, false, 0
	defer close(r.subscribed)
	return r.hub.Subscribe(o)
}

func (r *run) feed(units Units) error {
	select {
	case <-r.subscribed:
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
	shown := Start()
	for u, err := range units {
		if err != nil {
			return err
		}
		if !u.Desc.Tracks[u.Track].Video() || len(u.Payload) == 0 {
			continue
		}
		r.hub.Publish(u)
		r.length = max(r.length, u.NTP.Sub(Start()))
		if shown, err = r.pace(shown, u.NTP); err != nil {
			return err
		}
	}
	return nil
}

// pace waits until the pictures are close enough to the units that were handed out.
func (r *run) pace(shown, handed time.Time) (time.Time, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for handed.Sub(shown) > ahead {
		select {
		case shown = <-r.picked:
		case <-timer.C:
			return handed, nil
		case <-r.ctx.Done():
			return shown, context.Cause(r.ctx)
		}
	}
	return shown, nil
}

// show runs in the decoding goroutine.
func (r *run) show(f *decode.Frame) {
	select {
	case <-r.seen:
	case <-r.ctx.Done():
		return
	}
	if r.opts.Frame != nil {
		if err := r.last.CopyFrom(f); err != nil {
			r.cancel(err)
		}
	}
	select {
	case <-r.picked:
	default:
	}
	r.picked <- f.Time
}

// Observe runs in the analysing goroutine.
func (r *run) Observe(o nvr.Observation) {
	r.tracks.observe(o)
	if r.opts.Frame != nil && r.last.Time.Equal(o.Time) && !r.looked.Equal(o.Time) { // the last word of a session has the time of its last frame
		r.looked = o.Time
		if err := r.opts.Frame(&r.last, o); err != nil {
			r.cancel(err)
		}
	}
	if o.Motion {
		r.moving++
	}
	select {
	case r.seen <- struct{}{}:
	default: // the last word of a session comes without a frame
	}
}

// result is only given when the whole file was looked at.
func (r *run) result(s vision.Stats, reg *prometheus.Registry) (*Result, error) {
	switch lost := failures(reg); {
	case s.Frames == 0:
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: "the file has no picture that can be decoded"}
	case s.Skipped > 0 || s.Dropped > 0 || lost > 0:
		return nil, fmt.Errorf("look at video: %d frames and %d units were left out, and detection failed in %.0f frames", s.Skipped, s.Dropped, lost)
	}
	return &Result{
		Events: r.tracks.events(), Frames: int(s.Frames), Moving: r.moving, Inferences: s.Inferences, Length: r.length, //nolint:gosec // frames of one file
	}, nil
}

// failures returns how many frames could not be searched.
func failures(reg *prometheus.Registry) (n float64) {
	families, err := reg.Gather()
	if err != nil {
		return 1
	}
	for _, f := range families {
		if f.GetName() != "nvr_vision_detect_failures_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			n += m.GetCounter().GetValue()
		}
	}
	return n
}
