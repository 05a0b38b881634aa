package sound

import (
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// listener is the loop's state of one camera.
type listener struct {
	*Camera
	desc    *media.Description
	track   int
	decoder *decoder // nil: the session has no sound that can be decoded
	due     time.Time
	levels  meter
	gate    gate
	names   *names // nil without a classifier

	complained time.Time
	failures   int // since complained
}

func newListener(c *Camera) *listener {
	l := &listener{Camera: c, gate: gate{threshold: c.cfg.Threshold, least: c.cfg.MinDuration, hold: c.cfg.Hold}}
	if c.cfg.Classifier != nil {
		l.names = newNames(c)
	}
	return l
}

// unit takes one access unit. Pictures only tell the time.
func (l *listener) unit(u *media.AccessUnit) {
	if u.End() {
		l.endSession()
		return
	}
	if u.Desc != l.desc {
		l.describe(u.Desc)
	}
	if l.decoder == nil {
		return
	}
	if u.Track == l.track {
		l.sound(u)
	}
	l.pass(u.NTP)
}

func (l *listener) sound(u *media.AccessUnit) {
	at := u.NTP
	if gap := at.Sub(l.due); gap < -maxGap || gap > maxGap {
		l.levels = meter{}
		l.names.reset()
	}
	for _, frame := range u.Payload {
		pcm, rate, err := l.decoder.decode(frame)
		if err != nil {
			l.fail(err)
			continue
		}
		if len(pcm) == 0 {
			continue
		}
		at = at.Add(time.Duration(len(pcm)) * time.Second / time.Duration(rate))
		l.levels.add(pcm, rate, at, l.block, l.second)
		l.names.hear(pcm, rate, at)
	}
	l.due = at
}

func (l *listener) block(rms float32, at time.Time) {
	background, _ := l.gate.floor.level()
	l.names.loud(rms, background)
	if l.gate.hear(rms, at) {
		l.tell(nvr.SoundChange{Label: nvr.SoundLabel, Active: true, Since: l.gate.since, Time: at, Level: l.gate.max})
	}
}

func (l *listener) second(s loudness, at time.Time) {
	rms := s.rms()
	l.gate.floor.add(rms)
	background, _ := l.gate.floor.level()
	level := nvr.SoundLevel{Camera: l.cfg.Camera, Time: at, RMS: rms, Peak: dBFS(s.peak), Floor: background}
	l.meter.level(level)
	l.remember(level)
	l.cfg.Level(level)
}

// pass ends what has been quiet for long enough.
func (l *listener) pass(now time.Time) {
	since := l.gate.since
	if l.gate.pass(now) {
		l.endGate(since)
	}
	l.names.pass(now)
}

func (l *listener) endGate(since time.Time) {
	l.tell(nvr.SoundChange{Label: nvr.SoundLabel, Since: since, Time: l.gate.lastLoud, Level: l.gate.max})
}

// tell passes a change on, with a picture where something begins.
func (c *Camera) tell(change nvr.SoundChange) {
	change.Camera = c.cfg.Camera
	if change.Active {
		c.meter.sounds.Inc()
		if c.cfg.Picture != nil {
			change.JPEG = c.cfg.Picture()
		}
	}
	c.cfg.Sound(change)
}

func (l *listener) describe(desc *media.Description) {
	l.endSession()
	l.desc = desc
	if l.track = desc.AudioTrack(); l.track < 0 {
		return
	}
	var err error
	if l.decoder, err = openDecoder(desc.Tracks[l.track]); err != nil {
		l.log.Error("sound cannot be listened to", "camera_id", string(l.cfg.Camera), "err", err)
	}
}

// endSession ends what goes on. What was learned of the background is kept.
func (l *listener) endSession() {
	if l.gate.active {
		l.gate.active = false
		l.endGate(l.gate.since)
	}
	l.gate.since = time.Time{}
	l.names.end()
	l.meter.silent()
	l.decoder.close()
	l.decoder, l.desc, l.due, l.levels = nil, nil, time.Time{}, meter{}
}

func (l *listener) fail(err error) {
	l.meter.errors.Inc()
	l.failures++
	if now := time.Now(); now.Sub(l.complained) >= complainEvery {
		l.log.Warn("sound could not be decoded", "camera_id", string(l.cfg.Camera), "count", l.failures, "err", err)
		l.complained, l.failures = now, 0
	}
}
