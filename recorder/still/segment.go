package still

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// Limits of what is taken into memory for one picture, whatever a file claims.
const (
	maxInit    = 1 << 20
	maxMoof    = 4 << 20
	maxSegment = 256 << 20
)

// shot is what a decoder needs for one picture.
type shot struct {
	place place
	units []*media.AccessUnit // from a key picture on, in decoding order; NTP is the wall time
	pts   int64               // the picture shown at this is wanted
}

func (s *shot) track() media.Track {
	d := s.units[0].Desc
	return d.Tracks[d.VideoTrack()]
}

// at returns when the picture with a PTS is shown.
func (s *shot) at(pts int64) time.Time {
	for _, u := range s.units {
		if u.PTS == pts {
			return u.NTP
		}
	}
	return s.place.t
}

// segment is the pictures of one segment of a recording.
type segment struct {
	desc  *media.Description
	clock int64
	start time.Time // when the first picture is shown
	units []*media.AccessUnit
}

// shot reads what must be decoded to see the picture at p.
func (m *Maker) shot(ctx context.Context, p place) (*shot, error) {
	desc, err := m.description(ctx, p)
	if err != nil {
		return nil, err
	}
	seg, err := m.segment(ctx, p, desc, false)
	if err != nil {
		return nil, err
	}
	// The wanted picture is the last one whose wall time is not after t.
	s := &shot{place: p, units: seg.units, pts: seg.firstPTS()}
	for _, u := range seg.units {
		if !u.NTP.After(p.t) {
			s.pts = max(s.pts, u.PTS)
		}
	}
	if s.pts < seg.units[0].PTS {
		err = m.leading(ctx, s, seg)
	}
	return s, err
}

// keyShot reads the key picture that the segment at p begins with, and no more than the part it lies in.
func (m *Maker) keyShot(ctx context.Context, p place) (*shot, error) {
	desc, err := m.description(ctx, p)
	if err != nil {
		return nil, err
	}
	seg, err := m.segment(ctx, p, desc, true)
	if err != nil {
		return nil, err
	}
	return &shot{place: p, units: seg.units[:1], pts: seg.units[0].PTS}, nil
}

// leading makes a picture decodable that is stored behind its segment's key picture and shown before it: with open
// groups of pictures it needs the segment before. At the beginning of a run there is none, and no camera sends it; the
// key picture stands for it.
func (m *Maker) leading(ctx context.Context, s *shot, seg *segment) error {
	before, ok, err := m.before(ctx, s.place)
	if err != nil {
		return err
	}
	if !ok {
		s.pts = seg.units[0].PTS
		return nil
	}
	more, err := m.segment(ctx, before, seg.desc, false)
	if err != nil {
		return err
	}
	s.units = slices.Concat(more.units, seg.units)
	return nil
}

// before returns the segment that ends where p's begins, in the same run.
func (m *Maker) before(ctx context.Context, p place) (place, bool, error) {
	if p.segment > 0 {
		p.segment--
		return p, true, nil
	}
	start := p.rec.Start
	recs, err := m.player.Recordings(ctx, p.stream, nvr.TimeRange{Start: start.Add(-time.Microsecond), End: start})
	if err != nil {
		return place{}, false, err
	}
	for _, r := range recs {
		if n := len(r.Segments); n > 0 && r.End().Equal(start) {
			return place{stream: p.stream, t: p.t, rec: r, segment: n - 1}, true, nil
		}
	}
	return place{}, false, nil
}

// firstPTS is that of the picture shown first.
func (s *segment) firstPTS() int64 {
	first := s.units[0].PTS
	for _, u := range s.units {
		first = min(first, u.PTS)
	}
	return first
}

// wall returns when a picture is shown: the segment's first one at the segment's start, the others by the distance in
// the camera's clock, in whole microseconds as the index has them.
func (s *segment) wall(pts, first int64) time.Time {
	ticks := pts - first
	d := time.Duration(ticks/s.clock)*time.Second + time.Duration(ticks%s.clock)*time.Second/time.Duration(s.clock)
	return s.start.Add(d.Truncate(time.Microsecond))
}

