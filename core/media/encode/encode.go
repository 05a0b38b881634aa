// Package encode turns pictures into H.264: previews, exact cuts and time-lapses. It is a thin shim over libx264 in
// libavcodec, with one thread and no reordering unless asked. It chooses no sizes, rates or times for its callers, and
// scales nothing. It owns C memory, so an Encoder must be closed.
package encode

/*
#cgo pkg-config: libavcodec libavutil
#cgo CFLAGS: -O2
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"unsafe"
)

// ErrUnavailable says that the installed libavcodec was built without libx264. Whatever needs an encoder is off then;
// recording and playback do not.
var ErrUnavailable = errors.New("libavcodec has no H.264 encoder: install a libavcodec that was built with libx264")

// Config says what an encoder produces. Pictures are in video range (16 to 235), as package decode delivers them.
type Config struct {
	Width, Height int // pixels, both even, 16 to 8192
	// ClockRate is how many ticks of a PTS make a second. 0 means 90000.
	ClockRate int
	// FPS is the usual number of pictures in a second; it guides rate control and the choice of level. 0 means 25.
	FPS int
	// GOP is the longest distance of key frames in pictures. 0 means two seconds' worth.
	GOP int
	// CRF is the constant quality to aim at, 1 (best) to 51. 0 means 23.
	CRF int
	// BFrames is how many reordered pictures may follow each other, 0 to 16. With any, a DTS lies before its PTS.
	BFrames int
	// LowDelay returns each picture's packet with the picture, without looking ahead; a little less quality per byte.
	LowDelay bool
	Preset   string // of x264; "" means "veryfast"
	Profile  string // "baseline", "main" or "high"; "" means what the preset needs
	Level    string // like "4.1"; "" means the lowest that fits
	// SPSID is the number of the parameter sets, 0 to 31, so that a re-encoded start can lie in one file with pictures
	// of another encoder, whose parameter sets stay valid.
	SPSID   int
	Threads int // 0 means 1
	// Color is written into the parameter sets when not zero.
	Color Color
}

// Color says how colours are meant, as code points of ITU-T H.273. 0 leaves it unsaid.
type Color struct{ Primaries, Transfer, Matrix int }

// Packet is one coded picture.
type Packet struct {
	NALs     [][]byte // without start codes, parameter sets and SEI: an access unit's payload
	PTS, DTS int64    // ticks of the clock rate
	Key      bool     // an IDR picture
}

// Encoder encodes one sequence of pictures. It is for one goroutine.
type Encoder struct {
	c        *C.nje_encoder
	size     int // bytes of a picture
	sps, pps []byte
	last     int64 // PTS of the latest picture
	any      bool
	ended    bool
}

// New opens an encoder. The error is ErrUnavailable where there is no libx264, or says which setting is wrong.
func New(cfg Config) (*Encoder, error) {
	cfg.defaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("open encoder: %w", err)
	}
	c := C.nje_config{
		width: C.int(cfg.Width), height: C.int(cfg.Height), clock_rate: C.int(cfg.ClockRate), fps: C.int(cfg.FPS),
		gop: C.int(cfg.GOP), crf: C.int(cfg.CRF), bframes: C.int(cfg.BFrames), threads: C.int(cfg.Threads), sps_id: C.int(cfg.SPSID),
		primaries: unsaid(cfg.Color.Primaries), transfer: unsaid(cfg.Color.Transfer), matrix: unsaid(cfg.Color.Matrix),
		preset: C.CString(cfg.Preset), profile: C.CString(cfg.Profile), level: C.CString(cfg.Level),
	}
	if cfg.LowDelay {
		c.low_delay = 1
	}
	defer C.free(unsafe.Pointer(c.preset))
	defer C.free(unsafe.Pointer(c.profile))
	defer C.free(unsafe.Pointer(c.level))
	var rc C.int
	e := &Encoder{size: cfg.Width * cfg.Height * 3 / 2}
	e.c = C.nje_open(&c, &rc) //nolint:gocritic // dupSubExpr looks at what cgo makes of it
	if e.c == nil {
		if rc == C.NJE_NO_ENCODER {
			return nil, fmt.Errorf("open encoder: %w", ErrUnavailable)
		}
		return nil, fmt.Errorf("open encoder for %dx%d (preset %q, profile %q, level %q): %w", cfg.Width, cfg.Height, cfg.Preset,
			cfg.Profile, cfg.Level, avError(rc))
	}
	var n C.int
	header := C.nje_header(e.c, &n)
	for _, nal := range split(C.GoBytes(unsafe.Pointer(header), n)) {
		switch nal[0] & 0x1f {
		case nalSPS:
			e.sps = nal
		case nalPPS:
			e.pps = nal
		}
	}
	if e.sps == nil || e.pps == nil {
		e.Close()
		return nil, errors.New("open encoder: libx264 gave no parameter sets")
	}
	return e, nil
}

func (c *Config) defaults() {
	or := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	or(&c.ClockRate, 90000)
	or(&c.FPS, 25)
	or(&c.GOP, 2*c.FPS)
	or(&c.CRF, 23)
	or(&c.Threads, 1)
	if c.Preset == "" {
		c.Preset = "veryfast"
	}
}

func (c *Config) check() error {
	for _, f := range []struct {
		name         string
		v, low, high int
	}{
		{"width", c.Width, 16, 8192},
		{"height", c.Height, 16, 8192},
		{"clock rate", c.ClockRate, 1, math.MaxInt32},
		{"fps", c.FPS, 1, 1000},
		{"gop", c.GOP, 1, math.MaxInt32},
		{"crf", c.CRF, 1, 51},
		{"b-frames", c.BFrames, 0, 16},
		{"sps id", c.SPSID, 0, 31},
		{"threads", c.Threads, 1, 64},
	} {
		if f.v < f.low || f.v > f.high {
			return fmt.Errorf("%s is %d, want %d to %d", f.name, f.v, f.low, f.high)
		}
	}
	if c.Width%2 != 0 || c.Height%2 != 0 {
		return fmt.Errorf("size %dx%d: both sides must be even", c.Width, c.Height)
	}
	if c.LowDelay && c.BFrames > 0 {
		return errors.New("b-frames are a delay: choose between them and low delay")
	}
	return nil
}

// unsaid maps 0 to the code point for "unspecified".
func unsaid(v int) C.int {
	if v == 0 {
		return 2
	}
	return C.int(v)
}

// SPS returns the sequence parameter set without a start code. The caller must not change it.
func (e *Encoder) SPS() []byte { return e.sps }

// PPS returns the picture parameter set without a start code. The caller must not change it.
func (e *Encoder) PPS() []byte { return e.pps }

// Encode takes one picture: I420 without padding, Width*Height*3/2 bytes, which may be reused afterwards. pts must be
// larger than the one before; key demands an IDR picture. It returns what is ready, which may be nothing.
func (e *Encoder) Encode(i420 []byte, pts int64, key bool) ([]Packet, error) {
	switch {
	case e.c == nil || e.ended:
		return nil, errors.New("encode: the encoder has ended")
	case len(i420) != e.size:
		return nil, fmt.Errorf("encode: picture of %d bytes, want %d", len(i420), e.size)
	case e.any && pts <= e.last:
		return nil, fmt.Errorf("encode: time %d does not lie after %d", pts, e.last)
	}
	force := C.int(0)
	if key {
		force = 1
	}
	if rc := C.nje_send(e.c, (*C.uint8_t)(unsafe.Pointer(&i420[0])), C.int64_t(pts), force); rc < 0 {
		return nil, fmt.Errorf("encode picture: %w", avError(rc))
	}
	e.any, e.last = true, pts
	return e.receive()
}

// Flush ends the sequence and returns the packets that the encoder held back. Only Close may follow.
func (e *Encoder) Flush() ([]Packet, error) {
	if e.c == nil || e.ended {
		return nil, nil
	}
	e.ended = true
	if rc := C.nje_send(e.c, nil, 0, 0); rc < 0 {
		return nil, fmt.Errorf("end encoding: %w", avError(rc))
	}
	return e.receive()
}

// Close frees all memory of the encoder. It may be called twice.
func (e *Encoder) Close() {
	C.nje_close(e.c)
	e.c = nil
}

func (e *Encoder) receive() ([]Packet, error) {
	var out []Packet
	for {
		var p C.nje_packet
		rc := C.nje_receive(e.c, &p) //nolint:gocritic // as in New
		if rc < 0 {
			return out, fmt.Errorf("encode picture: %w", avError(rc))
		}
		if rc == 0 {
			return out, nil
		}
		pkt := Packet{PTS: int64(p.pts), DTS: int64(p.dts), Key: p.key != 0}
		for _, nal := range split(C.GoBytes(unsafe.Pointer(p.data), p.size)) {
			if kind := nal[0] & 0x1f; kind >= 1 && kind <= nalIDR {
				pkt.NALs = append(pkt.NALs, nal)
			}
		}
		out = append(out, pkt)
	}
}

// Types of NAL units. 1 to 5 are slices.
const (
	nalIDR = 5
	nalSPS = 7
	nalPPS = 8
)

// split cuts an Annex B stream at its start codes. The pieces alias b.
func split(b []byte) [][]byte {
	var out [][]byte
	for part := range bytes.SplitSeq(b, []byte{0, 0, 1}) {
		if part = bytes.TrimRight(part, "\x00"); len(part) > 0 {
			out = append(out, part[:len(part):len(part)])
		}
	}
	return out
}

func avError(rc C.int) error {
	var text [128]C.char
	C.nje_text(rc, &text[0], C.int(len(text)))
	return errors.New(C.GoString(&text[0]))
}
