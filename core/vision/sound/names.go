package sound

import (
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	// worthNaming is how many dB over the background, and nameless the level in dBFS, something in a window must be for it to
	// be classified: a steady hum is asked about no more than silence.
	worthNaming = 3
	nameless    = -60
	// staying is the part of a label's threshold at which a sound that was told goes on.
	staying = 0.7
)

// names follows what the classifier hears. Its methods do nothing on nil, which is a camera without a classifier.
type names struct {
	*Camera
	classes map[int]*class
	convert *resampler
	rate    int // of what came in
	window  []float32
	worth   [2]bool // something in the halves of the window is

	complained time.Time
}

// class is a label that is told.
type class struct {
	label  string
	from   float32 // score
	active bool
	since  time.Time
	last   time.Time
	score  float32 // highest
}

func newNames(c *Camera) *names {
	n := &names{Camera: c, classes: make(map[int]*class)}
	for i, label := range c.cfg.Classifier.Labels {
		for want, from := range c.cfg.Labels {
			if strings.ToLower(want) == label {
				n.classes[i] = &class{label: label, from: from}
			}
		}
	}
	return n
}

// loud says how loud a part of the next window is.
func (n *names) loud(rms, background float32) {
	if n != nil && rms > nameless && rms > background+worthNaming {
		n.worth[1] = true
	}
}

// hear takes sound that ends at at and classifies each window that is complete; windows overlap by half.
func (n *names) hear(pcm []float32, rate int, at time.Time) {
	if n == nil || len(n.classes) == 0 {
		return
	}
	switch {
	case rate != n.rate && rate != Rate:
		n.convert, n.rate = newResampler(rate, Rate), rate
	case rate != n.rate:
		n.convert, n.rate = nil, rate
	}
	if n.convert == nil {
		n.window = append(n.window, pcm...)
	} else {
		n.window = n.convert.push(n.window, pcm)
	}
	size := n.cfg.Classifier.Window
	for len(n.window) >= size {
		end := at.Add(-time.Duration(len(n.window)-size) * time.Second / Rate)
		if n.worth[0] || n.worth[1] {
			n.classify(n.window[:size], end)
		}
		n.worth = [2]bool{n.worth[1], false}
		n.window = n.window[:copy(n.window, n.window[size/2:])]
	}
}

func (n *names) classify(window []float32, end time.Time) {
	n.meter.inferences.Inc()
	span := time.Duration(len(window)) * time.Second / Rate
	err := n.cfg.Classifier.Classify(window, func(scores []float32) {
		for i, c := range n.classes {
			c.hear(scores[i], end.Add(-span), end)
		}
	})
	if err != nil {
		n.meter.failures.Inc()
		if now := time.Now(); now.Sub(n.complained) >= complainEvery {
			n.complained = now
			n.log.Error("sound could not be classified", "camera_id", string(n.cfg.Camera), "err", err)
		}
		return
	}
	for _, c := range n.classes {
		if !c.active && c.last.Equal(end) {
			c.active = true
			n.tell(nvr.SoundChange{Label: c.label, Active: true, Since: c.since, Time: end, Score: c.score})
		}
	}
}

// hear takes the score of a window.
func (c *class) hear(score float32, start, end time.Time) {
	from := c.from
	if c.active {
		from *= staying
	}
	if score < from {
		return
	}
	if !c.active {
		c.since, c.score = start, 0
	}
	c.last, c.score = end, max(c.score, score)
}

// pass ends the sounds that have not been heard for the hold time.
func (n *names) pass(now time.Time) {
	if n == nil {
		return
	}
	for _, c := range n.classes {
		switch quiet := now.Sub(c.last); {
		case !c.active:
		case quiet < -maxGap: // the clock was set back
			c.last = now
		case quiet >= n.cfg.Hold:
			n.finish(c)
		}
	}
}

func (n *names) finish(c *class) {
	c.active = false
	n.tell(nvr.SoundChange{Label: c.label, Since: c.since, Time: c.last, Score: c.score})
}

// reset drops a window that has a hole.
func (n *names) reset() {
	if n != nil {
		n.window, n.worth, n.rate, n.convert = n.window[:0], [2]bool{}, 0, nil
	}
}

func (n *names) end() {
	if n == nil {
		return
	}
	for _, c := range n.classes {
		if c.active {
			n.finish(c)
		}
	}
	n.reset()
}
