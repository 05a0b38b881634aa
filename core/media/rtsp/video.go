package rtsp

import (
	"bytes"
	"errors"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// maxParameterSet bounds one stored parameter set; real ones have some tens of bytes.
const maxParameterSet = 8 << 10

// videoTrack knows one picture track's parameter sets and decoding order.
type videoTrack struct {
	codec media.Codec
	// vps, sps, pps are in force; next are those seen since, which take over at the next key frame.
	vps, sps, pps             []byte
	nextVPS, nextSPS, nextPPS []byte
	width, height             int

	ordered   bool // the parameter sets promise that decoding order is display order
	reordered bool // a picture came whose DTS differs from its PTS
	fresh     bool // the extractor must be started anew at the next key frame
	h264      h264.DTSExtractor
	h265      h265.DTSExtractor
	scratch   [][]byte

	started bool
	dts     int64 // of the last picture
	step    int64 // between the last two
}

func newVideoTrack(codec media.Codec, vps, sps, pps []byte) *videoTrack {
	v := &videoTrack{codec: codec, fresh: true, ordered: codec == media.AV1}
	for _, n := range [][]byte{vps, sps, pps} {
		if len(n) > 2 {
			v.remember(n)
		}
	}
	return v
}

// split takes parameter sets and delimiters out of au, in place, and reports whether the rest holds a picture and
// whether that is a key picture.
func (v *videoTrack) split(au [][]byte) (payload [][]byte, picture, key bool) {
	if v.codec == media.AV1 {
		return v.splitAV1(au)
	}
	payload = au[:0]
	for _, n := range au {
		if len(n) == 0 || v.codec == media.H265 && len(n) < 2 {
			continue
		}
		switch v.kind(n) {
		case nalDelimiter:
			continue
		case nalParameters:
			if v.remember(n) {
				continue
			}
		case nalKey:
			picture, key = true, true
		case nalPicture:
			picture = true
		case nalOther:
		}
		payload = append(payload, n)
	}
	clear(au[len(payload):])
	return payload, picture, key
}

type nalKind int

const (
	nalOther nalKind = iota
	nalPicture
	nalKey
	nalParameters
	nalDelimiter
)

func (v *videoTrack) kind(n []byte) nalKind {
	if v.codec == media.H264 {
		switch t := h264.NALUType(n[0] & 0x1F); {
		case t == h264.NALUTypeIDR:
			return nalKey
		case t >= h264.NALUTypeNonIDR && t < h264.NALUTypeIDR:
			return nalPicture
		case t == h264.NALUTypeSPS || t == h264.NALUTypePPS:
			return nalParameters
		case t == h264.NALUTypeAccessUnitDelimiter:
			return nalDelimiter
		}
		return nalOther
	}
	switch t := h265.NALUType(n[0] >> 1 & 0x3F); {
	case t >= h265.NALUType_BLA_W_LP && t <= h265.NALUType_CRA_NUT:
		return nalKey
	case t < h265.NALUType_VPS_NUT:
		return nalPicture
	case t <= h265.NALUType_PPS_NUT:
		return nalParameters
	case t == h265.NALUType_AUD_NUT:
		return nalDelimiter
	}
	return nalOther
}

// remember keeps parameter set n for the next key frame. It returns false for a picture parameter set of another id
// than the first one's: such a second set belongs to single pictures and stays in the payload.
func (v *videoTrack) remember(n []byte) bool {
	slot, current, header := &v.nextVPS, v.vps, 2
	pps := false
	if v.codec == media.H264 {
		header = 1
		if h264.NALUType(n[0]&0x1F) == h264.NALUTypeSPS {
			slot, current = &v.nextSPS, v.sps
		} else {
			slot, current, pps = &v.nextPPS, v.pps, true
		}
	} else {
		switch h265.NALUType(n[0] >> 1 & 0x3F) {
		case h265.NALUType_SPS_NUT:
			slot, current = &v.nextSPS, v.sps
		case h265.NALUType_PPS_NUT:
			slot, current, pps = &v.nextPPS, v.pps, true
		default: // VPS, as above
		}
	}
	if known := max(len(*slot), len(current)); pps && known > 0 {
		first := current
		if len(first) == 0 {
			first = *slot
		}
		if setID(n, header) != setID(first, header) {
			return false
		}
	}
	if len(n) > maxParameterSet || bytes.Equal(n, *slot) {
		return true
	}
	if *slot = nil; !bytes.Equal(n, current) {
		*slot = bytes.Clone(n) // n lies in a packet that is not ours to keep
	}
	return true
}

// setID reads the id a picture parameter set begins with.
func setID(n []byte, header int) uint32 {
	pos := 0
	id, err := bits.ReadGolombUnsigned(n[min(header, len(n)):], &pos)
	if err != nil {
		return 0
	}
	return id
}

// update puts parameter sets seen since into force, at a key frame. It reports whether anything changed. A sequence
// parameter set that cannot be read does not replace one that could.
func (v *videoTrack) update() bool {
	changed := false
	if v.nextVPS != nil {
		v.vps, v.nextVPS, changed = v.nextVPS, nil, true
	}
	if v.nextSPS != nil {
		if v.readSPS(v.nextSPS) || v.sps == nil {
			v.sps, changed = v.nextSPS, true
		}
		v.nextSPS = nil
	}
	if v.nextPPS != nil {
		v.pps, v.nextPPS, changed = v.nextPPS, nil, true
	}
	if changed {
		v.fresh = true
	}
	return changed
}

// complete reports whether everything is known that a decoder needs.
func (v *videoTrack) complete() bool {
	if v.codec == media.AV1 {
		return len(v.sps) > 0
	}
	return len(v.sps) > 0 && len(v.pps) > 0 && (v.codec == media.H264 || len(v.vps) > 0)
}

func (v *videoTrack) readSPS(n []byte) bool {
	switch v.codec {
	case media.AV1:
		return v.readSequenceHeader(n)
	case media.H264:
		var sps h264.SPS
		if sps.Unmarshal(n) != nil {
			return false
		}
		v.width, v.height = sps.Width(), sps.Height()
		restricted := sps.VUI != nil && sps.VUI.BitstreamRestriction != nil && sps.VUI.BitstreamRestriction.MaxNumReorderFrames == 0
		const baseline = 66
		v.ordered = sps.PicOrderCntType == 2 || sps.ProfileIdc == baseline || restricted
		return true
	default: // H.265, below
	}
	var sps h265.SPS
	if sps.Unmarshal(n) != nil {
		return false
	}
	v.width, v.height = sps.Width(), sps.Height()
	v.ordered = len(sps.MaxNumReorderPics) > 0
	for _, n := range sps.MaxNumReorderPics {
		v.ordered = v.ordered && n == 0
	}
	return true
}

// describe returns the track as readers see it.
func (v *videoTrack) describe() media.Track {
	return media.Track{
		Codec: v.codec, ClockRate: 90000, VPS: v.vps, SPS: v.sps, PPS: v.pps, Width: v.width, Height: v.height,
	}
}

// order gives the picture its decoding time: strictly increasing and never after pts, which is moved where a camera's
// stamps leave no other way. It does not fail: what the extractor refuses is restamped.
func (v *videoTrack) order(payload [][]byte, pts int64, key, damaged bool) (newPTS, dts int64) {
	dts = pts
	// With lost pictures the extractor takes the hole for reordering and would delay the stream for good.
	if skip := v.ordered || damaged && !v.reordered; skip {
		v.fresh = true
	} else if got, ok := v.extract(payload, pts, key); ok {
		dts = got
		v.reordered = v.reordered || dts < pts
	} else if v.reordered {
		dts = min(pts, v.dts+v.step)
	}
	if v.started {
		dts = max(dts, v.dts+1)
		v.step = dts - v.dts
	}
	v.started, v.dts = true, dts
	return max(pts, dts), dts
}

func (v *videoTrack) extract(payload [][]byte, pts int64, key bool) (int64, bool) {
	if v.fresh {
		if !key {
			return 0, false
		}
		v.fresh = false
		v.h264, v.h265 = h264.DTSExtractor{}, h265.DTSExtractor{}
		v.h264.Initialize()
		v.h265.Initialize()
	}
	au := payload
	if key {
		// The sets may have come in the session description only, and the extractor wants to see them.
		v.scratch = append(append(v.scratch[:0], v.sps, v.pps), payload...)
		au = v.scratch
	}
	dts, err := v.decodingTime(au, pts)
	if key {
		clear(v.scratch)
	}
	if err != nil {
		v.fresh = true
		return 0, false
	}
	return dts, true
}

var errExtract = errors.New("decoding order cannot be worked out")

// decodingTime asks the extractor, which panics on some parameter sets that no camera should send.
func (v *videoTrack) decodingTime(au [][]byte, pts int64) (dts int64, err error) {
	defer func() {
		if recover() != nil {
			err = errExtract
		}
	}()
	if v.codec == media.H264 {
		return v.h264.Extract(au, pts)
	}
	return v.h265.Extract(au, pts)
}
