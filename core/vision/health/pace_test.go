package health

import (
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var paceDesc = &media.Description{Tracks: []media.Track{{Codec: media.H264, ClockRate: 90000}}}

// stream sends pictures at a rate for d.
func (p *player) stream(rate float64, d time.Duration) {
	step := time.Duration(float64(time.Second) / rate)
	for end := p.at.Add(d); p.at.Before(end); p.at = p.at.Add(step) {
		p.hear(p.a.Unit(&media.AccessUnit{Desc: paceDesc, NTP: p.at}), 0)
	}
}

func TestSlowCameraIsToldAndForgiven(t *testing.T) {
	p := newPlayer(Config{})
	p.stream(15, 3*time.Minute)
	p.stream(9, 3*time.Minute) // a camera that saves light at night
	if len(p.began) > 0 {
		t.Fatalf("at 60 %% of the usual rate: %v", p.began)
	}
	p.stream(5, 20*time.Second) // too short to count
	p.stream(15, time.Minute)
	if len(p.began) > 0 {
		t.Fatalf("after 20 s: %v", p.began)
	}
	p.stream(5, time.Minute)
	if !slices.Equal(p.began, []nvr.HealthProblem{nvr.HealthSlow}) || len(p.ended) > 0 {
		t.Fatalf("began %v, ended %v", p.began, p.ended)
	}
	p.stream(15, 30*time.Second)
	if !slices.Equal(p.ended, []nvr.HealthProblem{nvr.HealthSlow}) {
		t.Fatalf("ended %v", p.ended)
	}
}

func TestUnitsLostHereAreNotTheCameras(t *testing.T) {
	p := newPlayer(Config{})
	p.stream(15, 2*time.Minute)
	for range 60 {
		p.stream(5, 2*time.Second)
		p.a.Lost()
	}
	if len(p.began) > 0 {
		t.Errorf("told %v", p.began)
	}
}

func TestNewRateBecomesTheUsualOne(t *testing.T) {
	p := newPlayer(Config{SlowBelow: 0.5})
	p.stream(20, 2*time.Minute)
	p.stream(6, 2*time.Hour)
	if !slices.Equal(p.began, []nvr.HealthProblem{nvr.HealthSlow}) || len(p.ended) != 1 {
		t.Errorf("began %v, ended %v", p.began, p.ended)
	}
}

func TestStrictnessIsChosen(t *testing.T) {
	p := newPlayer(Config{SlowBelow: 0.8})
	p.stream(20, 2*time.Minute)
	p.stream(14, time.Minute)
	if !slices.Equal(p.began, []nvr.HealthProblem{nvr.HealthSlow}) {
		t.Errorf("told %v", p.began)
	}
}

func TestEndOfTheSessionEndsProblems(t *testing.T) {
	p := newPlayer(Config{})
	p.stream(15, 2*time.Minute)
	p.stream(3, time.Minute)
	p.hear(p.a.End(p.at), 0)
	if !slices.Equal(p.ended, []nvr.HealthProblem{nvr.HealthSlow}) {
		t.Errorf("ended %v", p.ended)
	}
}
