// Package media carries coded media inside the process: what a stream consists of (Description), its access units,
// and the Hub that hands each unit to every reader. It decodes nothing and never blocks the camera.
package media

import "time"

// Codec names a coding as the field does, in lower case.
type Codec string

// The codecs that pass through Nightjar.
const (
	H264 Codec = "h264"
	H265 Codec = "h265"
	AV1  Codec = "av1"
	AAC  Codec = "aac"
	Opus Codec = "opus"
	PCMA Codec = "pcma" // G.711 A-law
	PCMU Codec = "pcmu" // G.711 µ-law
)

// Track describes one elementary stream. It is immutable.
type Track struct {
	Codec     Codec
	ClockRate int // Hz; the unit of PTS and DTS is 1/ClockRate s

	// VPS, SPS and PPS are the parameter sets without start codes; VPS only for H.265. AV1 has one, in SPS: the sequence
	// header OBU, without a size field.
	VPS, SPS, PPS []byte
	Width, Height int // pixels, 0 until known

	SampleRate int    // audio, Hz
	Channels   int    // audio
	Config     []byte // AAC AudioSpecificConfig

	// Derived marks a track that we made of another one, because browsers and MP4 do not take what the camera sends. It is
	// recorded and watched, and left out of what goes on as the camera sent it.
	Derived bool
}

// AACChannels returns how many channels the channelConfiguration of an AudioSpecificConfig means (ISO 14496-3, table
// 1.19). It is 0 for 0, where only the stream itself tells.
func AACChannels(config uint8) int {
	if config == 7 {
		return 8
	}
	return int(config)
}

// Video reports whether the track is a picture track.
func (t Track) Video() bool { return t.Codec == H264 || t.Codec == H265 || t.Codec == AV1 }

// Description is what one session of a stream carries. It is immutable: a change of parameters or a new session is a
// new Description, so readers notice by comparing pointers.
type Description struct {
	Tracks []Track
}

// VideoTrack returns the index of the picture track, or -1.
func (d *Description) VideoTrack() int {
	for i, t := range d.Tracks {
		if t.Video() {
			return i
		}
	}
	return -1
}

// AudioTrack returns the index of the first audio track, or -1.
func (d *Description) AudioTrack() int {
	for i, t := range d.Tracks {
		if !t.Video() {
			return i
		}
	}
	return -1
}

// TrackEnd in AccessUnit.Track marks the end of a session; Reason says why.
const TrackEnd = -1

// AccessUnit is all coded data of one picture, or one or more audio frames that follow each other. It is immutable
// and shared by all readers, payload included.
type AccessUnit struct {
	Desc  *Description
	Track int // index into Desc.Tracks, or TrackEnd

	PTS int64 // 1/ClockRate s, from an arbitrary start common to the session's tracks (in seconds)
	DTS int64 // the same; equals PTS without B-frames, strictly increasing per track within a Description
	// NTP is the wall-clock time of PTS, on the recorder's clock: anchored once per session, continuous within it.
	NTP time.Time
	Key bool // the picture can be decoded without earlier ones (IDR, CRA, BLA); true for audio

	// Payload is the NAL units of a picture without start codes, parameter sets and access unit delimiters; the OBUs of an
	// AV1 temporal unit without size fields and temporal delimiter, the sequence header first where Key; or one audio
	// frame per element.
	Payload [][]byte

	Damaged bool   // packets were lost in or before this unit since the last key frame
	Reason  string // only with TrackEnd
}

// Size returns the number of payload bytes.
func (u *AccessUnit) Size() int {
	n := 0
	for _, p := range u.Payload {
		n += len(p)
	}
	return n
}

// End reports whether the unit marks the end of a session.
func (u *AccessUnit) End() bool { return u.Track == TrackEnd }
