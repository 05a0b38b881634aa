package config

import (
	"slices"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// TestLabelsThatCanBe: what is detected, heard or wrong with a camera may be asked for, also where it is switched off; where a
// model decides, the start says what it lacks.
func TestLabelsThatCanBe(t *testing.T) {
	for _, text := range []string{"labels: [person, covered, offline, motion, sound]", "labels: [bark], cameras: [yard]", "labels: [bark]", "labels: [glass], cameras: [door]"} {
		if _, err := parseRule("person, car", text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"labels: [bark], cameras: [door]", "labels: [wolf]", "labels: [Person]", "labels: ['']"} {
		if _, err := parseRule("person, car", text); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
	cfg, err := parseRule("", "labels: [wolf]") // the model may know it
	if err != nil {
		t.Fatal(err)
	}
	if l := cfg.EventLabels([]nvr.CameraID{"yard"}); !l.Open || !slices.Contains(l.All, "bark") || slices.Contains(l.All, "glass") {
		t.Errorf("yard: %+v", l)
	}
	if l := cfg.EventLabels(nil); !slices.Contains(l.All, "glass") || !slices.IsSorted(l.All) {
		t.Errorf("all: %+v", l)
	}
}

// parseRule reads a configuration whose cameras detect the given labels and which has one rule.
func parseRule(detected, rule string) (*Config, error) {
	return Parse("t", []byte(`
audio: {model: m.onnx, labels: {glass: 0.5}}
health: {enabled: false}
detect: {labels: [`+detected+`]}
cameras:
  door: {main: {url: rtsp://h/1}, detect: {enabled: false}}
  yard: {main: {url: rtsp://h/1}, audio: {labels: {Bark: 0.4}}}
rules:
  r: {`+rule+`}
`))
}

func TestNearest(t *testing.T) {
	names := []string{"person", "cat", "car", "truck", "fire hydrant", "front_door"}
	for got, want := range map[string]string{
		"persn": "person", "pesron": "person", "PERSON": "person", "cra": "car", "trcuk": "truck", "fire_hydrant": "fire hydrant", "frontdoor": "front_door",
		"dog": "", "zebra": "", "": "",
	} {
		if near := nearest(got, names); near != want {
			t.Errorf("%q: %q, want %q", got, near, want)
		}
	}
}
