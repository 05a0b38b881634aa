package plugincatalog

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestManifest(t *testing.T) {
	if _, err := ParseManifest([]byte(manifestText)); err != nil {
		t.Fatal(err)
	}
	for change, want := range map[[2]string]string{
		{`com.example.tell`, `Tell`}:                                                "id",
		{`com.example.tell`, `../../etc.x`}:                                         "id",
		{`"Tell"`, `""`}:                                                            "name",
		{`1.0.0`, `1.0`}:                                                            "version",
		{`["notifier"]`, `["camera"]`}:                                              "kinds",
		{`[1]`, `[]`}:                                                               "protocol",
		{`bin/tell`, `../tell`}:                                                     "bin/",
		{`bin/tell`, `bin/../tell`}:                                                 "bin/",
		{`"any"`, `"../x"`}:                                                         "platform",
		{`net.outbound:api.example.com`, `root`}:                                    "does not exist",
		{`net.outbound:api.example.com`, `kv:x`}:                                    "only net.outbound",
		{`"permissions"`, `"licences"`}:                                             "unknown field",
		{`"protocol"`, `"limits": {"memory_mb": 99999}, "protocol"`}:                "limits",
		{`"protocol"`, `"limits": {"notify_seconds": 26}, "protocol"`}:              "up to 25",
		{`"protocol"`, `"homepage": "javascript:x", "protocol"`}:                    "homepage",
		{`"protocol"`, `"capabilities": ["fly"], "protocol"`}:                       "capability",
		{`"protocol"`, `"config_schema": {"type": 3}, "protocol"`}:                  "config_schema",
		{`"bin/tell"`, `"bin/tell", "args": ["--inspect"]`}:                         "argument",
		{`"permissions": [`, `"min_core": "new", "permissions": [`}:                 "min_core",
		{`"net.outbound:api.example.com"`, `"kv", "kv"`}:                            "twice",
		{`"bin/tell"`, `"bin/tell", "sha256": "` + "0" + `"`}:                       "64 hexadecimal",
		{`{"any": {"path": "bin/tell"}}`, `{}`}:                                     "executables",
		{`"protocol"`, `"licence": "` + strings.Repeat("x", 201) + `", "protocol"`}: "licence",
	} {
		_, err := ParseManifest([]byte(strings.Replace(manifestText, change[0], change[1], 1)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", change, err, want)
		}
	}
}

func TestFits(t *testing.T) {
	m, err := ParseManifest([]byte(manifestText))
	if err != nil {
		t.Fatal(err)
	}
	m.MinCore, m.MaxCore = "0.4.0", "1.0.0"
	for core, want := range map[string]string{"0.5.0": "", "v1.0.0": "", "dev": "", "0.3.9": "or later", "1.0.1": "up to", "1.0.0-rc.1": ""} {
		if err := m.fits(core); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", core, err)
		}
	}
	m.Protocol = []int{2}
	if err := m.fits("0.5.0"); err == nil || !strings.Contains(err.Error(), "protocol") {
		t.Errorf("%v", err)
	}
}

func TestVersionsOrder(t *testing.T) {
	ordered := []string{"0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.10.0"}
	for i := range ordered {
		for j := range ordered {
			a, okA := parseVersion(ordered[i])
			b, okB := parseVersion(ordered[j])
			if c := a.compare(b); !okA || !okB || (c < 0) != (i < j) || (c == 0) != (i == j) {
				t.Errorf("%s and %s: %d", ordered[i], ordered[j], c)
			}
		}
	}
	for _, s := range []string{"", "1", "1.0", "v1.0.0", "1.0.0 ", "01.0.0", "1.0.0-"} {
		if _, ok := parseVersion(s); ok {
			t.Errorf("%q is a version", s)
		}
	}
}

