package plugincatalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// ManifestName is the file of a bundle that says what the plugin is.
const ManifestName = "plugin.json"

// Protocol is the version of plugins/api that this Nightjar speaks.
const Protocol = 1

// AnyPlatform is the platform of an executable that runs everywhere, such as a script.
const AnyPlatform = "any"

// Manifest is plugin.json.
type Manifest struct {
	ID       string   `json:"id"`      // reverse DNS, as com.example.ntfy; never changes
	Name     string   `json:"name"`    // for people
	Version  string   `json:"version"` // semantic version
	Kinds    []string `json:"kinds"`   // notifier
	Protocol []int    `json:"protocol"`
	MinCore  string   `json:"min_core,omitempty"` // least version of Nightjar
	MaxCore  string   `json:"max_core,omitempty"` // last version of Nightjar
	// Executables are the programs by platform: "linux-amd64", "linux-arm64", or "any".
	Executables  map[string]Executable `json:"executables"`
	ConfigSchema json.RawMessage       `json:"config_schema,omitempty"` // JSON Schema 2020-12; absent: the plugin is asked
	Permissions  []string              `json:"permissions"`
	Limits       Limits                `json:"limits,omitzero"`
	Capabilities []string              `json:"capabilities,omitempty"`
	Homepage     string                `json:"homepage,omitempty"`
	Licence      string                `json:"licence,omitempty"`
}

// Executable is one program of a bundle.
type Executable struct {
	Path   string   `json:"path"` // below bin/
	Args   []string `json:"args,omitempty"`
	SHA256 string   `json:"sha256,omitempty"` // hexadecimal; packing writes it
}

// Limits are what a plugin asks for instead of the host's defaults; 0 leaves those.
type Limits struct {
	MemoryMB      int `json:"memory_mb,omitempty"`
	NotifySeconds int `json:"notify_seconds,omitempty"` // for one alert, at most 25: the queue waits no longer
}

