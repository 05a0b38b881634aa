package vision

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
	"github.com/nightjar-nvr/nightjar/core/vision/track"
	"github.com/nightjar-nvr/nightjar/core/vision/zone"
)

// scanFrames is how many whole pictures are looked at after a start or a sudden change of light, to find what was
// there before anything moved.
const scanFrames = 2

// analysis is the second half of the pipeline: it decides where to look, detects, tracks and tells the sink. It is one
// goroutine.
type analysis struct {
	*Camera
	client  *detect.Client // nil: motion only
	input   int            // shorter side of the detector's input, pixels
	tracker *track.Tracker
	zones   *zone.Watcher
	planner planner
	merger  merger

	bgr     gocv.Mat // of the frame being analysed, when colour is true
	colour  bool
	jpeg    []byte // of the frame being analysed, once encoded
	boxes   []nvr.Box
	areas   []nvr.Box // regions as fractions
	found   []detect.Found
	views   map[uint64]bestView
	scan    int // whole pictures still to look at
	settled bool

	last        time.Time // frame time
	moving      int       // frames with motion in a row
	active      bool      // motion, as told
	activeUntil time.Time
	still       time.Time // of the last still told
}

func newAnalysis(c *Camera) (*analysis, error) {
	t, err := c.newTracker()
	if err != nil {
		return nil, fmt.Errorf("watch camera %s: %w", c.cfg.Camera, err)
	}
	z, err := zone.New(c.cfg.Zones)
	if err != nil {
		return nil, fmt.Errorf("watch camera %s: %w", c.cfg.Camera, err)
	}
	a := &analysis{Camera: c, tracker: t, zones: z, bgr: gocv.NewMat(), views: make(map[uint64]bestView)}
	if c.shared.Pool != nil {
		m := c.shared.Pool.Model()
		a.client, a.input = c.shared.Pool.Client(), min(m.Width, m.Height)
	}
	return a, nil
}

func (a *analysis) close() { _ = a.bgr.Close() }

func (a *analysis) run(ctx context.Context, box *mailbox) {
	idle := time.NewTimer(a.idle)
	defer idle.Stop()
	for {
		select {
		case <-ctx.Done():
			a.finish()
			return
		case <-a.toggled:
			if !a.enabled.Load() {
				a.finish()
			}
		case <-idle.C:
			a.finish()
		case <-box.wake:
			if j := box.take(); j != nil {
				if a.enabled.Load() {
					a.frame(ctx, j)
				}
				box.free <- j
				idle.Reset(a.idle)
			}
		}
	}
}

// finish ends all tracks and the motion: the frames stopped.
func (a *analysis) finish() {
	ended := a.tracker.Flush()
	a.zones.Forget(ended)
	if a.cfg.Faces != nil {
		a.cfg.Faces.Look(a.last, image.Point{}, nil, nil, ended)
	}
	clear(a.views)
	a.settled, a.moving = false, 0
	if len(ended) > 0 || a.active {
		a.active = false
		a.sink.Observe(nvr.Observation{Camera: a.cfg.Camera, Time: a.last, Ended: ended})
	}
	a.meter.tracks.Set(0)
	a.stats.change(func(s *Stats) { s.Motion, s.Tracks, s.DetectFPS = false, 0, 0 })
}

// frame analyses one frame and tells the sink.
func (a *analysis) frame(ctx context.Context, j *job) {
	now := j.frame.Time
	if gap := now.Sub(a.last); !a.last.IsZero() && (gap < -time.Second || gap > idleAfter) {
		a.finish() // the clock jumped, or frames are missing
	}
	a.colour, a.jpeg = false, nil
	started := a.noteMotion(now, j)
	var found []nvr.Detection
	a.areas = a.areas[:0]
	if regions := a.look(now, j); len(regions) > 0 {
		found = a.detect(ctx, j, regions)
	}
	a.tracker.SetPicture(j.frame.Pix(), j.frame.Width, j.frame.Height)
	a.tracker.SetMotion(j.boxes)
	objects, ended := a.tracker.Update(now, found, a.areas)
	a.zones.Apply(now, objects)
	a.zones.Forget(ended)
	for _, id := range ended {
		delete(a.views, id)
	}
	o := nvr.Observation{Camera: a.cfg.Camera, Time: now, Motion: a.active, Objects: objects, Ended: ended, Searched: !j.calibrating}
	for _, b := range j.boxes {
		if a.active {
			o.Moved.Mark(b)
		}
	}
	if a.active && (started || now.Sub(a.still) >= stillEvery) {
		if o.Still = a.picture(j); o.Still != nil {
			a.still = now
		}
	}
	a.snapshots(now, j, objects)
	a.faces(now, j, objects, ended)
	a.sink.Observe(o)
	a.count(now, j, len(objects))
	a.last = now
}

// noteMotion follows the motion state and reports whether motion began. One frame is not motion: a camera's key frame
// or a moth makes as much.
func (a *analysis) noteMotion(now time.Time, j *job) (started bool) {
	if j.moved > 0 {
		a.moving += j.moved
	} else {
		a.moving = 0
	}
	switch {
	case a.moving >= 2, a.moving > 0 && a.active:
		started = !a.active
		a.active, a.activeUntil = true, now.Add(a.cfg.MotionOff)
	case a.active && !now.Before(a.activeUntil):
		a.active = false
	}
	return started
}

