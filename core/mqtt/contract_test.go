package mqtt

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// contract checks discovery payloads against what Home Assistant 2024.2 to 2026 accepts, as found by running one and
// by reading its source (research/homeassistant.md §1.1, §1.2). Home Assistant says of a rejected entity one line in
// its log and nothing in its UI, so the check must happen here.
type contract struct {
	prefix string // of discovery
	own    string // of our topics
	ids    map[string]string
}

var (
	nodeRE  = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	iconRE  = regexp.MustCompile(`^[a-z]+:[a-z0-9-]+$`)
	eidRE   = regexp.MustCompile(`^[a-z_]+\.[a-z0-9_]+$`)
	common  = []string{"name", "unique_id", "default_entity_id", "device", "origin", "availability", "availability_mode", "entity_category", "icon", "device_class"}
	allowed = map[string][]string{
		"binary_sensor": {"state_topic", "payload_on", "payload_off", "value_template", "off_delay", "expire_after", "json_attributes_topic"},
		"sensor":        {"state_topic", "value_template", "state_class", "unit_of_measurement", "options", "expire_after", "suggested_display_precision"},
		"switch":        {"command_topic", "state_topic"},
		"image":         {"image_topic", "content_type"},
		"event":         {"state_topic", "event_types"},
	}
	required = map[string][]string{
		"binary_sensor": {"state_topic"}, "sensor": {"state_topic"}, "switch": {"command_topic"}, "image": {"image_topic"},
		"event": {"state_topic", "event_types"},
	}
	classes = map[string][]string{
		"binary_sensor": {"connectivity", "motion", "occupancy", "problem", "sound"}, "sensor": {"enum", "timestamp", "duration", "data_rate", "data_size"},
		"event": {"motion", "doorbell", "button"}, "switch": {"switch", "outlet"}, "image": {},
	}
	deviceKeys = []string{"identifiers", "name", "manufacturer", "model", "sw_version", "via_device", "configuration_url", "hw_version", "suggested_area"}
	originKeys = []string{"name", "sw_version", "support_url"}
)

