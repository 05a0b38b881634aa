package store

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// encodeSegments packs segments as uvarints: count, first offset, first start in µs, then per segment bytes and
// duration in µs. Segments are contiguous in bytes and time, so nothing else is needed; one that is not starts a new
// run, marked by a count of its own. 10 segments take about 60 bytes.
func encodeSegments(segs []index.Segment) []byte {
	var b []byte
	for i := 0; i < len(segs); {
		n := 1
		for i+n < len(segs) && follows(segs[i+n-1], segs[i+n]) {
			n++
		}
		b = binary.AppendUvarint(b, uint64(n))
		b = binary.AppendUvarint(b, uint64(segs[i].Offset))
		b = binary.AppendUvarint(b, uint64(segs[i].Start.Microseconds()))
		for _, s := range segs[i : i+n] {
			b = binary.AppendUvarint(b, uint64(s.Bytes))
			b = binary.AppendUvarint(b, uint64(s.Duration.Microseconds()))
		}
		i += n
	}
	return b
}

// packedSegment is how many bytes a usual segment takes: three for its bytes, four for its duration.
const packedSegment = 7

func follows(a, b index.Segment) bool {
	return b.Offset == a.Offset+a.Bytes && b.Start.Microseconds() == a.Start.Microseconds()+a.Duration.Microseconds()
}

var errSegments = errors.New("segment table is damaged")

// appendSegments adds the segments that b packs to segs.
func appendSegments(segs []index.Segment, b []byte) ([]index.Segment, error) {
	next := func() int64 {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > 1<<62 {
			b = nil
			return -1
		}
		b = b[n:]
		return int64(v)
	}
	for len(b) > 0 {
		n, offset, start := next(), next(), next()
		if n <= 0 || offset < 0 || start < 0 || n > int64(len(b)) {
			return nil, errSegments
		}
		segs = slices.Grow(segs, int(n))
		for range n {
			bytes, dur := next(), next()
			if bytes < 0 || dur < 0 {
				return nil, errSegments
			}
			segs = append(segs, index.Segment{
				Offset: offset, Bytes: bytes,
				Start: time.Duration(start) * time.Microsecond, Duration: time.Duration(dur) * time.Microsecond,
			})
			offset, start = offset+bytes, start+dur
		}
	}
	return segs, nil
}
