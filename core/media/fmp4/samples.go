package fmp4

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// Sample is one picture or audio frame of a file: where it is and when it is shown.
type Sample struct {
	Track    int   // position in the file's track order, as Tracks gives; track 0 is the lead
	DTS      int64 // on the timeline of the file's Muxer, in ticks of the track's clock
	Duration int64 // ticks
	CTO      int64 // PTS minus DTS, ticks
	Key      bool  // decoding can start here; true for audio
	Offset   int64 // of the payload, from the start of what was read
	Size     int   // bytes; Units takes a picture's apart
}

// PTS returns when the sample is shown, in ticks of its track's clock.
func (s Sample) PTS() int64 { return s.DTS + s.CTO }

// errSamples is the cause of most errors of ReadSamples.
var errSamples = errors.New("not whole parts of a recording")

// ReadSamples lists the samples of b, which is whole moof+mdat pairs as Muxer wrote them, for instance a segment of a
// recording. desc is what ParseInit returned for the file. Samples come in file order: part by part, in a part track by
// track. Every sample lies within b; anything that does not add up is an error.
func ReadSamples(b []byte, desc *media.Description) ([]Sample, error) {
	var clocks []int64
	for _, i := range Tracks(desc) {
		c := int64(desc.Tracks[i].ClockRate)
		if c <= 0 {
			return nil, fmt.Errorf("read samples: track %d has no clock", i+1)
		}
		clocks = append(clocks, c)
	}
	var out []Sample
	for at := 0; at < len(b); {
		moof, name, rest, ok := child(b[at:])
		if !ok || name != "moof" {
			return nil, fmt.Errorf("read samples at byte %d: %w", at, errSamples)
		}
		mdat, name, _, ok := child(rest)
		if !ok || name != "mdat" {
			return nil, fmt.Errorf("read samples at byte %d: %w", at, errSamples)
		}
		p := sampleReader{at: int64(at), clocks: clocks, dataFrom: int64(len(moof)) + 16}
		p.dataTo = p.dataFrom + int64(len(mdat))
		if out, ok = p.moof(moof, out); !ok {
			return nil, fmt.Errorf("read samples of the part at byte %d: %w", at, errSamples)
		}
		at += int(p.dataTo)
	}
	return out, nil
}

// sampleReader reads one part. The payload lies from dataFrom to dataTo, counted from the part's first byte.
type sampleReader struct {
	at               int64
	clocks           []int64
	dataFrom, dataTo int64
}

func (p *sampleReader) moof(b []byte, out []Sample) ([]Sample, bool) {
	for len(b) > 0 {
		body, name, rest, ok := child(b)
		if !ok {
			return nil, false
		}
		if name == "traf" {
			if out, ok = p.traf(body, out); !ok {
				return nil, false
			}
		}
		b = rest
	}
	return out, true
}

func (p *sampleReader) traf(b []byte, out []Sample) ([]Sample, bool) {
	id, dts := int64(0), int64(-1)
	for len(b) > 0 {
		body, name, rest, ok := child(b)
		if !ok {
			return nil, false
		}
		switch name {
		case "tfhd":
			// default-base-is-moof and default-sample-flags, nothing else: offsets count from the moof.
			if len(body) != 12 || binary.BigEndian.Uint32(body) != 0x020020 {
				return nil, false
			}
			id = int64(binary.BigEndian.Uint32(body[4:]))
		case "tfdt":
			if len(body) != 12 || body[0] != 1 || id < 1 || id > int64(len(p.clocks)) {
				return nil, false
			}
			start := binary.BigEndian.Uint64(body[4:])
			if start/uint64(p.clocks[id-1]) > maxSeconds {
				return nil, false
			}
			dts = int64(start)
		case "trun":
			if dts < 0 {
				return nil, false
			}
			if out, dts, ok = p.trun(body, int(id-1), dts, out); !ok {
				return nil, false
			}
		}
		b = rest
	}
	return out, true
}

// trun appends the samples of one run and returns where on the timeline it ends.
func (p *sampleReader) trun(b []byte, track int, dts int64, out []Sample) ([]Sample, int64, bool) {
	if _, ok := parseTrun(b); !ok {
		return nil, 0, false
	}
	flags := binary.BigEndian.Uint32(b)
	at := int64(int32(binary.BigEndian.Uint32(b[8:])))
	for b = b[12:]; len(b) > 0; {
		s := Sample{Track: track, DTS: dts, Key: true, Offset: p.at + at}
		s.Duration = int64(binary.BigEndian.Uint32(b))
		size := int64(binary.BigEndian.Uint32(b[4:]))
		b = b[8:]
		if flags&0x400 != 0 {
			s.Key = binary.BigEndian.Uint32(b)&0x10000 == 0
			b = b[4:]
		}
		if flags&0x800 != 0 {
			s.CTO = int64(int32(binary.BigEndian.Uint32(b)))
			b = b[4:]
		}
		if at < p.dataFrom || size > p.dataTo-at {
			return nil, 0, false
		}
		s.Size = int(size)
		at += size
		if dts += s.Duration; dts/p.clocks[track] > maxSeconds {
			return nil, 0, false
		}
		out = append(out, s)
	}
	return out, dts, true
}
