package fmp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// Limits of what Scan takes into memory at a time, whatever a file claims.
const (
	maxInitBytes = 1 << 20
	maxMoofBytes = 4 << 20
	maxSeconds   = 1 << 31 // of a timeline; a time.Duration holds four times that
)

// ErrNoInit is returned for a file that does not begin with a whole ftyp and moov.
var ErrNoInit = errors.New("no whole init segment")

// Layout is what of a file is whole.
type Layout struct {
	Desc      *media.Description
	InitBytes int64
	Parts     []PartInfo
	Size      int64 // where the last whole part ends; what follows is torn or foreign
}

// PartInfo is one whole part. The times are the lead track's, on the timeline of its Muxer.
type PartInfo struct {
	Offset, Bytes   int64
	Samples         int
	Key             bool
	Start, Duration time.Duration
}

// Scan walks the boxes of a file of the given size that this package wrote, and stops at the first byte that is not
// part of a whole moof+mdat pair. It reads headers only, no payload. The error is ErrNoInit, one that says what is
// wrong with the init segment, or r's.
func Scan(r io.ReaderAt, size int64) (*Layout, error) {
	l, err := scanInit(r, size)
	if err != nil {
		return nil, err
	}
	clocks := make([]int64, len(l.Desc.Tracks))
	for i, t := range l.Desc.Tracks {
		if clocks[i] = int64(t.ClockRate); clocks[i] <= 0 {
			return nil, fmt.Errorf("%w: track %d has no clock", ErrNoInit, i+1)
		}
	}
	var buf []byte
	for {
		var p PartInfo
		p, buf, err = scanPart(r, l.Size, size, clocks, buf)
		if errors.Is(err, errTorn) {
			return l, nil
		}
		if err != nil {
			return nil, err
		}
		l.Parts = append(l.Parts, p)
		l.Size += p.Bytes
	}
}

// errTorn ends a scan: from here on the file is not whole.
var errTorn = errors.New("torn")

func scanInit(r io.ReaderAt, size int64) (*Layout, error) {
	at := int64(0)
	for _, want := range []string{"ftyp", "moov"} {
		n, name, err := boxAt(r, at, size)
		if errors.Is(err, errTorn) || err == nil && (name != want || at+n > maxInitBytes) {
			return nil, ErrNoInit
		}
		if err != nil {
			return nil, err
		}
		at += n
	}
	b := make([]byte, at)
	if _, err := r.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read init segment: %w", err)
	}
	d, err := ParseInit(b)
	if err != nil {
		return nil, err
	}
	return &Layout{Desc: d, InitBytes: at, Size: at}, nil
}

// boxAt reads the header of the box at off and demands that the whole box lies before end.
func boxAt(r io.ReaderAt, off, end int64) (size int64, name string, err error) {
	if end-off < 8 {
		return 0, "", errTorn
	}
	var h [8]byte
	if _, err := r.ReadAt(h[:], off); err != nil {
		if errors.Is(err, io.EOF) {
			return 0, "", errTorn
		}
		return 0, "", fmt.Errorf("read box header: %w", err)
	}
	size = int64(binary.BigEndian.Uint32(h[:]))
	if size < 8 || size > end-off {
		return 0, "", errTorn
	}
	return size, string(h[4:]), nil
}

func scanPart(r io.ReaderAt, off, end int64, clocks []int64, buf []byte) (PartInfo, []byte, error) {
	moof, name, err := boxAt(r, off, end)
	if err != nil {
		return PartInfo{}, buf, err
	}
	if name != "moof" || moof > maxMoofBytes {
		return PartInfo{}, buf, errTorn
	}
	mdat, name, err := boxAt(r, off+moof, end)
	if err != nil {
		return PartInfo{}, buf, err
	}
	if name != "mdat" {
		return PartInfo{}, buf, errTorn
	}
	if int64(cap(buf)) < moof {
		buf = make([]byte, moof)
	}
	buf = buf[:moof]
	if _, err := r.ReadAt(buf, off); err != nil {
		if errors.Is(err, io.EOF) {
			return PartInfo{}, buf, errTorn
		}
		return PartInfo{}, buf, fmt.Errorf("read moof: %w", err)
	}
	p := PartInfo{Offset: off, Bytes: moof + mdat}
	payload, ok := p.parse(buf[8:], clocks)
	if !ok || payload != mdat-8 {
		return PartInfo{}, buf, errTorn
	}
	return p, buf, nil
}