const schemaText = `{"type": "object", "additionalProperties": false, "required": ["url"], "properties": {
	"url": {"type": "string", "minLength": 3, "x-secret": true}, "size": {"type": "integer", "minimum": 1, "maximum": 9},
	"mode": {"enum": ["a", "b"]}, "topic": {"type": "string", "pattern": "^[a-z]+$"},
	"smtp": {"type": "object", "properties": {"host": {"type": "string"}, "password": {"type": "string", "x-secret": true}}},
	"headers": {"type": "object", "x-secret": true, "additionalProperties": {"type": "string"}},
	"targets": {"type": "array", "items": {"type": "object", "properties": {"token": {"type": "string", "x-secret": true}}}}}}`

func settings(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSchemaChecksSettings(t *testing.T) {
	s, err := ParseSchema([]byte(schemaText))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{"url": "https://x"}`:                      "",
		`{}`:                                        "url: is required",
		`{"url": "x"}`:                              "url: must have at least 3 characters",
		`{"url": 3}`:                                "url: must be of type string, not number",
		`{"url": "https://x", "size": 10}`:          "size: must be at most 9",
		`{"url": "https://x", "size": 0}`:           "size: must be at least 1",
		`{"url": "https://x", "mode": "c"}`:         "mode: must be one of a, b",
		`{"url": "https://x", "more": 1}`:           "more: is not a setting of this plugin",
		`{"url": "https://x", "topic": "CANARY!"}`:  "topic: must match ^[a-z]+$",
		`{"url": "https://x", "smtp": {"host": 1}}`: "smtp.host: must be of type string, not number",
	} {
		var got []string
		for _, e := range s.Check(settings(t, text)) {
			got = append(got, e.Error())
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
		if strings.Contains(strings.Join(got, ""), "CANARY") {
			t.Errorf("%s: repeats a value: %q", text, got)
		}
	}
	for _, bad := range []string{`[]`, `{"type": "string"}`, `{"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}}`, `{`} {
		if _, err := ParseSchema([]byte(bad)); err == nil {
			t.Errorf("%s is a schema", bad)
		}
	}
}

func TestSecretsAreWriteOnly(t *testing.T) {
	s, err := ParseSchema([]byte(schemaText))
	if err != nil {
		t.Fatal(err)
	}
	old := settings(t, `{"url": "CANARY1", "size": 3, "smtp": {"host": "mail", "password": "CANARY2"}, "headers": {"a": "CANARY3"}, "targets": [{"token": "CANARY4"}], "unknown": "CANARY5"}`)
	shown, secrets := s.Redact(old)
	b, err := json.Marshal(shown)
	if err != nil || strings.Contains(string(b), "CANARY") {
		t.Errorf("shown %s, %v", b, err)
	}
	if want := []string{"headers", "smtp.password", "targets", "unknown", "url"}; !slices.Equal(secrets, want) {
		t.Errorf("secrets %v, want %v", secrets, want)
	}
	if shown, secrets := (*Schema)(nil).Redact(old); len(shown) != 0 || len(secrets) != 6 {
		t.Errorf("without a schema: %v, %v", shown, secrets)
	}
	for text, want := range map[string]string{
		`{"size": 4, "smtp": {"host": "other"}}`:                                                        `{"url": "CANARY1", "size": 4, "smtp": {"host": "other", "password": "CANARY2"}, "headers": {"a": "CANARY3"}, "targets": [{"token": "CANARY4"}], "unknown": "CANARY5"}`,
		`{"url": "new", "headers": null, "targets": null, "unknown": null, "smtp": {"password": null}}`: `{"url": "new", "smtp": {}}`,
		`{"url": null, "headers": null, "targets": null, "unknown": null}`:                              `{"smtp": {"password": "CANARY2"}}`,
	} {
		if got, want := s.Merge(old, settings(t, text)), settings(t, want); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// TestHostsAreNotPromised: who approves a plugin must not believe that a host is enforced.
func TestHostsAreNotPromised(t *testing.T) {
	if text := ExplainPermission("net.outbound:api.example.com"); !strings.Contains(text, "api.example.com") || !strings.Contains(text, "does not enforce") {
		t.Error(text)
	}
}