func (c *contract) check(m message, neverRetained []string) error {
	parts := strings.Split(m.topic, "/")
	if len(parts) != 5 || parts[0] != c.prefix || parts[4] != "config" || !nodeRE.MatchString(parts[2]) || !nodeRE.MatchString(parts[3]) {
		return errors.New("illegal discovery topic")
	}
	if !m.retained || m.qos > 2 {
		return errors.New("discovery must be retained")
	}
	var p map[string]any
	if err := json.Unmarshal(m.payload, &p); err != nil {
		return err
	}
	platform := parts[1]
	keys, known := allowed[platform]
	if !known {
		return fmt.Errorf("platform %s is not in the contract", platform)
	}
	for k := range p {
		if !slices.Contains(common, k) && !slices.Contains(keys, k) {
			return fmt.Errorf("unknown key %s", k)
		}
	}
	for _, k := range append([]string{"unique_id", "device", "origin"}, required[platform]...) {
		if p[k] == nil || p[k] == "" {
			return fmt.Errorf("key %s is missing", k)
		}
	}
	for _, err := range []error{
		c.identity(p, platform, parts), c.classes(p, platform), c.topics(p, neverRetained), c.platform(p, platform), checkDevice(p),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *contract) identity(p map[string]any, platform string, parts []string) error {
	id := p["unique_id"].(string)
	if other, dup := c.ids[id]; dup {
		return fmt.Errorf("unique_id %s is also %s's", id, other)
	}
	c.ids[id] = strings.Join(parts, "/")
	if id != parts[2]+"_"+parts[3] {
		return fmt.Errorf("unique_id %s does not follow node and object id", id)
	}
	eid, _ := p["default_entity_id"].(string)
	if !eidRE.MatchString(eid) || !strings.HasPrefix(eid, platform+".") || strings.HasSuffix(eid, "_") || strings.Contains(eid, "__") {
		return fmt.Errorf("default_entity_id %q", eid)
	}
	dev := p["device"].(map[string]any)
	name, _ := p["name"].(string)
	if name == "" || strings.HasPrefix(strings.ToLower(name), strings.ToLower(dev["name"].(string))) {
		return fmt.Errorf("name %q is empty or repeats the device's", name)
	}
	return nil
}

func (c *contract) classes(p map[string]any, platform string) error {
	if class, ok := p["device_class"]; ok && !slices.Contains(classes[platform], class.(string)) {
		return fmt.Errorf("device_class %v", class)
	}
	if cat, ok := p["entity_category"]; ok {
		if cat != "config" && cat != "diagnostic" || cat == "config" && (platform == "sensor" || platform == "binary_sensor") {
			return fmt.Errorf("entity_category %v on %s", cat, platform)
		}
	}
	if icon, ok := p["icon"]; ok && !iconRE.MatchString(icon.(string)) {
		return fmt.Errorf("icon %v", icon)
	}
	return nil
}

func (c *contract) topics(p map[string]any, neverRetained []string) error {
	for _, k := range []string{"state_topic", "command_topic", "image_topic"} {
		t, ok := p[k].(string)
		if !ok {
			continue
		}
		if checkTopic(t) != nil || !strings.HasPrefix(t, c.own+"/") {
			return fmt.Errorf("%s %q", k, t)
		}
	}
	if _, both := p["availability_topic"]; both {
		return errors.New("availability_topic beside availability")
	}
	for _, a := range list(p["availability"]) {
		a := a.(map[string]any)
		if len(a) != 1 || checkTopic(a["topic"].(string)) != nil {
			return fmt.Errorf("availability %v", a)
		}
	}
	if len(list(p["availability"])) > 1 && p["availability_mode"] != "all" {
		return errors.New("several availability topics need the mode all")
	}
	if p["event_types"] != nil && !slices.Contains(neverRetained, p["state_topic"].(string)) {
		return errors.New("an event's topic must never be retained")
	}
	return nil
}

func (c *contract) platform(p map[string]any, platform string) error {
	class, unit, state := p["device_class"], p["unit_of_measurement"], p["state_class"]
	switch platform {
	case "sensor":
		switch {
		case class == "enum" && (len(list(p["options"])) == 0 || unit != nil || state != nil):
			return errors.New("enum sensor needs options, and neither unit nor state class")
		case class != "enum" && p["options"] != nil:
			return errors.New("options without enum")
		case class == "timestamp" && (unit != nil || state != nil):
			return errors.New("timestamp with unit or state class")
		case state != nil && state != "measurement" && state != "total":
			return fmt.Errorf("state_class %v", state)
		}
	case "event":
		types := list(p["event_types"])
		seen := map[any]bool{}
		for _, t := range types {
			if seen[t] || t == "" {
				return fmt.Errorf("event_types %v", types)
			}
			seen[t] = true
		}
		if len(types) == 0 {
			return errors.New("no event_types")
		}
	}
	return nil
}

func checkDevice(p map[string]any) error {
	dev := p["device"].(map[string]any)
	for k := range dev {
		if !slices.Contains(deviceKeys, k) {
			return fmt.Errorf("device key %s rejects the whole entity", k)
		}
	}
	if len(list(dev["identifiers"])) == 0 {
		return errors.New("device without identifiers")
	}
	if u, ok := dev["configuration_url"].(string); ok {
		parsed, err := url.Parse(u)
		if err != nil || !slices.Contains([]string{"http", "https", "homeassistant"}, parsed.Scheme) {
			return fmt.Errorf("configuration_url %q", u)
		}
	}
	origin := p["origin"].(map[string]any)
	for k := range origin {
		if !slices.Contains(originKeys, k) {
			return fmt.Errorf("origin key %s", k)
		}
	}
	if origin["name"] == nil {
		return errors.New("origin without name")
	}
	return nil
}

func list(v any) []any { l, _ := v.([]any); return l }

func TestDiscoveryKeepsTheContract(t *testing.T) {
	for _, tc := range []struct {
		name     string
		cfg      Config
		entities int
	}{
		{"plain", Config{Version: "0.1.0", Cameras: []Camera{{ID: "front", Name: "Front door", Labels: []string{"person", "car"}}}}, 2 + 7 + 2 + 6},
		{"health and sound", Config{Cameras: []Camera{{
			ID: "front", Name: "Front door", Labels: []string{"dog", "sound", "problem"}, Health: true, Audio: true,
			Sounds: []string{"dog", "smoke detector, smoke alarm", "Sound"},
		}}}, 2 + 7 + 3 + 2 + 9},
		{"no detector", Config{Cameras: []Camera{{ID: "yard"}}}, 2 + 7},
		{"odd names", Config{
			InstanceID: "nvr1", Prefix: "home/nvr", DiscoveryPrefix: "ha", ConfigurationURL: "https://nvr.example/",
			Cameras: []Camera{
				{ID: "cam1", Name: "Tür «Süd»!", Labels: []string{"traffic light", "traffic_light", "motion", "all", "Person", "x_count", "日本"}},
				{ID: "cam2", Name: "車庫", Labels: []string{"person"}},
			},
		}, 2 + 7 + 2 + 6*3 + 7 + 2 + 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := tc.cfg
			if _, err := cfg.normalise(); err != nil {
				t.Fatal(err)
			}
			msgs, err := cfg.discovery()
			if err != nil {
				t.Fatal(err)
			}
			if len(msgs) != tc.entities {
				t.Errorf("%d entities, want %d", len(msgs), tc.entities)
			}
			var events []string
			for _, cam := range cfg.Cameras {
				events = append(events, topics{cfg.Prefix}.camera(cam.ID, "event"))
			}
			c := contract{prefix: cfg.DiscoveryPrefix, own: cfg.Prefix, ids: map[string]string{}}
			for _, m := range msgs {
				if err := c.check(m, events); err != nil {
					t.Errorf("%s: %v\n%s", m.topic, err, m.payload)
				}
			}
		})
	}
}

