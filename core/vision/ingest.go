package vision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
	"github.com/nightjar-nvr/nightjar/core/vision/motion"
)

// complainEvery damps the log line about pictures that cannot be decoded.
const complainEvery = time.Minute

// catchUp is how long decoding may be behind by more than Config.MaxLag.
const catchUp = time.Second

// ingest is the first half of the pipeline: it reads, decodes, picks frames and finds motion.
type ingest struct {
	*Camera
	box    *mailbox
	motion *motion.Detector
	state  condition // of the pictures themselves

	decoder *decode.Decoder
	desc    *media.Description
	rate    int64 // of the track's clock, Hz
	step    int64 // between picked frames, in the track's clock
	due     int64 // PTS of the next picked frame
	started bool  // due is set
	needKey bool  // units were left out, so references are missing
	watched bool  // detection was switched on at the unit before
	cur     *job  // being filled

	late   func(*media.AccessUnit) bool // a unit is older than decoding may be behind
	now    func() time.Time
	since  time.Time // when units began to be late; zero: they are not
	behind bool      // units are left out until a key picture that is not late
	passed uint64    // units left out because of that
	lost   uint64    // units that the figures tell, those that the reader lost included

	complained time.Time
	failures   int // since complained
}

func newIngest(c *Camera, box *mailbox) (*ingest, error) {
	m, err := motion.New(c.cfg.Motion)
	if err != nil {
		return nil, fmt.Errorf("watch camera %s: %w", c.cfg.Camera, err)
	}
	return &ingest{
		Camera: c, box: box, motion: m, state: newCondition(c), late: func(*media.AccessUnit) bool { return false }, now: time.Now,
	}, nil
}

func (in *ingest) close() {
	in.endSession()
	_ = in.motion.Close()
	in.latest.close()
}

func (in *ingest) run(ctx context.Context) error {
	reader := in.stream.Subscribe(media.ReaderOptions{Capacity: readerUnits, Burst: true, DropQueued: true, MaxLag: in.cfg.MaxLag})
	defer reader.Close()
	in.late = reader.Late
	for {
		units, err := reader.Read(ctx)
		if err != nil {
			return err
		}
		for _, u := range units {
			if err := in.unit(ctx, u); err != nil {
				return err
			}
		}
		in.countLost(reader.Dropped() + in.passed)
	}
}

// countLost tells how many units were lost so far because decoding was slow.
func (in *ingest) countLost(now uint64) {
	if now == in.lost {
		return
	}
	in.meter.dropped.Add(float64(now - in.lost))
	in.lost = now
	in.state.lost()
	in.stats.change(func(s *Stats) { s.Dropped = now })
}

// unit decodes one access unit. Only ctx's end is an error: whatever the camera sends, the next unit is another chance.
func (in *ingest) unit(ctx context.Context, u *media.AccessUnit) error {
	if u.End() {
		in.endSession()
		return nil
	}
	if u.Desc != in.desc {
		in.startSession(u.Desc)
	}
	if in.decoder == nil || !u.Desc.Tracks[u.Track].Video() {
		return nil
	}
	in.state.unit(u)
	enabled := in.enabled.Load()
	if enabled && in.tooLate(u) || !u.Key && (!enabled || in.needKey) {
		in.needKey = true
		return nil
	}
	in.needKey = false
	if enabled != in.watched {
		in.watched = enabled
		in.motion.Reset() // the average is from before the switch
	}
	if in.cur == nil {
		select {
		case in.cur = <-in.box.free:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case in.shared.Decoders <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	got, err := in.decode(u, enabled)
	<-in.shared.Decoders
	if err != nil {
		in.fail(err)
	}
	if got && enabled {
		if in.box.put(in.cur) {
			in.meter.skipped.Inc()
			in.stats.change(func(s *Stats) { s.Skipped++ })
		}
		in.cur = nil
	}
	return nil
}

// tooLate reports whether u is left out because decoding does not keep up: then everything is, up to a key picture that is
// fresh. What came in one go, after the network had stalled, is caught up with.
func (in *ingest) tooLate(u *media.AccessUnit) bool {
	switch late := in.late(u); {
	case !late:
		in.since = time.Time{}
		in.behind = in.behind && !u.Key
	case in.since.IsZero():
		in.since = in.now()
	case in.now().Sub(in.since) >= catchUp:
		in.behind = true
	}
	if in.behind {
		in.passed++
	}
	return in.behind
}

// decode runs under a decoder slot.
func (in *ingest) decode(u *media.AccessUnit, enabled bool) (bool, error) {
	if !in.started || u.PTS < in.due-3*in.step-in.rate { // the first, or a clock that jumped back
		in.due, in.started = u.PTS, true
	}
	f := &in.cur.frame
	// A tenth of a step of jitter must not cost a whole frame.
	got, err := in.decoder.Decode(u, in.due-in.step/10, f)
	in.meter.decoded.Inc()
	if !got {
		return false, err
	}
	if in.due += in.step; f.PTS >= in.due {
		in.due = f.PTS + in.step // a gap, or a clock that jumped ahead
	}
	in.latest.offer(f)
	in.state.picture(f)
	if in.cfg.Frames != nil {
		in.cfg.Frames(f)
	}
	if !enabled {
		return true, err
	}
	return true, errors.Join(err, in.findMotion(f))
}

func (in *ingest) findMotion(f *decode.Frame) error {
	in.cur.boxes, in.cur.moved, in.cur.calibrating = in.cur.boxes[:0], 0, true
	grey, err := cv.WrapGrey(f.Luma(), f.Width, f.Height)
	if err != nil {
		return err
	}
	defer grey.Close()
	in.motion.Colour(f.Pix()[f.Width*f.Height:])
	r, err := in.motion.Update(grey)
	if err != nil {
		return err
	}
	in.cur.boxes, in.cur.calibrating = append(in.cur.boxes, r.Boxes...), r.Calibrating
	if len(r.Boxes) > 0 {
		in.cur.moved = 1
	}
	return nil
}

func (in *ingest) startSession(desc *media.Description) {
	in.endSession()
	in.desc = desc
	if desc.VideoTrack() < 0 {
		return
	}
	d, err := decode.New(desc, decode.Config{MaxSide: in.cfg.MaxSide, Hardware: in.cfg.Hardware})
	if err != nil {
		in.log.Error("stream cannot be decoded for detection", "camera_id", in.cfg.Camera, "err", err)
		return
	}
	in.decoder, in.rate = d, int64(desc.Tracks[desc.VideoTrack()].ClockRate)
	if in.rate <= 0 {
		in.rate = 90000
	}
	in.step = max(1, int64(float64(in.rate)/in.cfg.FPS))
}

func (in *ingest) endSession() {
	in.state.end()
	if in.decoder != nil {
		in.decoder.Close()
	}
	in.decoder, in.desc, in.started, in.needKey, in.behind, in.since = nil, nil, false, false, false, time.Time{}
	in.motion.Reset()
}

func (in *ingest) fail(err error) {
	in.meter.decodeErrors.Inc()
	in.stats.change(func(s *Stats) { s.DecodeErrors++ })
	in.failures++
	if now := time.Now(); now.Sub(in.complained) >= complainEvery {
		in.log.Warn("pictures could not be decoded", "camera_id", in.cfg.Camera, "count", in.failures, "err", err)
		in.complained, in.failures = now, 0
	}
}
