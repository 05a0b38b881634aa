package mqtt

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// reservedParts are topic parts and entity keys of a camera that a label may not take.
var reservedParts = []string{ //nolint:gochecknoglobals // a constant list
	"all", "available", "connectivity", "detect", "detection", "event", "face", "last_detection", "latest", "motion",
	"problem", "recordings", "snapshot", "sound", "sound_level", "stats", "status",
}

// topics builds the names below our prefix.
type topics struct{ prefix string }

func (t topics) available() string { return t.prefix + "/available" }
func (t topics) version() string   { return t.prefix + "/version" }
func (t topics) events() string    { return t.prefix + "/events" }
func (t topics) mode() string      { return t.prefix + "/mode" }

func (t topics) camera(id nvr.CameraID, parts ...string) string {
	return t.prefix + "/" + string(id) + "/" + strings.Join(parts, "/")
}

// command takes `<prefix>/<camera>/<feature>/set` apart.
func (t topics) command(topic string) (nvr.CameraID, string, bool) {
	rest, ok := strings.CutPrefix(topic, t.prefix+"/")
	if !ok {
		return "", "", false
	}
	parts := strings.Split(rest, "/")
	if len(parts) != 3 || parts[2] != "set" {
		return "", "", false
	}
	return nvr.CameraID(parts[0]), parts[1], true
}

// labelPart makes a label fit for a topic, an entity key and an event type: lower case, `[a-z0-9_]`, not reserved.
func labelPart(label string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			return r
		default:
			return '_'
		}
	}, strings.ToLower(label))
	s = s[:min(len(s), 48)]
	if s == "" || slices.Contains(reservedParts, s) || strings.HasSuffix(s, "_count") || strings.HasSuffix(s, "_image") {
		s += "_object"
	}
	return s
}

// slug follows Home Assistant's slugify closely enough for the ids it makes of names: accents go, what is not a
// letter or digit of ASCII becomes one underscore.
func slug(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(strings.ToLower(s)) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			if gap && b.Len() > 0 {
				b.WriteByte('_')
			}
			gap = false
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r):
		default:
			gap = true
		}
	}
	return b.String()
}

// title is a label as the name of an entity: "traffic_light" becomes "Traffic light".
func title(label string) string {
	r := []rune(strings.ReplaceAll(label, "_", " "))
	if len(r) == 0 {
		return label
	}
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}
