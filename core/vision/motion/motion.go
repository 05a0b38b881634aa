// Package motion finds where a picture changed. It works on about 100 rows of luma: a running average, the difference
// to it, dilation and contours, a fifth of a millisecond per picture. A sudden change of nearly everything (lights,
// exposure, night mode) is not motion: the average starts anew, and so it does when colour comes or goes. A Detector is for one goroutine and must be closed.
package motion

import (
	"errors"
	"fmt"
	"image"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

// Config tunes a Detector. Zero values mean the defaults given.
type Config struct {
	Threshold int     // difference in grey levels that counts, 1..255; 30
	MinArea   int     // smallest contour in pixels of the 100-row picture; 10
	Alpha     float64 // weight of a picture in the running average, 0..1; 0.05
	Lightning float64 // changed fraction above which the average starts anew, 0..1; 0.8
	// Contrast stretches each picture to the whole grey scale first. It finds motion in fog and dusk, and noise too.
	Contrast bool
	// Masks are areas in which motion does not count. Sudden changes of light are still recognized by the whole picture.
	Masks []nvr.Polygon
}

const (
	rows = 100 // height of the picture that is compared
	// settleFrames is how many pictures the average needs before a difference to it means anything.
	settleFrames = 3
	// patientFrames is how many it is given to come to rest altogether after a change of light, which may fade for a second: the
	// average is right by then, and somebody who walks about all the while is watched from then on.
	patientFrames = 8
	// persistFrames is how long a change must last before the average begins to take it in: an object that walks by
	// leaves no ghost, a car that parked becomes background.
	persistFrames = 10
	// maxSettling bounds calibration: a scene that never comes to rest is watched nevertheless.
	maxSettling = 25
	maxBoxes    = 64
)

// Result is what changed in one picture.
type Result struct {
	Boxes   []nvr.Box // valid until the next Update
	Changed float64   // fraction of the picture that differs from the average, masks left out
	// Calibrating says that the average is not settled, after a start or a sudden change; there are no boxes then.
	Calibrating bool
}

// Detector compares the pictures of one camera.
type Detector struct {
	cfg      Config
	size     image.Point // of the source
	half     gocv.Mat    // on the way down
	quarter  gocv.Mat
	small    gocv.Mat // the picture at 100 rows
	blur     gocv.Mat
	avg      gocv.Mat // float32
	avg8     gocv.Mat
	mask     gocv.Mat
	kernel   gocv.Mat
	levels   gocv.Mat // contrast-stretched
	open     gocv.Mat // 255 where motion counts, 0 in the masks; empty without masks
	brighter gocv.Mat // where the picture is brighter than the average

	seen        int     // pictures since the average began
	calibrating bool    // since a start or a sudden change, until the picture rests
	relit       bool    // the light changed, and that is why
	persist     int     // pictures with motion in a row
	before      float64 // changed fraction of the picture before, masks included
	tint        tint
	boxes       []nvr.Box
}

// New returns a Detector without an average: the first pictures settle it.
func New(cfg Config) (*Detector, error) {
	if cfg.Threshold == 0 {
		cfg.Threshold = 30
	}
	if cfg.MinArea == 0 {
		cfg.MinArea = 10
	}
	if cfg.Alpha == 0 {
		cfg.Alpha = 0.05
	}
	if cfg.Lightning == 0 {
		cfg.Lightning = 0.8
	}
	if cfg.Threshold < 1 || cfg.Threshold > 255 || cfg.MinArea < 1 || cfg.Alpha < 0 || cfg.Alpha > 1 ||
		cfg.Lightning < 0 || cfg.Lightning > 1 {
		return nil, fmt.Errorf("motion settings %+v: threshold is 1 to 255, area at least 1, fractions are 0 to 1", cfg)
	}
	for i, m := range cfg.Masks {
		if err := m.Check(); err != nil {
			return nil, fmt.Errorf("motion mask %d: %w", i+1, err)
		}
	}
	cv.SingleThread()
	return &Detector{
		cfg: cfg, calibrating: true, boxes: make([]nvr.Box, 0, maxBoxes),
		half: gocv.NewMat(), quarter: gocv.NewMat(), small: gocv.NewMat(), blur: gocv.NewMat(), avg: gocv.NewMat(), avg8: gocv.NewMat(), mask: gocv.NewMat(),
		levels: gocv.NewMat(), open: gocv.NewMat(), brighter: gocv.NewMat(), kernel: gocv.GetStructuringElement(gocv.MorphRect, image.Pt(3, 3)),
	}, nil
}

// Close frees the pictures. The Detector cannot be used afterwards.
func (d *Detector) Close() error {
	var err error
	for _, m := range []*gocv.Mat{&d.half, &d.quarter, &d.small, &d.blur, &d.avg, &d.avg8, &d.mask, &d.levels, &d.open, &d.brighter, &d.kernel} {
		err = errors.Join(err, m.Close())
	}
	return err
}

// Reset forgets the average, after a gap in the stream.
func (d *Detector) Reset() {
	d.seen, d.calibrating, d.persist, d.before, d.relit = 0, true, 0, 0, false
}

// Update compares a grey picture with the average and takes it in. A change of size begins anew.
func (d *Detector) Update(grey gocv.Mat) (Result, error) {
	if grey.Empty() || grey.Type() != gocv.MatTypeCV8UC1 || grey.Rows() < 16 || grey.Cols() < 16 {
		return Result{}, fmt.Errorf("find motion: not a grey picture: %dx%d", grey.Cols(), grey.Rows())
	}
	if size := image.Pt(grey.Cols(), grey.Rows()); size != d.size {
		d.size = size
		d.Reset()
	}
	if err := d.prepare(grey); err != nil {
		return Result{}, err
	}
	if d.seen == 0 {
		d.blur.ConvertTo(&d.avg, gocv.MatTypeCV32F)
	}
	d.seen++
	d.avg.ConvertTo(&d.avg8, gocv.MatTypeCV8U)
	gocv.AbsDiff(d.blur, d.avg8, &d.mask)
	gocv.Threshold(d.mask, &d.mask, float32(d.cfg.Threshold), 255, gocv.ThresholdBinary)
	changed := float64(gocv.CountNonZero(d.mask)) / float64(d.mask.Rows()*d.mask.Cols())
	if changed > d.cfg.Lightning || d.lit(changed) {
		d.Reset()
		d.seen, d.relit = 1, true
		d.blur.ConvertTo(&d.avg, gocv.MatTypeCV32F)
		return Result{Changed: changed, Calibrating: true}, nil
	}
	d.before = changed
	if len(d.cfg.Masks) > 0 {
		if err := d.cover(); err != nil {
			return Result{}, err
		}
		changed = float64(gocv.CountNonZero(d.mask)) / float64(d.mask.Rows()*d.mask.Cols())
	}
	d.findBoxes()
	d.settle(changed)
	d.takeIn()
	if d.calibrating {
		return Result{Changed: changed, Calibrating: true}, nil
	}
	return Result{Boxes: d.boxes, Changed: changed}, nil
}

func (d *Detector) prepare(grey gocv.Mat) error {
	size := image.Pt(max(1, d.size.X*rows/d.size.Y), rows)
	if d.size.Y < rows {
		size = d.size
	}
	// Halving by area is fast and takes the noise out; the rest of the way, less than half, bilinear is as good.
	half := grey
	for half.Rows() >= 2*rows {
		next := &d.half
		if half.Ptr() == d.half.Ptr() {
			next = &d.quarter
		}
		if err := cv.Resize(half, next, image.Pt(max(1, half.Cols()/2), half.Rows()/2), gocv.InterpolationArea); err != nil {
			return fmt.Errorf("find motion: %w", err)
		}
		half = *next
	}
	if err := cv.Resize(half, &d.small, size, gocv.InterpolationLinear); err != nil {
		return fmt.Errorf("find motion: %w", err)
	}
	src := d.small
	if d.cfg.Contrast {
		gocv.Normalize(d.small, &d.levels, 0, 255, gocv.NormMinMax)
		src = d.levels
	}
	gocv.GaussianBlur(src, &d.blur, image.Pt(3, 3), 0, 0, gocv.BorderDefault)
	return nil
}

// findBoxes fills boxes with the contours of the mask that are large enough.
func (d *Detector) findBoxes() {
	d.boxes = d.boxes[:0]
	gocv.Dilate(d.mask, &d.mask, d.kernel)
	contours := gocv.FindContours(d.mask, gocv.RetrievalExternal, gocv.ChainApproxSimple)
	defer contours.Close()
	w, h := float32(d.mask.Cols()), float32(d.mask.Rows())
	for i := range contours.Size() {
		c := contours.At(i)
		if gocv.ContourArea(c) < float64(d.cfg.MinArea) {
			continue
		}
		r := gocv.BoundingRect(c)
		box := nvr.Box{X: float32(r.Min.X) / w, Y: float32(r.Min.Y) / h, W: float32(r.Dx()) / w, H: float32(r.Dy()) / h}
		if len(d.boxes) == maxBoxes { // confetti: one box around all says the same
			d.boxes[maxBoxes-1] = union(d.boxes[maxBoxes-1], box)
			continue
		}
		d.boxes = append(d.boxes, box)
	}
}

// settle ends calibration when the picture rests, or when it never will.
func (d *Detector) settle(changed float64) {
	patience := settleFrames
	if d.relit {
		patience = patientFrames
	}
	rests := d.seen >= settleFrames && len(d.boxes) == 0 || d.seen >= patience && changed < 0.05 && len(d.boxes) <= 4
	if d.calibrating && (rests || d.seen >= maxSettling) {
		d.calibrating = false
	}
}

// takeIn averages the picture in: fast while calibrating, not at all while something moves, unless it stays.
func (d *Detector) takeIn() {
	alpha := d.cfg.Alpha
	switch {
	case d.calibrating:
		alpha = 0.2
		if d.relit {
			alpha = 0.4
		}
	case len(d.boxes) > 0:
		if d.persist++; d.persist < persistFrames {
			return
		}
	default:
		d.persist = 0
	}
	gocv.AccumulatedWeighted(d.blur, &d.avg, alpha)
}

func union(a, b nvr.Box) nvr.Box {
	x, y := min(a.X, b.X), min(a.Y, b.Y)
	return nvr.Box{X: x, Y: y, W: max(a.X+a.W, b.X+b.W) - x, H: max(a.Y+a.H, b.Y+b.H) - y}
}
