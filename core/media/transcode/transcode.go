// Package transcode makes AAC of the G.711 audio that many cameras send, because neither browsers nor Apple's players take
// G.711 from MP4. The camera's own track stays beside it, for whoever wants the stream as it was sent. It costs a sixth of
// a percent of a core per camera. Pictures are never touched.
package transcode

import (
	"log/slog"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
)

const (
	// frameSamples is the length of an AAC frame.
	frameSamples = 1024
	// maxShift is how far the camera's timestamps may part from the count of samples before the encoder begins anew.
	maxShift = 200 * time.Millisecond
)

// Through returns what rtsp.SourceConfig.Through wants: sessions with G.711 and no other audio get an AAC track.
func Through(log *slog.Logger) func(func(*media.AccessUnit)) (func(*media.AccessUnit), func()) {
	return func(publish func(*media.AccessUnit)) (func(*media.AccessUnit), func()) {
		s := &session{log: log, publish: publish}
		return s.unit, s.close
	}
}

// session adds the derived track to one session. It is called from one goroutine at a time.
type session struct {
	log     *slog.Logger
	publish func(*media.AccessUnit)

	from, to *media.Description // as it comes, and with the derived track; equal where there is none
	source   int                // the G.711 track
	enc      *encoder

	pcm   []int16
	due   int64 // PTS of the sample after the last in pcm
	fresh bool
	taken int64     // samples given to the encoder
	at    [2]anchor // the latest, and the one before: the encoder is some frames behind
}

// anchor says that from the encoder's sample on, PTS is that plus shift.
type anchor struct{ sample, shift int64 }

func (s *session) unit(u *media.AccessUnit) {
	if u.Desc != s.from {
		s.describe(u.Desc)
	}
	u.Desc = s.to
	s.publish(u)
	if s.enc == nil || u.Track != s.source {
		return
	}
	for _, f := range s.frames(u) {
		s.publish(f)
	}
}

func (s *session) close() {
	s.enc.close()
	s.enc = nil
}

// describe prepares for a new description. The encoder goes on where only the pictures changed.
func (s *session) describe(d *media.Description) {
	before := s.enc
	var track media.Track
	if s.enc != nil {
		track = s.from.Tracks[s.source]
	}
	s.from, s.to, s.enc, s.source = d, d, nil, d.AudioTrack()
	if s.source < 0 || d.Tracks[s.source].Codec != media.PCMA && d.Tracks[s.source].Codec != media.PCMU {
		before.close()
		return
	}
	t := d.Tracks[s.source]
	if before != nil && track.Codec == t.Codec && track.SampleRate == t.SampleRate && track.Channels == t.Channels {
		s.enc = before
	} else {
		before.close()
		if s.enc = newEncoder(t); s.enc == nil {
			s.log.Warn("camera audio cannot be recorded, libavcodec has no AAC encoder for it", "rate", t.SampleRate, "channels", t.Channels)
			return
		}
		s.fresh, s.taken, s.at = true, 0, [2]anchor{}
	}
	tracks := append(append([]media.Track{}, d.Tracks...), media.Track{
		Codec: media.AAC, ClockRate: t.SampleRate, SampleRate: t.SampleRate, Channels: t.Channels, Config: s.enc.config, Derived: true,
	})
	s.to = &media.Description{Tracks: tracks}
}

// frames encodes a unit of G.711. The AAC track's clock is the sample rate, which is G.711's clock too.
func (s *session) frames(u *media.AccessUnit) []*media.AccessUnit {
	t := s.to.Tracks[s.source]
	if shift := time.Duration(u.PTS-s.due) * time.Second / time.Duration(t.SampleRate); s.fresh || shift.Abs() > maxShift {
		s.pcm, s.due, s.fresh = s.pcm[:0], u.PTS, false
		s.at = [2]anchor{{s.taken, u.PTS - s.taken}, s.at[0]}
	}
	for _, b := range u.Payload {
		s.pcm = appendPCM(s.pcm, t.Codec, b)
		s.due += int64(len(b) / t.Channels)
	}
	var out []*media.AccessUnit
	n := frameSamples * t.Channels
	for ; len(s.pcm) >= n; s.pcm = s.pcm[:copy(s.pcm, s.pcm[n:])] {
		frame, pts, err := s.enc.encode(s.pcm[:n])
		s.taken += frameSamples
		if err != nil || frame == nil {
			continue
		}
		if pts < s.at[0].sample-frameSamples { // the silence before the first sample is of this anchor too
			pts += s.at[1].shift
		} else {
			pts += s.at[0].shift
		}
		out = append(out, &media.AccessUnit{
			Desc: s.to, Track: len(s.to.Tracks) - 1, PTS: pts, DTS: pts, Key: true, Payload: [][]byte{frame},
			NTP: u.NTP.Add(time.Duration(pts-u.PTS) * time.Second / time.Duration(t.SampleRate)),
		})
	}
	return out
}

// appendPCM expands G.711 to 16 bits (ITU-T G.711).
func appendPCM(dst []int16, codec media.Codec, b []byte) []int16 {
	expand := muLaw
	if codec == media.PCMA {
		expand = aLaw
	}
	for _, v := range b {
		dst = append(dst, expand(v))
	}
	return dst
}

func muLaw(v byte) int16 {
	v = ^v
	x := (int16(v&0x0f)<<3 + 0x84) << (v >> 4 & 7)
	if v&0x80 != 0 {
		return 0x84 - x
	}
	return x - 0x84
}

func aLaw(v byte) int16 {
	v ^= 0x55
	x := int16(v&0x0f)<<4 + 8
	if e := v >> 4 & 7; e > 0 {
		x = (x + 0x100) << (e - 1)
	}
	if v&0x80 != 0 {
		return x
	}
	return -x
}
