package flatmp4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

var errBoxes = errors.New("boxes do not add up")

// Stsd returns the stsd box of each track of an init segment (ftyp+moov), in the order of the tracks. The slices alias
// init.
func Stsd(init []byte) ([][]byte, error) {
	moov, err := find(init, "moov")
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for rest := moov[8:]; len(rest) > 0; {
		b, next, err := first(rest)
		if err != nil {
			return nil, err
		}
		rest = next
		if string(b[4:8]) != "trak" {
			continue
		}
		for _, name := range []string{"mdia", "minf", "stbl", "stsd"} {
			if b, err = find(b[8:], name); err != nil {
				return nil, err
			}
		}
		out = append(out, b)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("read init segment: no track: %w", errBoxes)
	}
	return out, nil
}

// first splits off the first box of b, header included.
func first(b []byte) (box, rest []byte, err error) {
	if len(b) < 8 {
		return nil, nil, errBoxes
	}
	n := uint64(binary.BigEndian.Uint32(b))
	if n < 8 || n > uint64(len(b)) {
		return nil, nil, errBoxes
	}
	return b[:n:n], b[n:], nil
}

// find returns the first box of that name among those that b consists of.
func find(b []byte, name string) ([]byte, error) {
	for len(b) > 0 {
		x, rest, err := first(b)
		if err != nil {
			return nil, err
		}
		if string(x[4:8]) == name {
			return x, nil
		}
		b = rest
	}
	return nil, fmt.Errorf("no box %s: %w", name, errBoxes)
}

// Sizes of the fixed parts before the children of stsd and of a picture's sample entry.
const (
	stsdHead   = 16
	visualHead = 86
)

// AddParameters returns stsd, whose first entry is avc1, with another H.264 sequence and picture parameter set, so that
// pictures of two encoders can follow each other in one track. The entry then promises the higher level of the two.
func AddParameters(stsd, sps, pps []byte) ([]byte, error) {
	if len(stsd) < stsdHead+visualHead || string(stsd[stsdHead+4:stsdHead+8]) != "avc1" || len(sps) < 4 || len(sps) > 0xffff || len(pps) > 0xffff {
		return nil, fmt.Errorf("add parameter sets: not an H.264 track: %w", errBoxes)
	}
	entry, _, err := first(stsd[stsdHead:])
	if err != nil {
		return nil, fmt.Errorf("add parameter sets: %w", err)
	}
	config, err := find(entry[visualHead:], "avcC")
	if err != nil {
		return nil, fmt.Errorf("add parameter sets: %w", err)
	}
	at := visualHead + bytes.Index(entry[visualHead:], config)
	merged, err := mergeAVCC(config[8:], sps, pps)
	if err != nil {
		return nil, fmt.Errorf("add parameter sets: %w", err)
	}
	grown := len(merged) - (len(config) - 8)
	out := append([]byte(nil), stsd[:stsdHead+at+8]...)
	out = append(out, merged...)
	out = append(out, stsd[stsdHead+at+len(config):]...)
	for _, off := range []int{0, stsdHead, stsdHead + at} {
		binary.BigEndian.PutUint32(out[off:], binary.BigEndian.Uint32(out[off:])+uint32(grown))
	}
	return out, nil
}

// mergeAVCC adds a pair of parameter sets to an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1).
func mergeAVCC(c, sps, pps []byte) ([]byte, error) {
	if len(c) < 7 || c[0] != 1 {
		return nil, errBoxes
	}
	nSPS := int(c[5] & 0x1f)
	at, ok := skipSets(c, 6, nSPS)
	if !ok || at >= len(c) || nSPS > 30 {
		return nil, errBoxes
	}
	end, ok := skipSets(c, at+1, int(c[at]))
	if !ok || c[at] == 255 {
		return nil, errBoxes
	}
	out := append([]byte(nil), c[:at]...)
	out[3] = max(out[3], sps[3])
	out[5]++
	out = append(binary.BigEndian.AppendUint16(out, uint16(len(sps))), sps...)
	out = append(out, c[at]+1)
	out = append(out, c[at+1:end]...)
	out = append(binary.BigEndian.AppendUint16(out, uint16(len(pps))), pps...)
	return append(out, c[end:]...), nil
}

// skipSets returns where n length-prefixed parameter sets from at on end.
func skipSets(c []byte, at, n int) (int, bool) {
	for range n {
		if at+2 > len(c) {
			return 0, false
		}
		at += 2 + int(binary.BigEndian.Uint16(c[at:]))
		if at > len(c) {
			return 0, false
		}
	}
	return at, true
}
