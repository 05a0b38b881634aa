package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/media/encode"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/export/flatmp4"
)

const (
	timelapseFPS   = 25
	timelapseClock = 90000
	timelapseCRF   = 23
	// frameTicks is how long one picture of a time-lapse lasts.
	frameTicks = timelapseClock / timelapseFPS
)

// timelapse shows one picture for every speed/25 seconds of what is recorded; gaps take no time. Where the groups of
// pictures are shorter than that, only key pictures are decoded.
type timelapse struct {
	from, to int64 // UTC microseconds
	speed    int64

	f       flatmp4.File
	reserve int64
	side    int // of the pictures

	w       *flatmp4.Writer // from the first picture on
	enc     *encode.Encoder
	last    int64 // number of the last picture shown, -1 before the first
	pieces  []Piece
	done    int64 // recorded time of the pieces before, microseconds
	start   int64 // wall time of the piece's first picture
	end     int64 // of the end of its last
	running bool  // there is a piece
}

func (t *timelapse) begin(f flatmp4.File, r *reader, reserve int64) error {
	i := r.desc.VideoTrack()
	if i < 0 {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("%s has no pictures: a time-lapse cannot be made of it", r.stream.Camera)}
	}
	t.close()
	*t = timelapse{from: t.from, to: t.to, speed: t.speed, f: f, reserve: reserve, side: sideOf(r.desc.Tracks[i]), last: -1}
	return nil
}

// sideOf returns the longest side of a picture that fits into 1080p.
func sideOf(t media.Track) int {
	w, h := t.Width, t.Height
	if w <= 0 || h <= 0 {
		return 1920
	}
	if w < h {
		w, h = h, w
	}
	if h > 1080 && w*1080/h < 1920 {
		return w * 1080 / h
	}
	return min(w, 1920)
}

// step is the recorded time from picture to picture, microseconds.
func (t *timelapse) step() int64 { return t.speed * 1e6 / timelapseFPS }

func (t *timelapse) take(ctx context.Context, b *batch) error {
	if b.jump {
		t.running = false
	}
	var group []fmp4.Sample
	for i := range b.samples {
		s := &b.samples[i]
		if s.Track != 0 {
			continue
		}
		if s.Key {
			if err := t.group(ctx, b, group); err != nil {
				return err
			}
			group = group[:0]
		}
		group = append(group, *s)
	}
	return t.group(ctx, b, group)
}

// moment is a picture that may be shown, and when on the recorded time it is.
type moment struct {
	pts      int64
	from, to int64 // recorded time, microseconds
}

// group shows what is due of a key picture and those that depend on it.
func (t *timelapse) group(ctx context.Context, b *batch, group []fmp4.Sample) error {
	if len(group) == 0 || !group[0].Key {
		return nil
	}
	moments := t.moments(b, group)
	due := make(map[int64]int64) // number of the picture in the file by PTS
	for _, m := range moments {
		if n := (m.to - 1) / t.step(); n*t.step() >= m.from && n > t.last {
			due[m.pts] = n
			t.last = n
		}
	}
	if len(due) == 0 {
		return nil
	}
	if span := moments[len(moments)-1].to - moments[0].from; span <= t.step() && moments[0].pts == group[0].PTS() {
		// One picture at most is due, and the key picture is near enough.
		for _, n := range due {
			due = map[int64]int64{group[0].PTS(): n}
		}
	}
	return t.show(ctx, b, group, due)
}

