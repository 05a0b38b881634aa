package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
	"github.com/nightjar-nvr/nightjar/recorder/playback"
)

const (
	// readBytes is about how much is read at once: few requests where recordings lie in an archive, little memory.
	readBytes = 4 << 20
	// maxSegment is the longest segment that is believed.
	maxSegment = 256 << 20
	// overlap is how far a recording may reach back into what came before, as happens when a camera reconnects; beyond
	// it the clock was set back, and of the time that happened twice one recording is exported, as playback does it.
	overlap = time.Second
)

// span is a run of segments of one recording that is read at once.
type span struct {
	rec  *index.Recording
	ms   int64 // the recording's name
	segs []index.Segment
	jump bool // the media timeline does not go on from the span before
}

func (s *span) start() time.Time { return s.rec.Start.Add(s.segs[0].Start) }

func (s *span) end() time.Time {
	last := s.segs[len(s.segs)-1]
	return s.rec.Start.Add(last.Start + last.Duration)
}

func (s *span) bytes() int64 {
	n := int64(0)
	for _, seg := range s.segs {
		n += seg.Bytes
	}
	return n
}

// spansOf lists what of recs must be read for r, in order, by the rules of playback: what overlaps by more than a
// moment is left out, and a span goes on from the one before only where the recorder says so (invariant 5 of
// docs/recording.md).
func spansOf(recs []index.Recording, r nvr.TimeRange) []span {
	var out []span
	var last *index.Recording
	var next int64 // offset of what would follow seamlessly in last
	var played time.Time
	recs = index.Once(recs, r.End)
	for i := range recs {
		rec := &recs[i]
		_, ms, err := library.ParseFilePath(rec.Path)
		if err != nil {
			continue // not ours to read
		}
		for _, s := range rec.Segments {
			start := rec.Start.Add(s.Start)
			end := start.Add(s.Duration)
			if s.Duration <= 0 || s.Bytes > maxSegment || !end.After(r.Start) || !start.Before(r.End) {
				continue
			}
			if last != nil && start.Before(played.Add(-overlap)) {
				continue
			}
			jump := !goesOn(last, next, rec, s)
			n := len(out)
			if n > 0 && !jump && out[n-1].rec == rec && out[n-1].bytes()+s.Bytes <= readBytes {
				out[n-1].segs = append(out[n-1].segs, s)
			} else {
				out = append(out, span{rec: rec, ms: ms, segs: []index.Segment{s}, jump: jump})
			}
			last, next, played = rec, s.Offset+s.Bytes, end
		}
	}
	return out
}

func goesOn(last *index.Recording, next int64, rec *index.Recording, s index.Segment) bool {
	if last == nil {
		return false
	}
	if last == rec {
		return s.Offset == next
	}
	return rec.Start.Equal(last.End()) && next == last.Bytes && s.Offset == rec.InitBytes && sameShape(rec, last)
}

// sameShape reports whether two recordings can have the same init segment.
func sameShape(a, b *index.Recording) bool {
	return a.Codecs == b.Codecs && a.InitBytes == b.InitBytes && a.Width == b.Width && a.Height == b.Height
}

// batch is a span in memory.
type batch struct {
	*span
	desc    *media.Description
	clocks  []int64 // of the file's tracks
	data    []byte
	samples []fmp4.Sample
	pts0    int64 // of the first sample of the lead track, which is at wall0
	wall0   int64 // UTC microseconds
}

// wall returns when a sample was taken, in UTC microseconds.
func (b *batch) wall(s *fmp4.Sample) int64 { return b.wallAt(s.Track, s.PTS()) }

func (b *batch) wallAt(track int, pts int64) int64 {
	zero := rescale(b.pts0, b.clocks[0], b.clocks[track])
	return b.wall0 + rescale(pts-zero, b.clocks[track], 1e6)
}

// pictures reports whether there are any: whether the lead track must be cut at key pictures.
func (b *batch) pictures() bool { return b.desc.VideoTrack() >= 0 }

// rescale converts v from one clock to another, rounding down, without overflow.
func rescale(v, from, to int64) int64 {
	q, r := v/from, v%from
	if r < 0 {
		q, r = q-1, r+from
	}
	return q*to + r*to/from
}