var (
	idPattern       = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62}){1,7}$`)
	sumPattern      = regexp.MustCompile(`^[0-9a-f]{64}$`)
	platformPattern = regexp.MustCompile(`^([a-z0-9]{2,16}-[a-z0-9]{2,16}|any)$`)
	binPattern      = regexp.MustCompile(`^bin/[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	argPattern      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._=/-]{0,99}$`)
	hostPattern     = regexp.MustCompile(`^(\*\.)?[a-z0-9]([a-z0-9.-]{0,252})(:[0-9]{1,5})?$`)
)

const maxNotifySeconds = 25

// permissions are what a plugin may ask for, in words for the person who approves it.
var permissions = map[string]string{
	"net.outbound":   "connect to other machines",
	"media.snapshot": "read the pictures of alerts it delivers",
	"media.clip":     "read the clips of alerts it delivers",
	"kv":             "keep up to 1 MB of data of its own",
	"link.sign":      "make links that open an event without a login",
	"actions":        "acknowledge and snooze alerts on behalf of recipients",
	"commands":       "take commands from recipients, such as arming",
}

var capabilities = []string{"image", "update", "actions", "clip", "silent", "commands"}

// ExplainPermission says what a permission allows.
func ExplainPermission(p string) string {
	name, hosts, _ := strings.Cut(p, ":")
	if hosts != "" {
		return "connect to other machines; its author names " + hosts + ", which Nightjar does not enforce"
	}
	return permissions[name]
}

// Platform is the platform of this machine, as in Manifest.Executables.
func Platform() string { return runtime.GOOS + "-" + runtime.GOARCH }

// ParseManifest reads and checks plugin.json. It tolerates no unknown field: a misspelt limit or permission must not
// pass unseen.
func ParseManifest(b []byte) (Manifest, error) {
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return m, fmt.Errorf("%s: %w", ManifestName, err)
	}
	if dec.More() {
		return m, fmt.Errorf("%s: holds more than one JSON object", ManifestName)
	}
	if err := m.check(); err != nil {
		return m, fmt.Errorf("%s: %w", ManifestName, err)
	}
	return m, nil
}

func (m Manifest) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(m.ID) > 128 || !idPattern.MatchString(m.ID) {
		bad("id %q: want a name such as com.example.ntfy", clip(m.ID))
	}
	if m.Name == "" || len(m.Name) > 64 || strings.ContainsFunc(m.Name, func(r rune) bool { return r < ' ' }) {
		bad("name: want 1 to 64 characters on one line")
	}
	if _, ok := parseVersion(m.Version); !ok {
		bad("version %q: want a semantic version such as 1.0.0", clip(m.Version))
	}
	for key, v := range map[string]string{"min_core": m.MinCore, "max_core": m.MaxCore} {
		if _, ok := parseVersion(v); v != "" && !ok {
			bad("%s %q: want a semantic version such as 1.0.0", key, clip(v))
		}
	}
	if len(m.Kinds) != 1 || m.Kinds[0] != "notifier" {
		bad(`kinds: want ["notifier"]`)
	}
	if len(m.Protocol) == 0 || len(m.Protocol) > 8 {
		bad("protocol: want the versions the plugin speaks, as [%d]", Protocol)
	}
	for key, text := range map[string]string{"homepage": m.Homepage, "licence": m.Licence} {
		if len(text) > 200 {
			bad("%s: is longer than 200 characters", key)
		}
	}
	if u, err := url.Parse(m.Homepage); m.Homepage != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http") {
		bad("homepage: want an http or https address")
	}
	if l := m.Limits; l.MemoryMB < 0 || l.MemoryMB > 1024 || l.NotifySeconds < 0 || l.NotifySeconds > maxNotifySeconds {
		bad("limits: want memory_mb up to 1024 and notify_seconds up to %d", maxNotifySeconds)
	}
	for _, c := range m.Capabilities {
		if !slices.Contains(capabilities, c) {
			bad("capability %q: want one of %s", clip(c), strings.Join(capabilities, ", "))
		}
	}
	errs = append(errs, m.checkExecutables(), m.checkPermissions(), m.checkSchema())
	return errors.Join(errs...)
}

func (m Manifest) checkExecutables() error {
	if len(m.Executables) == 0 || len(m.Executables) > 32 {
		return fmt.Errorf("executables: want one for each platform, as %q", Platform())
	}
	for platform, e := range m.Executables {
		switch {
		case !platformPattern.MatchString(platform):
			return fmt.Errorf("executables: %q is not a platform, want one such as linux-amd64", clip(platform))
		case !binPattern.MatchString(e.Path) || path.Clean(e.Path) != e.Path:
			return fmt.Errorf("executables.%s: path %q: want a file directly in bin/", platform, clip(e.Path))
		case e.SHA256 != "" && !sumPattern.MatchString(e.SHA256):
			return fmt.Errorf("executables.%s: sha256: want 64 hexadecimal digits", platform)
		case len(e.Args) > 8:
			return fmt.Errorf("executables.%s: has more than 8 arguments", platform)
		}
		for _, a := range e.Args {
			if !argPattern.MatchString(a) {
				return fmt.Errorf("executables.%s: argument %q: want letters, digits and . _ = / -, not beginning with -", platform, clip(a))
			}
		}
	}
	return nil
}

func (m Manifest) checkPermissions() error {
	if len(m.Permissions) > 32 {
		return errors.New("permissions: are more than 32")
	}
	for i, p := range m.Permissions {
		name, host, scoped := strings.Cut(p, ":")
		switch {
		case permissions[name] == "":
			return fmt.Errorf("permission %q does not exist", clip(p))
		case scoped && (name != "net.outbound" || !hostPattern.MatchString(host)):
			return fmt.Errorf("permission %q: only net.outbound takes a host, as net.outbound:api.example.com", clip(p))
		case slices.Contains(m.Permissions[:i], p):
			return fmt.Errorf("permission %q is listed twice", p)
		}
	}
	return nil
}

func (m Manifest) checkSchema() error {
	if len(m.ConfigSchema) == 0 {
		return nil
	}
	if _, err := ParseSchema(m.ConfigSchema); err != nil {
		return fmt.Errorf("config_schema: %w", err)
	}
	return nil
}

// For returns the executable for a platform.
func (m Manifest) For(platform string) (Executable, error) {
	for _, p := range []string{platform, AnyPlatform} {
		if e, ok := m.Executables[p]; ok {
			return e, nil
		}
	}
	return Executable{}, fmt.Errorf("%s %s has no program for %s", m.ID, m.Version, platform)
}

// fits reports whether the plugin can run here; core is our version, which is not compared where it is none ("dev").
func (m Manifest) fits(core string) error {
	if !slices.Contains(m.Protocol, Protocol) {
		return fmt.Errorf("%s %s speaks plugin protocol %v, this Nightjar speaks %d", m.ID, m.Version, m.Protocol, Protocol)
	}
	if _, err := m.For(Platform()); err != nil {
		return err
	}
	v, ok := parseVersion(strings.TrimPrefix(core, "v"))
	if !ok {
		return nil
	}
	if low, set := parseVersion(m.MinCore); set && v.compare(low) < 0 {
		return fmt.Errorf("%s %s needs Nightjar %s or later, this is %s", m.ID, m.Version, m.MinCore, core)
	}
	if high, set := parseVersion(m.MaxCore); set && v.compare(high) > 0 {
		return fmt.Errorf("%s %s runs with Nightjar up to %s, this is %s", m.ID, m.Version, m.MaxCore, core)
	}
	return nil
}

// clip bounds a text from a bundle for an error.
func clip(s string) string {
	if len(s) > 100 {
		s = s[:100] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
