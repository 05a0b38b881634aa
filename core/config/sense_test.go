package config

import (
	"reflect"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestCamerasOverrideHealthAndAudio(t *testing.T) {
	cfg, err := Parse("t", []byte(`
health: {checks: [black, clock], clock_tolerance: 1m}
audio: {enabled: true, threshold_dbfs: -40}
cameras:
  a: {main: {url: "rtsp://h/1"}, health: {checks: [slow], slow_below: 0.8}, audio: {enabled: false}}
  b: {main: {url: "rtsp://h/2"}, health: {enabled: false}, audio: {threshold_dbfs: -20, hold: 30s}}
  c: {main: {url: "rtsp://h/3"}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if h := cfg.HealthFor("a"); h.Clock() != 0 || !reflect.DeepEqual(h.Pictures(), []nvr.HealthProblem{nvr.HealthSlow}) || h.SlowBelow != 0.8 {
		t.Errorf("a: %+v", h)
	}
	if h := cfg.HealthFor("b"); h.Clock() != 0 || len(h.Pictures()) != 0 {
		t.Errorf("b: %+v", h)
	}
	if h := cfg.HealthFor("c"); h.Clock() != time.Minute || len(h.Pictures()) != 1 {
		t.Errorf("c: %+v", h)
	}
	if a := cfg.AudioFor("a"); a.Enabled {
		t.Errorf("a: %+v", a)
	}
	if b := cfg.AudioFor("b"); !b.Enabled || b.Threshold != -20 || b.Hold.D != 30*time.Second || b.MinDuration.D != 300*time.Millisecond {
		t.Errorf("b: %+v", b)
	}
}

func TestExampleShowsTheDefaultsOfHealthAndAudio(t *testing.T) {
	cfg, err := Load("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(cfg.Health, defaultHealth()) {
		t.Errorf("health: %+v", cfg.Health)
	}
	cfg.Audio.Labels = nil
	if !reflect.DeepEqual(cfg.Audio, defaultAudio()) {
		t.Errorf("audio: %+v", cfg.Audio)
	}
}
