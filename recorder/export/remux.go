package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/recorder/export/flatmp4"
)

// slack is how far in microseconds a picture may lie before a boundary and still count as on it: wall times are rounded
// to microseconds, and a tick of the pictures' clock is 11 of them.
const slack = 10

// remux puts the samples of one stream into one MP4 after another, without decoding them. Pieces of time that do not
// follow each other are joined; their true times are in the file's list.
type remux struct {
	from, to int64 // UTC microseconds
	exact    bool
	edges    edgeMaker // nil: no re-encoding

	w       *flatmp4.Writer
	stsd    []byte // of the lead track
	sps     []byte // of re-encoded pictures, once there are any
	b       *batch
	out     []flatmp4.Sample // to be written with the next flush: the bytes [lo, hi) of the batch
	lo, hi  int64
	lastDTS int64   // of the lead track, on the file's timeline
	next    []int64 // per track, where on the file's timeline its last sample ends

	piece struct {
		open    bool
		listed  bool  // it is in pieces
		in, out int64 // the same instant, DTS of the lead track: in the recording, in the file
		key     int64 // PTS in the recording of the piece's first picture
	}
	shown  struct{ from, to int64 } // of the presentation, PTS on the file's timeline
	pieces []shownPiece
	notes  []string
}

// shownPiece is a Piece with the PTS of its first picture in place of its media time.
type shownPiece struct {
	pts        int64
	start, end int64 // UTC microseconds
}

// begin starts a file with the tracks that r describes.
func (m *remux) begin(f flatmp4.File, r *reader, reserve int64) error {
	desc := r.desc
	stsd, err := flatmp4.Stsd(r.init)
	if err != nil {
		return err
	}
	m.edges = nil
	if m.exact {
		m.edges = edgesFor(desc)
	}
	picked := fmp4.Tracks(desc)
	if len(stsd) != len(picked) {
		return fmt.Errorf("init segment has %d tracks, want %d", len(stsd), len(picked))
	}
	var tracks []flatmp4.Track
	for i, d := range picked {
		t := desc.Tracks[d]
		tracks = append(tracks, flatmp4.Track{Stsd: stsd[i], Clock: int64(t.ClockRate), Video: t.Video(), Width: t.Width, Height: t.Height})
	}
	if m.w, err = flatmp4.New(f, tracks, reserve); err != nil {
		return err
	}
	m.stsd, m.sps, m.next, m.lastDTS = stsd[0], nil, make([]int64, len(tracks)), -1
	m.piece.open, m.pieces = false, nil
	return nil
}

// group is a key picture with the samples that depend on it: a range of indexes into the batch's lead samples.
type group struct {
	lead []int // indexes into the batch's samples
	do   action
	end  int // with doCopy: how many of lead
}

type action int

const (
	doDrop action = iota
	doCopy
	doEncode
)

// take adds what of b is wanted.
func (m *remux) take(ctx context.Context, b *batch) error {
	m.b = b
	if b.jump {
		m.piece.open = false
	}
	groups := m.plan(b)
	of := make([]*group, len(b.samples)) // what a sample of the lead track is copied or replaced with
	for g := range groups {
		for n, i := range groups[g].lead {
			if groups[g].do == doCopy && n < groups[g].end || groups[g].do == doEncode && n == 0 {
				of[i] = &groups[g]
			}
		}
	}
	for i := range b.samples {
		s := &b.samples[i]
		var err error
		switch g := of[i]; {
		case s.Track > 0:
			err = m.audio(s)
		case g == nil:
		case g.do == doEncode:
			err = m.encode(ctx, g)
		default:
			err = m.picture(s)
		}
		if err != nil {
			return err
		}
	}
	return m.flush()
}

// plan decides what becomes of each group of b.
func (m *remux) plan(b *batch) []group {
	var groups []group
	for i := range b.samples {
		s := &b.samples[i]
		if s.Track != 0 {
			continue
		}
		if s.Key || len(groups) == 0 {
			groups = append(groups, group{})
		}
		g := &groups[len(groups)-1]
		g.lead = append(g.lead, i)
	}
	for n := range groups {
		g := &groups[n]
		m.decide(b, g)
		// A copy begins with the last key picture at or before the start.
		if n+1 < len(groups) && g.do != doDrop && !m.exact && b.wall(&b.samples[groups[n+1].lead[0]]) <= m.from+slack {
			g.do = doDrop
		}
	}
	return groups
}

