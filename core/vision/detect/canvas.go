package detect

import (
	"errors"
	"fmt"
	"image"
	"math"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

// padGrey fills what the picture leaves of the input, as in training.
const padGrey = 114

// canvas is a model's input: a region of a picture is put on it, scaled to fit. It is for one goroutine at a time.
type canvas struct {
	model  *Model
	small  gocv.Mat        // the region at its size in the input
	colour gocv.Mat        // one colour of it
	input  gocv.Mat        // three planes, one below the other; a view of the session's input
	placed image.Rectangle // where the picture lies in each plane now
	planes [3]gocv.Mat     // views of these places, for blue, green and red
	scale  float32         // from the region to the input
	factor float32         // from byte to input value
	blue   int             // index of blue's plane: 0 BGR, 2 RGB
}

// newInput is the memory of n pictures' planes, one below the other.
func newInput(m *Model, n int) gocv.Mat {
	cv.SingleThread()
	return gocv.NewMatWithSize(n*3*m.Height, m.Width, gocv.MatTypeCV32FC1)
}

// newCanvas returns the canvas of the picture at index slot of an input, which must outlive it.
func newCanvas(m *Model, input gocv.Mat, slot int) *canvas {
	h := 3 * m.Height
	c := &canvas{model: m, small: gocv.NewMat(), colour: gocv.NewMat(), factor: 1, input: input.Region(image.Rect(0, slot*h, m.Width, (slot+1)*h))}
	for i := range c.planes {
		c.planes[i] = gocv.NewMat()
	}
	if m.Layout == LayoutV8 {
		c.blue, c.factor = 2, 1./255
	}
	return c
}

func (c *canvas) close() {
	for _, m := range []*gocv.Mat{&c.planes[0], &c.planes[1], &c.planes[2], &c.input, &c.small, &c.colour} {
		_ = m.Close() // nothing can be done about memory that does not want to be freed
	}
}

// load puts the region on the canvas. The border is written only when the picture's place changes.
func (c *canvas) load(bgr gocv.Mat, roi image.Rectangle) error {
	if bgr.Empty() || bgr.Type() != gocv.MatTypeCV8UC3 {
		return errors.New("detect: the picture is empty or not BGR")
	}
	view, err := cv.Crop(bgr, roi)
	if err != nil {
		return fmt.Errorf("detect: %w", err)
	}
	defer view.Close()
	scale := min(float64(c.model.Width)/float64(roi.Dx()), float64(c.model.Height)/float64(roi.Dy()))
	size := image.Pt(max(1, int(math.Round(scale*float64(roi.Dx())))), max(1, int(math.Round(scale*float64(roi.Dy())))))
	if err := cv.Resize(view, &c.small, size, gocv.InterpolationLinear); err != nil {
		return fmt.Errorf("detect: %w", err)
	}
	var at image.Point
	if c.model.Layout == LayoutV8 {
		at = image.Pt((c.model.Width-size.X)/2, (c.model.Height-size.Y)/2)
	}
	if place := (image.Rectangle{Min: at, Max: at.Add(size)}); place != c.placed {
		if err := c.place(place); err != nil {
			return fmt.Errorf("detect: %w", err)
		}
	}
	// Extract and convert are vectorised; taking the colours apart in one loop of our own costs six times as much.
	for i := range c.planes {
		gocv.ExtractChannel(c.small, &c.colour, i)
		c.colour.ConvertToWithParams(&c.planes[i], gocv.MatTypeCV32F, c.factor, 0) // fits, so it writes in place
	}
	c.scale = float32(scale)
	return nil
}

// place moves the views to where the picture will lie and fills all with grey, which stays around it.
func (c *canvas) place(r image.Rectangle) error {
	c.input.SetTo(gocv.NewScalar(float64(padGrey*c.factor), 0, 0, 0))
	for i := range c.planes {
		plane := i
		if c.blue == 2 {
			plane = 2 - i
		}
		view, err := cv.Crop(c.input, r.Add(image.Pt(0, plane*c.model.Height)))
		if err != nil {
			return err
		}
		_ = c.planes[i].Close()
		c.planes[i] = view
	}
	c.placed = r
	return nil
}

// collect appends the candidates as fractions of a picture of the given size, of which roi was loaded last.
func (c *canvas) collect(dst []Found, found []candidate, picture image.Point, roi image.Rectangle, region int) []Found {
	w, h := float32(picture.X), float32(picture.Y)
	left, top := float32(c.placed.Min.X), float32(c.placed.Min.Y)
	back := func(v, offset, low, high float32) float32 { return min(max((v-offset)/c.scale+low, low), high) }
	x0, y0, x9, y9 := float32(roi.Min.X), float32(roi.Min.Y), float32(roi.Max.X), float32(roi.Max.Y)
	for _, f := range found {
		x1, y1 := back(f.x1, left, x0, x9), back(f.y1, top, y0, y9)
		x2, y2 := back(f.x2, left, x0, x9), back(f.y2, top, y0, y9)
		if x2 <= x1 || y2 <= y1 {
			continue // it lay in the border
		}
		dst = append(dst, Found{Region: region, Detection: nvr.Detection{
			Label: c.model.Labels[f.class], Score: f.score,
			Box: nvr.Box{X: x1 / w, Y: y1 / h, W: (x2 - x1) / w, H: (y2 - y1) / h},
		}})
	}
	return dst
}
