package fmp4

import (
	"encoding/binary"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// maxStep is the largest believable distance of two neighbouring units of a track. Beyond it, as for steps backwards,
// the unit is placed where the one before ended: a camera with broken timestamps is still recorded.
const maxStep = 5 * time.Second

// maxOffset bounds PTS minus DTS; a camera that claims more reorders by mistake.
const maxOffset = 5 * time.Second

// maxAlone is how many audio samples wait for a picture before they make a part alone: about 20 s.
const maxAlone = 1000

// Sample flags of ISO/IEC 14496-12 §8.8.3.1.
const (
	flagsKey    = 0x02000000 // depends on no other
	flagsNonKey = 0x01010000 // depends on others, is no sync sample
)

// Muxer turns the access units of one Description into parts. Its timeline begins at 0 with the first key picture and
// goes on over as many files as the caller makes of it. A unit's duration is known when the next of its track comes,
// so the last unit of each track stays inside until then or until a flushing Cut. It is for one goroutine.
type Muxer struct {
	desc   *media.Description
	init   []byte
	tracks []track
	byDesc []int // index into tracks for each track of desc, -1 when it is left out
	seq    uint32

	started   bool
	origin    time.Time // wall time of the first picture
	offset0   int64     // its PTS minus DTS
	restamped uint64
}

// track is one track of the file. tracks[0] is the lead: the picture track, or audio when there is none.
type track struct {
	clock   int64 // ticks per second
	video   bool
	codec   media.Codec
	rate    int64 // audio sample rate
	base    int64 // DTS of the timeline's zero
	shift   int64 // added to DTS to heal broken timestamps
	any     bool  // a unit was added
	lastDTS int64 // of the last sample, on the timeline
	lastDur int64 // the best guess for the next duration
	open    bool  // the last of samples has no duration yet
	samples []sample
}

type sample struct {
	dts  int64
	dur  int64
	cto  int64 // PTS minus DTS
	size int
	key  bool
	nals [][]byte // NAL units, or the one audio frame
}

// NewMuxer prepares a muxer. It fails as Init does.
func NewMuxer(d *media.Description) (*Muxer, error) {
	init, err := Init(d)
	if err != nil {
		return nil, err
	}
	m := &Muxer{desc: d, init: init, byDesc: make([]int, len(d.Tracks))}
	for i := range m.byDesc {
		m.byDesc[i] = -1
	}
	for pos, i := range Tracks(d) {
		t := d.Tracks[i]
		m.byDesc[i] = pos
		tr := track{clock: int64(t.ClockRate), video: t.Video(), codec: t.Codec, rate: int64(t.SampleRate)}
		tr.lastDur = tr.clock / 15
		if !tr.video {
			tr.lastDur = tr.frameTicks(nil)
		}
		m.tracks = append(m.tracks, tr)
	}
	return m, nil
}

// Init returns ftyp+moov, the same bytes each time. The caller must not change them.
func (m *Muxer) Init() []byte { return m.init }

// Description returns what the muxer was made for.
func (m *Muxer) Description() *media.Description { return m.desc }

// Lead reports whether u belongs to the track that parts are timed by: pictures, or audio when there are none.
func (m *Muxer) Lead(u *media.AccessUnit) bool { return !u.End() && m.byDesc[u.Track] == 0 }

// Origin returns the wall time of the timeline's zero: the NTP of the first picture. Zero until there is one.
func (m *Muxer) Origin() time.Time { return m.origin }

// Restamped counts units whose timestamps could not be believed.
func (m *Muxer) Restamped() uint64 { return m.restamped }

// Add takes u, whose payload must stay unchanged until the part it went into was written. It reports whether u is in:
// units before the first key picture, of tracks left out, and of other descriptions are not.
func (m *Muxer) Add(u *media.AccessUnit) bool {
	if u.End() || u.Desc != m.desc || m.byDesc[u.Track] < 0 || len(u.Payload) == 0 {
		return false
	}
	pos := m.byDesc[u.Track]
	if !m.started {
		if pos != 0 || !u.Key {
			return false
		}
		m.start(u)
	}
	t := &m.tracks[pos]
	dts, healed := t.place(u)
	if !t.any && dts < 0 {
		return false // audio from before the first picture
	}
	if healed {
		m.restamped++
		t.shift = dts - (u.DTS - t.base)
	}
	if t.any {
		t.lastDur = dts - t.lastDTS
	}
	if t.open {
		t.samples[len(t.samples)-1].dur = t.lastDur
	}
	t.any = true
	t.append(u, dts)
	return true
}

// place returns where on the timeline u goes, and whether that is not what its timestamp says.
func (t *track) place(u *media.AccessUnit) (dts int64, healed bool) {
	dts = u.DTS - t.base + t.shift
	if step := dts - t.lastDTS; t.any && (step <= 0 || step > t.ticks(maxStep)) {
		return t.lastDTS + t.lastDur, true
	}
	return dts, false
}

func (m *Muxer) start(u *media.AccessUnit) {
	m.started, m.origin = true, u.NTP
	m.offset0 = u.PTS - u.DTS
	for i := range m.tracks {
		m.tracks[i].base = rescale(u.DTS, m.tracks[0].clock, m.tracks[i].clock)
	}
}

func (t *track) append(u *media.AccessUnit, dts int64) {
	if t.video {
		limit := t.ticks(maxOffset)
		cto := min(max(u.PTS-u.DTS, -limit), limit)
		s := sample{dts: dts, cto: cto, key: u.Key, nals: u.Payload}
		for _, n := range u.Payload {
			s.size += t.prefixSize(n) + len(t.body(n))
		}
		t.samples = append(t.samples, s)
		t.lastDTS, t.open = dts, true
		return
	}
	for i, frame := range u.Payload {
		ticks := t.frameTicks(frame)
		t.samples = append(t.samples, sample{dts: dts, dur: ticks, size: len(frame), key: true, nals: u.Payload[i : i+1]})
		t.lastDTS, t.lastDur, t.open = dts, ticks, true
		dts += ticks
	}
}

// frameTicks returns how long one audio frame lasts by its codec: 1024 samples of AAC, what an Opus packet says.
func (t *track) frameTicks(frame []byte) int64 {
	if t.codec == media.Opus {
		if n := opus.PacketDuration2(frame); n > 0 {
			return max(1, rescale(n, 48000, t.clock))
		}
		return max(1, t.clock/50)
	}
	if t.rate <= 0 {
		return 1024
	}
	return max(1, 1024*t.clock/t.rate)
}

// Drift returns how far u's wall time is from where Add would put it on the timeline: positive when the wall is
// ahead. u is of the lead track and was not added yet.
func (m *Muxer) Drift(u *media.AccessUnit) time.Duration {
	if !m.started {
		return 0
	}
	t := &m.tracks[0]
	dts, _ := t.place(u)
	return u.NTP.Sub(m.origin) - t.duration(dts+u.PTS-u.DTS-m.offset0)
}

// Last returns where on the timeline the lead track's latest unit is, and how long such a unit lasts by what is known.
func (m *Muxer) Last() (at, lasts time.Duration) {
	t := &m.tracks[0]
	return t.duration(t.lastDTS), t.duration(t.lastDur)
}

// Part is one moof+mdat. The zero value is ready; using one Part again and again reuses its memory.
type Part struct {
	// Buffers are the bytes in order: pieces of one header buffer and, in between, the units' own payload. They are
	// valid until the Part's next use.
	Buffers [][]byte
	Bytes   int // sum of Buffers
	Samples int // of all tracks
	// Key reports that the lead track's first sample is a key picture: decoding can start with this part.
	Key bool
	// Start and Duration place the lead track's samples on the timeline. Parts that follow each other meet exactly
	// unless a flush guessed. Duration is 0 when only the other track had samples.
	Start, Duration time.Duration

	header []byte
}

// AppendTo appends the part's bytes to dst, for writers that want one slice.
func (p *Part) AppendTo(dst []byte) []byte {
	for _, b := range p.Buffers {
		dst = append(dst, b...)
	}
	return dst
}

// Cut moves everything whose duration is known into p, and reports whether there was anything. With flush it takes
// the last unit of each track too, with a guessed duration: for live view, where waiting costs a frame of latency, and
// for the end of a session. The Muxer may be used on; a wrong guess is corrected by the next part's own start time.
func (m *Muxer) Cut(p *Part, flush bool) bool {
	*p = Part{Buffers: p.Buffers[:0], header: p.header[:0]}
	var counts [2]int
	header, payload := 8+16+8, 0
	for i := range m.tracks {
		t := &m.tracks[i]
		n := len(t.samples)
		if t.open && flush {
			t.samples[n-1].dur, t.open = t.lastDur, false
		}
		if t.open {
			n--
		}
		counts[i] = n
		if n == 0 {
			continue
		}
		p.Samples += n
		header += t.headerSize(n)
		for _, s := range t.samples[:n] {
			payload += s.size
			if t.video {
				header += maxPrefix * len(s.nals)
			}
		}
	}
	if p.Samples == 0 || counts[0] == 0 && !flush && p.Samples < maxAlone {
		return false
	}
	if cap(p.header) < header {
		p.header = make([]byte, 0, header+header/4)
	}
	p.place(&m.tracks[0], counts[0])
	m.writeMoof(p, counts, payload)
	m.writeData(p, counts)
	for i := range m.tracks {
		m.tracks[i].discard(counts[i])
	}
	return true
}

func (p *Part) place(lead *track, n int) {
	if n == 0 {
		p.Start = lead.duration(lead.lastDTS)
		return
	}
	first, last := &lead.samples[0], &lead.samples[n-1]
	p.Key = first.key
	p.Start = lead.duration(first.dts)
	p.Duration = lead.duration(last.dts+last.dur) - p.Start
}

// discard forgets the first n samples and lets go of their payload.
func (t *track) discard(n int) {
	rest := copy(t.samples, t.samples[n:])
	clear(t.samples[rest:])
	t.samples = t.samples[:rest]
}

func (t *track) withOffsets(n int) bool {
	for i := range t.samples[:n] {
		if t.samples[i].cto != 0 {
			return true
		}
	}
	return false
}

func (t *track) sampleSize(n int) int {
	switch {
	case !t.video:
		return 8
	case t.withOffsets(n):
		return 16
	default:
		return 12
	}
}

func (t *track) headerSize(n int) int {
	return 8 + 20 + 20 + 20 + n*t.sampleSize(n) // traf, tfhd, tfdt, trun
}

// writeMoof appends moof and the head of mdat to the header buffer.
func (m *Muxer) writeMoof(p *Part, counts [2]int, payload int) {
	moof := 8 + 16
	for i := range m.tracks {
		if counts[i] > 0 {
			moof += m.tracks[i].headerSize(counts[i])
		}
	}
	m.seq++
	h := p.header
	h = box(h, moof, "moof")
	h = box(h, 16, "mfhd")
	h = be32(h, 0, m.seq)
	data := moof + 8
	for i := range m.tracks {
		t, n := &m.tracks[i], counts[i]
		if n == 0 {
			continue
		}
		h = t.writeTraf(h, i+1, n, data)
		for _, s := range t.samples[:n] {
			data += s.size
		}
	}
	p.header = box(h, 8+payload, "mdat")
}

func (t *track) writeTraf(h []byte, id, n, data int) []byte {
	flags := uint32(flagsKey)
	if t.video {
		flags = flagsNonKey
	}
	per := t.sampleSize(n)
	h = box(h, t.headerSize(n), "traf")
	h = box(h, 20, "tfhd")
	h = be32(h, 0x020020, uint32(id), flags) // default-base-is-moof, default-sample-flags
	h = box(h, 20, "tfdt")
	h = be32(h, 1<<24)
	h = binary.BigEndian.AppendUint64(h, uint64(t.samples[0].dts))
	h = box(h, 20+n*per, "trun")
	trun := uint32(0x000301) // data-offset, sample-duration, sample-size
	if t.video {
		trun |= 0x000400 // sample-flags
	}
	if per == 16 {
		trun |= 1<<24 | 0x000800 // version 1: signed composition offsets
	}
	h = be32(h, trun, uint32(n), uint32(data))
	for i := range t.samples[:n] {
		s := &t.samples[i]
		h = be32(h, uint32(s.dur), uint32(s.size))
		if t.video {
			f := uint32(flagsNonKey)
			if s.key {
				f = flagsKey
			}
			h = be32(h, f)
		}
		if per == 16 {
			h = be32(h, uint32(int32(s.cto)))
		}
	}
	return h
}

// writeData lists the payload behind the header. The length before each NAL unit comes from the header buffer too, so
// that nothing is copied; the buffer is large enough by now and does not move.
func (m *Muxer) writeData(p *Part, counts [2]int) {
	from := 0
	for i := range m.tracks {
		t := &m.tracks[i]
		for _, s := range t.samples[:counts[i]] {
			for _, b := range s.nals {
				if t.video {
					p.header = t.appendPrefix(p.header, b)
					b = t.body(b)
				}
				if len(p.header) > from {
					p.push(p.header[from:len(p.header):len(p.header)])
					from = len(p.header)
				}
				if len(b) > 0 {
					p.push(b)
				}
			}
		}
	}
}

func (p *Part) push(b []byte) {
	p.Buffers = append(p.Buffers, b)
	p.Bytes += len(b)
}

func (t *track) ticks(d time.Duration) int64 { return int64(d/time.Millisecond) * t.clock / 1000 }

// duration converts ticks without overflow however long the session.
func (t *track) duration(ticks int64) time.Duration {
	return time.Duration(ticks/t.clock)*time.Second + time.Duration(ticks%t.clock)*time.Second/time.Duration(t.clock)
}

// rescale converts v from one clock to another without overflow.
func rescale(v, from, to int64) int64 {
	return v/from*to + v%from*to/from
}

func box(h []byte, size int, name string) []byte {
	h = binary.BigEndian.AppendUint32(h, uint32(size))
	return append(h, name...)
}

func be32(h []byte, values ...uint32) []byte {
	for _, v := range values {
		h = binary.BigEndian.AppendUint32(h, v)
	}
	return h
}