// decide looks at which pictures of g are in the range.
func (m *remux) decide(b *batch, g *group) {
	early, in, late := 0, 0, 0
	lastIn := -1    // place in decoding order of the last picture before the end
	ragged := false // a picture behind the end is decoded before one that is in front of it
	for n, i := range g.lead {
		switch at := b.wall(&b.samples[i]); {
		case at >= m.to-slack:
			late++
		default:
			ragged = ragged || late > 0
			lastIn = n
			if at < m.from-slack {
				early++
			} else {
				in++
			}
		}
	}
	g.end = lastIn + 1
	switch {
	case g.end == 0 || m.exact && in == 0:
		g.do = doDrop
	case m.exact && m.edges != nil && b.pictures() && (early > 0 || ragged):
		g.do = doEncode
	default:
		g.do = doCopy
	}
	if m.exact && m.edges == nil && b.pictures() && g.do == doCopy && (early > 0 || ragged) {
		m.note("Pictures before the start or behind the end are still in the file, hidden by its edit list: this codec is not re-encoded.")
	}
}

func (m *remux) note(s string) {
	if !slices.Contains(m.notes, s) {
		m.notes = append(m.notes, s)
	}
}

// open begins a piece with the picture whose times in the recording are given.
func (m *remux) open(dts, pts int64) {
	m.piece.open, m.piece.listed = true, false
	m.piece.in, m.piece.key = dts, pts
	at := int64(0)
	if m.w.Samples(0) > 0 {
		// Pictures follow what was shown before; sound that ran on alone is not cut off for longer than a moment.
		at = max(m.next[0], m.shown.to-(pts-dts))
		for i, end := range m.next[1:] {
			at = max(at, rescale(end, m.b.clocks[i+1], m.b.clocks[0])-(pts-dts)-m.b.clocks[0]/4)
		}
	}
	m.piece.out = at
}

// picture copies a sample of the lead track.
func (m *remux) picture(s *fmp4.Sample) error {
	if !m.piece.open {
		if !s.Key {
			return nil // what it depends on is missing
		}
		m.open(s.DTS, s.PTS())
	}
	if s.PTS() < m.piece.key {
		return nil // it depends on pictures before the key picture, which are not there
	}
	o := flatmp4.Sample{DTS: s.DTS - m.piece.in + m.piece.out, Duration: s.Duration, CTO: s.CTO, Key: s.Key, Size: s.Size}
	m.place(&o)
	m.show(o, m.b.wall(s), !m.exact)
	return m.copy(s, o)
}

// place makes the DTS of a picture grow, which broken timestamps and the seams of re-encoding may not.
func (m *remux) place(o *flatmp4.Sample) {
	if late := m.lastDTS + 1 - o.DTS; late > 0 {
		o.DTS += late
		o.CTO -= late
	}
	m.lastDTS, m.next[0] = o.DTS, o.DTS+o.Duration
}

// show enters a picture into what the file presents, if it is in the range. A copy shows what is before it, too.
func (m *remux) show(o flatmp4.Sample, wall int64, early bool) {
	if wall >= m.to-slack || !early && wall < m.from-slack {
		return
	}
	pts := o.DTS + o.CTO
	end := wall + rescale(o.Duration, m.b.clocks[0], 1e6)
	if len(m.pieces) == 0 {
		m.shown.from, m.shown.to = pts, pts
	}
	if !m.piece.listed {
		m.piece.listed = true
		m.pieces = append(m.pieces, shownPiece{pts: pts, start: wall, end: end})
	}
	p := &m.pieces[len(m.pieces)-1]
	if pts < p.pts {
		p.pts, p.start = pts, wall
	}
	p.end = max(p.end, end)
	m.shown.from, m.shown.to = min(m.shown.from, pts), max(m.shown.to, pts+o.Duration)
}

