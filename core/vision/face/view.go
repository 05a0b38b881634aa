package face

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // so that the size is known before OpenCV sees the file
	_ "image/png"  // likewise
	"math"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

const (
	minSide = 16 // pixels of a picture worth looking at

	// A face is between a quarter (standing) and half (head and shoulders) of a person's width: at this width of the
	// crop it has 160 pixels or more, twice the least that dlib's detector finds.
	personWidth = 640
	photoSide   = 1280 // a face is found if it takes a fifteenth of the longer side
	maxZoom     = 5    // more shows nothing that dlib could use
	maxPixels   = 40e6
)

// view is the part of a picture that go-face gets, and its size there.
type view struct {
	part image.Rectangle
	size image.Point
}

// personView is the upper part of a person as high as the person is wide: a head is there whether the person stands, sits
// or is seen from the chest up.
func personView(w, h int) view {
	part := image.Rect(0, 0, w, min(h, max(w, minSide)))
	return newView(part, personWidth/float64(w))
}

func photoView(w, h int) view {
	return newView(image.Rect(0, 0, w, h), photoSide/float64(max(w, h)))
}

func newView(part image.Rectangle, zoom float64) view {
	zoom = min(zoom, maxZoom)
	side := func(n int) int { return max(1, int(math.Round(float64(n)*zoom))) }
	return view{part: part, size: image.Pt(side(part.Dx()), side(part.Dy()))}
}

// jpeg encodes the view: JPEG is the only thing that go-face takes.
func (v view) jpeg(bgr gocv.Mat) ([]byte, error) {
	part, err := cv.Crop(bgr, v.part)
	if err != nil {
		return nil, err
	}
	defer part.Close()
	scaled := gocv.NewMat()
	defer scaled.Close()
	how := gocv.InterpolationCubic
	if v.size.X < v.part.Dx() {
		how = gocv.InterpolationArea
	}
	if err := cv.Resize(part, &scaled, v.size, how); err != nil {
		return nil, err
	}
	return cv.JPEG(scaled, max(v.size.X, v.size.Y), 95)
}

// back turns a rectangle of the view into one of the picture.
func (v view) back(r image.Rectangle) image.Rectangle {
	x := func(n int) int {
		return v.part.Min.X + int(math.Round(float64(n)*float64(v.part.Dx())/float64(v.size.X)))
	}
	y := func(n int) int {
		return v.part.Min.Y + int(math.Round(float64(n)*float64(v.part.Dy())/float64(v.size.Y)))
	}
	return image.Rect(x(r.Min.X), y(r.Min.Y), x(r.Max.X), y(r.Max.Y))
}

// Decode reads an uploaded JPEG or PNG for FindInPicture, turned upright if it says how it was held. The caller closes the Mat.
func Decode(file []byte) (gocv.Mat, error) {
	invalid := func(err error, why string) error {
		return &nvr.Error{Code: nvr.CodeInvalid, Err: err, Message: "the picture cannot be used: " + why}
	}
	const damaged = "the file is damaged, or only a part of it came"
	cfg, format, err := image.DecodeConfig(bytes.NewReader(file))
	switch {
	case errors.Is(err, image.ErrFormat), err == nil && format != "jpeg" && format != "png":
		return gocv.Mat{}, invalid(err, "it is neither a JPEG nor a PNG file")
	case err != nil, format == "jpeg" && !wholeJPEG(file):
		return gocv.Mat{}, invalid(err, damaged)
	}
	if cfg.Width*cfg.Height > maxPixels || cfg.Width < minSide || cfg.Height < minSide {
		return gocv.Mat{}, invalid(nil, fmt.Sprintf("it has %dx%d pixels; at least %dx%d and at most %.0f million are needed",
			cfg.Width, cfg.Height, minSide, minSide, maxPixels/1e6))
	}
	m, err := gocv.IMDecode(file, gocv.IMReadColor)
	if err != nil || m.Empty() {
		m.Close()
		return gocv.Mat{}, invalid(err, damaged)
	}
	return m, nil
}

// wholeJPEG reports whether a JPEG file reaches its end: OpenCV fills what is missing with grey and says nothing. It follows the
// markers of ITU-T T.81, annex B; what comes behind the end, as some telephones write it, does not matter.
func wholeJPEG(file []byte) bool {
	const end, restart0, restart7, none = 0xd9, 0xd0, 0xd7, 0x01
	for i := 2; ; { // behind the start of the picture
		next := bytes.IndexByte(file[i:], 0xff)
		if next < 0 || i+next+1 >= len(file) {
			return false
		}
		i += next + 1
		switch m := file[i]; {
		case m == end:
			return true
		case m == 0xff: // a filler: the marker is behind it
		case m == 0 || m == none || m >= restart0 && m <= restart7: // within the coded picture
			i++
		case i+2 >= len(file):
			return false
		default:
			if i += 1 + int(file[i+1])<<8 + int(file[i+2]); i >= len(file) {
				return false
			}
		}
	}
}
