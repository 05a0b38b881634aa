package sound

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestLevelsAreMeasuredOnlyWhileThereIsSound(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	families := func() (names []string) {
		got, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range got {
			names = append(names, f.GetName())
		}
		return names
	}
	cfg := (&heard{}).config()
	cfg.Metrics = NewMetrics(reg)
	during := 0
	cfg.Level = func(nvr.SoundLevel) { during = len(families()) }
	play(t, cfg, g711(muLawDesc(), begin, -20, -20))
	if after := families(); during != 8 || len(after) != 5 {
		t.Errorf("%d families while it sounds, %v afterwards", during, after)
	}
}

// BenchmarkSecond is a second of G.711 without a classifier.
func BenchmarkSecond(b *testing.B) {
	cfg := (&heard{}).config()
	cfg.Level = func(nvr.SoundLevel) {}
	c, err := New(cfg, media.NewHub(), quiet())
	if err != nil {
		b.Fatal(err)
	}
	l := newListener(c)
	defer l.endSession()
	units := g711(muLawDesc(), begin, -40)
	for b.Loop() {
		for _, u := range units {
			l.unit(u)
		}
	}
}
