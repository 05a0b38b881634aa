package fmp4

import "github.com/nightjar-nvr/nightjar/core/media"

// Picture is one picture whose place on the timeline its writer has chosen.
type Picture struct {
	DTS, Duration int64    // ticks of the track's clock
	CTO           int64    // PTS minus DTS, ticks
	Key           bool     // decoding can start here
	Units         [][]byte // as media.AccessUnit.Payload
}

// WritePart makes p a part of pictures, in decoding order and at least one, of a track that is alone in its file. It is
// for writers with a timeline of their own; a Muxer makes its timeline from what a camera sends. Each DTS must be where
// the picture before ends: within a part there are no holes. seq numbers the parts of a file. p is valid until its next
// use, and as long as the pictures' units.
func WritePart(p *Part, seq uint32, of media.Track, pictures []Picture) {
	t := track{clock: int64(of.ClockRate), video: true, codec: of.Codec}
	for _, pic := range pictures {
		s := sample{dts: pic.DTS, dur: pic.Duration, cto: pic.CTO, key: pic.Key, nals: pic.Units}
		for _, u := range pic.Units {
			s.size += t.prefixSize(u) + len(t.body(u))
		}
		t.samples = append(t.samples, s)
	}
	m := Muxer{tracks: []track{t}, seq: seq - 1}
	m.Cut(p, true)
}
