// Package zone tells in which named areas of the picture tracked objects are, which lines they crossed and how fast
// they go. An object is where its bottom centre is. Time comes from the frames, never from the clock, so the same
// objects give the same result. It does not detect or track, and knows nothing of events. A Watcher is for one
// goroutine; it allocates only when the zones or crossings of an object change.
package zone

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// DefaultInertia is how many frames inside make an object be in a zone, and as many outside not.
const DefaultInertia = 3

// Zone is a named area of the picture.
type Zone struct {
	Name      string
	Area      nvr.Polygon
	Labels    []string      // that may be in it; empty: all
	Inertia   int           // frames inside until an object is in it, and outside until it is not; 0: DefaultInertia
	Loitering time.Duration // time inside until an object is in it; 0: at once
	// Lengths, where given, are those of the four sides in metres, the first between the first point and the second.
	// The zone then measures speeds.
	Lengths []float64
}

// Line is a named line in the picture that objects cross.
type Line struct {
	Name   string
	From   nvr.Point
	To     nvr.Point
	Labels []string // that count; empty: all
}

// Config is what a Watcher looks after.
type Config struct {
	Zones []Zone
	Lines []Line
}

const (
	maxInertia = 100
	minLine    = 0.01 // of the picture
)

// Check reports what is wrong with a zone.
func (z Zone) Check() error {
	if err := z.Area.Check(); err != nil {
		return err
	}
	if z.Inertia < 0 || z.Inertia > maxInertia || z.Loitering < 0 {
		return fmt.Errorf("inertia %d must be 0 to %d and loitering %v not negative", z.Inertia, maxInertia, z.Loitering)
	}
	if len(z.Lengths) > 0 {
		_, err := newPlane(z.Area, z.Lengths)
		return err
	}
	return nil
}

// Check reports what is wrong with a line.
func (l Line) Check() error {
	if !l.From.Inside() || !l.To.Inside() {
		return errors.New("has a point outside the picture, want fractions, 0 to 1")
	}
	if dx, dy := l.To.X-l.From.X, l.To.Y-l.From.Y; dx*dx+dy*dy < minLine*minLine {
		return errors.New("is too short")
	}
	return nil
}

// New checks the configuration.
func New(cfg Config) (*Watcher, error) {
	w := &Watcher{objects: make(map[uint64]*object)}
	for _, z := range cfg.Zones {
		if err := z.Check(); err != nil {
			return nil, fmt.Errorf("zone %s: %w", z.Name, err)
		}
		if z.Inertia == 0 {
			z.Inertia = DefaultInertia
		}
		a := area{Zone: z}
		if len(z.Lengths) > 0 {
			p, err := newPlane(z.Area, z.Lengths)
			if err != nil {
				return nil, fmt.Errorf("zone %s: %w", z.Name, err)
			}
			a.plane = &p
		}
		w.areas = append(w.areas, a)
	}
	for _, l := range cfg.Lines {
		if err := l.Check(); err != nil {
			return nil, fmt.Errorf("line %s: %w", l.Name, err)
		}
		w.lines = append(w.lines, l)
	}
	slices.SortFunc(w.areas, func(a, b area) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(w.lines, func(a, b Line) int { return strings.Compare(a.Name, b.Name) })
	return w, nil
}

func wants(labels []string, label string) bool {
	return len(labels) == 0 || slices.Contains(labels, label)
}
