package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// EventLabels are the labels that events can have by the configuration.
type EventLabels struct {
	// All, sorted. What is switched off counts too: switching it on again must not need another spelling.
	All []string
	// Open says that a camera follows whatever its model knows: the model may have labels that All lacks.
	Open bool
}

// EventLabels returns the labels of the events of the named cameras, of all cameras where none is named.
func (c *Config) EventLabels(cameras []nvr.CameraID) EventLabels {
	set := map[string]bool{nvr.OfflineLabel: true, nvr.MotionLabel: true, nvr.SoundLabel: true}
	for _, p := range nvr.HealthProblems() {
		set[string(p)] = true
	}
	open := false
	for _, id := range c.scope(cameras) {
		detected := c.DetectFor(id).Labels
		open = open || len(detected) == 0
		for _, l := range detected {
			set[l] = true
		}
		for l := range c.AudioFor(id).Labels {
			set[strings.ToLower(l)] = true
		}
	}
	return EventLabels{All: slices.Sorted(maps.Keys(set)), Open: open}
}

// scope returns the cameras that a condition is about: those it names, or all.
func (c *Config) scope(cameras []nvr.CameraID) []nvr.CameraID {
	if len(cameras) == 0 {
		return slices.Sorted(maps.Keys(c.Cameras))
	}
	return cameras
}

// zonesOf returns the names of the zones of the cameras, of all where none is named.
func (c *Config) zonesOf(cameras []nvr.CameraID) []string {
	set := map[string]bool{}
	for _, id := range c.scope(cameras) {
		for name := range c.Cameras[id].Zones {
			set[name] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// validateScope checks the conditions that a rule and a notifier share. subject is whose cameras these are, as in "rule".
func (c *Config) validateScope(v *validator, path, subject string, cameras []nvr.CameraID, labels, zones []string) {
	ids, unknown := []string{}, false
	for _, id := range c.order {
		ids = append(ids, string(id))
	}
	for i, cam := range cameras {
		v.known(fmt.Sprintf("%s.cameras[%d]", path, i), string(cam), ids, "there is no camera", "cameras")
		unknown = unknown || !slices.Contains(ids, string(cam))
	}
	if unknown {
		return // its zones and labels are not known either
	}
	for i, zone := range zones {
		v.known(fmt.Sprintf("%s.zones[%d]", path, i), zone, c.zonesOf(cameras), "no camera of this "+subject+" has a zone", "their zones")
	}
	events := c.EventLabels(cameras)
	if events.Open || len(c.Cameras) == 0 {
		return // the start tells, once the model is open
	}
	for i, label := range labels {
		if !slices.Contains(events.All, label) {
			v.add(fmt.Sprintf("%s.labels[%d]", path, i), "no camera of this %s has events labelled %s; %s; what is looked for in pictures is named in detect.labels",
				subject, label, choices(label, "labels", events.All))
		}
	}
}
