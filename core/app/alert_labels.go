package app

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// told is what events there can be, now that it is known which models work. The configuration has refused slips of the pen
// already; this is about what is switched off, and what a model does not know.
type told struct {
	cfg     *config.Config
	objects []string // that the model knows; nil: nothing detects objects
	model   string
	problem string   // why nothing does
	sounds  []string // that the classifier knows; nil: there is none
}

func newTold(cfg *config.Config, d *detector, e *ears) told {
	t := told{cfg: cfg, problem: d.state.Message}
	if d.pool != nil {
		t.objects, t.model = d.pool.Model().Labels, d.pool.Model().Name
	}
	if e.classifier != nil {
		t.sounds = e.classifier.Labels
	}
	return t
}

// silent returns a sentence for each of the labels that no event of the cameras, of all where none is named, can have.
func (t told) silent(cameras []nvr.CameraID, labels []string) []string {
	var out []string
	if len(cameras) == 0 {
		cameras = t.cfg.CameraIDs()
	}
	off := func(id nvr.CameraID) bool { return !enabled(t.cfg.Cameras[id].Enabled) }
	running := slices.DeleteFunc(slices.Clone(cameras), off)
	for _, label := range labels {
		whys := []string{}
		for _, id := range running {
			whys = append(whys, t.never(id, label))
		}
		switch {
		case len(cameras) == 0 || slices.Contains(whys, ""):
			continue
		case len(running) == 0:
			whys = []string{fmt.Sprintf("camera %s is switched off", cameras[0])}
		}
		out = append(out, fmt.Sprintf("no event can be labelled %s: %s", label, whys[0])) // the others' are like it
	}
	return out
}

// never says why no event of a camera that is on has the label, "" where one can.
func (t told) never(id nvr.CameraID, label string) string {
	if label == nvr.OfflineLabel {
		return ""
	}
	var whys []string // a sound and an object may have the same name
	for _, ask := range []func(nvr.CameraID, string) (mine bool, why string){t.health, t.sound, t.motion, t.object} {
		mine, why := ask(id, label)
		if mine && why == "" {
			return ""
		}
		if mine {
			whys = append(whys, why)
		}
	}
	return strings.Join(whys, "; ")
}

func (t told) health(id nvr.CameraID, label string) (bool, string) {
	problem, set := nvr.HealthProblem(label), t.cfg.HealthFor(id)
	switch {
	case !slices.Contains(nvr.HealthProblems(), problem):
		return false, ""
	case !set.Enabled || !slices.Contains(set.Checks, problem):
		return true, fmt.Sprintf("camera %s is not watched for it, see health.enabled and health.checks", id)
	}
	return true, ""
}

func (t told) sound(id nvr.CameraID, label string) (bool, string) {
	_, named := soundLabels(t.cfg.AudioFor(id))[label]
	switch {
	case label != nvr.SoundLabel && !named:
		return false, ""
	case !hears(t.cfg, id):
		return true, fmt.Sprintf("nobody listens to camera %s, see audio.enabled", id)
	case named && t.sounds == nil:
		return true, "no sound classifier is open, see audio.model"
	case named && !slices.Contains(t.sounds, label):
		return true, fmt.Sprintf("sound model %s does not know it%s", t.cfg.Audio.Model, config.DidYouMean(label, t.sounds))
	}
	return true, ""
}

func (t told) motion(id nvr.CameraID, label string) (bool, string) {
	switch {
	case label != nvr.MotionLabel:
		return false, ""
	case !t.cfg.DetectFor(id).Enabled:
		return true, fmt.Sprintf("detection is switched off for camera %s", id)
	case t.objects != nil:
		return true, "motion itself is an event only while no model detects objects"
	}
	return true, ""
}

// object is asked for every label: what nobody else knows should be an object's.
func (t told) object(id nvr.CameraID, label string) (bool, string) {
	set := t.cfg.DetectFor(id)
	other := label == nvr.MotionLabel || label == nvr.SoundLabel || slices.Contains(nvr.HealthProblems(), nvr.HealthProblem(label))
	_, heard := soundLabels(t.cfg.AudioFor(id))[label]
	asked := slices.Contains(set.Labels, label)
	switch {
	case (other || heard) && !asked:
		return false, ""
	case !set.Enabled:
		return true, fmt.Sprintf("detection is switched off for camera %s", id)
	case !asked && len(set.Labels) > 0:
		return true, fmt.Sprintf("camera %s is not asked for it, see detect.labels", id)
	case t.objects == nil:
		return true, "nothing detects objects: " + t.problem
	case !slices.Contains(t.objects, label):
		return true, fmt.Sprintf("model %s does not know it%s", t.model, config.DidYouMean(label, t.objects))
	}
	return true, ""
}

// warn logs what can never be told though it is asked for, and gives the API what it says of rules.
func (t told) warn(a *arming, log *slog.Logger) {
	a.silent = make(map[string][]string)
	for _, id := range t.cfg.RuleIDs() {
		r := t.cfg.Rules[id]
		a.silent[id] = t.silent(r.Cameras, r.Labels)
		for _, why := range a.silent[id] {
			log.Warn("an alert rule asks for what cannot be", "rule", id, "reason", why)
		}
	}
	for _, id := range t.cfg.NotifierIDs() {
		n := t.cfg.Notifiers[id]
		for _, why := range t.silent(n.Cameras, n.Labels) {
			log.Warn("a notifier asks for what cannot be", "notifier", id, "reason", why)
		}
	}
	if t.objects == nil {
		return
	}
	for _, label := range t.cfg.Detect.Labels {
		if !slices.Contains(t.objects, label) {
			log.Warn("the model does not know a label of detect.labels", "label", label, "reason", "model "+t.model+" does not know it"+config.DidYouMean(label, t.objects))
		}
	}
}