func (m *Maker) description(ctx context.Context, p place) (*media.Description, error) {
	_, ms, err := library.ParseFilePath(p.rec.Path)
	if err != nil {
		return nil, err
	}
	r, err := m.player.OpenInit(ctx, p.stream, ms)
	if err != nil {
		return nil, err
	}
	b, err := readAll(r, maxInit)
	if err != nil {
		return nil, fmt.Errorf("read init segment of %s: %w", p.rec.Path, err)
	}
	d, err := fmp4.ParseInit(b)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.rec.Path, err)
	}
	if d.VideoTrack() < 0 {
		return nil, &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf("%s was recorded without pictures at %s", p.stream, text(p.t))}
	}
	return d, nil
}

// segment reads the segment at p. With first it reads only the first part.
func (m *Maker) segment(ctx context.Context, p place, desc *media.Description, first bool) (*segment, error) {
	_, ms, err := library.ParseFilePath(p.rec.Path)
	if err != nil {
		return nil, err
	}
	at := p.rec.Segments[p.segment]
	r, err := m.player.OpenRange(ctx, p.stream, ms, at.Offset, at.Bytes)
	if err != nil {
		return nil, err
	}
	var b []byte
	if first {
		b, err = readPart(r, at.Bytes)
	} else {
		b, err = readAll(r, maxSegment)
	}
	if err != nil {
		return nil, fmt.Errorf("read segment at byte %d of %s: %w", at.Offset, p.rec.Path, err)
	}
	return parse(b, desc, p.rec, at)
}

func parse(b []byte, desc *media.Description, rec index.Recording, at index.Segment) (*segment, error) {
	samples, err := fmp4.ReadSamples(b, desc)
	if err != nil {
		return nil, fmt.Errorf("read segment at byte %d of %s: %w", at.Offset, rec.Path, err)
	}
	video := desc.VideoTrack()
	track := desc.Tracks[video]
	s := &segment{desc: desc, clock: int64(track.ClockRate), start: rec.Start.Add(at.Start)}
	for _, sample := range samples {
		if fmp4.Tracks(desc)[sample.Track] != video || len(s.units) == 0 && !sample.Key {
			continue
		}
		nals, err := fmp4.Units(track, b[sample.Offset:][:sample.Size])
		if err != nil {
			return nil, fmt.Errorf("read segment at byte %d of %s: %w", at.Offset, rec.Path, err)
		}
		u := &media.AccessUnit{Desc: desc, Track: video, PTS: sample.PTS(), DTS: sample.DTS, Key: sample.Key, Payload: nals}
		s.units = append(s.units, u)
	}
	if len(s.units) == 0 {
		return nil, fmt.Errorf("segment at byte %d of %s has no key picture", at.Offset, rec.Path)
	}
	zero := s.firstPTS()
	for _, u := range s.units {
		u.NTP = s.wall(u.PTS, zero)
	}
	return s, nil
}

func readAll(r io.ReadCloser, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit))
	return b, errors.Join(err, r.Close())
}

// readPart reads the first moof+mdat of a segment of size bytes.
func readPart(r io.ReadCloser, size int64) (part []byte, err error) {
	defer func() { err = errors.Join(err, r.Close()) }()
	for _, box := range []struct {
		name  string
		limit int64
	}{{"moof", maxMoof}, {"mdat", maxSegment}} {
		at := len(part)
		part = append(part, make([]byte, 8)...)
		if _, err := io.ReadFull(r, part[at:]); err != nil {
			return nil, fmt.Errorf("read box header: %w", err)
		}
		n := int64(binary.BigEndian.Uint32(part[at:]))
		if string(part[at+4:]) != box.name || n < 8 || n > box.limit || int64(at)+n > size {
			return nil, fmt.Errorf("there is no %s where one belongs", box.name)
		}
		part = append(part, make([]byte, n-8)...)
		if _, err := io.ReadFull(r, part[at+8:]); err != nil {
			return nil, fmt.Errorf("read %s: %w", box.name, err)
		}
	}
	return part, nil
}
