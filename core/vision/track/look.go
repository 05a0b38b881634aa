package track

import (
	"math"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	lookBins = 8
	lookSize = 2 * 3 * lookBins // upper and lower half; luma and both chroma

	lookColumns, lookRows = 12, 16 // samples of a half
	lookWidth, lookHeight = 8, 24  // pixels: what is smaller shows no colours

	lookMemory = 10  // sights in the running mean
	colourless = 1.5 // mean deviation of chroma from grey below which a picture has none (infrared light)
)

// look is what an object looks like: the mean of histograms, each of sum 1.
type look struct {
	bins  [lookSize]float32
	views int // pictures in it, at most lookMemory; 0: unknown
}

// unlike is how different two looks are, from 0 to 1: the mean over the histograms of the Hellinger distance, which
// Comaniciu, Ramesh and Meer use to follow colours ("Kernel-Based Object Tracking", 2003).
func (l *look) unlike(m *look) float64 {
	sum := 0.0
	for i := 0; i < lookSize; i += lookBins {
		common := 0.0
		for k := i; k < i+lookBins; k++ {
			common += math.Sqrt(float64(l.bins[k] * m.bins[k]))
		}
		sum += math.Sqrt(max(0, 1-common))
	}
	return sum / (lookSize / lookBins)
}

// learn takes one picture into the mean.
func (l *look) learn(m *look) {
	l.views = min(l.views+1, lookMemory)
	f := 1 / float32(l.views)
	for i := range l.bins {
		l.bins[i] += (m.bins[i] - l.bins[i]) * f
	}
}

// shade is what a luma value means to a look.
type shade struct {
	place float32 // in the histogram of luma, in bins
	gain  float32 // of chroma, in bins: the same cloth in the sun has more of it
}

// eye looks at objects in one picture.
type eye struct {
	luma, u, v    []byte // nil: nothing can be seen
	width, height int
	shades        [256]shade
}

func newEye() *eye {
	e := &eye{}
	for y := range e.shades {
		e.shades[y] = shade{
			place: float32(math.Log2((float64(y)+8)/8)/5) * lookBins,
			gain:  float32(128/(float64(y)+64)) / 64 * lookBins,
		}
	}
	return e
}

// open turns to a picture in I420. One without colours is as good as none: clothes cannot be told apart in it.
func (e *eye) open(i420 []byte, width, height int) {
	e.luma, e.u, e.v = nil, nil, nil
	e.width, e.height = width, height
	chroma := (width + 1) / 2 * ((height + 1) / 2)
	if width <= 0 || height <= 0 || len(i420) < width*height+2*chroma {
		return
	}
	u, v := i420[width*height:][:chroma], i420[width*height+chroma:][:chroma]
	if coloured(u, v) {
		e.luma, e.u, e.v = i420[:width*height], u, v
	}
}

func coloured(u, v []byte) bool {
	const samples = 1021 // a prime, so that they do not lie in columns
	step := max(1, len(u)/samples)
	sum, n := 0.0, 0.0
	for i := 0; i < len(u); i += step {
		sum += math.Abs(float64(u[i])-128) + math.Abs(float64(v[i])-128)
		n += 2
	}
	return sum > colourless*n
}

// see writes the look of what is in a box into l, and reports whether it shows enough.
func (e *eye) see(b nvr.Box, l *look) bool {
	*l = look{}
	if e.luma == nil || b.W*float32(e.width) < lookWidth || b.H*float32(e.height) < lookHeight {
		return false
	}
	e.half(nvr.Box{X: b.X + 0.15*b.W, Y: b.Y + 0.15*b.H, W: 0.7 * b.W, H: 0.35 * b.H}, l.bins[:lookSize/2])
	e.half(nvr.Box{X: b.X + 0.15*b.W, Y: b.Y + 0.5*b.H, W: 0.7 * b.W, H: 0.4 * b.H}, l.bins[lookSize/2:])
	l.views = 1
	return true
}

// half samples a grid; what is nearer to the middle of the object counts more.
func (e *eye) half(b nvr.Box, bins []float32) {
	columns := (e.width + 1) / 2 // of chroma
	total := float32(0)
	for j := range lookRows {
		y := min(max(int((b.Y+b.H*(float32(j)+0.5)/lookRows)*float32(e.height)), 0), e.height-1)
		for i := range lookColumns {
			across := (float32(i) + 0.5) / lookColumns
			x := min(max(int((b.X+b.W*across)*float32(e.width)), 0), e.width-1)
			off := (across - 0.5) * 1.4
			weight := 1 - off*off
			s := e.shades[e.luma[y*e.width+x]]
			c := y/2*columns + x/2
			put(bins[:lookBins], s.place, weight)
			put(bins[lookBins:2*lookBins], lookBins/2+(float32(e.u[c])-128)*s.gain, weight)
			put(bins[2*lookBins:], lookBins/2+(float32(e.v[c])-128)*s.gain, weight)
			total += weight
		}
	}
	for i := range bins {
		bins[i] /= total
	}
}

// put shares a weight between the two bins nearest to a place.
func put(bins []float32, place, weight float32) {
	place = min(max(place-0.5, 0), lookBins-1.001)
	i := int(place)
	f := place - float32(i)
	bins[i] += weight * (1 - f)
	bins[i+1] += weight * f
}
