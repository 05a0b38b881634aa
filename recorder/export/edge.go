package export

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/media/encode"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
)

// edgeMaker re-encodes the pictures of a group that are wanted. It is an interface because H.265 has none.
type edgeMaker interface {
	encode(ctx context.Context, b *batch, lead []fmp4.Sample, want func(*fmp4.Sample) bool) (edge, error)
}

// edge is a re-encoded group: pictures in the order they are shown.
type edge struct {
	sps, pps []byte
	pictures []edgePicture
}

type edgePicture struct {
	pts, duration int64
	key           bool
	data          []byte
}

// edgeCRF is a quality at which re-encoding is not seen.
const edgeCRF = 17

// h264Edges re-encodes H.264 so that its pictures can lie between untouched ones of another encoder: with parameter
// sets of other numbers.
type h264Edges struct{}

// edgesFor returns what re-encodes pictures of desc, nil where nothing can.
func edgesFor(desc *media.Description) edgeMaker {
	if i := desc.VideoTrack(); i >= 0 && desc.Tracks[i].Codec == media.H264 && encoderThere() {
		return h264Edges{}
	}
	return nil
}

// encoderThere reports whether the installed libavcodec can encode at all.
func encoderThere() bool {
	e, err := encode.New(encode.Config{Width: 16, Height: 16})
	if errors.Is(err, encode.ErrUnavailable) {
		return false
	}
	if err == nil {
		e.Close()
	}
	return true
}

func (h264Edges) encode(ctx context.Context, b *batch, lead []fmp4.Sample, want func(*fmp4.Sample) bool) (edge, error) {
	units, err := unitsOf(b, lead)
	if err != nil {
		return edge{}, err
	}
	var wanted []fmp4.Sample
	for i := range lead {
		if want(&lead[i]) {
			wanted = append(wanted, lead[i])
		}
	}
	if len(wanted) == 0 {
		return edge{}, nil
	}
	slices.SortFunc(wanted, func(a, b fmp4.Sample) int { return int(a.PTS() - b.PTS()) })
	c := coder{track: b.desc.Tracks[b.desc.VideoTrack()], fps: rateOf(lead, b.clocks[0])}
	defer c.close()
	err = decode.Pictures(ctx, units, decode.Config{MaxSide: maxSide}, wanted[0].PTS(), wanted[len(wanted)-1].PTS()+1, c.add)
	if err != nil {
		return edge{}, fmt.Errorf("re-encode the edge of an export: %w", err)
	}
	if err := c.flush(); err != nil {
		return edge{}, fmt.Errorf("re-encode the edge of an export: %w", err)
	}
	for i := range c.out.pictures { // each lasts until the next one
		p := &c.out.pictures[i]
		p.duration = wanted[len(wanted)-1].Duration
		if i+1 < len(c.out.pictures) {
			p.duration = c.out.pictures[i+1].pts - p.pts
		}
	}
	return c.out, nil
}

// maxSide lets pictures be decoded in their own size.
const maxSide = 8192

// errNoPicture says that a group is too damaged for any picture of it to be decoded.
var errNoPicture = errors.New("no picture could be decoded")

// coder encodes the pictures that it is given.
type coder struct {
	track media.Track
	fps   int
	enc   *encode.Encoder
	out   edge
}

func (c *coder) add(f *decode.Frame) error {
	if c.enc == nil {
		var err error
		if c.enc, err = encode.New(c.config(f)); err != nil {
			return err
		}
		c.out.sps, c.out.pps = c.enc.SPS(), c.enc.PPS()
	}
	packets, err := c.enc.Encode(f.Pix(), f.PTS, len(c.out.pictures) == 0)
	c.take(packets)
	return err
}

func (c *coder) config(f *decode.Frame) encode.Config {
	cfg := encode.Config{
		Width: f.Width, Height: f.Height, ClockRate: c.track.ClockRate, FPS: c.fps, GOP: 1 << 16, CRF: edgeCRF, LowDelay: true,
		Preset: "fast", Profile: "high", SPSID: freeSetID(c.track.SPS, c.track.PPS),
	}
	var sps h264.SPS
	if sps.Unmarshal(c.track.SPS) != nil {
		return cfg
	}
	switch sps.ProfileIdc {
	case 66:
		cfg.Profile = "baseline"
	case 77:
		cfg.Profile = "main"
	}
	if v := sps.VUI; v != nil && v.ColourDescriptionPresentFlag {
		cfg.Color = encode.Color{Primaries: int(v.ColourPrimaries), Transfer: int(v.TransferCharacteristics), Matrix: int(v.MatrixCoefficients)}
	}
	return cfg
}

func (c *coder) flush() error {
	if c.enc == nil {
		return errNoPicture
	}
	packets, err := c.enc.Flush()
	c.take(packets)
	return err
}

func (c *coder) take(packets []encode.Packet) {
	for _, p := range packets {
		c.out.pictures = append(c.out.pictures, edgePicture{pts: p.PTS, key: p.Key, data: fmp4.AppendSample(nil, c.track, p.NALs)})
	}
}

func (c *coder) close() {
	if c.enc != nil {
		c.enc.Close()
	}
}

// unitsOf returns the access units of pictures, whose payload aliases b.
func unitsOf(b *batch, lead []fmp4.Sample) ([]*media.AccessUnit, error) {
	track := b.desc.Tracks[b.desc.VideoTrack()]
	units := make([]*media.AccessUnit, 0, len(lead))
	for i := range lead {
		s := &lead[i]
		nals, err := fmp4.Units(track, b.data[s.Offset:s.Offset+int64(s.Size)])
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", b.rec.Path, err)
		}
		if len(nals) == 0 {
			continue
		}
		units = append(units, &media.AccessUnit{Desc: b.desc, Track: b.desc.VideoTrack(), PTS: s.PTS(), DTS: s.DTS, Key: s.Key, Payload: nals})
	}
	return units, nil
}

// rateOf returns about how many pictures there are in a second.
func rateOf(lead []fmp4.Sample, clock int64) int {
	ticks := int64(0)
	for i := range lead {
		ticks += lead[i].Duration
	}
	if ticks <= 0 {
		return 25
	}
	return int(min(max(1, (int64(len(lead))*clock+ticks/2)/ticks), 240))
}

// freeSetID returns a number for parameter sets that the camera's do not have.
func freeSetID(sps, pps []byte) int {
	used := []uint32{0}
	if len(sps) > 4 {
		used = append(used, firstNumber(sps[4:]))
	}
	if len(pps) > 1 {
		used = append(used, firstNumber(pps[1:]))
	}
	id := uint32(1)
	for slices.Contains(used, id) {
		id++
	}
	return int(id)
}

// firstNumber reads an unsigned Exp-Golomb number at the start of b: the number of a parameter set.
func firstNumber(b []byte) uint32 {
	bit := func(i int) uint32 {
		if i/8 >= len(b) {
			return 1
		}
		return uint32(b[i/8]>>(7-i%8)) & 1
	}
	zeros := 0
	for zeros < 16 && bit(zeros) == 0 {
		zeros++
	}
	v := uint32(1)
	for i := range zeros {
		v = v<<1 | bit(zeros+1+i)
	}
	return v - 1
}
