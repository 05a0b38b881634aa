package mqtt

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// A level is published where it changed by levelStep dB, at most every levelEvery, and at least every levelRefresh.
const (
	levelStep    = 3
	levelEvery   = 2 * time.Second
	levelRefresh = 30 * time.Second
)

// sense is what is known of a camera's health and sound; only the loop in follow touches it.
type sense struct {
	problems []nvr.HealthChange // in the order they began
	sounds   []string           // labels that are heard now
	level    float32            // as last told
	levelAt  time.Time
}

func isProblem(label string) bool {
	return slices.Contains(nvr.HealthProblems(), nvr.HealthProblem(label))
}

// soundType is the event type of a sound: prefixed, because a dog that is seen and one that is heard are different news.
func soundType(label string) string {
	if label == nvr.SoundLabel {
		return label
	}
	return "sound_" + labelPart(label)
}

// soundTypes are the event types of a camera's sounds.
func (cam Camera) soundTypes() []string {
	if !cam.Audio {
		return nil
	}
	out := []string{soundType(nvr.SoundLabel)}
	for _, label := range cam.Sounds {
		if t := soundType(label); !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

func (c *Client) initialSense(cam *cameraView) {
	if cam.Health {
		c.tellProblems(cam)
	}
	if cam.Audio {
		c.table.set(c.topics.camera(cam.ID, "sound"), onOff(false))
	}
}

func (c *Client) onHealth(h nvr.HealthChange) {
	cam := c.cameras[h.Camera]
	if cam == nil || !cam.Health {
		return
	}
	s := &cam.sense
	s.problems = slices.DeleteFunc(s.problems, func(p nvr.HealthChange) bool { return p.Problem == h.Problem })
	if h.Active {
		h.JPEG = nil
		s.problems = append(s.problems, h)
	}
	c.tellProblems(cam)
}

// problemState is the payload of `<prefix>/<camera>/problem/attributes`.
type problemState struct {
	Reasons []nvr.HealthProblem `json:"reasons"`
	Details []string            `json:"details"`
	Since   *time.Time          `json:"since"` // of the oldest
}

func (c *Client) tellProblems(cam *cameraView) {
	st := problemState{Reasons: []nvr.HealthProblem{}, Details: []string{}}
	for _, p := range cam.sense.problems {
		st.Reasons, st.Details = append(st.Reasons, p.Problem), append(st.Details, p.Detail)
		if since := p.Since.UTC().Truncate(time.Second); st.Since == nil || since.Before(*st.Since) {
			st.Since = &since
		}
	}
	payload, err := json.Marshal(st)
	if err != nil {
		c.log.Error("cannot encode problems", "camera_id", string(cam.ID), "err", err)
		return
	}
	c.table.set(c.topics.camera(cam.ID, "problem", "attributes"), payload)
	c.table.set(c.topics.camera(cam.ID, "problem"), onOff(len(st.Reasons) > 0))
}

func (c *Client) onSound(v nvr.SoundChange) {
	cam := c.cameras[v.Camera]
	if cam == nil || !cam.Audio {
		return
	}
	s := &cam.sense
	s.sounds = slices.DeleteFunc(s.sounds, func(l string) bool { return l == v.Label })
	if v.Active {
		s.sounds = append(s.sounds, v.Label)
	}
	c.table.set(c.topics.camera(cam.ID, "sound"), onOff(len(s.sounds) > 0))
}

func (c *Client) onLevel(l nvr.SoundLevel) {
	cam := c.cameras[l.Camera]
	if cam == nil || !cam.Audio {
		return
	}
	s := &cam.sense
	age := l.Time.Sub(s.levelAt)
	moved := math.Abs(float64(l.RMS-s.level)) >= levelStep
	if !s.levelAt.IsZero() && age >= 0 && age < levelRefresh && (!moved || age < levelEvery) {
		return
	}
	s.level, s.levelAt = l.RMS, l.Time
	c.table.set(c.topics.camera(cam.ID, "sound", "level"), number(int(math.Round(float64(l.RMS)))))
}

// senseEntities are the entities of a camera's health and sound.
func (c *Config) senseEntities(cam Camera) []entity {
	t := topics{c.Prefix}
	var out []entity
	if cam.Health {
		out = append(out, entity{"binary_sensor", "problem", "Problem", availHub, map[string]any{
			"device_class": "problem", "entity_category": "diagnostic", "state_topic": t.camera(cam.ID, "problem"),
			"json_attributes_topic": t.camera(cam.ID, "problem", "attributes"),
		}})
	}
	if cam.Audio {
		out = append(out,
			entity{"binary_sensor", "sound", "Sound", availCamera, map[string]any{
				"device_class": "sound", "state_topic": t.camera(cam.ID, "sound"),
			}},
			entity{"sensor", "sound_level", "Sound level", availCamera, map[string]any{
				"icon": "mdi:volume-high", "state_topic": t.camera(cam.ID, "sound", "level"), "state_class": "measurement",
				"unit_of_measurement": "dBFS", "entity_category": "diagnostic",
			}})
	}
	return out
}
