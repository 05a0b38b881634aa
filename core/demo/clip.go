package demo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/nightjar-nvr/nightjar/core/media"
)

const (
	maxMoov    = 64 << 20
	maxSamples = 1 << 20
	maxSample  = 16 << 20
)

// Clip is an opened MP4 file whose first H.264 or H.265 track and first AAC or Opus track can be played. Samples are
// read from the file when they are due.
type Clip struct {
	Desc *media.Description
	// Length is how long one round lasts: the picture track's duration.
	Length time.Duration

	file    io.ReaderAt
	closer  io.Closer
	samples []clipSample // of all tracks, by decoding time
}

type clipSample struct {
	track  int
	offset int64
	size   int
	dts    int64 // in the track's clock
	cto    int64 // PTS minus DTS
	key    bool
}

// OpenClip opens an MP4 file with a sample table, as ffmpeg and cameras write it. Fragmented files are refused. The
// caller closes it.
func OpenClip(path string) (*Clip, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open clip: %w", err)
	}
	c, err := readClip(f)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("read clip %s: %w", path, err)
	}
	c.closer = f
	return c, nil
}

// Close closes the file.
func (c *Clip) Close() error { return c.closer.Close() }

func readClip(f io.ReaderAt) (*Clip, error) {
	moov, err := findMoov(f)
	if err != nil {
		return nil, err
	}
	c := &Clip{file: f, Desc: &media.Description{}}
	var video, audio *clipTrack
	for _, b := range boxes(moov) {
		if b.kind != "trak" {
			continue
		}
		t, err := parseTrack(b.body)
		switch {
		case err != nil:
			return nil, err
		case t == nil: // a track we do not play
		case t.desc.Video() && video == nil:
			video = t
		case !t.desc.Video() && audio == nil:
			audio = t
		}
	}
	if video == nil {
		return nil, errors.New("no H.264 or H.265 track with a sample table")
	}
	c.add(video)
	if audio != nil {
		c.add(audio)
	}
	c.Length = ticksToTime(video.length, video.desc.ClockRate)
	if c.Length < 100*time.Millisecond {
		return nil, errors.New("the video is too short")
	}
	sort.SliceStable(c.samples, func(i, j int) bool { return c.time(c.samples[i]) < c.time(c.samples[j]) })
	return c, nil
}

func (c *Clip) add(t *clipTrack) {
	for _, s := range t.samples {
		s.track = len(c.Desc.Tracks)
		c.samples = append(c.samples, s)
	}
	c.Desc.Tracks = append(c.Desc.Tracks, t.desc)
}

func (c *Clip) time(s clipSample) time.Duration {
	return ticksToTime(s.dts, c.Desc.Tracks[s.track].ClockRate)
}

// read returns a sample's payload: NAL units without parameter sets, or one audio frame.
func (c *Clip) read(s clipSample) ([][]byte, error) {
	b := make([]byte, s.size)
	if _, err := c.file.ReadAt(b, s.offset); err != nil {
		return nil, fmt.Errorf("read sample: %w", err)
	}
	t := c.Desc.Tracks[s.track]
	if !t.Video() {
		return [][]byte{b}, nil
	}
	var nals [][]byte
	for len(b) >= 4 {
		n := int(binary.BigEndian.Uint32(b))
		if n <= 0 || n > len(b)-4 {
			return nil, errors.New("read sample: NAL unit runs over its end")
		}
		if !parameterSet(t.Codec, b[4]) {
			nals = append(nals, b[4:4+n])
		}
		b = b[4+n:]
	}
	return nals, nil
}

func parameterSet(c media.Codec, first byte) bool {
	if c == media.H264 {
		t := h264.NALUType(first & 0x1F)
		return t == h264.NALUTypeSPS || t == h264.NALUTypePPS || t == h264.NALUTypeAccessUnitDelimiter
	}
	t := h265.NALUType(first >> 1 & 0x3F)
	return t >= h265.NALUType_VPS_NUT && t <= h265.NALUType_AUD_NUT
}

func ticksToTime(ticks int64, rate int) time.Duration {
	r := int64(rate)
	return time.Duration(ticks/r)*time.Second + time.Duration(ticks%r)*time.Second/time.Duration(r)
}

func timeToTicks(d time.Duration, rate int) int64 {
	r := int64(rate)
	return int64(d/time.Second)*r + int64(d%time.Second)*r/int64(time.Second)
}

// findMoov walks the top level of the file.
func findMoov(f io.ReaderAt) ([]byte, error) {
	var head [16]byte
	for at := int64(0); ; {
		n, err := f.ReadAt(head[:], at)
		if n < 8 {
			if err == nil || errors.Is(err, io.EOF) {
				return nil, errors.New("not an MP4 file, or one that was cut off: no moov box")
			}
			return nil, err
		}
		size, header := int64(binary.BigEndian.Uint32(head[:])), int64(8)
		if size == 1 && n == 16 {
			size, header = int64(binary.BigEndian.Uint64(head[8:])), 16
		}
		if size < header {
			return nil, errors.New("not an MP4 file")
		}
		if string(head[4:8]) == "moov" {
			if size > maxMoov {
				return nil, errors.New("moov box is too large")
			}
			b := make([]byte, size-header)
			if _, err := f.ReadAt(b, at+header); err != nil {
				return nil, fmt.Errorf("read moov: %w", err)
			}
			return b, nil
		}
		at += size
	}
}

// aacTrack fills in what an AudioSpecificConfig says.
func aacTrack(config []byte) (media.Track, error) {
	var c mpeg4audio.AudioSpecificConfig
	if err := c.Unmarshal(config); err != nil {
		return media.Track{}, fmt.Errorf("read audio configuration: %w", err)
	}
	return media.Track{Codec: media.AAC, SampleRate: c.SampleRate, Channels: media.AACChannels(c.ChannelConfig), Config: config}, nil
}
