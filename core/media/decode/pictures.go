package decode

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// Pictures decodes units of one Description, which follow each other in decoding order and begin with a key frame, and
// calls fn for each picture with a PTS in [from, to), in the order in which they are shown. Reordering costs no picture;
// units that are corrupt are passed over. The frame is fn's until it returns. The error is ctx's, fn's, or says why no
// decoder opens.
func Pictures(ctx context.Context, units []*media.AccessUnit, cfg Config, from, to int64, fn func(*Frame) error) error {
	if len(units) == 0 {
		return nil
	}
	cfg.still = true
	d, err := New(units[0].Desc, cfg)
	if err != nil {
		return err
	}
	defer d.Close()
	var f Frame
	defer f.Close()
	for _, u := range units {
		if err := ctx.Err(); err != nil {
			return err
		}
		if u.Desc != d.desc || u.Track != d.index || len(u.Payload) == 0 {
			return errors.New("decode pictures: a unit is not of the picture track of the first one's session")
		}
		if err := d.pack(u); err != nil {
			continue // too long for a picture
		}
		// An error is a corrupt unit's; what the others give still comes out.
		C.nj_send(d.c, (*C.uint8_t)(unsafe.Pointer(&d.packet[0])), C.int(len(d.packet)-C.NJ_PADDING), C.int64_t(u.PTS))
		if err := d.receive(units[0], from, to, &f, fn); err != nil {
			return err
		}
	}
	C.nj_send(d.c, nil, 0, 0)
	return d.receive(units[0], from, to, &f, fn)
}

// receive hands out what the decoder has ready.
func (d *Decoder) receive(ref *media.AccessUnit, from, to int64, f *Frame, fn func(*Frame) error) error {
	for {
		rc := C.nj_receive(d.c, C.int64_t(from), C.int64_t(to), f.pix, f.capacity, &d.result)
		if d.result.need > 0 {
			if err := f.grow(d.result.need); err != nil {
				return err
			}
			rc = C.nj_fetch(d.c, f.pix, f.capacity, &d.result)
		}
		if rc < 0 {
			return fmt.Errorf("scale picture: %w", ErrCorrupt)
		}
		if d.result.got == 0 {
			return nil
		}
		f.Width, f.Height, f.PTS = int(d.result.width), int(d.result.height), int64(d.result.pts)
		f.Time = ref.NTP.Add(span(f.PTS-ref.PTS, d.track.ClockRate))
		if err := fn(f); err != nil {
			return err
		}
	}
}
