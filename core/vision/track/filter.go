package track

import (
	"fmt"
	"slices"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Filter says what a detection of a label must be like to count. Zero values do not filter.
type Filter struct {
	MinScore  float32 // instead of Config.MinScore; weak detections keep a track from half of it
	Threshold float32 // instead of Config.Threshold and Config.Thresholds
	MinArea   float32 // fraction of the picture
	MaxArea   float32
	MinRatio  float32 // width over height, in pixels
	MaxRatio  float32
}

// Mask is an area in which detections do not count: those whose bottom centre lies in it.
type Mask struct {
	Labels []string // that do not count; empty: all
	Area   nvr.Polygon
}

func checkFilters(filters map[string]Filter, masks []Mask) error {
	for label, f := range filters {
		if f.MinScore < 0 || f.MinScore > 1 || f.Threshold < 0 || f.Threshold > 1 || f.MinArea < 0 || f.MaxArea < 0 ||
			f.MinRatio < 0 || f.MaxRatio < 0 || f.MaxArea > 0 && f.MaxArea < f.MinArea || f.MaxRatio > 0 && f.MaxRatio < f.MinRatio {
			return fmt.Errorf("filter of %s: %+v: scores are 0 to 1, nothing is negative and no minimum above its maximum", label, f)
		}
	}
	for i, m := range masks {
		if err := m.Area.Check(); err != nil {
			return fmt.Errorf("object mask %d: %w", i+1, err)
		}
	}
	return nil
}

// SetPicture lends the picture of the next Update in I420: ratios of width and height depend on its size, and by its colours
// objects are told apart that met. Without pixels only places count.
func (t *Tracker) SetPicture(i420 []byte, width, height int) {
	t.eye.open(i420, width, height)
	if width > 0 && height > 0 {
		t.aspect = float32(width) / float32(height)
	}
}

// scores returns from which score on a detection of label exists, and from which on it can start a track.
func (t *Tracker) scores(label string) (low, least float32) {
	if f, ok := t.cfg.Filters[label]; ok && f.MinScore > 0 {
		return f.MinScore / 2, f.MinScore
	}
	return t.cfg.LowScore, t.cfg.MinScore
}

func (t *Tracker) threshold(label string) float32 {
	if f, ok := t.cfg.Filters[label]; ok && f.Threshold > 0 {
		return f.Threshold
	}
	if v, ok := t.cfg.Thresholds[label]; ok {
		return v
	}
	return t.cfg.Threshold
}

// admits reports whether a detection passes its label's filter and the masks.
func (t *Tracker) admits(d *nvr.Detection) bool {
	if f, ok := t.cfg.Filters[d.Label]; ok {
		area, ratio := d.Box.Area(), d.Box.W*t.aspect/d.Box.H
		if area < f.MinArea || f.MaxArea > 0 && area > f.MaxArea || ratio < f.MinRatio || f.MaxRatio > 0 && ratio > f.MaxRatio {
			return false
		}
	}
	for i := range t.cfg.Masks {
		m := &t.cfg.Masks[i]
		if (len(m.Labels) == 0 || slices.Contains(m.Labels, d.Label)) && m.Area.Contains(d.Box.Foot()) {
			return false
		}
	}
	return true
}
