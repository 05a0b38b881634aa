package mqtt

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	originName = "Nightjar"
	originURL  = "https://github.com/nightjar-nvr/nightjar"
)

// availability of an entity: with the hub alone, or with hub and camera.
type avail int

const (
	availNone avail = iota // the entity that says whether we are there
	availHub
	availCamera
)

// entity is one thing Home Assistant shows, before it is spelled out.
type entity struct {
	platform, key, name string
	avail               avail
	body                map[string]any
}

// device is what a group of entities belongs to.
type device struct {
	nodeID string // <inst>_<cam> or <inst>_hub: identifiers, node id of the topic, and prefix of unique ids
	name   string
	camera nvr.CameraID // empty for the hub
	info   map[string]any
}

// discovery is Home Assistant discovery in the single-component form, which every version since 2023 understands: one
// retained message per entity, hub first because cameras refer to it (`via_device`). No abbreviations, no object_id.
func (c *Config) discovery() ([]message, error) {
	hub := device{
		nodeID: c.InstanceID + "_hub", name: originName,
		info: map[string]any{"manufacturer": originName, "model": "NVR"},
	}
	out, err := c.describe(hub, c.hubEntities())
	if err != nil {
		return nil, err
	}
	for _, cam := range c.Cameras {
		d := device{
			nodeID: c.InstanceID + "_" + string(cam.ID), name: cam.Name, camera: cam.ID,
			info: map[string]any{"manufacturer": originName, "model": "Camera", "via_device": hub.nodeID},
		}
		if d.name == "" {
			d.name = string(cam.ID)
		}
		msgs, err := c.describe(d, c.cameraEntities(cam))
		if err != nil {
			return nil, err
		}
		out = append(out, msgs...)
	}
	return out, nil
}

func (c *Config) describe(d device, entities []entity) ([]message, error) {
	d.info["identifiers"] = []string{d.nodeID}
	d.info["name"] = d.name
	if c.Version != "" {
		d.info["sw_version"] = c.Version
	}
	if c.ConfigurationURL != "" {
		d.info["configuration_url"] = c.ConfigurationURL
	}
	origin := map[string]any{"name": originName, "support_url": originURL}
	if c.Version != "" {
		origin["sw_version"] = c.Version
	}
	t := topics{c.Prefix}
	out := make([]message, 0, len(entities))
	for _, e := range entities {
		body := e.body
		body["name"] = e.name
		body["unique_id"] = d.nodeID + "_" + e.key
		body["default_entity_id"] = e.platform + "." + entitySlug(d, e)
		body["device"] = d.info
		body["origin"] = origin
		switch e.avail {
		case availNone:
		case availHub:
			body["availability"] = []any{map[string]any{"topic": t.available()}}
		case availCamera:
			body["availability"] = []any{
				map[string]any{"topic": t.available()}, map[string]any{"topic": t.camera(d.camera, "available")},
			}
			body["availability_mode"] = "all"
		}
		payload, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode discovery of %s: %w", e.key, err)
		}
		topic := fmt.Sprintf("%s/%s/%s/%s/config", c.DiscoveryPrefix, e.platform, d.nodeID, e.key)
		out = append(out, message{topic: topic, payload: payload, qos: 1, retained: true})
	}
	return out, nil
}

// entitySlug is the object id Home Assistant itself would make of the two names, with the camera's id where its name
// has nothing to make one of.
func entitySlug(d device, e entity) string {
	dev := slug(d.name)
	if dev == "" {
		dev = d.nodeID
	}
	for _, part := range []string{slug(e.name), slug(e.key)} {
		if part != "" {
			return dev + "_" + part
		}
	}
	return dev + "_object"
}

func (c *Config) hubEntities() []entity {
	t := topics{c.Prefix}
	out := []entity{
		{"binary_sensor", "connectivity", "Connection", availNone, map[string]any{
			"device_class": "connectivity", "entity_category": "diagnostic",
			"state_topic": t.available(), "payload_on": "online", "payload_off": "offline",
		}},
		{"sensor", "version", "Version", availHub, map[string]any{
			"entity_category": "diagnostic", "icon": "mdi:tag", "state_topic": t.version(),
		}},
	}
	if c.Arming {
		out = append(out, entity{"select", "mode", "Arming mode", availHub, map[string]any{
			"icon": "mdi:shield-home", "options": []nvr.Mode{nvr.ModeHome, nvr.ModeAway, nvr.ModeNight},
			"state_topic": t.mode(), "command_topic": t.mode() + "/set",
		}})
	}
	return out
}

