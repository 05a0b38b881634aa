package transcode

/*
#cgo pkg-config: libavcodec libavutil
#cgo CFLAGS: -O2
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// maxFrame is the largest AAC frame: 6,144 bits per channel (ISO/IEC 14496-3).
const maxFrame = 2 * 6144 / 8

// encoder is an AAC encoder in memory of C. It must be closed; a nil one is closed.
type encoder struct {
	c      *C.nj_aac
	config []byte
	out    [maxFrame]byte
}

// newEncoder returns an encoder for what t expands to, or nil.
func newEncoder(t media.Track) *encoder {
	if t.Channels < 1 || t.Channels > 2 || t.SampleRate < 7350 || t.SampleRate > 96000 {
		return nil
	}
	c := C.nj_aac_open(C.int(t.SampleRate), C.int(t.Channels), C.int(min(t.SampleRate*4, 96000)*t.Channels))
	if c == nil {
		return nil
	}
	var n C.int
	p := C.nj_aac_config(c, &n)
	return &encoder{c: c, config: C.GoBytes(unsafe.Pointer(p), n)}
}

func (e *encoder) close() {
	if e != nil {
		C.nj_aac_close(e.c)
		e.c = nil
	}
}

// encode takes one frame of samples. It returns an earlier frame, nil at first, and where that begins, counted in samples.
func (e *encoder) encode(pcm []int16) ([]byte, int64, error) {
	var pts C.int64_t
	n := C.nj_aac_encode(e.c, (*C.int16_t)(unsafe.Pointer(&pcm[0])), (*C.uint8_t)(unsafe.Pointer(&e.out[0])), maxFrame, &pts)
	if n < 0 {
		return nil, 0, fmt.Errorf("encode audio: libavcodec error %d", int(n))
	}
	if n == 0 {
		return nil, 0, nil
	}
	return append([]byte(nil), e.out[:n]...), int64(pts), nil
}
