package flatmp4

import (
	"bufio"
	"encoding/binary"
	"math"
	"time"
)

// epoch1904 is what MP4 counts seconds from, in seconds before 1970.
const epoch1904 = 2082844800

// boxWriter writes big-endian numbers and remembers the first error.
type boxWriter struct {
	w   *bufio.Writer
	n   int64
	err error
}

func (b *boxWriter) bytes(p []byte) {
	if b.err != nil {
		return
	}
	n, err := b.w.Write(p)
	b.n += int64(n)
	b.err = err
}

func (b *boxWriter) u32(values ...uint32) {
	var p [4]byte
	for _, v := range values {
		binary.BigEndian.PutUint32(p[:], v)
		b.bytes(p[:])
	}
}

func (b *boxWriter) u64(v uint64) {
	var p [8]byte
	binary.BigEndian.PutUint64(p[:], v)
	b.bytes(p[:])
}

func (b *boxWriter) str(s string) { b.bytes([]byte(s)) }

// box is one box: how many bytes its body has and how to write them, so that a table of a day is never built in memory.
type box struct {
	name string
	size int64
	body func(*boxWriter)
}

func (x box) total() int64 { return 8 + x.size }

func (x box) write(b *boxWriter) {
	b.u32(uint32(x.total()))
	b.str(x.name)
	x.body(b)
}

// leaf is a box with a small body.
func leaf(name string, build func(*small)) box {
	var s small
	build(&s)
	return box{name: name, size: int64(len(s.b)), body: func(b *boxWriter) { b.bytes(s.b) }}
}

// parent is a box of boxes behind an optional prefix.
func parent(name string, prefix []byte, children ...box) box {
	size := int64(len(prefix))
	for _, c := range children {
		size += c.total()
	}
	return box{name: name, size: size, body: func(b *boxWriter) {
		b.bytes(prefix)
		for _, c := range children {
			c.write(b)
		}
	}}
}

// small builds the body of a leaf.
type small struct{ b []byte }

func (s *small) u8(v ...byte)   { s.b = append(s.b, v...) }
func (s *small) u16(v uint16)   { s.b = binary.BigEndian.AppendUint16(s.b, v) }
func (s *small) u64(v uint64)   { s.b = binary.BigEndian.AppendUint64(s.b, v) }
func (s *small) str(v string)   { s.b = append(s.b, v...) }
func (s *small) zero(bytes int) { s.b = append(s.b, make([]byte, bytes)...) }

func (s *small) u32(values ...uint32) {
	for _, v := range values {
		s.b = binary.BigEndian.AppendUint32(s.b, v)
	}
}

// matrix is the unity transformation of a picture.
func (s *small) matrix() { s.u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000) }

// layout is a moov in the making.
type layout struct {
	w          *Writer
	meta       Meta
	start, end int64 // of the presentation, in the lead's clock
	wide       bool  // chunk offsets need 64 bits
}

// size returns the length of everything before the payload, and decides how wide offsets are: they need 64 bits when
// the end of the file may lie beyond 4 GiB, wherever the payload comes to lie.
func (l *layout) size() int64 {
	l.wide = false
	n := l.total()
	if l.w.payload+l.w.size+n+64 <= math.MaxUint32 {
		return n
	}
	l.wide = true
	return l.total()
}

func (l *layout) total() int64 {
	n := int64(0)
	for _, b := range l.boxes() {
		n += b.total()
	}
	return n
}

func (l *layout) write(b *boxWriter) {
	for _, x := range l.boxes() {
		x.write(b)
	}
}

func (l *layout) boxes() []box {
	ftyp := leaf("ftyp", func(s *small) {
		s.str("isom")
		s.u32(0x200)
		s.str("isomiso2avc1mp41")
	})
	children := []box{l.mvhd()}
	for i := range l.w.tracks {
		if l.w.tables[i].sizes.n > 0 {
			children = append(children, l.trak(i))
		}
	}
	children = append(children, l.udta())
	return []box{ftyp, parent("moov", nil, children...)}
}

// scale is the movie's clock: the lead's, so that the presentation is exact to its tick.
func (l *layout) scale() int64 { return l.w.tracks[0].Clock }

