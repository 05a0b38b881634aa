package face

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

// KeyPicture returns the newest key picture of a camera's main stream that was shown after a time, in BGR; the caller closes
// it. ok is false where there is none, which must cost next to nothing.
type KeyPicture func(ctx context.Context, after time.Time) (bgr gocv.Mat, at time.Time, ok bool)

// RecogniserOptions configure a Recogniser. Zero values mean the defaults given.
type RecogniserOptions struct {
	Rate     float64 // tries per person and second; 2
	MaxCPU   float64 // share of one core that all tries together may take; 0.5
	Log      *slog.Logger
	Registry prometheus.Registerer // nil: no metrics
}

// Recogniser tells who the people in front of all cameras are. It tries one face at a time; what comes meanwhile is dropped and
// counted, because a person in view gives another chance soon.
type Recogniser struct {
	engine  *Engine
	gallery *Gallery
	o       RecogniserOptions
	tries   chan *attempt // holds one: only who turns idle off sends, once, nil for nothing
	idle    atomic.Bool   // a try would be taken at once
	metrics *watchMetrics
}

// attempt is one picture of one person on its way through the engine.
type attempt struct {
	watcher *Watcher
	track   uint64
	first   time.Time // of the track
	crop    gocv.Mat  // of the sub stream
	place   place
	small   bool // a larger picture is worth looking for
	after   time.Time
}

// NewRecogniser returns a recogniser that works while Run runs.
func NewRecogniser(e *Engine, g *Gallery, o RecogniserOptions) *Recogniser {
	if o.Rate <= 0 {
		o.Rate = 2
	}
	if o.MaxCPU <= 0 || o.MaxCPU > 1 {
		o.MaxCPU = 0.5
	}
	return &Recogniser{engine: e, gallery: g, o: o, tries: make(chan *attempt, 1), metrics: newWatchMetrics(o.Registry)}
}

// Run serves the watchers until ctx ends. It runs the engine, which must not run already; after an error it may be called again.
func (r *Recogniser) Run(ctx context.Context) error {
	cv.SingleThread()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var err error
	wg.Go(func() {
		defer cancel()
		err = r.engine.Run(ctx)
	})
	for ctx.Err() == nil {
		r.idle.Store(true)
		select {
		case <-ctx.Done():
			if !r.idle.CompareAndSwap(true, false) { // somebody is sending
				if a := <-r.tries; a != nil {
					_ = a.crop.Close()
				}
			}
		case a := <-r.tries:
			if a == nil {
				continue
			}
			started := time.Now()
			r.try(ctx, a)
			rest(ctx, time.Duration(float64(time.Since(started))*(1/r.o.MaxCPU-1)))
		}
	}
	wg.Wait()
	return err
}

// rest keeps the share of a core that was asked for.
func rest(ctx context.Context, pause time.Duration) {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (r *Recogniser) try(ctx context.Context, a *attempt) {
	defer a.crop.Close()
	done := a.small && r.tryLarge(ctx, a)
	if done || !a.place.plenty(tooSmallToTry) {
		return
	}
	r.look(ctx, a, a.crop, a.place, "sub")
}

// tryLarge looks at the person in the main stream, and reports whether there was a new picture of it.
func (r *Recogniser) tryLarge(ctx context.Context, a *attempt) bool {
	whole, at, ok := a.watcher.main(ctx, a.after)
	if !ok {
		return false
	}
	defer whole.Close()
	p, ok := a.watcher.placeAt(a.track, a.first, at, whole.Cols(), whole.Rows())
	if !ok {
		r.metrics.missed.Inc()
		return false
	}
	crop, err := cv.Crop(whole, p.crop)
	if err != nil {
		return false
	}
	defer crop.Close()
	r.look(ctx, a, crop, p, "main")
	return true
}

// look finds the one face that is this person's, and lets the watcher know.
func (r *Recogniser) look(ctx context.Context, a *attempt, crop gocv.Mat, p place, stream string) {
	found, err := r.engine.Find(ctx, crop)
	if err != nil {
		if !errors.Is(err, ErrStopped) && ctx.Err() == nil {
			r.o.Log.Warn("a face could not be looked for", "camera_id", string(a.watcher.camera), "err", err)
		}
		return
	}
	r.metrics.looked.WithLabelValues(stream).Inc()
	f, ok := p.own(found)
	if !ok {
		return
	}
	s := seen{embedding: f.Embedding, score: f.Quality.Score}
	if f.Quality.Reason == Fit {
		jpeg, err := Chip(crop, f.Box)
		if err != nil {
			r.o.Log.Warn("a face could not be cut out", "camera_id", string(a.watcher.camera), "err", err)
			return
		}
		s.sample = &nvr.FaceSample{
			Source: nvr.FaceEvent, Seen: p.at, Embedding: nvr.Embedding(f.Embedding), Quality: f.Quality.Score, Size: f.Size, JPEG: jpeg,
		}
	}
	r.metrics.faces.WithLabelValues(reasonLabel(f.Quality.Reason)).Inc()
	a.watcher.add(a.track, a.first, s)
}

func reasonLabel(r Reason) string {
	if r == Fit {
		return "fit"
	}
	return string(r)
}
