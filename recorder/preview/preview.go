// Package preview keeps a small film of each camera for scrubbing: one picture a second, 180 pixels high, one MP4 per
// camera and UTC hour, which plays while it grows. Media time 0 of a file is the beginning of its hour. It takes the
// pictures from a camera's hub, decoding no more than it needs, or from whoever decodes them anyway and pushes them.
//
//	.previews/<camera>/<YYYY-MM-DD>/<HH>.mp4
//
// Previews are derived: they are not synced, not archived, and their loss is no loss of evidence. The package knows no
// recordings and does not decide when a preview is old enough to go; retention tells Prune.
package preview

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/media/encode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// defaultCRF is the constant quality of libx264. At one picture a second it invests far more into each than at usual
// rates: this is what about 26 looks like there.
const defaultCRF = 34

// Stream is where a camera's previews come from: its small stream, or its only one.
type Stream struct {
	Camera nvr.CameraID
	Hub    *media.Hub
}

// Options is what Previews needs. FS, Logger and Metrics are required.
type Options struct {
	FS       library.FS // of the first volume; previews lie in a hidden directory of it
	Streams  []Stream
	CRF      int // quality of libx264, 1 (best) to 51; 0 means 34
	Parallel int // pictures decoded or encoded at the same time; 0 means as many as there are cores
	Logger   *slog.Logger
	Metrics  prometheus.Registerer
	Now      func() time.Time // nil means time.Now
}

// Previews makes and finds previews. Its methods may be called from any goroutine.
type Previews struct {
	fs      library.FS
	cameras map[nvr.CameraID]*camera
	crf     int
	slots   chan struct{}
	logger  *slog.Logger
	now     func() time.Time
}

// New checks the options. Where libavcodec has no encoder the error is encode.ErrUnavailable: then there are no previews,
// and nothing else is missing.
func New(o Options) (*Previews, error) {
	if o.FS == nil || o.Logger == nil || o.Metrics == nil {
		return nil, errors.New("previews: file system, logger and metrics are required")
	}
	if o.CRF == 0 {
		o.CRF = defaultCRF
	}
	if o.Parallel <= 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	e, err := openEncoder(320, o.CRF)
	if err != nil {
		return nil, fmt.Errorf("previews: %w", err)
	}
	e.Close()
	p := &Previews{
		fs: o.FS, cameras: make(map[nvr.CameraID]*camera), crf: o.CRF, slots: make(chan struct{}, o.Parallel), logger: o.Logger, now: o.Now,
	}
	metrics := newMetrics(o.Metrics)
	for _, s := range o.Streams {
		if s.Hub == nil || p.cameras[s.Camera] != nil {
			return nil, fmt.Errorf("previews: camera %s has no hub, or is there twice", s.Camera)
		}
		p.cameras[s.Camera] = newCamera(p, s, metrics)
	}
	return p, nil
}

// Run makes previews until ctx is done, and returns when all goroutines have ended and all files are closed.
func (p *Previews) Run(ctx context.Context) error {
	p.recover()
	var wg sync.WaitGroup
	for _, c := range p.cameras {
		wg.Go(func() { c.read(ctx) })
		wg.Go(func() { c.write(ctx) })
	}
	<-ctx.Done() // also where there is no camera
	wg.Wait()
	return ctx.Err()
}

// Push offers a decoded picture of a camera, which is copied if it is wanted. It never blocks. While pictures are
// pushed, at least one in 3 s, the camera's stream is not decoded here.
func (p *Previews) Push(id nvr.CameraID, f *decode.Frame) {
	if c := p.cameras[id]; c != nil {
		c.pushed.Store(f.Time.UnixNano())
		if !c.offer(f) {
			c.metrics.dropped("busy").Inc()
		}
	}
}

func (p *Previews) acquire(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Previews) release() { <-p.slots }

func openEncoder(width, crf int) (*encode.Encoder, error) {
	return encode.New(encode.Config{
		Width: width, Height: height, ClockRate: clock, FPS: 1, GOP: maxGOP, CRF: crf, LowDelay: true, Preset: "veryfast", Profile: "main",
	})
}