func (c *Config) cameraEntities(cam Camera) []entity {
	t := topics{c.Prefix}
	out := []entity{
		{"binary_sensor", "connectivity", "Connection", availHub, map[string]any{
			"device_class": "connectivity", "entity_category": "diagnostic", "state_topic": t.camera(cam.ID, "status"),
			"value_template": "{{ 'ON' if value == 'online' else 'OFF' }}",
		}},
		{"sensor", "status", "Status", availHub, map[string]any{
			"device_class": "enum", "entity_category": "diagnostic", "icon": "mdi:cctv",
			"options":     []string{"starting", "online", "offline", "disabled"},
			"state_topic": t.camera(cam.ID, "status"),
		}},
		{"binary_sensor", "motion", "Motion", availCamera, map[string]any{
			"device_class": "motion", "state_topic": t.camera(cam.ID, "motion"),
		}},
		{"sensor", "last_detection", "Last detection", availHub, map[string]any{
			"device_class": "timestamp", "state_topic": t.camera(cam.ID, "last_detection"),
		}},
		{"event", "detection", "Detection", availHub, map[string]any{
			"device_class": "motion", "icon": "mdi:cctv", "state_topic": t.camera(cam.ID, "event"),
			"event_types": append(append(cam.parts(), "motion"), cam.soundTypes()...),
		}},
		c.switchEntity(cam, "recordings", "Recording", "mdi:filmstrip-box-multiple"),
		c.switchEntity(cam, "detect", "Object detection", "mdi:motion-sensor"),
	}
	out = append(out, c.senseEntities(cam)...)
	if len(cam.Labels) > 0 {
		out = append(out, c.countEntities(cam, "all", "Object", "mdi:shape")...)
	}
	for _, label := range cam.Labels {
		part := labelPart(label)
		out = append(out, c.countEntities(cam, part, title(label), labelIcon(part))...)
		out = append(out, entity{"image", part + "_image", "Last " + strings.ReplaceAll(label, "_", " "), availHub, map[string]any{
			"image_topic": t.camera(cam.ID, part, "snapshot"), "content_type": "image/jpeg", "icon": labelIcon(part),
		}})
	}
	return out
}

func (c *Config) countEntities(cam Camera, part, name, icon string) []entity {
	topic := topics{c.Prefix}.camera(cam.ID, part)
	return []entity{
		{"binary_sensor", part, name, availCamera, map[string]any{
			"device_class": "occupancy", "icon": icon, "state_topic": topic,
			"value_template": "{{ 'ON' if value | int(0) > 0 else 'OFF' }}",
		}},
		{"sensor", part + "_count", name + " count", availCamera, map[string]any{
			"icon": icon, "state_topic": topic, "state_class": "measurement", "unit_of_measurement": "objects",
		}},
	}
}

func (c *Config) switchEntity(cam Camera, key, name, icon string) entity {
	t := topics{c.Prefix}
	return entity{"switch", key, name, availHub, map[string]any{
		"entity_category": "config", "icon": icon,
		"command_topic": t.camera(cam.ID, key, "set"), "state_topic": t.camera(cam.ID, key, "state"),
	}}
}

// parts returns the camera's labels as topic parts.
func (cam Camera) parts() []string {
	out := make([]string, 0, len(cam.Labels)+1)
	for _, label := range cam.Labels {
		out = append(out, labelPart(label))
	}
	return out
}

func labelIcon(part string) string {
	switch part {
	case "person":
		return "mdi:account"
	case "car", "bus", "truck", "bicycle":
		return "mdi:" + part
	case "motorcycle":
		return "mdi:motorbike"
	case "dog":
		return "mdi:dog-side"
	case "cat", "bird":
		return "mdi:" + part
	case "package":
		return "mdi:package-variant-closed"
	default:
		return "mdi:shape"
	}
}
