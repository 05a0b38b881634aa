package still

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
)

// maxSide returns the longest side of a picture that is to be width pixels wide.
func maxSide(t media.Track, width int) int {
	if width == 0 {
		return maxWidth
	}
	if t.Height > t.Width && t.Width > 0 {
		return min(maxWidth, max(16, (width*t.Height+t.Width-1)/t.Width))
	}
	return width
}

// colors says how much of red and blue is in luma: the matrix of a stream.
type colors struct{ red, blue float64 }

// The matrices that cameras use, and JPEG's, which is bt601.
func bt601() colors  { return colors{0.299, 0.114} }
func bt709() colors  { return colors{0.2126, 0.0722} }
func bt2020() colors { return colors{0.2627, 0.0593} }

// colorsOf returns the matrix that t's parameter sets name. Where they name none, it is what browsers take, so that a
// still has the colours of the player.
func colorsOf(t media.Track) colors {
	matrix := uint8(2)
	switch t.Codec {
	case media.H264:
		var sps h264.SPS
		if sps.Unmarshal(t.SPS) == nil && sps.VUI != nil && sps.VUI.ColourDescriptionPresentFlag {
			matrix = sps.VUI.MatrixCoefficients
		}
	case media.H265:
		var sps h265.SPS
		if sps.Unmarshal(t.SPS) == nil && sps.VUI != nil && sps.VUI.ColourDescriptionPresentFlag {
			matrix = sps.VUI.MatrixCoefficients
		}
	default: // the others tell in the stream
	}
	switch {
	case matrix == 1, matrix == 2 && t.Height >= 720:
		return bt709()
	case matrix == 9, matrix == 10:
		return bt2020()
	default:
		return bt601()
	}
}

// toJPEG compresses a picture. JPEG is BT.601 in full range, decoded pictures are in video range: OpenCV, which takes
// BT.601 in video range, converts the range; the matrix is changed here before. It takes a sixth of the time of image/jpeg.
func toJPEG(f *decode.Frame, c colors, quality int) ([]byte, error) {
	if c != bt601() {
		to601(f, c)
	}
	yuv, err := gocv.NewMatFromBytes(f.Height*3/2, f.Width, gocv.MatTypeCV8U, f.Pix())
	if err != nil {
		return nil, fmt.Errorf("compress picture: %w", err)
	}
	defer yuv.Close()
	bgr := gocv.NewMat()
	defer bgr.Close()
	gocv.CvtColor(yuv, &bgr, gocv.ColorYUVToBGRIYUV)
	buf, err := gocv.IMEncodeWithParams(gocv.JPEGFileExt, bgr, []int{gocv.IMWriteJpegQuality, quality})
	if err != nil {
		return nil, fmt.Errorf("compress picture: %w", err)
	}
	defer buf.Close()
	return append([]byte(nil), buf.GetBytes()...), nil
}

// to601 changes the matrix of f in place, in fixed point with 16 bits. Luma moves by the same for the four pixels that
// share their colour.
func to601(f *decode.Frame, from colors) {
	b, r := shift601(from, 1, 0), shift601(from, 0, 1)
	const one, half = 1 << 16, 1 << 15
	fix := func(v float64) int { return int(v * one) }
	// Luma spans 219 steps in video range, colour 224.
	yb, yr := fix(b[0]*219/224), fix(r[0]*219/224)
	bb, br, rb, rr := fix(b[1]), fix(r[1]), fix(b[2]), fix(r[2])
	w, h := f.Width, f.Height
	luma, cb, cr := f.Pix()[:w*h], f.Pix()[w*h:w*h*5/4], f.Pix()[w*h*5/4:]
	for y := range h / 2 {
		rows := [2][]byte{luma[2*y*w:][:w], luma[(2*y+1)*w:][:w]}
		for x := range w / 2 {
			i := y*w/2 + x
			u, v := int(cb[i])-128, int(cr[i])-128
			d := (yb*u + yr*v + half) >> 16
			cb[i] = clamp(128 + (bb*u+br*v+half)>>16)
			cr[i] = clamp(128 + (rb*u+rr*v+half)>>16)
			for _, row := range rows {
				row[2*x] = clamp(int(row[2*x]) + d)
				row[2*x+1] = clamp(int(row[2*x+1]) + d)
			}
		}
	}
}

// shift601 returns what luma 0 with the colour differences cb and cr of a matrix is in BT.601: luma, cb, cr.
func shift601(from colors, cb, cr float64) [3]float64 {
	red, blue := 2*(1-from.red)*cr, 2*(1-from.blue)*cb
	green := -(from.red*red + from.blue*blue) / (1 - from.red - from.blue)
	to := bt601()
	y := to.red*red + to.blue*blue + (1-to.red-to.blue)*green
	return [3]float64{y, (blue - y) / (2 * (1 - to.blue)), (red - y) / (2 * (1 - to.red))}
}

func clamp(v int) byte { return byte(min(255, max(0, v))) }