func (l *layout) created() uint64 { return uint64(max(0, l.meta.Created.Unix()+epoch1904)) }

func (l *layout) mvhd() box {
	return leaf("mvhd", func(s *small) {
		s.u32(1 << 24)
		s.u64(l.created())
		s.u64(l.created())
		s.u32(uint32(l.scale()))
		s.u64(uint64(l.end - l.start))
		s.u32(0x10000)
		s.u16(0x100)
		s.zero(10)
		s.matrix()
		s.zero(24)
		s.u32(uint32(len(l.w.tracks) + 1))
	})
}

func (l *layout) trak(i int) box {
	t, tab := l.w.tracks[i], &l.w.tables[i]
	edits, duration := l.edits(i)
	tkhd := leaf("tkhd", func(s *small) {
		s.u32(1<<24 | 3) // enabled, in the presentation
		s.u64(l.created())
		s.u64(l.created())
		s.u32(uint32(i+1), 0)
		s.u64(uint64(duration))
		s.zero(8)
		s.u16(0)
		s.u16(0)
		volume := uint16(0x100)
		if t.Video {
			volume = 0
		}
		s.u16(volume)
		s.u16(0)
		s.matrix()
		s.u32(uint32(t.Width)<<16, uint32(t.Height)<<16)
	})
	mdhd := leaf("mdhd", func(s *small) {
		s.u32(1 << 24)
		s.u64(l.created())
		s.u64(l.created())
		s.u32(uint32(t.Clock))
		s.u64(uint64(tab.end() - tab.first))
		s.u16(0x55c4) // "und"
		s.u16(0)
	})
	return parent("trak", nil, tkhd, parent("edts", nil, edits),
		parent("mdia", nil, mdhd, handler(t.Video), l.minf(i)))
}

// edits places track i in the presentation: a pause when it begins later, a start inside it when it begins earlier.
func (l *layout) edits(i int) (b box, duration int64) {
	t, tab := l.w.tracks[i], &l.w.tables[i]
	first := rescaleUp(tab.first, t.Clock, l.scale())
	pause := max(0, first-l.start)
	media := max(0, rescaleUp(l.start, l.scale(), t.Clock)-tab.first)
	shown := l.end - l.start - pause
	if i > 0 { // a shorter track must not claim more than it has; pictures may be shown after the last DTS
		shown = min(shown, rescaleUp(tab.end()-tab.first-media, t.Clock, l.scale()))
	}
	shown = max(shown, 0)
	return leaf("elst", func(s *small) {
		s.u32(1 << 24)
		if pause > 0 {
			s.u32(2)
			s.u64(uint64(pause))
			s.u64(math.MaxUint64) // an empty edit
			s.u32(0x10000)
		} else {
			s.u32(1)
		}
		s.u64(uint64(shown))
		s.u64(uint64(media))
		s.u32(0x10000)
	}), pause + shown
}

// rescaleUp converts v from one clock to another, rounding up, without overflow for decades.
func rescaleUp(v, from, to int64) int64 {
	if v <= 0 {
		return v / from * to
	}
	return v/from*to + (v%from*to+from-1)/from
}

func handler(video bool) box {
	kind, name := "soun", "SoundHandler\x00"
	if video {
		kind, name = "vide", "VideoHandler\x00"
	}
	return leaf("hdlr", func(s *small) {
		s.u32(0, 0)
		s.str(kind)
		s.zero(12)
		s.str(name)
	})
}

func (l *layout) minf(i int) box {
	head := leaf("smhd", func(s *small) { s.zero(8) })
	if l.w.tracks[i].Video {
		head = leaf("vmhd", func(s *small) {
			s.u32(1)
			s.zero(8)
		})
	}
	dref := leaf("dref", func(s *small) {
		s.u32(0, 1, 12)
		s.str("url ")
		s.u32(1) // in this file
	})
	return parent("minf", nil, head, parent("dinf", nil, dref), l.stbl(i))
}

