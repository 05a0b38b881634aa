package face

import (
	"fmt"
	"image"
	"math"
	"time"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

const (
	// A face is at least a quarter of a person's width, see personWidth; a person seen from the side is narrower.
	faceShare     = 0.3
	tooSmallToTry = 20 // pixels, of an expected face: no try is worth it
	wellSized     = 48 // pixels, of an expected face: a larger picture gains little
	// The two streams of a camera tell times that differ by some tenths of a second.
	mainSlack   = 0.25 // of a person's width, to both sides
	headRoom    = 0.08 // of a person's height: boxes often cut hair
	chipMargin  = 0.4  // of a face's side, around it
	chipPixels  = 224
	maxJPEG     = 32 << 10 // what the library stores of a face
	jpegQuality = 88
)

// place is where in a picture a person is, and who else is there.
type place struct {
	at     time.Time
	crop   image.Rectangle   // of the picture: what the engine gets
	person image.Rectangle   // of the picture
	others []image.Rectangle // other people's boxes, of the picture
}

func newPlace(at time.Time, box nvr.Box, others []nvr.Box, w, h int, slack float64) place {
	bounds := image.Rect(0, 0, w, h)
	p := place{at: at, person: pixels(box, w, h)}
	for _, o := range others {
		p.others = append(p.others, pixels(o, w, h))
	}
	side, top := int(slack*float64(p.person.Dx())), int(headRoom*float64(p.person.Dy()))
	p.crop = image.Rect(p.person.Min.X-side, p.person.Min.Y-top, p.person.Max.X+side, p.person.Max.Y).Intersect(bounds)
	return p
}

func pixels(b nvr.Box, w, h int) image.Rectangle {
	x := func(v float32) int { return int(math.Round(float64(min(max(v, 0), 1)) * float64(w))) }
	y := func(v float32) int { return int(math.Round(float64(min(max(v, 0), 1)) * float64(h))) }
	return image.Rect(x(b.X), y(b.Y), x(b.X+b.W), y(b.Y+b.H))
}

// plenty reports whether the face is expected to have as many pixels.
func (p place) plenty(size int) bool { return faceShare*float64(p.person.Dx()) >= float64(size) }

// own returns the face that belongs to the person. With two faces in the crop, or one that is rather somebody else's, nobody
// could tell: no answer is better than the neighbour's name.
func (p place) own(found []Face) (Face, bool) {
	best := -1
	for i := range found {
		c := p.centre(&found[i])
		if !c.In(p.crop) || p.otherIsNearer(c) {
			continue
		}
		if best >= 0 {
			return Face{}, false
		}
		best = i
	}
	if best < 0 {
		return Face{}, false
	}
	return found[best], true
}

// centre is the middle of a face in pixels of the picture.
func (p place) centre(f *Face) image.Point {
	w, h := float32(p.crop.Dx()), float32(p.crop.Dy())
	return p.crop.Min.Add(image.Pt(int((f.Box.X+f.Box.W/2)*w), int((f.Box.Y+f.Box.H/2)*h)))
}

// otherIsNearer reports whether a face is in the upper half of another person and nearer to their middle.
func (p place) otherIsNearer(c image.Point) bool {
	off := func(r image.Rectangle) float64 {
		return math.Abs(float64(c.X)-float64(r.Min.X+r.Max.X)/2) / float64(max(1, r.Dx()))
	}
	for _, o := range p.others {
		upper := image.Rect(o.Min.X, o.Min.Y-o.Dy()/10, o.Max.X, o.Min.Y+o.Dy()/2)
		if c.In(upper) && off(o) < off(p.person) {
			return true
		}
	}
	return false
}

// Chip returns a small JPEG of a face with some of its surroundings, at most 32 KB. box is in fractions of the picture.
func Chip(bgr gocv.Mat, box nvr.Box) ([]byte, error) {
	r := pixels(box, bgr.Cols(), bgr.Rows())
	margin := int(chipMargin * float64(max(r.Dx(), r.Dy())))
	view, err := cv.Crop(bgr, r.Inset(-margin).Intersect(image.Rect(0, 0, bgr.Cols(), bgr.Rows())))
	if err != nil {
		return nil, fmt.Errorf("cut out face: %w", err)
	}
	defer view.Close()
	for side := chipPixels; side >= 32; side /= 2 {
		b, err := cv.JPEG(view, side, jpegQuality)
		if err != nil {
			return nil, fmt.Errorf("cut out face: %w", err)
		}
		if len(b) <= maxJPEG {
			return b, nil
		}
	}
	return nil, fmt.Errorf("cut out face: even %d pixels take more than %d bytes", chipPixels/2, maxJPEG)
}
