// Package decode turns the access units of one session into pictures at the rate a detector wants them. It is a thin
// shim over libavcodec: one C call per access unit, one thread, no reordering delay. It survives loss and garbage:
// a unit that cannot be decoded is an error value, and the next key frame starts afresh. It owns C memory, so
// Decoder and Frame must be closed.
package decode

/*
#cgo pkg-config: libavcodec libavutil libswscale
#cgo CFLAGS: -O2
#include "shim.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
)

// maxUnitBytes bounds one access unit. An 8K key frame has about 4 MiB.
const maxUnitBytes = 32 << 20

// ErrCorrupt says that a unit, or a picture in it, could not be decoded. The decoder stays usable.
var ErrCorrupt = errors.New("corrupt picture")

// Config says what a decoder delivers.
type Config struct {
	// MaxSide is the longest side of a delivered picture in pixels; larger pictures are scaled down. 0 means 1280.
	MaxSide int
	// SkipLoopFilter leaves out deblocking: about a quarter less work at 1080p, at the price of blocks that drift until
	// the next key frame.
	SkipLoopFilter bool
	// Hardware decodes, while it can; what it cannot is decoded in software. nil: software. It must stay open until the
	// decoder is closed.
	Hardware *Hardware

	still bool // see Still
}

// Decoder decodes the picture track of one Description. It is for one goroutine.
type Decoder struct {
	desc   *media.Description
	track  media.Track
	index  int
	c      *C.nj_decoder
	packet []byte
	synced bool // a key frame was sent
	result C.nj_result

	cfg      Config
	hardware *Hardware // that it was opened with; nil: software
	trouble  trouble
	unread   trouble // the same for pictures that the hardware decodes but does not give back
	decoded  int     // pictures that came out of libavcodec, wanted or not
}

// New returns a decoder for the picture track of desc. A new Description needs a new Decoder.
func New(desc *media.Description, cfg Config) (*Decoder, error) {
	i := desc.VideoTrack()
	if i < 0 {
		return nil, errors.New("open decoder: the stream has no picture track")
	}
	if cfg.MaxSide == 0 {
		cfg.MaxSide = 1280
	}
	if cfg.MaxSide < 16 {
		return nil, fmt.Errorf("open decoder: longest side of %d pixels is too small, want at least 16", cfg.MaxSide)
	}
	d := &Decoder{desc: desc, track: desc.Tracks[i], index: i, cfg: cfg}
	if cfg.Hardware != nil {
		if d.open(cfg.Hardware); d.c != nil {
			return d, nil
		}
	}
	if d.open(nil); d.c == nil {
		return nil, fmt.Errorf("open decoder: libavcodec has no %s decoder", d.track.Codec)
	}
	return d, nil
}

// open sets c, to nil where libavcodec cannot decode the codec with h.
func (d *Decoder) open(h *Hardware) {
	flag := func(b bool) C.int {
		if b {
			return 1
		}
		return 0
	}
	d.hardware, d.synced, d.trouble, d.unread, d.c = h, false, 0, 0, nil
	h.use(func(device unsafe.Pointer) {
		d.c = C.nj_open(codecOf(d.track.Codec), flag(d.cfg.SkipLoopFilter), C.int(d.cfg.MaxSide), flag(d.cfg.still), h.kind(), device)
	})
}

func codecOf(c media.Codec) C.int {
	switch c {
	case media.H265:
		return C.NJ_H265
	case media.AV1:
		return C.NJ_AV1
	default:
		return C.NJ_H264
	}
}

// On returns what the stream is decoded on now: CPU before the first picture, and when the hardware cannot decode it.
func (d *Decoder) On() Accel {
	if d.c == nil || C.nj_in_hardware(d.c) == 0 {
		return CPU
	}
	return d.hardware.Accel()
}

// Close frees all memory of the decoder. It may be called twice.
func (d *Decoder) Close() {
	C.nj_close(d.c)
	d.c = nil
}

// Decode decodes u and, when a picture with a PTS of at least notBefore came out, scales it into f and returns true.
// Units of other tracks, and those before the first key frame, are passed over. An error wraps ErrCorrupt when only
// this unit is lost; f is unchanged then.
func (d *Decoder) Decode(u *media.AccessUnit, notBefore int64, f *Frame) (bool, error) {
	if d.c == nil {
		return false, errors.New("decode: decoder is closed")
	}
	if u.Desc != d.desc {
		return false, errors.New("decode: unit belongs to another session")
	}
	if u.Track != d.index || len(u.Payload) == 0 {
		return false, nil
	}
	if u.Key && d.hardware != nil && (d.trouble.over() || d.unread.over()) {
		d.Close()
		if d.open(nil); d.c == nil {
			return false, fmt.Errorf("decode: libavcodec has no %s decoder", d.track.Codec)
		}
	}
	if !d.synced && !u.Key {
		return false, nil
	}
	if err := d.pack(u); err != nil {
		return false, err
	}
	d.synced = true
	rc := C.nj_decode(d.c, (*C.uint8_t)(unsafe.Pointer(&d.packet[0])), C.int(len(d.packet)-C.NJ_PADDING),
		C.int64_t(u.PTS), C.int64_t(notBefore), f.pix, f.capacity, &d.result)
	if d.result.need > 0 {
		if err := f.grow(d.result.need); err != nil {
			return false, err
		}
		rc = C.nj_fetch(d.c, f.pix, f.capacity, &d.result)
	}
	d.decoded += int(d.result.decoded)
	d.trouble.note(rc < 0, d.result.decoded > 0)
	d.unread.note(d.result.unread != 0, d.result.got != 0)
	if d.result.got != 0 {
		f.Width, f.Height, f.PTS = int(d.result.width), int(d.result.height), int64(d.result.pts)
		// The wall clock is continuous within a session, so a reordered picture is placed by its distance in PTS.
		f.Time = u.NTP.Add(span(f.PTS-u.PTS, d.track.ClockRate))
		return true, nil
	}
	if rc < 0 || d.result.broken > 0 {
		return false, fmt.Errorf("decode %s unit of %d bytes: %w", d.track.Codec, u.Size(), ErrCorrupt)
	}
	return false, nil
}

// pack builds the unit in the reused packet: in Annex B form with the parameter sets before a key frame, or OBUs with
// their sizes.
func (d *Decoder) pack(u *media.AccessUnit) error {
	size := u.Size()
	if size > maxUnitBytes {
		return fmt.Errorf("decode unit of %d bytes, limit %d: %w", size, maxUnitBytes, ErrCorrupt)
	}
	p := d.packet[:0]
	if d.track.Codec == media.AV1 {
		p = fmp4.AppendSample(p, d.track, u.Payload)
	} else {
		if u.Key {
			p = appendNAL(appendNAL(appendNAL(p, d.track.VPS), d.track.SPS), d.track.PPS)
		}
		for _, nal := range u.Payload {
			p = appendNAL(p, nal)
		}
	}
	p = append(p, make([]byte, C.NJ_PADDING)...)
	d.packet = p
	return nil
}

func appendNAL(p, nal []byte) []byte {
	if len(nal) == 0 {
		return p
	}
	return append(append(p, 0, 0, 0, 1), nal...)
}

func span(ticks int64, rate int) time.Duration {
	if rate <= 0 {
		rate = 90000
	}
	return time.Duration(float64(ticks) / float64(rate) * float64(time.Second))
}

// Frame is a picture in memory of C: I420, rows without padding. The zero value is ready for Decode.
type Frame struct {
	Width, Height int       // pixels, both even
	PTS           int64     // of the picture, in the track's clock
	Time          time.Time // wall time of PTS

	pix      *C.uint8_t
	capacity C.int
}

// Pix returns the three planes in one slice of Width*Height*3/2 bytes: luma, then Cb and Cr at half size. It is valid
// until the next Decode into the frame or its Close.
func (f *Frame) Pix() []byte {
	if f.pix == nil {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(f.pix)), f.Width*f.Height*3/2)
}

// Luma returns the grey picture, Width*Height bytes of Pix.
func (f *Frame) Luma() []byte {
	if f.pix == nil {
		return nil
	}
	return f.Pix()[:f.Width*f.Height]
}

// CopyFrom makes f a copy of src.
func (f *Frame) CopyFrom(src *Frame) error {
	if err := f.grow(C.int(src.Width * src.Height * 3 / 2)); err != nil {
		return err
	}
	f.Width, f.Height, f.PTS, f.Time = src.Width, src.Height, src.PTS, src.Time
	copy(f.Pix(), src.Pix())
	return nil
}

// Close frees the picture. The frame may be used again afterwards.
func (f *Frame) Close() {
	C.nj_free(f.pix)
	*f = Frame{}
}

func (f *Frame) grow(size C.int) error {
	if size <= f.capacity {
		return nil
	}
	p := C.nj_alloc(size)
	if p == nil {
		return fmt.Errorf("decode: no memory for a picture of %d bytes", size)
	}
	C.nj_free(f.pix)
	f.pix, f.capacity, f.Width, f.Height = p, size, 0, 0
	return nil
}
