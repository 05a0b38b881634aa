package vision

import (
	"context"
	"time"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

const (
	keyPictureSide = 3840 // longest side in pixels: a face in an 8K picture is large enough at half its size
	wholeBurst     = 4096 // units: whatever the hub keeps
)

// KeyPicture returns a function that gives the newest key picture of a stream, if it was shown after some time: one picture is
// decoded, where the exact frame would cost all since that one. Asking for a picture that is not there costs no decoding. The
// caller closes it.
func KeyPicture(hub stream) func(ctx context.Context, after time.Time) (gocv.Mat, time.Time, bool) {
	return func(ctx context.Context, after time.Time) (gocv.Mat, time.Time, bool) {
		cv.SingleThread()
		key := newestKey(hub)
		if key == nil || !key.NTP.After(after) {
			return gocv.Mat{}, time.Time{}, false
		}
		var frame decode.Frame
		defer frame.Close()
		ok, err := decode.Still(ctx, []*media.AccessUnit{key}, decode.Config{MaxSide: keyPictureSide}, key.PTS, &frame)
		if err != nil || !ok {
			return gocv.Mat{}, time.Time{}, false // a broken picture; the next one comes soon
		}
		bgr := gocv.NewMat()
		if err := toBGR(&frame, &bgr); err != nil {
			_ = bgr.Close()
			return gocv.Mat{}, time.Time{}, false
		}
		return bgr, frame.Time, true
	}
}

// newestKey returns the key frame that the hub keeps, or nil.
func newestKey(hub stream) *media.AccessUnit {
	r := hub.Subscribe(media.ReaderOptions{Capacity: wholeBurst, Burst: true})
	defer r.Close()
	now, cancel := context.WithCancel(context.Background())
	cancel() // what is not there yet is not waited for
	units, err := r.Read(now)
	if err != nil {
		return nil
	}
	var key *media.AccessUnit
	for _, u := range units {
		if !u.End() && u.Key && u.Desc.Tracks[u.Track].Video() {
			key = u
		}
	}
	return key
}
