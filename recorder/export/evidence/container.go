package evidence

import (
	"encoding/binary"
	"math"
	"time"
)

// A package is a zip file of a form that leaves no byte open: entries are stored, sizes and CRC stand in the local
// headers, nothing lies between entries, all have the manifest's date. So every byte is either content, which the
// manifest covers, or follows from the rest, and Verify can tell that a header was touched.

// entry is one file of the container.
type entry struct {
	name   string
	size   int64
	crc    uint32 // CRC-32 of zip
	offset int64  // of the local header
}

const (
	sigLocal     = 0x04034b50
	sigCentral   = 0x02014b50
	sigEnd       = 0x06054b50
	sigEnd64     = 0x06064b50
	sigLocator64 = 0x07064b50
	extra64      = 0x0001
)

// le collects little-endian numbers.
type le struct{ b []byte }

func (l *le) u16(values ...uint16) {
	for _, v := range values {
		l.b = binary.LittleEndian.AppendUint16(l.b, v)
	}
}

func (l *le) u32(values ...uint32) {
	for _, v := range values {
		l.b = binary.LittleEndian.AppendUint32(l.b, v)
	}
}

func (l *le) u64(values ...uint64) {
	for _, v := range values {
		l.b = binary.LittleEndian.AppendUint64(l.b, v)
	}
}

// clamp32 is how a number that does not fit is written where 32 bits are meant.
func clamp32(v int64) uint32 { return uint32(min(v, math.MaxUint32)) }

func big(v int64) bool { return v >= math.MaxUint32 }

// Versions of the format that a reader must know: 2.0, or 4.5 for 64-bit sizes.
const (
	version20 = 20
	version45 = 45
	utf8Names = 0x0800
)

func version(wide bool) uint16 {
	if wide {
		return version45
	}
	return version20
}

// dosTime is a time as zip has it, to two seconds, from 1980 on.
func dosTime(t time.Time) (clock, date uint16) {
	t = t.UTC()
	if t.Year() < 1980 || t.Year() > 2107 {
		return 0, 0x21
	}
	clock = uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2)
	date = uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day())
	return clock, date
}

// localHeader is what precedes the content of e. Its length depends on the name and on whether the size is big.
func localHeader(e entry, at time.Time) []byte {
	clock, date := dosTime(at)
	var l le
	l.u32(sigLocal)
	l.u16(version(big(e.size)), utf8Names, 0, clock, date)
	l.u32(e.crc, clamp32(e.size), clamp32(e.size))
	extra := uint16(0)
	if big(e.size) {
		extra = 20
	}
	l.u16(uint16(len(e.name)), extra)
	l.b = append(l.b, e.name...)
	if extra > 0 {
		l.u16(extra64, 16)
		l.u64(uint64(e.size), uint64(e.size))
	}
	return l.b
}

// centralHeader is e's line of the directory.
func centralHeader(e entry, at time.Time) []byte {
	clock, date := dosTime(at)
	wide := big(e.size) || big(e.offset)
	var x le
	if big(e.size) {
		x.u64(uint64(e.size), uint64(e.size))
	}
	if big(e.offset) {
		x.u64(uint64(e.offset))
	}
	extra := 0
	if wide {
		extra = 4 + len(x.b)
	}
	var l le
	l.u32(sigCentral)
	l.u16(3<<8|version45, version(wide), utf8Names, 0, clock, date) // made on Unix
	l.u32(e.crc, clamp32(e.size), clamp32(e.size))
	l.u16(uint16(len(e.name)), uint16(extra), 0, 0, 0)
	l.u32(0o100644<<16, clamp32(e.offset))
	l.b = append(l.b, e.name...)
	if wide {
		l.u16(extra64, uint16(len(x.b)))
		l.b = append(l.b, x.b...)
	}
	return l.b
}

// directory is everything behind the last entry's content, which ends at end.
func directory(entries []entry, end int64, at time.Time) []byte {
	var l le
	for _, e := range entries {
		l.b = append(l.b, centralHeader(e, at)...)
	}
	size, n := int64(len(l.b)), len(entries)
	if n >= math.MaxUint16 || big(end) || big(size) {
		l.u32(sigEnd64)
		l.u64(44)
		l.u16(3<<8|version45, version45)
		l.u32(0, 0)
		l.u64(uint64(n), uint64(n), uint64(size), uint64(end))
		l.u32(sigLocator64, 0)
		l.u64(uint64(end + size))
		l.u32(1)
	}
	count := uint16(min(n, math.MaxUint16))
	l.u32(sigEnd)
	l.u16(0, 0, count, count)
	l.u32(clamp32(size), clamp32(end))
	l.u16(0)
	return l.b
}
