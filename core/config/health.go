package config

import (
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Health is what is watched for in a camera's pictures and its clock. Each problem becomes an event.
type Health struct {
	Enabled        bool                `yaml:"enabled"`
	Checks         []nvr.HealthProblem `yaml:"checks"`          // what is looked for
	SlowBelow      float64             `yaml:"slow_below"`      // part of the usual frame rate
	BlurredBelow   float64             `yaml:"blurred_below"`   // part of the usual sharpness
	ClockTolerance Duration            `yaml:"clock_tolerance"` // how far the camera's clock may be from ours
}

// CameraHealth overrides Health for one camera. Zero values keep the shared setting.
type CameraHealth struct {
	Enabled        *bool               `yaml:"enabled"`
	Checks         []nvr.HealthProblem `yaml:"checks"`
	SlowBelow      float64             `yaml:"slow_below"`
	BlurredBelow   float64             `yaml:"blurred_below"`
	ClockTolerance Duration            `yaml:"clock_tolerance"`
}

func defaultHealth() Health {
	return Health{
		Enabled: true, Checks: nvr.HealthProblems(), SlowBelow: 0.4, BlurredBelow: 0.33, ClockTolerance: Duration{D: 10 * time.Second},
	}
}

// HealthFor returns the shared health settings with the camera's own laid over them.
func (c *Config) HealthFor(id nvr.CameraID) Health {
	h, o := c.Health, c.Cameras[id].Health
	if o.Enabled != nil {
		h.Enabled = *o.Enabled
	}
	if o.Checks != nil {
		h.Checks = o.Checks
	}
	if o.SlowBelow > 0 {
		h.SlowBelow = o.SlowBelow
	}
	if o.BlurredBelow > 0 {
		h.BlurredBelow = o.BlurredBelow
	}
	if o.ClockTolerance.D > 0 {
		h.ClockTolerance = o.ClockTolerance
	}
	return h
}

// Clock reports how far the camera's clock may be from ours; 0: it is not looked at.
func (h Health) Clock() time.Duration {
	if !h.Enabled || !slices.Contains(h.Checks, nvr.HealthClock) {
		return 0
	}
	return h.ClockTolerance.D
}

// Pictures returns what is looked for in the pictures themselves; empty: nothing.
func (h Health) Pictures() []nvr.HealthProblem {
	if !h.Enabled {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(h.Checks), func(p nvr.HealthProblem) bool { return p == nvr.HealthClock })
}

func (c *Config) validateHealth(v *validator) {
	validateHealth(v, "health", c.Health)
	for _, id := range c.order {
		validateHealth(v, "cameras."+string(id)+".health", c.HealthFor(id))
	}
}

func validateHealth(v *validator, path string, h Health) {
	for _, p := range h.Checks {
		if !slices.Contains(nvr.HealthProblems(), p) {
			v.add(path+".checks", "%q is not one of %v", p, nvr.HealthProblems())
		}
	}
	v.within(path+".slow_below", h.SlowBelow, 0.05, 0.95)
	v.within(path+".blurred_below", h.BlurredBelow, 0.05, 0.9)
	if d := h.ClockTolerance; d.bad == "" && (d.D < time.Second || d.D > time.Hour) {
		v.add(path+".clock_tolerance", "%s is out of range, want 1s to 1h", d.D)
	}
}
