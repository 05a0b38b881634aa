// Package cv holds the few OpenCV calls that vision shares, each with its arguments checked first: gocv 0.31 catches no
// C++ exception, so an empty Mat or a rectangle outside the picture would end the process.
package cv

/*
#cgo pkg-config: opencv4
#cgo CXXFLAGS: -std=c++11 -O2
#include "threads.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"image"
	"sync"

	"gocv.io/x/gocv"
)

// SingleThread makes OpenCV work on the calling thread only. Cameras are the parallelism; TBB's own would cost 1.6
// times the CPU for little speed. It acts once per process.
var SingleThread = sync.OnceFunc(func() { C.nj_cv_single_thread() }) //nolint:gochecknoglobals // a once

// WrapI420 returns a Mat over the planes of an I420 picture, without copying. pix must be memory of C and must outlive
// the Mat, which the caller closes.
func WrapI420(pix []byte, width, height int) (gocv.Mat, error) {
	if width < 2 || height < 2 || width%2 != 0 || height%2 != 0 || len(pix) < width*height*3/2 {
		return gocv.Mat{}, fmt.Errorf("wrap picture: %d bytes are not an I420 picture of %dx%d", len(pix), width, height)
	}
	return gocv.NewMatFromBytes(height*3/2, width, gocv.MatTypeCV8UC1, pix)
}

// WrapGrey returns a Mat over a grey picture under the conditions of WrapI420.
func WrapGrey(pix []byte, width, height int) (gocv.Mat, error) {
	if width < 1 || height < 1 || len(pix) < width*height {
		return gocv.Mat{}, fmt.Errorf("wrap picture: %d bytes are not a grey picture of %dx%d", len(pix), width, height)
	}
	return gocv.NewMatFromBytes(height, width, gocv.MatTypeCV8UC1, pix)
}

// I420ToBGR converts a Mat of WrapI420.
func I420ToBGR(src gocv.Mat, dst *gocv.Mat) error {
	if src.Empty() || src.Type() != gocv.MatTypeCV8UC1 || src.Rows()%3 != 0 || src.Cols()%2 != 0 {
		return fmt.Errorf("convert to BGR: not an I420 picture: %dx%d", src.Cols(), src.Rows())
	}
	gocv.CvtColor(src, dst, gocv.ColorYUVToBGRIYUV)
	return nil
}

// Resize scales src to size. Equal sizes are copied.
func Resize(src gocv.Mat, dst *gocv.Mat, size image.Point, how gocv.InterpolationFlags) error {
	if src.Empty() || size.X < 1 || size.Y < 1 || size.X > 1<<14 || size.Y > 1<<14 {
		return fmt.Errorf("resize picture of %dx%d to %dx%d: not possible", src.Cols(), src.Rows(), size.X, size.Y)
	}
	gocv.Resize(src, dst, size, 0, 0, how)
	return nil
}

// Crop returns a view of a part of src, which the caller closes before src.
func Crop(src gocv.Mat, r image.Rectangle) (gocv.Mat, error) {
	if src.Empty() || r.Empty() || !r.In(image.Rect(0, 0, src.Cols(), src.Rows())) {
		return gocv.Mat{}, fmt.Errorf("crop %v from a picture of %dx%d: outside", r, src.Cols(), src.Rows())
	}
	return src.Region(r), nil
}

// JPEG encodes a BGR picture, scaled down so that its longest side is at most maxSide pixels.
func JPEG(bgr gocv.Mat, maxSide, quality int) ([]byte, error) {
	w, h := bgr.Cols(), bgr.Rows()
	if bgr.Empty() || bgr.Type() != gocv.MatTypeCV8UC3 {
		return nil, errors.New("encode JPEG: no colour picture")
	}
	if side := max(w, h); side > maxSide {
		small := gocv.NewMat()
		defer small.Close()
		size := image.Pt(max(1, w*maxSide/side), max(1, h*maxSide/side))
		if err := Resize(bgr, &small, size, gocv.InterpolationArea); err != nil {
			return nil, err
		}
		bgr = small
	}
	buf, err := gocv.IMEncodeWithParams(gocv.JPEGFileExt, bgr, []int{gocv.IMWriteJpegQuality, quality})
	if err != nil {
		return nil, fmt.Errorf("encode JPEG: %w", err)
	}
	defer buf.Close()
	return append([]byte(nil), buf.GetBytes()...), nil
}
