package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/media/encode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision"
	"github.com/nightjar-nvr/nightjar/core/vision/offline"
)

// BenchStream is a kind of stream: a drawn one of a size and rate, or a video file.
type BenchStream struct {
	Width, Height, FPS int
	File               string // instead of the others
}

// ParseBenchStream reads "640x360@15", or the path of a video.
func ParseBenchStream(s string) (BenchStream, error) {
	var b BenchStream
	size, rate, at := strings.Cut(s, "@")
	w, h, by := strings.Cut(size, "x")
	if !at || !by || strings.Contains(s, ".") {
		b.File = s
		return b, nil
	}
	for _, v := range []struct {
		text      string
		to        *int
		low, high int
	}{{w, &b.Width, 64, 7680}, {h, &b.Height, 64, 4320}, {rate, &b.FPS, 1, 60}} {
		n, err := strconv.Atoi(v.text)
		if err != nil || n < v.low || n > v.high {
			return b, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
				"%q is no kind of stream; want width x height @ pictures per second, such as 640x360@15, or a video file", s)}
		}
		*v.to = n
	}
	b.Width, b.Height = b.Width&^1, b.Height&^1
	return b, nil
}

func (s BenchStream) String() string {
	if s.File != "" {
		return s.File
	}
	return fmt.Sprintf("%dx%d@%d", s.Width, s.Height, s.FPS)
}

// StreamCost is what one camera costs before anything is inferred. Cores are processor time over the stream's time.
type StreamCost struct {
	Stream      string  `json:"stream"`
	Codec       string  `json:"codec"`
	DecodedOn   string  `json:"decoded_on"`
	PictureMS   float64 `json:"picture_ms"`   // decoding one picture, processor time
	DecodeCores float64 `json:"decode_cores"` // decoding, of pictures wanted at the detect rate
	WatchCores  float64 `json:"watch_cores"`  // decoding, motion and the rest of the pipeline without inference
}

// drawnSeconds is how long a drawn stream lasts: five groups of pictures.
const drawnSeconds = 10

// measureStream returns the costs of a stream and one of its pictures.
func measureStream(ctx context.Context, s BenchStream, fps float64, hw *decode.Hardware, log *slog.Logger) (*StreamCost, *offline.Picture, error) {
	units, err := s.units()
	if err != nil {
		return nil, nil, err
	}
	first, last := units[0], units[len(units)-1]
	track := first.Desc.Tracks[first.Track]
	length := last.NTP.Sub(first.NTP).Seconds() * float64(len(units)) / float64(max(1, len(units)-1))
	c := &StreamCost{Stream: s.String(), Codec: string(track.Codec)}
	picture, cpu, err := decodeCost(ctx, units, fps, hw, c)
	if err != nil {
		return nil, nil, err
	}
	c.PictureMS, c.DecodeCores = ms(cpu)/float64(len(units)), cpu.Seconds()/length
	before := cpuTime()
	_, err = offline.Run(ctx, func(yield func(*media.AccessUnit, error) bool) {
		for _, u := range units {
			if !yield(u, nil) {
				return
			}
		}
	}, offline.Options{Camera: vision.Config{Camera: "bench", FPS: fps, Hardware: hw}, Log: log})
	if err != nil {
		picture.Close()
		return nil, nil, err
	}
	// The pipeline decodes the same pictures: what is measured as less than decoding is noise.
	c.WatchCores = max((cpuTime()-before).Seconds()/length, c.DecodeCores)
	return c, picture, nil
}

// decodeCost decodes all units as the pipeline does and keeps the last picture.
func decodeCost(ctx context.Context, units []*media.AccessUnit, fps float64, hw *decode.Hardware, c *StreamCost) (*offline.Picture, time.Duration, error) {
	d, err := decode.New(units[0].Desc, decode.Config{Hardware: hw})
	if err != nil {
		return nil, 0, err
	}
	defer d.Close()
	var f decode.Frame
	defer f.Close()
	step := int64(float64(units[0].Desc.Tracks[units[0].Track].ClockRate) / fps)
	due := units[0].PTS
	before := cpuTime()
	for _, u := range units {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		got, err := d.Decode(u, due, &f)
		if err != nil && !errors.Is(err, decode.ErrCorrupt) {
			return nil, 0, err
		}
		if got {
			due = f.PTS + step
		}
	}
	took := cpuTime() - before
	c.DecodedOn = string(d.On())
	if f.Width == 0 {
		return nil, 0, &nvr.Error{Code: nvr.CodeInvalid, Message: "the stream has no picture that can be decoded"}
	}
	p, err := offline.FramePicture(&f)
	return p, took, err
}

// cpuTime is what the process has used so far, on all cores.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// units reads the file, or draws and encodes.
func (s BenchStream) units() ([]*media.AccessUnit, error) {
	if s.File == "" {
		return s.draw()
	}
	v, err := openVideo(s.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = v.close() }()
	var units []*media.AccessUnit
	for u, err := range v.units {
		if err != nil {
			return nil, err
		}
		if u.Desc.Tracks[u.Track].Video() && len(u.Payload) > 0 {
			units = append(units, u)
		}
	}
	if len(units) == 0 {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: s.File + " has no pictures"}
	}
	return units, nil
}

// draw makes what a camera would send: a textured scene with the noise of a sensor, in which one thing moves.
func (s BenchStream) draw() ([]*media.AccessUnit, error) {
	e, err := encode.New(encode.Config{Width: s.Width, Height: s.Height, FPS: s.FPS, GOP: 2 * s.FPS, LowDelay: true})
	if err != nil {
		return nil, err
	}
	defer e.Close()
	desc := &media.Description{Tracks: []media.Track{{Codec: media.H264, ClockRate: 90000, SPS: e.SPS(), PPS: e.PPS()}}}
	w, h := s.Width, s.Height
	back, pix := make([]byte, w*h*3/2), make([]byte, w*h*3/2)
	for i := range back {
		back[i] = 128
	}
	for y := range h {
		for x := range w {
			back[y*w+x] = byte(120 + 40*math.Sin(float64(x)/17)*math.Cos(float64(y)/11) + 30*math.Sin(float64(x*y)/float64(40*w)))
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same stream each time
	var units []*media.AccessUnit
	for i := range drawnSeconds * s.FPS {
		copy(pix, back)
		for y := h / 3; y < 2*h/3; y++ {
			row := pix[y*w:][:w]
			for x := range w / 12 {
				row[(i*w/(drawnSeconds*s.FPS)+x)%w] = byte(60 + (x*7+y*3)%80)
			}
		}
		for j := range w * h {
			pix[j] += byte(rnd.UintN(5))
		}
		packets, err := e.Encode(pix, int64(i)*90000/int64(s.FPS), false)
		if err != nil {
			return nil, err
		}
		for _, p := range packets {
			units = append(units, &media.AccessUnit{
				Desc: desc, PTS: p.PTS, DTS: p.DTS, Key: p.Key, Payload: p.NALs,
				NTP: offline.Start().Add(time.Duration(p.PTS) * time.Second / 90000),
			})
		}
	}
	return units, nil
}
