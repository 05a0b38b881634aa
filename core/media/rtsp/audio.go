package rtsp

import (
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtp"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// depacketizer returns the coded data that pkt completes: a picture's NAL units or audio frames. An error means that
// more packets are needed or that some were unusable.
type depacketizer func(pkt *rtp.Packet) ([][]byte, error)

// maxAudioFrames bounds the frames one packet may hold.
const maxAudioFrames = 64

// pick is a media of the session description that we receive, in the format we understand.
type pick struct {
	media  *description.Media
	format format.Format
	decode depacketizer
	video  *videoTrack // of a picture track
	audio  media.Track // of an audio track
}

// choose returns the first picture track and the first audio track that can be carried. Either may be nil.
func choose(d *description.Session) (video, audio *pick) {
	for _, m := range d.Medias {
		if m.IsBackChannel {
			continue
		}
		for _, f := range m.Formats {
			if video == nil {
				if video = pickVideo(m, f); video != nil {
					break
				}
			}
			if audio == nil {
				if audio = pickAudio(m, f); audio != nil {
					break
				}
			}
		}
	}
	return video, audio
}

func pickVideo(m *description.Media, f format.Format) *pick {
	switch f := f.(type) {
	case *format.H264:
		dec, err := f.CreateDecoder()
		if err != nil {
			return nil
		}
		sps, pps := f.SafeParams()
		return &pick{media: m, format: f, decode: dec.Decode, video: newVideoTrack(media.H264, nil, sps, pps)}
	case *format.H265:
		dec, err := f.CreateDecoder()
		if err != nil {
			return nil
		}
		vps, sps, pps := f.SafeParams()
		return &pick{media: m, format: f, decode: dec.Decode, video: newVideoTrack(media.H265, vps, sps, pps)}
	case *format.AV1:
		dec, err := f.CreateDecoder()
		if err != nil {
			return nil
		}
		return &pick{media: m, format: f, decode: dec.Decode, video: newVideoTrack(media.AV1, nil, nil, nil)}
	}
	return nil
}

func pickAudio(m *description.Media, f format.Format) *pick {
	switch f := f.(type) {
	case *format.MPEG4Audio:
		config, err := f.Config.Marshal()
		dec, err2 := f.CreateDecoder()
		if err != nil || err2 != nil || f.Config.SampleRate <= 0 {
			return nil
		}
		return &pick{media: m, format: f, decode: dec.Decode, audio: media.Track{
			Codec: media.AAC, ClockRate: f.ClockRate(), SampleRate: f.Config.SampleRate,
			Channels: media.AACChannels(f.Config.ChannelConfig), Config: config,
		}}
	case *format.Opus:
		return &pick{media: m, format: f, decode: whole, audio: media.Track{
			Codec: media.Opus, ClockRate: f.ClockRate(), SampleRate: 48000, Channels: max(1, f.ChannelCount),
		}}
	case *format.G711:
		codec := media.PCMA
		if f.MULaw {
			codec = media.PCMU
		}
		if f.SampleRate <= 0 || f.ChannelCount <= 0 {
			return nil
		}
		return &pick{media: m, format: f, decode: whole, audio: media.Track{
			Codec: codec, ClockRate: f.ClockRate(), SampleRate: f.SampleRate, Channels: f.ChannelCount,
		}}
	}
	return nil
}

// whole is the depacketizer of codecs whose packet is one frame.
func whole(pkt *rtp.Packet) ([][]byte, error) {
	if len(pkt.Payload) == 0 {
		return nil, nil
	}
	return [][]byte{pkt.Payload}, nil
}
