package health

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// sliceHead is how many bytes of each slice may differ between two codings of one picture: the header holds counters
// (idr_pic_id of ITU-T H.264 §7.4.3, the picture order count of H.265 §7.4.7.1). With CAVLC a counter of another length
// shifts the bits that follow; encoders that alternate it are met by comparing with the last two key pictures.
const sliceHead = 16

// coded remembers the last key pictures by a digest of their bytes. Two pictures of a sensor never code to the same bytes,
// however still and well denoised the scene: a few grey levels anywhere are enough. An encoder that is fed one picture for
// ever repeats them exactly, once its rate control has settled; one that never settles is not found.
type coded struct {
	seed  maphash.Seed
	known int
	last  [2]uint64
}

// repeats reports whether the key picture u is one of the two before it, and remembers it.
func (c *coded) repeats(u *media.AccessUnit) bool {
	if c.known == 0 {
		c.seed = maphash.MakeSeed()
	}
	d := c.digest(u)
	same := c.known > 0 && d == c.last[0] || c.known > 1 && d == c.last[1]
	c.last[1], c.last[0] = c.last[0], d
	c.known = min(c.known+1, len(c.last))
	return same
}

func (c *coded) digest(u *media.AccessUnit) uint64 {
	var h maphash.Hash
	h.SetSeed(c.seed)
	codec := u.Desc.Tracks[u.Track].Codec
	for _, unit := range u.Payload {
		if !slice(codec, unit) {
			continue // what is sent beside the picture may hold the time of day
		}
		var size [8]byte
		binary.LittleEndian.PutUint64(size[:], uint64(len(unit)))
		_, _ = h.Write(size[:]) // never fails
		if len(unit) > sliceHead {
			_, _ = h.Write(unit[sliceHead:])
		}
	}
	return h.Sum64()
}

// slice reports whether a NAL unit or an OBU carries a part of the picture.
func slice(codec media.Codec, unit []byte) bool {
	if len(unit) == 0 {
		return false
	}
	switch codec {
	case media.H265:
		return unit[0]>>1&0x3f < 32
	case media.AV1:
		kind := unit[0] >> 3 & 0x0f
		return kind == 3 || kind == 4 || kind == 6 // frame header, tile group, frame
	default: // H.264
		kind := unit[0] & 0x1f
		return kind >= 1 && kind <= 5
	}
}
