package config

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Audio is what is listened for. Off, no sound is decoded.
type Audio struct {
	Enabled     bool               `yaml:"enabled"`
	Threshold   float64            `yaml:"threshold_dbfs"` // level from which a sound counts, also where it is quiet
	MinDuration Duration           `yaml:"min_duration"`   // of loudness, for a sound to be an event
	Hold        Duration           `yaml:"hold"`           // quiet time after which a sound has ended
	Model       string             `yaml:"model"`          // path of a sound classifier; empty: only levels count
	Labels      map[string]float64 `yaml:"labels"`         // classes of it that become events, with the score from which they do
}

// CameraAudio overrides Audio for one camera. Zero values keep the shared setting.
type CameraAudio struct {
	Enabled     *bool              `yaml:"enabled"`
	Threshold   float64            `yaml:"threshold_dbfs"`
	MinDuration Duration           `yaml:"min_duration"`
	Hold        Duration           `yaml:"hold"`
	Labels      map[string]float64 `yaml:"labels"`
}

func defaultAudio() Audio {
	return Audio{Threshold: -30, MinDuration: Duration{D: 300 * time.Millisecond}, Hold: Duration{D: 5 * time.Second}}
}

// AudioFor returns the shared audio settings with the camera's own laid over them.
func (c *Config) AudioFor(id nvr.CameraID) Audio {
	a, o := c.Audio, c.Cameras[id].Audio
	if o.Enabled != nil {
		a.Enabled = *o.Enabled
	}
	if o.Threshold != 0 {
		a.Threshold = o.Threshold
	}
	if o.MinDuration.D > 0 {
		a.MinDuration = o.MinDuration
	}
	if o.Hold.D > 0 {
		a.Hold = o.Hold
	}
	if len(o.Labels) > 0 {
		a.Labels = o.Labels
	}
	return a
}

func (c *Config) validateAudio(v *validator) {
	validateAudio(v, "audio", c.Audio)
	if c.Audio.Model != "" && len(c.Audio.Labels) == 0 {
		v.add("audio.labels", "name the classes of the model that become events, for example {bark: 0.4}")
	}
	for _, id := range c.order {
		path := "cameras." + string(id) + ".audio"
		validateAudio(v, path, c.AudioFor(id))
		if len(c.Cameras[id].Audio.Labels) > 0 && c.Audio.Model == "" {
			v.add(path+".labels", "needs a classifier: set audio.model")
		}
	}
	if len(c.Audio.Labels) > 0 && c.Audio.Model == "" {
		v.add("audio.labels", "needs a classifier: set audio.model")
	}
}

func validateAudio(v *validator, path string, a Audio) {
	v.within(path+".threshold_dbfs", a.Threshold, -90, -1)
	if d := a.MinDuration; d.bad == "" && (d.D < 100*time.Millisecond || d.D > 30*time.Second) {
		v.add(path+".min_duration", "%s is out of range, want 100ms to 30s", d.D)
	}
	if d := a.Hold; d.bad == "" && (d.D < time.Second || d.D > 5*time.Minute) {
		v.add(path+".hold", "%s is out of range, want 1s to 5m", d.D)
	}
	for _, label := range slices.Sorted(maps.Keys(a.Labels)) {
		v.within(fmt.Sprintf("%s.labels.%s", path, label), a.Labels[label], 0.01, 1)
	}
}
