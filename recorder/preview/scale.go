package preview

import (
	"math"

	"github.com/nightjar-nvr/nightjar/core/media/decode"
)

// Sizes of previews in pixels. The width follows the camera's shape.
const (
	height   = 180
	minWidth = 64
	maxWidth = 640
)

// fitWidth returns the even width of a preview of pictures of w by h.
func fitWidth(w, h int) int {
	if w <= 0 || h <= 0 {
		return 320
	}
	width := int(math.Round(float64(w)*height/float64(h)/2)) * 2
	return min(maxWidth, max(minWidth, width))
}

// sourceSide returns the longest side to decode pictures of w by h with: the smallest that needs no enlarging.
func sourceSide(w, h int) int {
	if w <= 0 || h <= 0 {
		return maxWidth // not known before the first picture
	}
	want := fitWidth(w, h)
	side := max(w, h)
	for s := max(want, height); s < side; s++ {
		if (w*s/side)&^1 >= want && (h*s/side)&^1 >= height {
			return s
		}
	}
	return max(16, side)
}

// scaler brings pictures to the size of a file. It averages areas, which makes no moiré of fine patterns. Its zero value
// is ready; it reuses its memory.
type scaler struct{ sums []uint32 }

// fit writes f into dst as I420 of w by h, as large as it fits without distortion, on black.
func (s *scaler) fit(dst []byte, f *decode.Frame, w, h int) []byte {
	if n := w * h * 3 / 2; len(dst) != n {
		dst = make([]byte, n)
	}
	src := f.Pix()
	if f.Width == w && f.Height == h {
		copy(dst, src)
		return dst
	}
	iw, ih := inside(f.Width, f.Height, w, h)
	x, y := (w-iw)/2&^1, (h-ih)/2&^1
	luma, cb, cr := dst[:w*h], dst[w*h:w*h*5/4], dst[w*h*5/4:]
	if iw < w || ih < h {
		fill(luma, 16)
		fill(dst[w*h:], 128)
	}
	fw, fh := f.Width, f.Height
	s.plane(area{luma[y*w+x:], w, iw, ih}, area{src[:fw*fh], fw, fw, fh})
	for i, to := range [][]byte{cb, cr} {
		from := src[fw*fh+i*fw*fh/4:][:fw*fh/4]
		s.plane(area{to[y/2*w/2+x/2:], w / 2, iw / 2, ih / 2}, area{from, fw / 2, fw / 2, fh / 2})
	}
	return dst
}

// inside returns the largest even size shaped like w by h within boxW by boxH. A difference of up to 2 % is stretched:
// it comes from rounding to even sides.
func inside(w, h, boxW, boxH int) (int, int) {
	iw, ih := boxW, boxW*h/w
	if ih > boxH {
		iw, ih = boxH*w/h, boxH
	}
	if iw*50 >= boxW*49 {
		iw = boxW
	}
	if ih*50 >= boxH*49 {
		ih = boxH
	}
	return max(2, iw&^1), max(2, ih&^1)
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

// area is a rectangle of a plane.
type area struct {
	pix    []byte
	stride int
	w, h   int
}

// plane scales src into dst: each pixel is the mean of the area that it stands for, weighted in 1/256 pixels.
func (s *scaler) plane(dst, src area) {
	if cap(s.sums) < dst.w {
		s.sums = make([]uint32, dst.w)
	}
	sums := s.sums[:dst.w]
	for y := range dst.h {
		clear(sums)
		from, to := y*src.h*256/dst.h, (y+1)*src.h*256/dst.h
		for row := from >> 8; row<<8 < to; row++ {
			weight := uint32(min(to, (row+1)<<8) - max(from, row<<8)) //nolint:gosec // at most 256
			addRow(sums, src.pix[row*src.stride:][:src.w], weight)
		}
		high := uint32(to - from) //nolint:gosec // positive
		line := dst.pix[y*dst.stride:][:dst.w]
		for x, sum := range sums {
			line[x] = byte((sum + high/2) / high)
		}
	}
}

// addRow adds the means of a row's stretches to sums, weighted.
func addRow(sums []uint32, row []byte, weight uint32) {
	n := len(sums)
	for x := range sums {
		from, to := x*len(row)*256/n, (x+1)*len(row)*256/n
		sum := 0
		for i := from >> 8; i<<8 < to; i++ {
			sum += int(row[i]) * (min(to, (i+1)<<8) - max(from, i<<8))
		}
		sums[x] += uint32((sum+(to-from)/2)/(to-from)) * weight //nolint:gosec // at most 255
	}
}
