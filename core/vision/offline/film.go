package offline

import (
	"fmt"
	"io"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/encode"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
)

// filmClock is the clock of a film, Hz.
const filmClock = 90000

// Film writes pictures as a fragmented MP4 (H.264). The pictures must all have the size of the first.
type Film struct {
	w     io.Writer
	fps   float64
	enc   *encode.Encoder
	track media.Track
	wait  []fmp4.Picture
	part  fmp4.Part
	seq   uint32
	n     int
	buf   []byte
}

// NewFilm returns a film of fps pictures a second that goes to w.
func NewFilm(w io.Writer, fps float64) *Film { return &Film{w: w, fps: fps} }

// Add appends a picture.
func (f *Film) Add(p *Picture) error {
	if f.enc == nil {
		if err := f.open(p); err != nil {
			return err
		}
	}
	yuv, err := p.I420()
	if err != nil {
		return err
	}
	packets, err := f.enc.Encode(yuv, f.time(f.n), false)
	if err != nil {
		return fmt.Errorf("write film: %w", err)
	}
	f.n++
	return f.take(packets)
}

func (f *Film) time(n int) int64 { return int64(float64(n) * filmClock / f.fps) }

func (f *Film) open(p *Picture) error {
	size := p.Bounds().Size()
	enc, err := encode.New(encode.Config{Width: size.X, Height: size.Y, ClockRate: filmClock, FPS: max(1, int(f.fps)), LowDelay: true, CRF: 21})
	if err != nil {
		return fmt.Errorf("write film: %w", err)
	}
	f.enc = enc
	f.track = media.Track{Codec: media.H264, ClockRate: filmClock, SPS: enc.SPS(), PPS: enc.PPS(), Width: size.X, Height: size.Y}
	head, err := fmp4.Init(&media.Description{Tracks: []media.Track{f.track}})
	if err != nil {
		return fmt.Errorf("write film: %w", err)
	}
	return f.write(head)
}

func (f *Film) take(packets []encode.Packet) error {
	for _, p := range packets {
		if p.Key {
			if err := f.cut(); err != nil {
				return err
			}
		}
		f.wait = append(f.wait, fmp4.Picture{DTS: p.DTS, CTO: p.PTS - p.DTS, Key: p.Key, Units: p.NALs})
	}
	return nil
}

// cut writes what waits as one part, each picture lasting to the next.
func (f *Film) cut() error {
	if len(f.wait) == 0 {
		return nil
	}
	for i := range f.wait {
		f.wait[i].Duration = f.time(1)
		if i+1 < len(f.wait) {
			f.wait[i].Duration = f.wait[i+1].DTS - f.wait[i].DTS
		}
	}
	f.seq++
	fmp4.WritePart(&f.part, f.seq, f.track, f.wait)
	f.buf = f.part.AppendTo(f.buf[:0])
	f.wait = f.wait[:0]
	return f.write(f.buf)
}

func (f *Film) write(b []byte) error {
	if _, err := f.w.Write(b); err != nil {
		return fmt.Errorf("write film: %w", err)
	}
	return nil
}

// Close writes what is left and frees the encoder. It does not close the writer.
func (f *Film) Close() error {
	if f.enc == nil {
		return nil
	}
	defer f.enc.Close()
	packets, err := f.enc.Flush()
	if err != nil {
		return fmt.Errorf("write film: %w", err)
	}
	if err := f.take(packets); err != nil {
		return err
	}
	return f.cut()
}
