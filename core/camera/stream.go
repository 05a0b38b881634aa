package camera

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
	"github.com/nightjar-nvr/nightjar/core/media/transcode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// backoff paces a stream's attempts. An attempt that lived 30 s has delivered key frames: a session without one is
// ended before. What heals by itself (a reboot, a cable) is tried often enough to record again within 5 s of the
// camera's return; what a person must mend grows to 30 s, so that no camera locks us out.
func backoff() lifecycle.Backoff {
	return lifecycle.Backoff{
		Min: 500 * time.Millisecond, Max: 30 * time.Second, Factor: 2, Jitter: 0.2, Reset: 30 * time.Second,
		Limit: func(err error) time.Duration {
			if rtsp.KindOf(err).Settled() {
				return 30 * time.Second
			}
			return 2500 * time.Millisecond
		},
	}
}

// measureOver is the span that frame rate and bitrate are averaged over.
const measureOver = 5 * time.Second

// stream is the wish to be connected to one stream. Sessions come and go, it stays.
type stream struct {
	id      nvr.StreamID
	source  rtsp.SourceConfig // ClockSpeed belongs to the attempts
	hub     *media.Hub
	log     *slog.Logger
	changed func() // state changed; must not block

	mu       sync.Mutex
	status   nvr.StreamStatus
	session  *rtsp.Source
	past     totals // of the sessions before
	samples  []sample
	sessions uint64
	failures map[rtsp.Kind]uint64
}

// totals are sums over a stream's sessions.
type totals struct {
	pictures, bytes, lost, jumps uint64
}

func (t totals) plus(s rtsp.Stats) totals {
	return totals{t.pictures + s.Pictures, t.bytes + s.Bytes, t.lost + s.Lost, t.jumps + s.Jumps}
}

type sample struct {
	at time.Time
	totals
}

func (s *stream) run(ctx context.Context) error {
	return lifecycle.Keepalive(ctx, backoff(), s.attempt, s.observe)
}

func (s *stream) attempt(ctx context.Context) error {
	cfg := s.source
	cfg.OnOnline, cfg.Through = s.online, transcode.Through(s.log)
	src, err := rtsp.NewSource(cfg)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.session = src
	s.sessions++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.past = s.past.plus(src.Stats())
		s.session = nil
		s.mu.Unlock()
	}()
	err = src.Run(ctx, s.hub)
	if v := src.Stats().ClockSpeed; v != 0 && rtsp.KindOf(err) == rtsp.KindClock {
		s.learn(v)
	}
	return err
}

// learn keeps what a session measured of a clock that runs at the wrong speed, for the sessions to come.
func (s *stream) learn(speed float64) {
	if s.source.ClockSpeed == 0 {
		s.source.ClockSpeed = 1
	}
	s.source.ClockSpeed = min(max(s.source.ClockSpeed*speed, 0.25), 4)
	s.log.Warn("camera clock runs at the wrong speed", "corrected_by", s.source.ClockSpeed)
}

// online is called from the camera's reading goroutine.
func (s *stream) online() {
	s.mu.Lock()
	s.status.State, s.status.Reason, s.status.RetryAt = nvr.StateOnline, "", time.Time{}
	s.status.Since = time.Now()
	s.samples = s.samples[:0]
	s.mu.Unlock()
	s.log.Info("camera online")
	s.changed()
}

func (s *stream) observe(f lifecycle.Failure) {
	kind, reason := rtsp.KindOf(f.Err), rtsp.Reason(f.Err)
	s.mu.Lock()
	news := s.status.State != nvr.StateOffline || s.status.Reason != reason
	if s.status.State != nvr.StateOffline {
		s.status.Since = time.Now()
	}
	s.status.State, s.status.Reason = nvr.StateOffline, reason
	s.status.RetryAt = time.Now().Add(f.Pause)
	s.status.FPS, s.status.Bitrate = 0, 0
	s.failures[kind]++
	s.mu.Unlock()
	level := slog.LevelDebug // the same again
	if news {
		level = slog.LevelWarn
	}
	s.log.Log(context.Background(), level, "camera offline", "reason", reason, "err", f.Err,
		"session_age", f.Lived.Round(time.Millisecond), "attempt", f.Attempt, "retry_in", f.Pause.Round(time.Millisecond))
	s.changed()
}

// snapshot returns the status with what the session's description says of the media.
func (s *stream) snapshot() nvr.StreamStatus {
	desc := s.hub.Description()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session != nil {
		s.status.Lost = s.session.Stats().Lost
	}
	st := s.status
	if desc == nil {
		return st
	}
	for _, t := range desc.Tracks {
		if t.Video() {
			st.Codec, st.Width, st.Height = string(t.Codec), t.Width, t.Height
		} else if !t.Derived {
			st.Audio = string(t.Codec)
		}
	}
	// What was last known is still shown while offline.
	s.status.Codec, s.status.Width, s.status.Height, s.status.Audio = st.Codec, st.Width, st.Height, st.Audio
	return st
}

// measure takes a sample of the counters and works out frame rate and bitrate over the last seconds.
func (s *stream) measure(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session == nil || s.status.State != nvr.StateOnline {
		return
	}
	s.samples = append(s.samples, sample{at: now, totals: s.past.plus(s.session.Stats())})
	for len(s.samples) > 2 && now.Sub(s.samples[1].at) >= measureOver {
		s.samples = append(s.samples[:0], s.samples[1:]...)
	}
	first, last := s.samples[0], s.samples[len(s.samples)-1]
	seconds := last.at.Sub(first.at).Seconds()
	if seconds < 0.5 {
		return
	}
	s.status.FPS = float64(last.pictures-first.pictures) / seconds
	s.status.Bitrate = int64(float64(last.bytes-first.bytes) * 8 / seconds)
}

// counted returns the stream's sums over all sessions, this one included.
func (s *stream) counted() (t totals, live rtsp.Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t = s.past
	if s.session != nil {
		live = s.session.Stats()
		t = t.plus(live)
	}
	return t, live
}
