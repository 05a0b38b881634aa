package decode

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// Still decodes units of one Description, which follow each other in decoding order and begin with a key frame, and
// writes the picture that is shown at pts into f: the latest whole one with a PTS of at most pts. It reports false when
// there is none. Reordering costs no picture, and nothing behind the wanted picture is decoded. The error is ctx's, or
// says why no decoder opens; units that are corrupt are passed over.
func Still(ctx context.Context, units []*media.AccessUnit, cfg Config, pts int64, f *Frame) (bool, error) {
	last := shownAt(units, pts)
	if last < 0 {
		return false, nil
	}
	cfg.still = true
	d, err := New(units[0].Desc, cfg)
	if err != nil {
		return false, err
	}
	defer d.Close()
	for _, u := range units[:last+1] {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if _, err := d.Decode(u, pts, f); err != nil && !errors.Is(err, ErrCorrupt) {
			return false, err
		}
	}
	return d.end(units[0], pts, f)
}

// shownAt returns the index of the unit that is shown at pts, or -1.
func shownAt(units []*media.AccessUnit, pts int64) int {
	best := -1
	for i, u := range units {
		if u.PTS <= pts && (best < 0 || u.PTS >= units[best].PTS) {
			best = i
		}
	}
	return best
}

// end takes the kept picture out of a decoder made for a still. ref says which wall time belongs to which PTS.
func (d *Decoder) end(ref *media.AccessUnit, pts int64, f *Frame) (bool, error) {
	rc := C.nj_decode(d.c, nil, 0, 0, C.int64_t(pts), f.pix, f.capacity, &d.result)
	if d.result.need > 0 {
		if err := f.grow(d.result.need); err != nil {
			return false, err
		}
		rc = C.nj_fetch(d.c, f.pix, f.capacity, &d.result)
	}
	if rc < 0 {
		return false, fmt.Errorf("scale picture: %w", ErrCorrupt)
	}
	if d.result.got == 0 {
		return false, nil
	}
	f.Width, f.Height, f.PTS = int(d.result.width), int(d.result.height), int64(d.result.pts)
	f.Time = ref.NTP.Add(span(f.PTS-ref.PTS, d.track.ClockRate))
	return true, nil
}
