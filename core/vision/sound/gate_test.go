package sound

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// times repeats a level.
func times(n int, level float64) []float64 { return slices.Repeat([]float64{level}, n) }

func TestOneSoundIsOneChangePair(t *testing.T) {
	h := &heard{}
	cfg := h.config()
	cfg.Picture = func() []byte { return []byte("picture") }
	// Two seconds of sound with a pause in the middle that is shorter than the hold time.
	play(t, cfg, g711(muLawDesc(), begin, slices.Concat(times(5, -60), times(1, -20), times(3, -60), times(1, -15), times(10, -60))...))
	if len(h.sounds) != 2 {
		t.Fatalf("%+v", h.sounds)
	}
	on, off := h.sounds[0], h.sounds[1]
	if !on.Active || on.Label != nvr.SoundLabel || on.Camera != "front" || string(on.JPEG) != "picture" ||
		on.Since.Sub(begin.Add(5*time.Second)).Abs() > 20*time.Millisecond || on.Time.Sub(on.Since) > 400*time.Millisecond {
		t.Errorf("began %+v", on)
	}
	if off.Active || off.Time.Sub(begin.Add(10*time.Second)).Abs() > 20*time.Millisecond || !near(off.Level, -15, 0.6) || !off.Since.Equal(on.Since) {
		t.Errorf("ended %+v", off)
	}
}

func TestWhatIsNoSound(t *testing.T) {
	for name, levels := range map[string][]float64{
		"quiet":                           times(40, -50),
		"loud from the first second on":   times(60, -10),
		"a threshold nobody reaches":      append(times(5, -60), times(5, -31)...),
		"six decibels over a loud street": append(times(35, -25), times(5, -20)...),
	} {
		h := &heard{}
		play(t, h.config(), g711(muLawDesc(), begin, levels...))
		if len(h.sounds) != 0 {
			t.Errorf("%s: %+v", name, h.sounds)
		}
	}
}

// TestClickIsTooShort has a tenth of a second of noise every four seconds.
func TestClickIsTooShort(t *testing.T) {
	h := &heard{}
	units := g711(muLawDesc(), begin, times(30, -60)...)
	loud := g711(muLawDesc(), begin, times(30, -10)...)
	for i := range units {
		if i >= 250 && i%200 < 5 {
			units[i] = loud[i]
			units[i].Desc = units[0].Desc
		}
	}
	play(t, h.config(), units)
	if len(h.sounds) != 0 {
		t.Errorf("%+v", h.sounds)
	}
}

// TestNoiseThatStaysIsBackground: a fan that is switched on makes one event that ends while the fan runs on.
func TestNoiseThatStaysIsBackground(t *testing.T) {
	h := &heard{}
	c, err := New(h.config(), media.NewHub(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(c)
	noise := rand.New(rand.NewPCG(1, 2))
	at := begin
	feed := func(seconds int, amplitude float32) {
		for range seconds * blocksPerSecond {
			pcm := make([]float32, 800)
			for i := range pcm {
				pcm[i] = amplitude * float32(noise.NormFloat64())
			}
			at = at.Add(block)
			l.levels.add(pcm, 8000, at, l.block, l.second)
			l.pass(at)
		}
	}
	feed(10, 0.001)
	feed(300, 0.1) // -20 dBFS
	if len(h.sounds) != 2 || h.sounds[1].Active || h.sounds[1].Time.Sub(h.sounds[0].Since) > 40*time.Second {
		t.Fatalf("a fan: %+v", h.sounds)
	}
	feed(2, 0.5) // somebody shouts beside it
	feed(10, 0.1)
	if len(h.sounds) != 4 {
		t.Fatalf("over a fan: %+v", h.sounds)
	}
	feed(40, 0.001)
	feed(2, 0.1)
	feed(10, 0.001)
	if len(h.sounds) != 6 {
		t.Fatalf("after the fan: %+v", h.sounds)
	}
}

func TestSessionEndAndClocksEndSounds(t *testing.T) {
	h := &heard{}
	desc := muLawDesc()
	units := g711(desc, begin, append(times(3, -60), times(2, -10)...)...)
	end := begin.Add(5 * time.Second)
	units = append(units,
		// The sound stops and pictures go on: they tell the time.
		&media.AccessUnit{Desc: desc, Track: 0, Key: true, NTP: end.Add(10 * time.Second)})
	units = append(units, g711(desc, end.Add(10*time.Second), times(2, -10)...)...)
	units = append(units, &media.AccessUnit{Desc: desc, Track: media.TrackEnd, NTP: end.Add(12 * time.Second)})
	play(t, h.config(), units)
	var on []bool
	for _, s := range h.sounds {
		on = append(on, s.Active)
	}
	if !slices.Equal(on, []bool{true, false, true, false}) {
		t.Fatalf("%+v", h.sounds)
	}
}
