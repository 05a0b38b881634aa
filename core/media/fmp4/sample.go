package fmp4

import (
	"encoding/binary"
	"errors"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// A picture in MP4 is a list of NAL units, each with its length before it in 4 bytes (ISO/IEC 14496-15), or of AV1 OBUs
// with size fields (AV1-ISOBMFF §2.4), which sit behind the OBU's header of one or two bytes.

// maxPrefix is the most that stands before the body of a unit: an OBU header with extension and a size.
const maxPrefix = 2 + 5

// obuHeader returns the length of an OBU's header without the size field.
func obuHeader(obu []byte) int {
	if len(obu) > 1 && obu[0]&0x04 != 0 {
		return 2
	}
	return min(1, len(obu))
}

// body returns what of a unit is written as it is, behind its prefix.
func (t *track) body(unit []byte) []byte {
	if t.codec == media.AV1 {
		return unit[obuHeader(unit):]
	}
	return unit
}

func (t *track) prefixSize(unit []byte) int {
	if t.codec != media.AV1 {
		return 4
	}
	n := obuHeader(unit)
	for size := len(unit) - n; ; size >>= 7 {
		n++
		if size < 0x80 {
			return n
		}
	}
}

func (t *track) appendPrefix(h, unit []byte) []byte {
	if t.codec != media.AV1 {
		return binary.BigEndian.AppendUint32(h, uint32(len(unit)))
	}
	n := obuHeader(unit)
	if n == 0 {
		return append(h, 0)
	}
	h = append(h, unit[0]|0x02) // has_size_field
	h = append(h, unit[1:n]...)
	return binary.AppendUvarint(h, uint64(len(unit)-n)) // leb128
}

// AppendSample appends the bytes of a sample of t, a picture track, that holds units: the inverse of Units.
func AppendSample(dst []byte, t media.Track, units [][]byte) []byte {
	tr := track{codec: t.Codec}
	for _, u := range units {
		dst = append(tr.appendPrefix(dst, u), tr.body(u)...)
	}
	return dst
}

var errSample = errors.New("sample does not hold whole units")

// Units takes the bytes of a sample of t, a picture track, apart into what media.AccessUnit.Payload holds. The units of
// H.264 and H.265 are slices of b.
func Units(t media.Track, b []byte) ([][]byte, error) {
	if t.Codec == media.AV1 {
		return obus(b)
	}
	var out [][]byte
	for len(b) > 0 {
		if len(b) < 4 {
			return nil, errSample
		}
		n := binary.BigEndian.Uint32(b)
		if uint64(n) > uint64(len(b)-4) {
			return nil, errSample
		}
		if n > 0 {
			out = append(out, b[4:4+n:4+n])
		}
		b = b[4+n:]
	}
	return out, nil
}

func obus(b []byte) ([][]byte, error) {
	var out [][]byte
	for len(b) > 0 {
		head := obuHeader(b)
		if b[0]&0x02 == 0 { // the last one may go without a size
			return append(out, b), nil
		}
		size, n := binary.Uvarint(b[head:])
		if n <= 0 || size > uint64(len(b)-head-n) {
			return nil, errSample
		}
		obu := make([]byte, 0, head+int(size))
		obu = append(obu, b[:head]...)
		obu[0] &^= 0x02
		end := head + n + int(size)
		out = append(out, append(obu, b[head+n:end]...))
		b = b[end:]
	}
	return out, nil
}
