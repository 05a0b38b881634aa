package rtsp

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
)

// AV1's OBU types that matter here (AV1 specification §6.2.2).
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
	obuFrameHeader       = 3
	obuFrame             = 6
	obuTileList          = 8
	obuPadding           = 15
)

// splitAV1 is split for a temporal unit. Its sequence header stays in the unit, as MP4 wants it (AV1-ISOBMFF §2.4), and
// one without is given the one in force when it begins with a key picture.
func (v *videoTrack) splitAV1(tu [][]byte) (payload [][]byte, picture, key bool) {
	payload = tu[:0]
	var header []byte
	for _, obu := range tu {
		if len(obu) == 0 {
			continue
		}
		switch obu[0] >> 3 & 0xF {
		case obuTemporalDelimiter, obuTileList, obuPadding:
			continue
		case obuSequenceHeader:
			if len(obu) <= maxParameterSet {
				header = obu
			}
		case obuFrame, obuFrameHeader:
			key = key || !picture && keyFrameAV1(obu)
			picture = true
		}
		payload = append(payload, obu)
	}
	clear(tu[len(payload):])
	switch {
	case header != nil && !bytes.Equal(header, v.sps):
		v.nextSPS = bytes.Clone(header)
	case header != nil:
		v.nextSPS = nil
	case key && len(v.sps) > 0:
		payload = append([][]byte{v.sps}, payload...)
	}
	return payload, picture, key
}

// keyFrameAV1 reads the first bits of a frame header (AV1 specification §5.9.2): show_existing_frame must be 0 and
// frame_type KEY_FRAME.
func keyFrameAV1(obu []byte) bool {
	at := 1
	if obu[0]&0x04 != 0 { // extension
		at = 2
	}
	return len(obu) > at && obu[at]>>5 == 0
}

// readSequenceHeader learns the picture size.
func (v *videoTrack) readSequenceHeader(obu []byte) bool {
	var h av1.SequenceHeader
	if h.Unmarshal(obu) != nil {
		return false
	}
	v.width, v.height = h.Width(), h.Height()
	return true
}
