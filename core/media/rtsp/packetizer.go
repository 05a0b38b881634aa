package rtsp

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
	"github.com/pion/rtp"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// payloadMax leaves room for SRTP, tunnels and WebRTC below an Ethernet frame.
const payloadMax = 1188

// Packetizer turns the access units of one stream into RTP packets. It is for one goroutine.
type Packetizer struct {
	desc   *description.Session
	tracks []packetTrack
	origin media.Description
}

type packetTrack struct {
	media  *description.Media
	format format.Format
	base   uint32 // RTP time of PTS 0
	encode func([][]byte) ([]*rtp.Packet, error)
}

// NewPacketizer prepares packets for all tracks of d. It fails on a track whose parameters make no sense.
func NewPacketizer(d *media.Description) (*Packetizer, error) {
	p := &Packetizer{desc: &description.Session{Title: "Nightjar"}, origin: *d}
	for i, t := range d.Tracks {
		if t.Derived {
			p.tracks = append(p.tracks, packetTrack{})
			continue
		}
		pt, err := newPacketTrack(t, uint8(96+i))
		if err != nil {
			return nil, fmt.Errorf("packetise %s: %w", t.Codec, err)
		}
		pt.media.Control = "trackID=" + strconv.Itoa(i)
		p.tracks = append(p.tracks, pt)
		p.desc.Medias = append(p.desc.Medias, pt.media)
	}
	return p, nil
}

// Session returns the RTSP description of the stream, one media per track in the tracks' order.
func (p *Packetizer) Session() *description.Session { return p.desc }

// Media returns the media of a track, nil for one that is derived.
func (p *Packetizer) Media(track int) *description.Media { return p.tracks[track].media }

// Fits reports whether units of d can go on in this session: clients cannot be told of another set of tracks.
func (p *Packetizer) Fits(d *media.Description) bool {
	if len(d.Tracks) != len(p.origin.Tracks) {
		return false
	}
	for i, t := range d.Tracks {
		o := p.origin.Tracks[i]
		if t.Codec != o.Codec || t.ClockRate != o.ClockRate || t.Channels != o.Channels {
			return false
		}
	}
	return true
}

// RTPTime returns the RTP timestamp of a unit's PTS.
func (p *Packetizer) RTPTime(u *media.AccessUnit) uint32 {
	return p.tracks[u.Track].base + uint32(u.PTS)
}

// Packets returns u's packets. Key pictures get their parameter sets in front, so that every client can start there.
func (p *Packetizer) Packets(u *media.AccessUnit) ([]*rtp.Packet, error) {
	t := &p.tracks[u.Track]
	payload := u.Payload
	if d := u.Desc.Tracks[u.Track]; u.Key && d.Video() && d.Codec != media.AV1 {
		payload = make([][]byte, 0, len(u.Payload)+3)
		for _, set := range [][]byte{d.VPS, d.SPS, d.PPS} {
			if len(set) > 0 {
				payload = append(payload, set)
			}
		}
		payload = append(payload, u.Payload...)
	}
	pkts, err := t.encode(payload)
	if err != nil {
		return nil, err
	}
	base := p.RTPTime(u)
	for _, pkt := range pkts {
		pkt.Timestamp += base
	}
	return pkts, nil
}

func newPacketTrack(t media.Track, payloadType uint8) (packetTrack, error) {
	var seed [4]byte
	_, _ = rand.Read(seed[:]) // never fails
	pt := packetTrack{base: binary.BigEndian.Uint32(seed[:])}
	kind := description.MediaTypeAudio
	var err error
	switch t.Codec {
	case media.H264, media.H265, media.AV1:
		kind = description.MediaTypeVideo
		pt.format, pt.encode, err = videoEncoder(t, payloadType)
	case media.AAC:
		pt.format, pt.encode, err = aacEncoder(t, payloadType)
	case media.Opus:
		pt.format, pt.encode, err = opusEncoder(t, payloadType)
	case media.PCMA, media.PCMU:
		pt.format, pt.encode, err = g711Encoder(t, payloadType)
	default:
		err = errors.New("codec is not known")
	}
	pt.media = &description.Media{Type: kind, Formats: []format.Format{pt.format}}
	return pt, err
}

