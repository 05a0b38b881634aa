package vision

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

// Still decodes one picture of a stream that nobody watches for objects: the newest of the group of pictures the hub
// keeps, else the next one. It costs the decoding of that group, once, instead of a decoder that runs all the time.
func Still(ctx context.Context, hub stream) (*nvr.Snapshot, error) {
	cv.SingleThread()
	r := hub.Subscribe(media.ReaderOptions{Capacity: 2 * readerUnits, Burst: true})
	defer r.Close()
	var frame decode.Frame
	defer frame.Close()
	for {
		units, err := r.Read(ctx)
		if err != nil {
			return nil, fmt.Errorf("wait for a picture: %w", err)
		}
		got, err := newest(units, &frame)
		if err != nil {
			return nil, err
		}
		if got {
			bgr := gocv.NewMat()
			defer bgr.Close()
			return encodeStill(&frame, &bgr)
		}
	}
}

// newest decodes all units and leaves the last picture in frame.
func newest(units []*media.AccessUnit, frame *decode.Frame) (bool, error) {
	var d *decode.Decoder
	var desc *media.Description
	defer func() {
		if d != nil {
			d.Close()
		}
	}()
	got := false
	for _, u := range units {
		if u.End() {
			return false, errors.New("wait for a picture: the camera's session ended")
		}
		if u.Desc != desc {
			if d != nil {
				d.Close()
			}
			next, err := decode.New(u.Desc, decode.Config{})
			if err != nil {
				return false, fmt.Errorf("open decoder: %w", err)
			}
			d, desc = next, u.Desc
		}
		ok, err := d.Decode(u, math.MinInt64, frame)
		if err != nil && !errors.Is(err, decode.ErrCorrupt) {
			return false, fmt.Errorf("decode picture: %w", err)
		}
		got = got || ok
	}
	return got, nil
}
