package demo

import (
	"encoding/binary"
	"errors"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// box is one ISO/IEC 14496-12 box inside a buffer.
type box struct {
	kind string
	body []byte
}

// boxes splits b; what does not parse ends the list.
func boxes(b []byte) []box {
	var out []box
	for len(b) >= 8 {
		size := int(binary.BigEndian.Uint32(b))
		if size < 8 || size > len(b) {
			break
		}
		out = append(out, box{kind: string(b[4:8]), body: b[8:size]})
		b = b[size:]
	}
	return out
}

// find follows a path of box kinds and returns the body at its end, or nil.
func find(b []byte, path ...string) []byte {
	for _, kind := range path {
		var next []byte
		for _, c := range boxes(b) {
			if c.kind == kind {
				next = c.body
				break
			}
		}
		if next == nil {
			return nil
		}
		b = next
	}
	return b
}

// table is a box of entries of size bytes each behind a full-box header, some fixed fields and a count.
type table struct {
	b    []byte
	size int
}

func entries(b []byte, fixed, size int) table {
	if len(b) < 8+fixed {
		return table{size: size}
	}
	n := int(binary.BigEndian.Uint32(b[4+fixed:]))
	rest := b[8+fixed:]
	return table{b: rest[:min(max(n, 0)*size, len(rest)/size*size)], size: size}
}

func (t table) len() int { return len(t.b) / t.size }

func (t table) u32(i, field int) uint32 { return binary.BigEndian.Uint32(t.b[i*t.size+4*field:]) }

type clipTrack struct {
	desc    media.Track
	samples []clipSample
	length  int64 // ticks
}

// parseTrack returns nil for a track that is not played.
func parseTrack(trak []byte) (*clipTrack, error) {
	mdhd := find(trak, "mdia", "mdhd")
	stbl := find(trak, "mdia", "minf", "stbl")
	if len(mdhd) < 24 || stbl == nil {
		return nil, nil
	}
	rate := binary.BigEndian.Uint32(mdhd[12:])
	if mdhd[0] == 1 {
		rate = binary.BigEndian.Uint32(mdhd[20:])
	}
	desc, err := parseEntry(find(stbl, "stsd"))
	if err != nil || desc.Codec == "" {
		return nil, err
	}
	if rate == 0 || rate > 1<<24 {
		return nil, errors.New("the time scale makes no sense")
	}
	// RTP has clocks of its own: 90 kHz for pictures, the sample rate for audio.
	desc.ClockRate = 90000
	if !desc.Video() {
		desc.ClockRate = desc.SampleRate
	}
	t := &clipTrack{desc: desc}
	if err := t.layOut(stbl); err != nil {
		return nil, err
	}
	t.keys(find(stbl, "stss"))
	t.times(entries(find(stbl, "stts"), 0, 8), entries(find(stbl, "ctts"), 0, 8), int64(rate))
	return t, nil
}

// parseEntry reads the first sample entry. A codec that is not played gives a zero Track.
func parseEntry(stsd []byte) (media.Track, error) {
	if len(stsd) < 8 {
		return media.Track{}, nil
	}
	list := boxes(stsd[8:])
	if len(list) == 0 {
		return media.Track{}, nil
	}
	const visual, audio = 78, 28 // bytes before the entry's own boxes
	switch e := list[0]; {
	case e.kind == "avc1" && len(e.body) > visual:
		return avcTrack(find(e.body[visual:], "avcC"))
	case (e.kind == "hvc1" || e.kind == "hev1") && len(e.body) > visual:
		return hevcTrack(find(e.body[visual:], "hvcC"))
	case e.kind == "mp4a" && len(e.body) > audio:
		config := decoderConfig(find(e.body[audio:], "esds"))
		if config == nil {
			return media.Track{}, nil
		}
		return aacTrack(config)
	case e.kind == "Opus" && len(e.body) > audio:
		dops := find(e.body[audio:], "dOps")
		if len(dops) < 2 {
			return media.Track{}, nil
		}
		return media.Track{Codec: media.Opus, SampleRate: 48000, Channels: max(1, int(dops[1]))}, nil
	}
	return media.Track{}, nil
}

var errSets = errors.New("the parameter sets cannot be read")

// avcTrack reads an AVCDecoderConfigurationRecord.
func avcTrack(b []byte) (media.Track, error) {
	t := media.Track{Codec: media.H264}
	if len(b) < 6 {
		return t, errSets
	}
	rest := b[5:]
	for i, slot := range []*[]byte{&t.SPS, &t.PPS} {
		if len(rest) < 1 {
			return t, errSets
		}
		n := int(rest[0])
		if i == 0 {
			n &= 0x1F
		}
		rest = rest[1:]
		for range n {
			if len(rest) < 2 || len(rest) < 2+int(binary.BigEndian.Uint16(rest)) {
				return t, errSets
			}
			end := 2 + int(binary.BigEndian.Uint16(rest))
			if *slot == nil {
				*slot = rest[2:end]
			}
			rest = rest[end:]
		}
	}
	var sps h264.SPS
	if err := sps.Unmarshal(t.SPS); err != nil || len(t.PPS) == 0 {
		return t, errSets
	}
	t.Width, t.Height = sps.Width(), sps.Height()
	return t, nil
}

// hevcTrack reads an HEVCDecoderConfigurationRecord.
func hevcTrack(b []byte) (media.Track, error) {
	t := media.Track{Codec: media.H265}
	if len(b) < 23 {
		return t, errSets
	}
	rest := b[23:]
	for range int(b[22]) {
		if len(rest) < 3 {
			return t, errSets
		}
		kind, n := h265.NALUType(rest[0]&0x3F), int(binary.BigEndian.Uint16(rest[1:]))
		rest = rest[3:]
		for range n {
			if len(rest) < 2 || len(rest) < 2+int(binary.BigEndian.Uint16(rest)) {
				return t, errSets
			}
			end := 2 + int(binary.BigEndian.Uint16(rest))
			switch nal := rest[2:end]; kind {
			case h265.NALUType_VPS_NUT:
				t.VPS = nal
			case h265.NALUType_SPS_NUT:
				t.SPS = nal
			case h265.NALUType_PPS_NUT:
				t.PPS = nal
			default: // SEI messages
			}
			rest = rest[end:]
		}
	}
	var sps h265.SPS
	if err := sps.Unmarshal(t.SPS); err != nil || len(t.PPS) == 0 || len(t.VPS) == 0 {
		return t, errSets
	}
	t.Width, t.Height = sps.Width(), sps.Height()
	return t, nil
}

// decoderConfig digs the DecoderSpecificInfo out of an esds box: descriptors 3, 4 and 5 inside each other.
func decoderConfig(esds []byte) []byte {
	if len(esds) < 4 {
		return nil
	}
	b := esds[4:]
	for _, d := range []struct {
		tag  byte
		skip int
	}{{3, 3}, {4, 13}, {5, 0}} {
		if len(b) < 2 || b[0] != d.tag {
			return nil
		}
		size, i := 0, 1
		for ; i < len(b) && i <= 4; i++ {
			size = size<<7 | int(b[i]&0x7F)
			if b[i]&0x80 == 0 {
				i++
				break
			}
		}
		if size < d.skip || i+size > len(b) {
			return nil
		}
		b = b[i+d.skip : i+size]
	}
	return b
}

// layOut works out where each sample lies, from chunk offsets, samples per chunk and sample sizes.
func (t *clipTrack) layOut(stbl []byte) error {
	stsz := find(stbl, "stsz")
	if len(stsz) < 12 {
		return errors.New("there is no table of sample sizes: fragmented files are not played")
	}
	count, fixed := int(binary.BigEndian.Uint32(stsz[8:])), binary.BigEndian.Uint32(stsz[4:])
	sizes := entries(stsz, 4, 4)
	if count > maxSamples || fixed == 0 && count > sizes.len() {
		return errors.New("the table of sample sizes makes no sense")
	}
	wide := false
	chunks := entries(find(stbl, "stco"), 0, 4)
	if chunks.len() == 0 {
		wide, chunks = true, entries(find(stbl, "co64"), 0, 8)
	}
	runs := entries(find(stbl, "stsc"), 0, 12)
	t.samples = make([]clipSample, 0, min(count, 1<<14))
	run := 0
	for i := range chunks.len() {
		if runs.len() == 0 {
			break
		}
		for run+1 < runs.len() && uint32(i+1) >= runs.u32(run+1, 0) {
			run++
		}
		offset := int64(chunks.u32(i, 0))
		if wide {
			offset = offset<<32 | int64(chunks.u32(i, 1))
		}
		for range min(int(runs.u32(run, 1)), count-len(t.samples)) {
			size := fixed
			if size == 0 {
				size = sizes.u32(len(t.samples), 0)
			}
			if size > maxSample || offset < 0 {
				return errors.New("a sample is too large")
			}
			t.samples = append(t.samples, clipSample{offset: offset, size: int(size), key: true})
			offset += int64(size)
		}
	}
	return nil
}

// keys marks the sync samples; without a table all are.
func (t *clipTrack) keys(stss []byte) {
	if stss == nil {
		return
	}
	for i := range t.samples {
		t.samples[i].key = false
	}
	list := entries(stss, 0, 4)
	for i := range list.len() {
		if n := list.u32(i, 0); n > 0 && int(n) <= len(t.samples) {
			t.samples[n-1].key = true
		}
	}
}

// times gives each sample its decoding time and offset, converted from the file's clock to the track's.
func (t *clipTrack) times(stts, ctts table, from int64) {
	to := int64(t.desc.ClockRate)
	i, at := 0, int64(0)
	for run := range stts.len() {
		for n := stts.u32(run, 0); n > 0 && i < len(t.samples); n-- {
			t.samples[i].dts = at * to / from
			at += int64(stts.u32(run, 1))
			i++
		}
	}
	t.samples = t.samples[:i]
	t.length = at * to / from
	i = 0
	for run := range ctts.len() {
		for n := ctts.u32(run, 0); n > 0 && i < len(t.samples); n-- {
			t.samples[i].cto = int64(int32(ctts.u32(run, 1))) * to / from
			i++
		}
	}
}
