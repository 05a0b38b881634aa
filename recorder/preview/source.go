package preview

import (
	"context"
	"errors"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
)

const (
	// slack is how much later than due a picture may come when that saves decoding up to it.
	slack = 520 * time.Millisecond
	// maxWhole is the picture size, in pixels, up to which pictures between key pictures are decoded. Those of a main stream
	// would cost several times what recording it does.
	maxWhole = 1024 * 576
	// intervals is how many distances of key pictures are remembered.
	intervals = 4
)

// source decodes one picture a second of a stream, and as little else as it can: when the next key picture is expected
// by the time that the next preview is due, everything up to it is passed over. So a camera with a key picture each
// second costs one decoded picture a second; one with a key picture each 2 s half of what all would cost. Of large
// pictures only the key pictures are decoded, so their previews move as often as the camera sends one.
type source struct {
	c       *camera
	desc    *media.Description
	decoder *decode.Decoder // nil while there is none for desc
	frame   decode.Frame

	skip     bool // up to the next key picture
	hopeless bool // no decoder opens for desc
	frugal   bool // only key pictures
	due      time.Time
	lastKey  time.Time
	between  [intervals]time.Duration // of key pictures; 0 is not known
	keys     int
}

func (s *source) close() {
	s.closeDecoder()
	s.frame.Close()
}

func (s *source) closeDecoder() {
	if s.decoder != nil {
		s.decoder.Close()
		s.decoder = nil
	}
}

// take decodes u if that is needed, and offers what comes out. The error is ctx's.
func (s *source) take(ctx context.Context, u *media.AccessUnit) error {
	if u.End() {
		s.closeDecoder()
		s.desc = nil
		s.c.end()
		return nil
	}
	if u.Track != u.Desc.VideoTrack() {
		return nil
	}
	if u.Desc != s.desc {
		s.begin(u)
	}
	if u.Key {
		s.key(u.NTP)
	}
	if u.NTP.Sub(time.Unix(0, s.c.pushed.Load())).Abs() < pushAge {
		s.closeDecoder()
		s.skip = true
		return nil
	}
	if s.skip || s.hopeless || !s.open(u) {
		return nil
	}
	return s.decode(ctx, u)
}

// begin forgets the session before.
func (s *source) begin(u *media.AccessUnit) {
	s.closeDecoder()
	s.desc, s.skip, s.hopeless = u.Desc, true, false
	t := u.Desc.Tracks[u.Track]
	s.frugal = t.Width*t.Height > maxWhole
	s.lastKey, s.keys = time.Time{}, 0
	s.between = [intervals]time.Duration{}
}

// key decides at a key picture whether its group of pictures is needed.
func (s *source) key(at time.Time) {
	if !s.lastKey.IsZero() {
		s.between[s.keys%intervals] = at.Sub(s.lastKey)
		s.keys++
	}
	s.lastKey = at
	s.skip = at.Before(s.due) && s.nextKeyServes() || s.frugal && at.Before(s.due.Add(-slack))
	if s.due.Sub(at) > 2*time.Second {
		s.due, s.skip = time.Time{}, false // the clock was set back
	}
}

// nextKeyServes reports whether the next key picture is early enough for the preview that is due.
func (s *source) nextKeyServes() bool {
	longest := time.Duration(0)
	for _, d := range s.between {
		longest = max(longest, d)
	}
	return longest > 0 && !s.lastKey.Add(longest).After(s.due.Add(slack))
}

// open makes sure that there is a decoder. It tries once per session, so a stream that cannot be decoded is a line in the
// log and no more.
func (s *source) open(u *media.AccessUnit) bool {
	if s.decoder != nil {
		return true
	}
	if !u.Key {
		return false
	}
	track := s.desc.Tracks[u.Track]
	d, err := decode.New(s.desc, decode.Config{MaxSide: sourceSide(track.Width, track.Height), SkipLoopFilter: true})
	if err != nil {
		s.c.metrics.errors.Inc()
		s.c.logger.Warn("no previews of this stream", "err", err)
		s.hopeless = true
		return false
	}
	s.decoder = d
	return true
}

func (s *source) decode(ctx context.Context, u *media.AccessUnit) error {
	s.c.metrics.decoded.Inc()
	clock := int64(s.desc.Tracks[u.Track].ClockRate)
	notBefore := u.PTS
	if wait := s.due.Sub(u.NTP); wait > 0 {
		notBefore += int64(wait.Seconds() * float64(clock))
	}
	if err := s.c.p.acquire(ctx); err != nil {
		return err
	}
	got, err := s.decoder.Decode(u, notBefore, &s.frame)
	s.c.p.release() // before put, which may wait for who needs the place
	if err != nil && !errors.Is(err, decode.ErrCorrupt) {
		s.c.logger.Warn("preview decoder gave up", "err", err)
		s.closeDecoder()
		s.skip = true
		return nil
	}
	if !got {
		return nil
	}
	s.due = s.frame.Time.Add(period)
	s.skip = s.frugal || s.nextKeyServes()
	return s.c.put(ctx, &s.frame)
}