// look returns the regions to detect in: around motion, around what moves, and around what must be verified.
func (a *analysis) look(now time.Time, j *job) []image.Rectangle {
	if a.client == nil {
		return nil
	}
	if !a.settled {
		a.scan = scanFrames
	}
	a.settled = !j.calibrating
	w, h := j.frame.Width, j.frame.Height
	if a.scan > 0 {
		a.scan--
		return append(a.planner.regions[:0], image.Rect(0, 0, w, h))
	}
	a.boxes = a.tracker.Regions(now, a.boxes[:0])
	a.boxes = append(a.boxes, j.boxes...)
	if len(a.boxes) == 0 {
		return nil
	}
	return a.planner.plan(a.boxes, w, h, a.input)
}

// detect asks the pool. Without an answer in time nothing was searched: tracks neither gain nor lose.
func (a *analysis) detect(ctx context.Context, j *job, regions []image.Rectangle) []nvr.Detection {
	if err := a.toColour(j); err != nil {
		a.failed("convert", err)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, detectDeadline)
	defer cancel()
	found, err := a.client.Detect(ctx, a.bgr, regions, a.found[:0])
	a.found = found
	if err != nil {
		if errors.Is(err, detect.ErrHung) { // the hung session may still read the picture
			a.bgr = gocv.NewMat()
			a.colour = false
		}
		a.failed(reason(err), err)
		return nil
	}
	a.meter.inferences.Add(float64(len(regions)))
	a.stats.change(func(s *Stats) { s.Inferences += uint64(len(regions)) })
	for _, r := range regions {
		a.areas = append(a.areas, fraction(r, j.frame.Width, j.frame.Height))
	}
	return a.merger.merge(found, a.areas, a.tracker.Wants)
}

func reason(err error) string {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, detect.ErrStopped):
		return "stopped"
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline"
	case errors.Is(err, detect.ErrHung):
		return "hung"
	case errors.Is(err, detect.ErrRemote):
		return "remote"
	}
	return "inference"
}

func (a *analysis) failed(why string, err error) {
	a.meter.failures.WithLabelValues(why).Inc()
	if why == "convert" || why == "inference" {
		a.log.Error("objects could not be detected", "camera_id", a.cfg.Camera, "err", err)
	}
}

func (a *analysis) toColour(j *job) error {
	if a.colour {
		return nil
	}
	if err := toBGR(&j.frame, &a.bgr); err != nil {
		return err
	}
	a.colour = true
	return nil
}

// picture returns the whole frame as JPEG, encoded at most once per frame.
func (a *analysis) picture(j *job) *nvr.Snapshot {
	if a.jpeg == nil {
		if err := a.toColour(j); err != nil {
			a.failed("convert", err)
			return nil
		}
		s, err := encode(a.bgr, j.frame.Time)
		if err != nil {
			a.failed("convert", err)
			return nil
		}
		a.jpeg = s.JPEG
	}
	return &nvr.Snapshot{JPEG: a.jpeg, Time: j.frame.Time}
}

// snapshots sets Best where the view of a confirmed object is better than before.
func (a *analysis) snapshots(now time.Time, j *job, objects []nvr.TrackedObject) {
	for i := range objects {
		o := &objects[i]
		if !o.Confirmed || o.Score == 0 {
			continue
		}
		view := a.views[o.TrackID]
		if view.place != o.Place { // that picture may show whom it was mistaken for
			view = bestView{}
		}
		if !view.better(o) || (!view.at.IsZero() && now.Sub(view.at) < stillEvery) {
			continue
		}
		s := a.picture(j)
		if s == nil {
			continue
		}
		s.Box, s.Score = o.Box, o.Score
		o.Best = s
		a.views[o.TrackID] = bestView{place: o.Place, score: o.Score, area: o.Box.Area(), edge: onEdge(o.Box), at: now}
	}
}

// faces lets people be recognised.
func (a *analysis) faces(now time.Time, j *job, objects []nvr.TrackedObject, ended []uint64) {
	if a.cfg.Faces == nil {
		return
	}
	bgr := func() (gocv.Mat, error) {
		if err := a.toColour(j); err != nil {
			a.failed("convert", err)
			return gocv.Mat{}, err
		}
		return a.bgr, nil
	}
	a.cfg.Faces.Look(now, image.Pt(j.frame.Width, j.frame.Height), bgr, objects, ended)
}

func (a *analysis) count(now time.Time, j *job, tracks int) {
	a.meter.frames.Inc()
	a.meter.tracks.Set(float64(tracks))
	gap := now.Sub(a.last).Seconds()
	a.stats.change(func(s *Stats) {
		s.Frames++
		s.Motion, s.Tracks, s.LastFrame = a.active, tracks, now
		s.Width, s.Height = j.frame.Width, j.frame.Height
		switch {
		case gap <= 0 || gap > idleAfter.Seconds():
		case s.DetectFPS == 0:
			s.DetectFPS = 1 / gap
		default: // average the gaps, not their inverses: a late frame must not count more than an early one
			s.DetectFPS = 1 / (1/s.DetectFPS + (gap-1/s.DetectFPS)/10)
		}
	})
}
