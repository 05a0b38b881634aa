package sound

import "math"

const (
	sincZeros  = 16  // zero crossings of the kernel on each side
	sincPhases = 128 // kernel values between two of them
)

// resampler converts the rate of a mono signal by a sinc kernel under a Hann window (J. O. Smith, "Digital Audio Resampling
// Home Page", ccrma.stanford.edu/~jos/resample). It keeps what later samples need.
type resampler struct {
	step   float64 // input samples per output sample
	cutoff float64 // of the input's Nyquist frequency
	half   int     // length of the kernel on one side, input samples
	kernel []float32
	in     []float32
	pos    float64 // of the next output sample in in
}

func newResampler(from, to int) *resampler {
	r := &resampler{step: float64(from) / float64(to), cutoff: min(1, float64(to)/float64(from))}
	r.half = int(math.Ceil(sincZeros / r.cutoff))
	r.kernel = make([]float32, sincZeros*sincPhases+2)
	for i := range r.kernel {
		x := float64(i) / sincPhases // in zero crossings
		if x >= sincZeros {
			continue
		}
		sinc := 1.0
		if i > 0 {
			sinc = math.Sin(math.Pi*x) / (math.Pi * x)
		}
		r.kernel[i] = float32(r.cutoff * sinc * (0.5 + 0.5*math.Cos(math.Pi*x/sincZeros)))
	}
	r.in = make([]float32, r.half) // silence before the first sample
	r.pos = float64(r.half)
	return r
}

// push appends to dst what can be computed once pcm is known.
func (r *resampler) push(dst, pcm []float32) []float32 {
	r.in = append(r.in, pcm...)
	scale := r.cutoff * sincPhases
	for ; int(r.pos)+r.half < len(r.in); r.pos += r.step {
		var sum float32
		for i := int(r.pos) - r.half + 1; i <= int(r.pos)+r.half; i++ {
			sum += r.in[i] * r.kernel[min(int(math.Abs(float64(i)-r.pos)*scale+0.5), len(r.kernel)-1)]
		}
		dst = append(dst, sum)
	}
	if used := int(r.pos) - r.half; used > 0 {
		r.in = r.in[:copy(r.in, r.in[used:])]
		r.pos -= float64(used)
	}
	return dst
}