func videoEncoder(t media.Track, payloadType uint8) (format.Format, func([][]byte) ([]*rtp.Packet, error), error) {
	if t.Codec == media.H264 {
		f := &format.H264{PayloadTyp: payloadType, PacketizationMode: 1, SPS: t.SPS, PPS: t.PPS}
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, nil, err
		}
		e.PayloadMaxSize = payloadMax
		return f, e.Encode, e.Init()
	}
	if t.Codec == media.AV1 {
		f := &format.AV1{PayloadTyp: payloadType}
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, nil, err
		}
		e.PayloadMaxSize = payloadMax
		return f, e.Encode, e.Init()
	}
	f := &format.H265{PayloadTyp: payloadType, VPS: t.VPS, SPS: t.SPS, PPS: t.PPS}
	e, err := f.CreateEncoder()
	if err != nil {
		return nil, nil, err
	}
	e.PayloadMaxSize = payloadMax
	return f, e.Encode, e.Init()
}

func aacEncoder(t media.Track, payloadType uint8) (format.Format, func([][]byte) ([]*rtp.Packet, error), error) {
	var config mpeg4audio.AudioSpecificConfig
	if err := config.Unmarshal(t.Config); err != nil {
		return nil, nil, fmt.Errorf("read audio configuration: %w", err)
	}
	f := &format.MPEG4Audio{
		PayloadTyp: payloadType, ProfileLevelID: 1, Config: &config, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3,
	}
	e, err := f.CreateEncoder()
	if err != nil {
		return nil, nil, err
	}
	e.PayloadMaxSize = payloadMax
	return f, e.Encode, e.Init()
}

func opusEncoder(t media.Track, payloadType uint8) (format.Format, func([][]byte) ([]*rtp.Packet, error), error) {
	f := &format.Opus{PayloadTyp: payloadType, ChannelCount: max(1, t.Channels)}
	e, err := f.CreateEncoder()
	if err != nil {
		return nil, nil, err
	}
	return f, func(frames [][]byte) ([]*rtp.Packet, error) {
		var pkts []*rtp.Packet
		ticks := uint32(0)
		for _, frame := range frames {
			pkt, err := e.Encode(frame)
			if err != nil {
				return nil, err
			}
			pkt.Timestamp = ticks
			ticks += uint32(opus.PacketDuration2(frame))
			pkts = append(pkts, pkt)
		}
		return pkts, nil
	}, nil
}

func g711Encoder(t media.Track, payloadType uint8) (format.Format, func([][]byte) ([]*rtp.Packet, error), error) {
	channels := max(1, t.Channels)
	f := &format.G711{PayloadTyp: payloadType, MULaw: t.Codec == media.PCMU, SampleRate: t.SampleRate, ChannelCount: channels}
	if t.SampleRate == 8000 && channels == 1 {
		f.PayloadTyp = 8 // RFC 3551's static types, which simple clients expect
		if f.MULaw {
			f.PayloadTyp = 0
		}
	}
	e, err := f.CreateEncoder()
	if err != nil {
		return nil, nil, err
	}
	e.PayloadMaxSize = payloadMax
	if err := e.Init(); err != nil {
		return nil, nil, err
	}
	return f, func(frames [][]byte) ([]*rtp.Packet, error) {
		var pkts []*rtp.Packet
		ticks := uint32(0)
		for _, frame := range frames {
			some, err := e.Encode(frame)
			if err != nil {
				return nil, err
			}
			for _, pkt := range some {
				pkt.Timestamp += ticks
			}
			ticks += uint32(len(frame) / channels)
			pkts = append(pkts, some...)
		}
		return pkts, nil
	}, nil
}