// reader reads the spans of one stream in order.
type reader struct {
	player Player
	stream nvr.StreamID

	init   []byte
	desc   *media.Description
	clocks []int64
	buf    []byte
}

// describe makes sure that the init segment is that of sp, and reports whether it is another one than before.
func (r *reader) describe(ctx context.Context, sp *span) (changed bool, err error) {
	if r.init != nil && !sp.jump {
		return false, nil
	}
	rc, err := r.player.OpenInit(ctx, r.stream, sp.ms)
	if err != nil {
		return false, err
	}
	init, err := io.ReadAll(io.LimitReader(rc, 1<<20))
	if err = errors.Join(err, rc.Close()); err != nil {
		return false, fmt.Errorf("read init segment of %s: %w", sp.rec.Path, err)
	}
	if slices.Equal(init, r.init) {
		return false, nil
	}
	desc, err := fmp4.ParseInit(init)
	if err != nil {
		return false, fmt.Errorf("init segment of %s: %w: %w", sp.rec.Path, errDamaged, err)
	}
	r.init, r.desc, r.clocks = init, desc, nil
	for _, i := range fmp4.Tracks(desc) {
		if desc.Tracks[i].ClockRate <= 0 {
			return false, fmt.Errorf("init segment of %s: a track has no clock", sp.rec.Path)
		}
		r.clocks = append(r.clocks, int64(desc.Tracks[i].ClockRate))
	}
	return true, nil
}

// read reads sp, for which describe was called. The batch is valid until the next call.
func (r *reader) read(ctx context.Context, sp *span) (*batch, error) {
	n := sp.bytes()
	if int64(cap(r.buf)) < n {
		r.buf = make([]byte, n)
	}
	r.buf = r.buf[:n]
	rc, err := r.player.OpenRange(ctx, r.stream, sp.ms, sp.segs[0].Offset, n)
	if err != nil {
		return nil, err
	}
	_, err = io.ReadFull(rc, r.buf)
	if err = errors.Join(err, rc.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", sp.rec.Path, err)
	}
	samples, err := fmp4.ReadSamples(r.buf, r.desc)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", sp.rec.Path, errDamaged, err)
	}
	b := &batch{span: sp, desc: r.desc, clocks: r.clocks, data: r.buf, samples: samples, wall0: sp.start().UnixMicro()}
	i := slices.IndexFunc(samples, func(s fmp4.Sample) bool { return s.Track == 0 })
	if i < 0 {
		return nil, fmt.Errorf("read %s: %w", sp.rec.Path, errDamaged)
	}
	b.pts0 = samples[i].PTS()
	for _, s := range samples {
		if s.Duration < 0 || s.Size > math.MaxInt32 {
			return nil, fmt.Errorf("read %s: %w", sp.rec.Path, errDamaged)
		}
	}
	return b, nil
}

// errDamaged says that what was read is no video: its disk changed it.
var errDamaged = errors.New("no samples that could be exported")

// skippable reports whether err is about one piece of a recording, so that others can be exported.
func skippable(err error) bool { return gone(err) || errors.Is(err, errDamaged) }

// gone reports whether err means that a recording was deleted since it was listed.
func gone(err error) bool { return nvr.ErrorCode(err) == nvr.CodeNotFound }

// FromPlayback makes a Player of a playback.Player.
func FromPlayback(p *playback.Player) Player { return adapter{p} }

type adapter struct{ p *playback.Player }

// Recordings implements Player.
func (a adapter) Recordings(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]index.Recording, error) {
	return a.p.Recordings(ctx, stream, r)
}

// Gaps implements Player.
func (a adapter) Gaps(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]index.Gap, error) {
	c, err := a.p.Coverage(ctx, stream, r)
	return c.Gaps, err
}

// OpenInit implements Player.
func (a adapter) OpenInit(ctx context.Context, stream nvr.StreamID, fileMS int64) (io.ReadCloser, error) {
	rc, err := a.p.OpenInit(ctx, stream, fileMS)
	if err != nil {
		return nil, err
	}
	return rc, nil
}

// OpenRange implements Player.
func (a adapter) OpenRange(ctx context.Context, stream nvr.StreamID, fileMS, offset, n int64) (io.ReadCloser, error) {
	rc, err := a.p.OpenRange(ctx, stream, fileMS, offset, n)
	if err != nil {
		return nil, err
	}
	return rc, nil
}