// audio copies a sample of another track, where it falls between pictures that are there.
func (m *remux) audio(s *fmp4.Sample) error {
	if !m.piece.open || m.b.wall(s) >= m.to-slack {
		return nil
	}
	lead, clock := m.b.clocks[0], m.b.clocks[s.Track]
	if s.DTS+s.Duration <= rescale(m.piece.key, lead, clock) {
		return nil
	}
	dts := s.DTS - rescale(m.piece.in, lead, clock) + rescale(m.piece.out, lead, clock)
	if dts+s.Duration/2 < m.next[s.Track] {
		return nil // the end of the piece before is still heard
	}
	dts = max(dts, m.next[s.Track])
	m.next[s.Track] = dts + s.Duration
	return m.copy(s, flatmp4.Sample{Track: s.Track, DTS: dts, Duration: s.Duration, Key: true, Size: s.Size})
}

// copy writes s together with its neighbours.
func (m *remux) copy(s *fmp4.Sample, o flatmp4.Sample) error {
	if len(m.out) > 0 && s.Offset != m.hi {
		if err := m.flush(); err != nil {
			return err
		}
	}
	if len(m.out) == 0 {
		m.lo = s.Offset
	}
	m.hi = s.Offset + int64(s.Size)
	m.out = append(m.out, o)
	return nil
}

func (m *remux) flush() error {
	if len(m.out) == 0 {
		return nil
	}
	err := m.w.Write(m.b.data[m.lo:m.hi], m.out)
	m.out = m.out[:0]
	return err
}

// encode replaces a group that is only partly in the range by new pictures that need nothing before them.
func (m *remux) encode(ctx context.Context, g *group) error {
	lead := make([]fmp4.Sample, 0, g.end)
	for _, i := range g.lead[:g.end] {
		lead = append(lead, m.b.samples[i])
	}
	e, err := m.edges.encode(ctx, m.b, lead, func(s *fmp4.Sample) bool {
		at := m.b.wall(s)
		return at >= m.from-slack && at < m.to-slack
	})
	if errors.Is(err, errNoPicture) {
		m.note("The pictures at an end of the range are damaged and were left out.")
		return nil
	}
	if err != nil || len(e.pictures) == 0 {
		return err
	}
	if err := m.describe(&e); err != nil {
		return err
	}
	if err := m.flush(); err != nil {
		return err
	}
	// New pictures come in the order they are shown, each as far behind its DTS as the key picture of the next group,
	// so that both follow each other.
	cto := lead[0].CTO
	if !m.piece.open {
		m.open(e.pictures[0].pts-cto, e.pictures[0].pts)
	}
	var data []byte
	var samples []flatmp4.Sample
	for _, p := range e.pictures {
		o := flatmp4.Sample{DTS: p.pts - cto - m.piece.in + m.piece.out, Duration: p.duration, CTO: cto, Key: p.key, Size: len(p.data)}
		m.place(&o)
		m.show(o, m.b.wallAt(0, p.pts), false)
		samples = append(samples, o)
		data = append(data, p.data...)
	}
	return m.w.Write(data, samples)
}

// describe adds the parameter sets of re-encoded pictures to the file. Both ends of a range have the same.
func (m *remux) describe(e *edge) error {
	if m.sps != nil {
		if !bytes.Equal(m.sps, e.sps) {
			return errors.New("the two ends of the export were encoded differently")
		}
		return nil
	}
	stsd, err := flatmp4.AddParameters(m.stsd, e.sps, e.pps)
	if err != nil {
		return err
	}
	m.w.Describe(0, stsd)
	m.sps = e.sps
	return nil
}

// empty reports whether the file would present nothing.
func (m *remux) empty() bool { return len(m.pieces) == 0 || m.shown.to <= m.shown.from }

// finish completes the file.
func (m *remux) finish(meta func([]Piece) flatmp4.Meta) ([]Piece, error) {
	clock := m.b.clocks[0]
	pieces := make([]Piece, 0, len(m.pieces))
	for _, p := range m.pieces {
		pieces = append(pieces, Piece{
			At: time.Duration(rescale(p.pts-m.shown.from, clock, 1e9)), Start: time.UnixMicro(p.start).UTC(),
			Duration: time.Duration(p.end-p.start) * time.Microsecond,
		})
	}
	_, err := m.w.Finish(m.shown.from, m.shown.to, meta(pieces))
	return pieces, err
}