// parse reads the children of moof and returns the sum of the sample sizes.
func (p *PartInfo) parse(b []byte, clocks []int64) (payload int64, ok bool) {
	for len(b) > 0 {
		body, name, rest, ok := child(b)
		if !ok {
			return 0, false
		}
		if name == "traf" {
			n, ok := p.parseTraf(body, clocks)
			if !ok {
				return 0, false
			}
			payload += n
		}
		b = rest
	}
	return payload, p.Samples > 0
}

// child splits the first box off b.
func child(b []byte) (body []byte, name string, rest []byte, ok bool) {
	if len(b) < 8 {
		return nil, "", nil, false
	}
	n := uint64(binary.BigEndian.Uint32(b))
	if n < 8 || n > uint64(len(b)) {
		return nil, "", nil, false
	}
	return b[8:n], string(b[4:8]), b[n:], true
}

func (p *PartInfo) parseTraf(b []byte, clocks []int64) (payload int64, ok bool) {
	var id uint32
	var start uint64
	for len(b) > 0 {
		body, name, rest, ok := child(b)
		if !ok {
			return 0, false
		}
		switch name {
		case "tfhd":
			if len(body) < 8 {
				return 0, false
			}
			id = binary.BigEndian.Uint32(body[4:])
		case "tfdt":
			if len(body) < 12 || body[0] != 1 {
				return 0, false
			}
			start = binary.BigEndian.Uint64(body[4:])
		case "trun":
			if id < 1 || int64(id) > int64(len(clocks)) || start/uint64(clocks[id-1]) > maxSeconds {
				return 0, false
			}
			run, ok := parseTrun(body)
			if !ok || run.ticks/clocks[id-1] > maxSeconds {
				return 0, false
			}
			payload += run.bytes
			p.Samples += run.samples
			if id == 1 {
				lead := track{clock: clocks[0]}
				p.Key = run.key
				p.Start = lead.duration(int64(start))
				p.Duration = lead.duration(int64(start)+run.ticks) - p.Start
			}
		}
		b = rest
	}
	return payload, true
}

type run struct {
	samples      int
	bytes, ticks int64
	key          bool // of the first sample; audio, which has no flags of its own, counts as key
}

// parseTrun reads the form that Muxer writes: data offset, then per sample duration and size, with pictures flags,
// with reordering composition offsets.
func parseTrun(b []byte) (run, bool) {
	if len(b) < 12 {
		return run{}, false
	}
	flags := binary.BigEndian.Uint32(b) & 0xffffff
	n := int64(binary.BigEndian.Uint32(b[4:]))
	if flags&^uint32(0xc00) != 0x301 {
		return run{}, false
	}
	per := int64(8)
	if flags&0x400 != 0 {
		per += 4
	}
	if flags&0x800 != 0 {
		per += 4
	}
	b = b[12:]
	if n < 1 || n > int64(len(b))/per || n*per != int64(len(b)) {
		return run{}, false
	}
	out := run{samples: int(n), key: true}
	if flags&0x400 != 0 {
		out.key = binary.BigEndian.Uint32(b[8:])&0x10000 == 0
	}
	for ; len(b) > 0; b = b[per:] {
		out.ticks += int64(binary.BigEndian.Uint32(b))
		out.bytes += int64(binary.BigEndian.Uint32(b[4:]))
	}
	return out, true
}