func (l *layout) stbl(i int) box {
	t, tab := l.w.tracks[i], &l.w.tables[i]
	children := []box{{name: "stsd", size: int64(len(t.Stsd)) - 8, body: func(b *boxWriter) { b.bytes(t.Stsd[8:]) }}, tab.stts()}
	if tab.reordered {
		children = append(children, tab.ctts())
	}
	if tab.keys.n < tab.sizes.n {
		children = append(children, tab.stss())
	}
	return parent("stbl", nil, append(children, tab.stsc(), tab.stsz(), l.offsets(i))...)
}

func (t *table) stts() box {
	pairs := t.durations.pairs() + 1 // the last sample's is not in the table yet
	return box{name: "stts", size: 8 + 8*int64(pairs), body: func(b *boxWriter) {
		b.u32(0, uint32(pairs))
		t.durations.each(func(count, v uint32) { b.u32(count, v) })
		b.u32(1, uint32(t.lastDur))
	}}
}

func (t *table) ctts() box {
	version := uint32(0)
	if t.negative {
		version = 1 << 24
	}
	return box{name: "ctts", size: 8 + 8*int64(t.offsets.pairs()), body: func(b *boxWriter) {
		b.u32(version, uint32(t.offsets.pairs()))
		t.offsets.each(func(count, v uint32) { b.u32(count, v) })
	}}
}

func (t *table) stss() box {
	return box{name: "stss", size: 8 + 4*int64(t.keys.n), body: func(b *boxWriter) {
		b.u32(0, uint32(t.keys.n))
		t.keys.each(func(v uint32) { b.u32(v) })
	}}
}

func (t *table) stsc() box {
	return box{name: "stsc", size: 8 + 12*int64(t.chunks.samples.pairs()), body: func(b *boxWriter) {
		b.u32(0, uint32(t.chunks.samples.pairs()))
		chunk := uint32(1)
		t.chunks.samples.each(func(count, samples uint32) {
			b.u32(chunk, samples, 1)
			chunk += count
		})
	}}
}

func (t *table) stsz() box {
	return box{name: "stsz", size: 12 + 4*int64(t.sizes.n), body: func(b *boxWriter) {
		b.u32(0, 0, uint32(t.sizes.n))
		t.sizes.each(func(v uint32) { b.u32(v) })
	}}
}

func (l *layout) offsets(i int) box {
	c := &l.w.tables[i].chunks
	n := int64(c.low.n)
	if l.wide {
		return box{name: "co64", size: 8 + 8*n, body: func(b *boxWriter) {
			b.u32(0, uint32(n))
			c.each(func(off int64) { b.u64(uint64(l.w.payload + off)) })
		}}
	}
	return box{name: "stco", size: 8 + 4*n, body: func(b *boxWriter) {
		b.u32(0, uint32(n))
		c.each(func(off int64) { b.u32(uint32(l.w.payload + off)) })
	}}
}

// udta holds what players show: title, comment and date as iTunes writes them, and chapters as Nero does.
func (l *layout) udta() box {
	text := func(name, value string) box {
		return parent(name, nil, leaf("data", func(s *small) {
			s.u32(1, 0)
			s.str(value)
		}))
	}
	ilst := parent("ilst", nil, text("\xa9nam", l.meta.Title), text("\xa9cmt", l.meta.Comment),
		text("\xa9day", l.meta.Created.UTC().Format(time.RFC3339)), text("\xa9too", "Nightjar"))
	hdlr := leaf("hdlr", func(s *small) {
		s.u32(0, 0)
		s.str("mdirappl")
		s.zero(9)
	})
	children := []box{parent("meta", make([]byte, 4), hdlr, ilst)}
	if n := len(l.meta.Chapters); n > 1 {
		children = append(children, l.chpl(l.meta.Chapters[:min(n, 255)]))
	}
	return parent("udta", nil, children...)
}

func (l *layout) chpl(chapters []Chapter) box {
	return leaf("chpl", func(s *small) {
		s.u32(1<<24, 0)
		s.u8(byte(len(chapters)))
		for _, c := range chapters {
			title := c.Title[:min(len(c.Title), 255)]
			s.u64(uint64(c.At / 100)) // of 100 ns
			s.u8(byte(len(title)))
			s.str(title)
		}
	})
}