func TestContractFindsMistakes(t *testing.T) {
	cfg := Config{Cameras: []Camera{{ID: "front", Name: "Front", Labels: []string{"person"}}}}
	if _, err := cfg.normalise(); err != nil {
		t.Fatal(err)
	}
	msgs, err := cfg.discovery()
	if err != nil {
		t.Fatal(err)
	}
	for i, spoil := range []func(map[string]any){
		func(p map[string]any) { p["object_id"] = "x" },
		func(p map[string]any) { p["device_class"] = "person" },
		func(p map[string]any) { p["entity_category"] = "config" },
		func(p map[string]any) { p["icon"] = "account" },
		func(p map[string]any) { p["state_topic"] = "nightjar/+/x" },
		func(p map[string]any) { delete(p, "state_topic") },
		func(p map[string]any) { p["device"].(map[string]any)["serial_number"] = "1" },
		func(p map[string]any) { p["device"].(map[string]any)["configuration_url"] = "/relative" },
		func(p map[string]any) { p["default_entity_id"] = "sensor.x" },
		func(p map[string]any) { p["unique_id"] = "other" },
	} {
		m := msgs[2] // the camera's connectivity, a binary sensor
		var p map[string]any
		if err := json.Unmarshal(m.payload, &p); err != nil {
			t.Fatal(err)
		}
		spoil(p)
		m.payload, _ = json.Marshal(p)
		c := contract{prefix: "homeassistant", own: "nightjar", ids: map[string]string{}}
		if err := c.check(m, nil); err == nil {
			t.Errorf("mistake %d was not found", i)
		}
	}
}

func TestConfigErrorsAreSentencesWithoutSecrets(t *testing.T) {
	for _, tc := range []struct {
		cfg  Config
		want string
	}{
		{Config{BrokerURL: "http://u:canary@h"}, `scheme "http", want mqtt or mqtts`},
		{Config{BrokerURL: "mqtt://u:canary@"}, "names no host"},
		{Config{BrokerURL: "mqtt://u:can%zzary@h"}, "not a URL"},
		{Config{BrokerURL: "mqtt://h", Prefix: "a/#"}, "wildcards"},
		{Config{BrokerURL: "mqtt://h", InstanceID: "My House"}, "instance id"},
		{Config{BrokerURL: "mqtt://h", Cameras: []Camera{{ID: "Front Door"}}}, "camera id"},
	} {
		_, err := tc.cfg.normalise()
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%+v: %v", tc.cfg.BrokerURL, err)
		}
	}
	cfg := Config{BrokerURL: "mqtts://joe:canary@broker.lan"}
	b, err := cfg.normalise()
	if err != nil || cfg.Username != "joe" || cfg.Password != "canary" || b.addr != "broker.lan:8883" || !b.tls || strings.Contains(b.show, "canary") {
		t.Errorf("%+v %+v %v", cfg, b, err)
	}
}

func TestLabelPart(t *testing.T) {
	for in, want := range map[string]string{
		"person": "person", "Traffic Light": "traffic_light", "motion": "motion_object", "": "_object", "a/b#+": "a_b__",
		strings.Repeat("x", 200): strings.Repeat("x", 48),
	} {
		if got := labelPart(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
