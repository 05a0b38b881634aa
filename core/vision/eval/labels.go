package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Labels is what a person says is to be seen in one clip.
type Labels struct {
	Clip string `json:"clip"` // path of the video, relative to the folder of the clips
	Note string `json:"note,omitempty"`
	// Count names the labels that are judged in this clip; events of others are ignored.
	Count   []string     `json:"count"`
	Objects []Object     `json:"objects"`
	Empty   [][2]float64 `json:"empty,omitempty"` // seconds in which no object is to be seen

	file string
}

// Object is one real object: it should make one event.
type Object struct {
	Label string  `json:"label"`
	From  float64 `json:"from"` // first moment it is recognisable, seconds
	To    float64 `json:"to"`   // last
	// Boxes are where it is at some moments. With any, an event must be there too.
	Boxes []Place `json:"boxes,omitempty"`
	// Optional objects may or may not be found: too small, too hidden or too short to demand it.
	Optional bool   `json:"optional,omitempty"`
	Note     string `json:"note,omitempty"`
}

// Place is a box at a moment: seconds, then x, y, width and height as fractions of the picture.
type Place [5]float64

func (p Place) at() time.Duration { return seconds(p[0]) }

func (p Place) box() nvr.Box {
	return nvr.Box{X: float32(p[1]), Y: float32(p[2]), W: float32(p[3]), H: float32(p[4])}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Load reads all *.json of a folder, or one file, in the order of their names.
func Load(path string) ([]*Labels, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read labels: %w", err)
	}
	files := []string{path}
	if info.IsDir() {
		if files, err = filepath.Glob(filepath.Join(path, "*.json")); err != nil {
			return nil, fmt.Errorf("read labels: %w", err)
		}
	}
	if len(files) == 0 {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: "there are no labels (*.json) in " + path}
	}
	slices.Sort(files)
	var out []*Labels
	for _, f := range files {
		l, err := loadFile(f)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

func loadFile(path string) (*Labels, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read labels: %w", err)
	}
	defer f.Close()
	l := &Labels{file: path}
	dec := json.NewDecoder(f)
	dec.DisallowUnknownFields()
	if err := dec.Decode(l); err != nil {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Err: err, Message: fmt.Sprintf("labels %s cannot be read: %v", path, err)}
	}
	if err := l.check(); err != nil {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("labels %s: %v", path, err)}
	}
	return l, nil
}

func (l *Labels) check() error {
	switch {
	case l.Clip == "" || !filepath.IsLocal(l.Clip):
		return fmt.Errorf("clip %q must be a path below the folder of the clips", l.Clip)
	case len(l.Count) == 0:
		return errors.New("count must name the labels to judge")
	}
	for i, o := range l.Objects {
		if !slices.Contains(l.Count, o.Label) {
			return fmt.Errorf("object %d: label %q is not in count", i+1, o.Label)
		}
		if !(0 <= o.From && o.From < o.To) {
			return fmt.Errorf("object %d: from %v to %v is no time", i+1, o.From, o.To)
		}
		for _, p := range o.Boxes {
			if p[0] < o.From || p[0] > o.To || p[1] < 0 || p[2] < 0 || p[3] <= 0 || p[4] <= 0 || p[1]+p[3] > 1.001 || p[2]+p[4] > 1.001 {
				return fmt.Errorf("object %d: box %v is not in its time or not in the picture", i+1, p)
			}
		}
	}
	for _, e := range l.Empty {
		if e[0] >= e[1] {
			return fmt.Errorf("empty %v is no time", e)
		}
	}
	return nil
}
