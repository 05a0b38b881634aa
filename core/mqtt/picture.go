package mqtt

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
)

const (
	maxPictureBytes = 300 << 10 // Home Assistant keeps each in memory and in the broker's retained store
	maxPictureSide  = 1280      // pixels
	maxPixels       = 40 << 20
)

// fitPicture returns a JPEG small enough to be retained at the broker: data itself where it already is.
func fitPicture(data []byte) ([]byte, error) {
	cfg, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if len(data) <= maxPictureBytes && max(cfg.Width, cfg.Height) <= maxPictureSide {
		return data, nil
	}
	if cfg.Width*cfg.Height > maxPixels {
		return nil, fmt.Errorf("read snapshot: %d x %d pixels are too many", cfg.Width, cfg.Height)
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("decode snapshot: %w", err)
	}
	for _, quality := range []int{80, 60, 40} {
		var out bytes.Buffer
		if err := jpeg.Encode(&out, shrink(img, maxPictureSide), &jpeg.Options{Quality: quality}); err != nil {
			return nil, fmt.Errorf("encode snapshot: %w", err)
		}
		if out.Len() <= maxPictureBytes {
			return out.Bytes(), nil
		}
	}
	return nil, fmt.Errorf("snapshot of %d x %d pixels does not fit into %d bytes", cfg.Width, cfg.Height, maxPictureBytes)
}

// shrink scales img down so that no side exceeds side, each pixel the mean of a 2 x 2 grid of samples.
func shrink(img image.Image, side int) image.Image {
	b := img.Bounds()
	longest := max(b.Dx(), b.Dy())
	if longest <= side {
		return img
	}
	w, h := max(1, b.Dx()*side/longest), max(1, b.Dy()*side/longest)
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			var r, g, bl uint32
			for i := range 4 {
				sx := b.Min.X + (4*x+1+2*(i&1))*b.Dx()/(4*w)
				sy := b.Min.Y + (4*y+1+2*(i>>1))*b.Dy()/(4*h)
				cr, cg, cb, _ := img.At(sx, sy).RGBA()
				r, g, bl = r+cr, g+cg, bl+cb
			}
			out.SetRGBA(x, y, color.RGBA{R: byte(r >> 10), G: byte(g >> 10), B: byte(bl >> 10), A: 0xff})
		}
	}
	return out
}
