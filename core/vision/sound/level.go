package sound

import (
	"math"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	blocksPerSecond = 10
	block           = time.Second / blocksPerSecond
)

// dBFS converts an amplitude, 1 for full scale, into decibels.
func dBFS(amplitude float64) float32 {
	if !(amplitude > 1e-5) { // also what is no number
		return nvr.SoundSilence
	}
	return float32(20 * math.Log10(amplitude))
}

// loudness is the level of a stretch of sound.
type loudness struct {
	n       int
	squares float64
	peak    float64
}

func (l *loudness) add(v float32) {
	x := math.Abs(float64(v))
	l.n++
	l.squares += x * x
	l.peak = max(l.peak, x)
}

func (l *loudness) join(o loudness) {
	l.n += o.n
	l.squares += o.squares
	l.peak = max(l.peak, o.peak)
}

func (l *loudness) rms() float32 { return dBFS(math.Sqrt(l.squares / float64(max(l.n, 1)))) }

// meter cuts sound into blocks of a tenth of a second and those into seconds.
type meter struct {
	rate   int
	block  loudness
	second loudness
	blocks int
}

// add takes samples that end at the given time and calls onBlock and onSecond for each that is complete.
func (m *meter) add(pcm []float32, rate int, end time.Time, onBlock func(rms float32, at time.Time), onSecond func(l loudness, at time.Time)) {
	if rate != m.rate {
		*m = meter{rate: rate}
	}
	size := rate / blocksPerSecond
	for i, v := range pcm {
		m.block.add(v)
		if m.block.n < size {
			continue
		}
		at := end.Add(-time.Duration(len(pcm)-1-i) * time.Second / time.Duration(rate))
		m.second.join(m.block)
		onBlock(m.block.rms(), at)
		m.block = loudness{}
		if m.blocks++; m.blocks == blocksPerSecond {
			onSecond(m.second, at)
			m.second, m.blocks = loudness{}, 0
		}
	}
}
