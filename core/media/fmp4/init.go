// Package fmp4 writes and reads fragmented MP4 as Nightjar stores and streams it: an init segment (ftyp+moov) followed
// by parts (moof+mdat). The writing side copies no payload: a part is a list of slices for one vectored write. The
// reading side finds out how much of a file is whole and where its key frames are, and trusts no byte of it.
//
// It holds the first picture track and the first audio track that browsers play from MP4; see Recordable.
package fmp4

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// ErrNoTracks is returned for a description none of whose tracks can be put in MP4.
var ErrNoTracks = errors.New("no track that MP4 can hold")

// Recordable reports whether t is put in MP4. G.711 is not: browsers do not play it from MP4.
func Recordable(t media.Track) bool {
	switch t.Codec {
	case media.H264, media.H265, media.AV1, media.AAC, media.Opus:
		return true
	default:
		return false
	}
}

// Tracks returns the indexes into d.Tracks of what goes into MP4: the first picture track, then the first recordable
// audio track, because a browser's media source plays one of each. The track at position i has track ID i+1.
func Tracks(d *media.Description) []int {
	video, audio := -1, -1
	for i, t := range d.Tracks {
		switch {
		case !Recordable(t):
		case t.Video() && video < 0:
			video = i
		case !t.Video() && audio < 0:
			audio = i
		}
	}
	var out []int
	if video >= 0 {
		out = append(out, video)
	}
	if audio >= 0 {
		out = append(out, audio)
	}
	return out
}

// Init returns ftyp+moov for d. Equal descriptions give equal bytes. It fails with ErrNoTracks, or when a track's
// parameters cannot be understood.
func Init(d *media.Description) ([]byte, error) {
	picked := Tracks(d)
	if len(picked) == 0 {
		return nil, ErrNoTracks
	}
	var init fmp4.Init
	for i, idx := range picked {
		t := d.Tracks[idx]
		c, err := codecOf(t)
		if err != nil {
			return nil, fmt.Errorf("describe %s track: %w", t.Codec, err)
		}
		init.Tracks = append(init.Tracks, &fmp4.InitTrack{ID: i + 1, TimeScale: uint32(t.ClockRate), Codec: c})
	}
	var buf seekablebuffer.Buffer
	if err := init.Marshal(&buf); err != nil {
		return nil, fmt.Errorf("marshal init segment: %w", err)
	}
	return buf.Bytes(), nil
}

func codecOf(t media.Track) (codecs.Codec, error) {
	if t.ClockRate <= 0 {
		return nil, errors.New("clock rate is not known")
	}
	switch t.Codec {
	case media.H264:
		if len(t.SPS) < 4 || len(t.PPS) == 0 {
			return nil, errors.New("parameter sets are not known")
		}
		return &codecs.H264{SPS: t.SPS, PPS: t.PPS}, nil
	case media.H265:
		if len(t.VPS) == 0 || len(t.SPS) < 15 || len(t.PPS) == 0 {
			return nil, errors.New("parameter sets are not known")
		}
		return &codecs.H265{VPS: t.VPS, SPS: t.SPS, PPS: t.PPS}, nil
	case media.AV1:
		var h av1.SequenceHeader
		if err := h.Unmarshal(t.SPS); err != nil {
			return nil, fmt.Errorf("read sequence header: %w", err)
		}
		return &codecs.AV1{SequenceHeader: t.SPS}, nil
	case media.AAC:
		var conf mpeg4audio.AudioSpecificConfig
		if err := conf.Unmarshal(t.Config); err != nil {
			return nil, fmt.Errorf("read audio configuration: %w", err)
		}
		return &codecs.MPEG4Audio{Config: conf}, nil
	case media.Opus:
		return &codecs.Opus{ChannelCount: max(1, t.Channels)}, nil
	default:
		return nil, fmt.Errorf("codec %s does not go into MP4", t.Codec)
	}
}

// Codecs returns the RFC 6381 list for d's tracks in MP4, "avc1.640028,mp4a.40.2". It is empty when there are none.
func Codecs(d *media.Description) string {
	var list []string
	for _, i := range Tracks(d) {
		list = append(list, codecString(d.Tracks[i]))
	}
	return strings.Join(list, ",")
}

// MIMEType returns what MediaSource.isTypeSupported wants: `video/mp4; codecs="…"`, or audio/mp4 without pictures.
func MIMEType(d *media.Description) string {
	kind := "audio"
	if d.VideoTrack() >= 0 {
		kind = "video"
	}
	return kind + `/mp4; codecs="` + Codecs(d) + `"`
}

