package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/config"
)

// TestRulesThatAskInVain: what the configuration cannot know (which labels a model has) and what is switched off is told at the
// start and with the rules, and nothing else is.
func TestRulesThatAskInVain(t *testing.T) {
	cfg, err := config.Parse("t", []byte(`
detect: {labels: [], enabled: true}
audio: {model: m.onnx, labels: {glass: 0.5, bark: 0.5}}
health: {checks: [black]}
cameras:
  door: {main: {url: rtsp://h/1}, audio: {enabled: true}}
  yard: {main: {url: rtsp://h/2}, detect: {labels: [car, wolf], enabled: false}}
  attic: {main: {url: rtsp://h/3}, enabled: false}
rules:
  fine: {labels: [person, black, offline, sound, bark]}
  slip: {labels: [person, persn]}
  motion: {labels: [motion], cameras: [door]}
  covered: {labels: [covered], cameras: [yard]}
  quiet: {labels: [sound], cameras: [yard]}
  unheard: {labels: [glass]}
  blind: {labels: [car], cameras: [yard]}
  away: {labels: [offline], cameras: [attic]}
  all: {}
notifiers:
  phone: {plugin: webhook, labels: [trian]}
`))
	if err != nil {
		t.Fatal(err)
	}
	a := newArming(nil, nil)
	if a.rules, err = alertRules(cfg); err != nil {
		t.Fatal(err)
	}
	look := func(now told) (map[string]string, string) {
		var log bytes.Buffer
		now.warn(a, slog.New(slog.NewTextHandler(&log, nil)))
		out := map[string]string{}
		for _, r := range a.Rules() {
			if r.Warnings == nil {
				t.Errorf("%s: null in JSON", r.ID)
			}
			if out[r.ID] = strings.Join(r.Warnings, "\n"); out[r.ID] != "" && !strings.Contains(log.String(), "rule="+r.ID+" ") {
				t.Errorf("%s is not in the log:\n%s", r.ID, log.String())
			}
		}
		return out, log.String()
	}
	check := func(got, want map[string]string) {
		t.Helper()
		for id := range cfg.Rules {
			if (want[id] == "") != (got[id] == "") || !strings.Contains(got[id], want[id]) {
				t.Errorf("%s: %q, want %q", id, got[id], want[id])
			}
		}
	}
	got, log := look(told{cfg: cfg, objects: []string{"person", "car", "train"}, model: "tiny", sounds: []string{"bark"}})
	check(got, map[string]string{
		"slip":    "no event can be labelled persn: model tiny does not know it; did you mean person?",
		"motion":  "motion itself is an event only while no model detects objects",
		"covered": "camera yard is not watched for it, see health.enabled and health.checks",
		"quiet":   "nobody listens to camera yard, see audio.enabled",
		"unheard": "sound model m.onnx does not know it",
		"blind":   "detection is switched off for camera yard",
		"away":    "camera attic is switched off",
	})
	if !strings.Contains(log, "notifier=phone") || !strings.Contains(log, "did you mean train?") {
		t.Errorf("the notifier is not in the log:\n%s", log)
	}
	if got, _ = look(told{cfg: cfg, problem: "there is no model"}); !strings.Contains(got["fine"], "labelled person: nothing detects objects: there is no model") ||
		!strings.Contains(got["fine"], "labelled bark: no sound classifier is open") || got["motion"] != "" {
		t.Errorf("without models: %q", got)
	}
}
