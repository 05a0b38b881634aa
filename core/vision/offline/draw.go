package offline

import (
	"fmt"
	"hash/fnv"
	"image"
	"image/color"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

// Mark is a box with a line of text.
type Mark struct {
	Label string // decides the colour
	Text  string
	Box   nvr.Box
}

// Picture is a colour picture to draw on. It owns C memory: the caller closes it.
type Picture struct{ bgr gocv.Mat }

// OpenPicture decodes a JPEG, PNG, WebP or BMP.
func OpenPicture(file []byte) (*Picture, error) {
	bad := &nvr.Error{Code: nvr.CodeInvalid, Message: "the file is not a picture that can be read: want a JPEG, PNG, WebP or BMP"}
	if len(file) == 0 {
		return nil, bad
	}
	m, err := gocv.IMDecode(file, gocv.IMReadColor)
	if err != nil || m.Empty() {
		_ = m.Close()
		return nil, bad
	}
	return &Picture{bgr: m}, nil
}

// FramePicture makes a picture of a decoded frame.
func FramePicture(f *decode.Frame) (*Picture, error) {
	yuv, err := cv.WrapI420(f.Pix(), f.Width, f.Height)
	if err != nil {
		return nil, fmt.Errorf("draw: %w", err)
	}
	defer yuv.Close()
	p := &Picture{bgr: gocv.NewMat()}
	if err := cv.I420ToBGR(yuv, &p.bgr); err != nil {
		p.Close()
		return nil, fmt.Errorf("draw: %w", err)
	}
	return p, nil
}

// Close frees the picture.
func (p *Picture) Close() { _ = p.bgr.Close() }

// BGR is the memory of the picture, valid until Close.
func (p *Picture) BGR() gocv.Mat { return p.bgr }

// Bounds returns the size in pixels.
func (p *Picture) Bounds() image.Rectangle { return image.Rect(0, 0, p.bgr.Cols(), p.bgr.Rows()) }

// JPEG encodes the picture at its size.
func (p *Picture) JPEG() ([]byte, error) { return cv.JPEG(p.bgr, 1<<14, 90) }

// I420 returns the planes of the picture, for an encoder. Both sides must be even.
func (p *Picture) I420() ([]byte, error) {
	if p.bgr.Empty() || p.bgr.Cols()%2 != 0 || p.bgr.Rows()%2 != 0 {
		return nil, fmt.Errorf("draw: a picture of %v has no I420 form", p.Bounds().Size())
	}
	yuv := gocv.NewMat()
	defer yuv.Close()
	gocv.CvtColor(p.bgr, &yuv, gocv.ColorBGRToYUVI420)
	return yuv.ToBytes(), nil
}

// Draw draws boxes with their texts, scaled to the picture: the last ones on top.
func (p *Picture) Draw(marks []Mark) {
	for _, m := range marks {
		p.mark(m)
	}
}

func (p *Picture) mark(m Mark) {
	all := p.Bounds()
	w, h := float32(all.Dx()), float32(all.Dy())
	r := image.Rect(int(m.Box.X*w), int(m.Box.Y*h), int((m.Box.X+m.Box.W)*w), int((m.Box.Y+m.Box.H)*h)).Intersect(all)
	if r.Empty() {
		return
	}
	short := min(all.Dx(), all.Dy())
	line := max(1, short/240)
	c := Colour(m.Label)
	gocv.Rectangle(&p.bgr, r, c, line)
	if m.Text == "" {
		return
	}
	// Hershey Simplex is 22 pixels high at scale 1. 14 pixels can be read on any picture.
	scale := float64(max(14, short/36)) / 30
	size := gocv.GetTextSize(m.Text, gocv.FontHersheySimplex, scale, max(1, line))
	pad := 2 + line
	plate := image.Rect(r.Min.X, r.Min.Y-size.Y-2*pad, r.Min.X+size.X+2*pad, r.Min.Y)
	if plate.Min.Y < 0 { // no room above: inside the box
		plate = plate.Add(image.Pt(0, r.Min.Y-plate.Min.Y))
	}
	if over := plate.Max.X - all.Max.X; over > 0 {
		plate = plate.Sub(image.Pt(min(over, plate.Min.X), 0))
	}
	if plate = plate.Intersect(all); plate.Empty() {
		return
	}
	gocv.Rectangle(&p.bgr, plate, c, -1)
	ink := color.RGBA{A: 255}
	if int(c.R)*299+int(c.G)*587+int(c.B)*114 < 128000 { // luma of ITU-R BT.601, in thousandths
		ink = color.RGBA{R: 255, G: 255, B: 255, A: 255}
	}
	gocv.PutTextWithParams(&p.bgr, m.Text, image.Pt(plate.Min.X+pad, plate.Max.Y-pad), gocv.FontHersheySimplex, scale, ink, max(1, line), gocv.LineAA, false)
}

// Colour returns the colour of a label, white for none: always the same, and bright enough for a dark picture.
func Colour(label string) color.RGBA {
	palette := [...]color.RGBA{
		{R: 255, G: 214, A: 255},
		{R: 64, G: 220, B: 255, A: 255},
		{R: 110, G: 255, B: 110, A: 255},
		{R: 255, G: 120, B: 90, A: 255},
		{R: 240, G: 130, B: 255, A: 255},
		{R: 255, G: 170, B: 60, A: 255},
		{R: 90, G: 150, B: 255, A: 255},
		{R: 255, G: 150, B: 200, A: 255},
	}
	switch label { // what is seen most is told apart surely
	case "":
		return color.RGBA{R: 255, G: 255, B: 255, A: 255}
	case "person":
		return palette[0]
	case "car":
		return palette[1]
	case "bicycle":
		return palette[2]
	case "dog":
		return palette[3]
	case "cat":
		return palette[4]
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(label))
	return palette[5+int(h.Sum32()%3)]
}