func codecString(t media.Track) string {
	switch t.Codec {
	case media.H264:
		if len(t.SPS) < 4 {
			return "avc1"
		}
		return "avc1." + hex.EncodeToString(t.SPS[1:4])
	case media.H265:
		return h265String(t.SPS)
	case media.AV1:
		return av1String(t.SPS)
	case media.AAC:
		object := 2
		if len(t.Config) > 0 && t.Config[0]>>3 != 0 {
			object = int(t.Config[0] >> 3)
		}
		return "mp4a.40." + strconv.Itoa(object)
	case media.Opus:
		return "opus"
	default:
		return ""
	}
}

// av1String follows AV1-ISOBMFF §5: profile, level and tier, bit depth.
func av1String(header []byte) string {
	var h av1.SequenceHeader
	if h.Unmarshal(header) != nil || len(h.SeqLevelIdx) == 0 {
		return "av01"
	}
	tier := "M"
	if len(h.SeqTier) > 0 && h.SeqTier[0] {
		tier = "H"
	}
	return fmt.Sprintf("av01.%d.%02d%s.%02d", h.SeqProfile, h.SeqLevelIdx[0], tier, h.ColorConfig.BitDepth)
}

// h265String follows ISO/IEC 14496-15 annex E.3: profile, reversed compatibility flags, tier and level, constraint
// bytes without trailing zeros. They sit at fixed places behind the SPS header.
func h265String(sps []byte) string {
	if len(sps) < 15 {
		return "hvc1"
	}
	b := h264.EmulationPreventionRemove(sps)
	if len(b) < 15 {
		return "hvc1"
	}
	ptl := b[3:15]
	var s strings.Builder
	s.WriteString("hvc1.")
	if space := ptl[0] >> 6; space > 0 {
		s.WriteByte('A' + space - 1)
	}
	compat := bits.Reverse32(uint32(ptl[1])<<24 | uint32(ptl[2])<<16 | uint32(ptl[3])<<8 | uint32(ptl[4]))
	tier := byte('L')
	if ptl[0]&0x20 != 0 {
		tier = 'H'
	}
	fmt.Fprintf(&s, "%d.%X.%c%d", ptl[0]&0x1f, compat, tier, ptl[11])
	for _, c := range bytes.TrimRight(ptl[5:11], "\x00") {
		fmt.Fprintf(&s, ".%X", c)
	}
	return s.String()
}

// ParseInit is the inverse of Init: it reads ftyp+moov back into a description, which recovery needs for a file whose
// session is gone.
func ParseInit(b []byte) (*media.Description, error) {
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader(b)); err != nil {
		return nil, fmt.Errorf("read init segment: %w", err)
	}
	d := &media.Description{}
	for _, t := range init.Tracks {
		track := media.Track{ClockRate: int(t.TimeScale)}
		switch c := t.Codec.(type) {
		case *codecs.H264:
			track.Codec, track.SPS, track.PPS = media.H264, c.SPS, c.PPS
			var sps h264.SPS
			if sps.Unmarshal(c.SPS) == nil {
				track.Width, track.Height = sps.Width(), sps.Height()
			}
		case *codecs.H265:
			track.Codec, track.VPS, track.SPS, track.PPS = media.H265, c.VPS, c.SPS, c.PPS
			var sps h265.SPS
			if sps.Unmarshal(c.SPS) == nil {
				track.Width, track.Height = sps.Width(), sps.Height()
			}
		case *codecs.AV1:
			track.Codec, track.SPS = media.AV1, c.SequenceHeader
			var h av1.SequenceHeader
			if h.Unmarshal(c.SequenceHeader) == nil {
				track.Width, track.Height = h.Width(), h.Height()
			}
		case *codecs.MPEG4Audio:
			config, err := c.Config.Marshal()
			if err != nil {
				return nil, fmt.Errorf("read audio configuration: %w", err)
			}
			track.Codec, track.Config = media.AAC, config
			track.SampleRate, track.Channels = c.Config.SampleRate, media.AACChannels(c.Config.ChannelConfig)
		case *codecs.Opus:
			track.Codec, track.SampleRate, track.Channels = media.Opus, 48000, c.ChannelCount
		default:
			return nil, fmt.Errorf("track %d: unknown codec", t.ID)
		}
		d.Tracks = append(d.Tracks, track)
	}
	if len(d.Tracks) == 0 {
		return nil, ErrNoTracks
	}
	return d, nil
}