// moments places the pictures of a group that are in the range on the recorded time, in the order they are shown.
func (t *timelapse) moments(b *batch, group []fmp4.Sample) []moment {
	var out []moment
	for i := range group {
		s := &group[i]
		at := b.wall(s)
		if at < t.from-slack || at >= t.to-slack || s.PTS() < group[0].PTS() {
			continue
		}
		if !t.running {
			t.running = true
			t.done += t.end - t.start
			t.start, t.end = at, at
			t.pieces = append(t.pieces, Piece{At: time.Duration((t.done+t.step()-1)/t.step()) * time.Second / timelapseFPS, Start: time.UnixMicro(at).UTC()})
		}
		end := at + rescale(s.Duration, b.clocks[0], 1e6)
		t.end = max(t.end, end)
		t.pieces[len(t.pieces)-1].Duration = time.Duration(t.end-t.start) * time.Microsecond
		out = append(out, moment{pts: s.PTS(), from: t.done + at - t.start, to: t.done + end - t.start})
	}
	slices.SortFunc(out, func(a, b moment) int { return int(a.from - b.from) })
	for i := range out[:max(0, len(out)-1)] {
		out[i].to = out[i+1].from
	}
	return out
}

// show decodes as much of group as the pictures that are due need, and encodes these.
func (t *timelapse) show(ctx context.Context, b *batch, group []fmp4.Sample, due map[int64]int64) error {
	need, first, last := 0, int64(0), int64(0)
	for i := range group {
		if _, ok := due[group[i].PTS()]; ok {
			if need == 0 || group[i].PTS() < first {
				first = group[i].PTS()
			}
			need, last = i+1, max(last, group[i].PTS())
		}
	}
	units, err := unitsOf(b, group[:need])
	if err != nil {
		return err
	}
	return decode.Pictures(ctx, units, decode.Config{MaxSide: t.side}, first, last+1, func(f *decode.Frame) error {
		n, ok := due[f.PTS]
		if !ok {
			return nil
		}
		return t.encode(f, n*frameTicks)
	})
}

func (t *timelapse) encode(f *decode.Frame, pts int64) error {
	if t.enc == nil {
		if err := t.open(f); err != nil {
			return err
		}
	}
	packets, err := t.enc.Encode(f.Pix(), pts, false)
	if err != nil {
		return err
	}
	return t.write(packets)
}

// open makes the encoder and the file's only track from what it says of itself.
func (t *timelapse) open(f *decode.Frame) error {
	enc, err := encode.New(encode.Config{
		Width: f.Width, Height: f.Height, ClockRate: timelapseClock, FPS: timelapseFPS, GOP: 2 * timelapseFPS, CRF: timelapseCRF, LowDelay: true,
	})
	if errors.Is(err, encode.ErrUnavailable) {
		return &nvr.Error{Code: nvr.CodeUnavailable, Message: "A time-lapse needs libx264, which this system's libavcodec lacks.", Err: err}
	}
	if err != nil {
		return err
	}
	t.enc = enc
	init, err := fmp4.Init(&media.Description{Tracks: []media.Track{{
		Codec: media.H264, ClockRate: timelapseClock, SPS: enc.SPS(), PPS: enc.PPS(), Width: f.Width, Height: f.Height,
	}}})
	if err != nil {
		return err
	}
	stsd, err := flatmp4.Stsd(init)
	if err != nil {
		return err
	}
	t.w, err = flatmp4.New(t.f, []flatmp4.Track{{Stsd: stsd[0], Clock: timelapseClock, Video: true, Width: f.Width, Height: f.Height}}, t.reserve)
	return err
}

func (t *timelapse) write(packets []encode.Packet) error {
	for _, p := range packets {
		data := fmp4.AppendSample(nil, media.Track{Codec: media.H264}, p.NALs)
		if err := t.w.Write(data, []flatmp4.Sample{{DTS: p.DTS, Duration: frameTicks, CTO: p.PTS - p.DTS, Key: p.Key, Size: len(data)}}); err != nil {
			return err
		}
	}
	return nil
}

func (t *timelapse) empty() bool { return t.w == nil }

func (t *timelapse) finish(meta func([]Piece) flatmp4.Meta) ([]Piece, error) {
	defer t.close()
	packets, err := t.enc.Flush()
	if err != nil {
		return nil, err
	}
	if err := t.write(packets); err != nil {
		return nil, err
	}
	_, err = t.w.Finish(0, t.w.End(0), meta(t.pieces))
	return t.pieces, err
}

func (t *timelapse) close() {
	if t.enc != nil {
		t.enc.Close()
		t.enc = nil
	}
}
