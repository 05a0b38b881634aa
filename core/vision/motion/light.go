package motion

import "gocv.io/x/gocv"

const (
	// suddenly is the changed fraction that a lamp, a flash or the sun behind a cloud makes from one picture to the next, and
	// nothing that walks or drives does: a third of the picture out of a rest.
	suddenly = 0.35
	atRest   = 0.05
	// oneWay is how much of a change of light goes in one direction. A camera that turns changes as much both ways.
	oneWay = 0.95
)

// lit reports whether what changed is the light on a part of the scene.
func (d *Detector) lit(changed float64) bool {
	if d.calibrating || d.before > atRest || changed < suddenly {
		return false
	}
	gocv.Subtract(d.blur, d.avg8, &d.brighter) // what is darker becomes 0
	gocv.Threshold(d.brighter, &d.brighter, float32(d.cfg.Threshold), 255, gocv.ThresholdBinary)
	up := float64(gocv.CountNonZero(d.brighter)) / float64(d.brighter.Rows()*d.brighter.Cols()) / changed
	return up >= oneWay || up <= 1-oneWay
}

// tint follows whether the picture has colours. A camera that switches to infrared loses them, and lights the scene from
// where it stands: half of it brighter, half darker, and nothing moved.
type tint struct {
	known, colourful bool
}

const (
	// Mean distance of the chroma samples from grey: by day it is 3 and more even in winter, in infrared 0 to 0.5.
	colourless = 0.8
	colourful  = 2.0
)

// Colour tells the chroma planes of the picture that comes next, Cb and Cr one behind the other. When colour came or went
// since the last picture the average starts anew.
func (d *Detector) Colour(chroma []byte) {
	if len(chroma) < 64 {
		return
	}
	const step = 61 // a prime: samples of all columns
	sum, n := 0, 0
	for i := 0; i < len(chroma); i += step {
		v := int(chroma[i]) - 128
		sum += max(v, -v)
		n++
	}
	mean := float64(sum) / float64(n)
	now := mean > colourful
	if !now && mean > colourless {
		return // neither
	}
	if d.tint.known && now != d.tint.colourful {
		d.Reset()
		d.relit = true
	}
	d.tint = tint{known: true, colourful: now}
}
