package sound

/*
#cgo pkg-config: libavcodec libavutil
#cgo CFLAGS: -O2
#include "shim.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/nightjar-nvr/nightjar/core/media"
)

const (
	maxFrameBytes   = 64 << 10 // of one coded frame; a second of G.711 has 8,000
	maxFrameSamples = 96_000
	minRate         = 4_000 // Hz
	maxRate         = 192_000
)

// errCorrupt says that a frame could not be decoded. The next may be fine.
var errCorrupt = errors.New("corrupt audio frame")

// decoder turns coded audio into the mean of its channels. It owns C memory and must be closed; a nil one is closed.
type decoder struct {
	c   *C.nj_audio
	pcm [maxFrameSamples]float32
}

// openDecoder returns a decoder for t. The error says what libavcodec lacks.
func openDecoder(t media.Track) (*decoder, error) {
	codecs := map[media.Codec]C.int{media.PCMA: C.NJ_PCMA, media.PCMU: C.NJ_PCMU, media.AAC: C.NJ_AAC, media.Opus: C.NJ_OPUS}
	codec, ok := codecs[t.Codec]
	if !ok {
		return nil, fmt.Errorf("open audio decoder: %s is not supported", t.Codec)
	}
	var config *C.uint8_t
	if len(t.Config) > 0 {
		config = (*C.uint8_t)(unsafe.Pointer(&t.Config[0]))
	}
	c := C.nj_audio_open(codec, C.int(t.SampleRate), C.int(t.Channels), config, C.int(len(t.Config)))
	if c == nil {
		return nil, fmt.Errorf("open audio decoder: libavcodec has no %s decoder for %d Hz and %d channels", t.Codec, t.SampleRate, t.Channels)
	}
	return &decoder{c: c}, nil
}

func (d *decoder) close() {
	if d != nil {
		C.nj_audio_close(d.c)
		d.c = nil
	}
}

// decode returns the samples of a frame, -1..1, and their rate in Hz; none where the decoder wants more. The slice is
// valid until the next call.
func (d *decoder) decode(frame []byte) (pcm []float32, rate int, err error) {
	if len(frame) == 0 || len(frame) > maxFrameBytes {
		return nil, 0, fmt.Errorf("decode audio frame of %d bytes: %w", len(frame), errCorrupt)
	}
	var r C.int
	n := C.nj_audio_decode(d.c, (*C.uint8_t)(unsafe.Pointer(&frame[0])), C.int(len(frame)), (*C.float)(unsafe.Pointer(&d.pcm[0])), maxFrameSamples, &r)
	if n < 0 || n > 0 && (r < minRate || r > maxRate) {
		return nil, 0, fmt.Errorf("decode audio frame of %d bytes: %w", len(frame), errCorrupt)
	}
	return d.pcm[:n], int(r), nil
}
