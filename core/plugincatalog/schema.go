package plugincatalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// maxSchemaBytes bounds a schema; ours have 2 KB.
const maxSchemaBytes = 128 << 10

// Schema checks a plugin's settings and knows which of them are secrets.
type Schema struct {
	raw      json.RawMessage
	doc      map[string]any
	compiled *jsonschema.Schema
}

// SettingError is one thing that is wrong with settings. It never repeats a value.
type SettingError struct {
	Path    string `json:"path"` // "url", "smtp.password"; empty: all of them
	Message string `json:"message"`
}

// Error implements error.
func (e SettingError) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + ": " + e.Message
}

// noRemote refuses references out of a schema: a plugin's schema must not make us read files or fetch addresses.
type noRemote struct{}

func (noRemote) Load(string) (any, error) {
	return nil, errors.New("must not refer to other documents")
}

// ParseSchema reads a JSON Schema (2020-12) of an object.
func ParseSchema(raw []byte) (*Schema, error) {
	if len(raw) > maxSchemaBytes {
		return nil, fmt.Errorf("is larger than %d KiB", maxSchemaBytes>>10)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	object, ok := doc.(map[string]any)
	if !ok || object["type"] != "object" {
		return nil, errors.New(`must describe an object: "type": "object"`)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noRemote{})
	const name = "nightjar:///settings.json"
	if err := c.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("is not a JSON Schema: %w", err)
	}
	compiled, err := c.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("is not a JSON Schema: %w", err)
	}
	return &Schema{raw: slices.Clone(raw), doc: object, compiled: compiled}, nil
}

// JSON returns the schema as it was given.
func (s *Schema) JSON() json.RawMessage { return s.raw }

// Check returns everything that is wrong with settings, nothing when they fit.
func (s *Schema) Check(settings map[string]any) []SettingError {
	if settings == nil {
		settings = map[string]any{}
	}
	// The validator knows only what JSON has.
	b, err := json.Marshal(settings)
	if err != nil {
		return []SettingError{{Message: "cannot be written as JSON"}}
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return []SettingError{{Message: "cannot be written as JSON"}}
	}
	var invalid *jsonschema.ValidationError
	if err := s.compiled.Validate(value); !errors.As(err, &invalid) {
		return nil
	}
	return describe(invalid)
}

// describe flattens the causes of a validation error. jsonschema's own texts are not used where they repeat values.
func describe(e *jsonschema.ValidationError) []SettingError {
	at := strings.Join(e.InstanceLocation, ".")
	below := func(name string) string { return strings.TrimPrefix(at+"."+name, ".") }
	var out []SettingError
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			out = append(out, SettingError{below(name), "is required"})
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			out = append(out, SettingError{below(name), "is not a setting of this plugin"})
		}
	case *kind.Type:
		out = append(out, SettingError{at, "must be of type " + strings.Join(k.Want, " or ") + ", not " + k.Got})
	case *kind.Enum:
		var want []string
		for _, v := range k.Want {
			want = append(want, fmt.Sprint(v))
		}
		out = append(out, SettingError{at, "must be one of " + strings.Join(want, ", ")})
	case *kind.Minimum:
		out = append(out, SettingError{at, "must be at least " + k.Want.RatString()})
	case *kind.Maximum:
		out = append(out, SettingError{at, "must be at most " + k.Want.RatString()})
	case *kind.MinLength:
		out = append(out, SettingError{at, fmt.Sprintf("must have at least %d characters", k.Want)})
	case *kind.MaxLength:
		out = append(out, SettingError{at, fmt.Sprintf("must have at most %d characters", k.Want)})
	case *kind.Pattern:
		out = append(out, SettingError{at, "must match " + k.Want})
	case *kind.Format:
		out = append(out, SettingError{at, "must be a valid " + k.Want})
	default:
		if len(e.Causes) == 0 {
			out = append(out, SettingError{at, "does not fit the schema (" + strings.Join(e.ErrorKind.KeywordPath(), "/") + ")"})
		}
	}
	for _, c := range e.Causes {
		out = append(out, describe(c)...)
	}
	return out
}

// Redact splits settings into what may be shown and the paths of secrets that are set. Without a schema (nil)
// everything is a secret: a plugin that does not say cannot be trusted to have none.
func (s *Schema) Redact(settings map[string]any) (shown map[string]any, secrets []string) {
	var doc map[string]any
	if s != nil {
		doc = s.doc
	}
	shown = redact(doc, "", settings, &secrets)
	slices.Sort(secrets)
	return shown, secrets
}

func redact(doc map[string]any, at string, settings map[string]any, secrets *[]string) map[string]any {
	out := map[string]any{}
	for name, v := range settings {
		sub := property(doc, name)
		nested, isObject := v.(map[string]any)
		switch {
		case isObject && object(sub):
			out[name] = redact(sub, at+name+".", nested, secrets)
		case secret(sub):
			if !empty(v) {
				*secrets = append(*secrets, at+name)
			}
		default:
			out[name] = v
		}
	}
	return out
}

// Merge lays new settings over old ones: a secret that is missing keeps its old value, and one that is null is
// cleared. Everything else is as the new settings say. Without a schema everything is a secret.
func (s *Schema) Merge(old, settings map[string]any) map[string]any {
	var doc map[string]any
	if s != nil {
		doc = s.doc
	}
	return merge(doc, old, settings)
}

func merge(doc, old, settings map[string]any) map[string]any {
	out := maps.Clone(settings)
	if out == nil {
		out = map[string]any{}
	}
	for name, was := range old {
		sub := property(doc, name)
		before, isObject := was.(map[string]any)
		switch now, given := out[name]; {
		case isObject && object(sub):
			nested, _ := now.(map[string]any)
			if merged := merge(sub, before, nested); given || len(merged) > 0 {
				out[name] = merged
			}
		case !given && secret(sub):
			out[name] = was
		}
	}
	for name, v := range out {
		if v == nil && secret(property(doc, name)) {
			delete(out, name)
		}
	}
	return out
}

// property finds the schema of a setting, nil where it is not known.
func property(doc map[string]any, name string) map[string]any {
	props, _ := doc["properties"].(map[string]any)
	sub, _ := props[name].(map[string]any)
	return sub
}

// object reports whether a setting's parts are looked at one by one.
func object(sub map[string]any) bool {
	_, has := sub["properties"].(map[string]any)
	return has && sub["x-secret"] != true
}

// secret reports whether a setting must not be shown: it says so, something in it does, or it is not described.
func secret(sub map[string]any) bool {
	if len(sub) == 0 {
		return true
	}
	return holdsSecret(sub)
}

func holdsSecret(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		if v["x-secret"] == true || v["$ref"] != nil { // what is described elsewhere is not followed
			return true
		}
		for _, x := range v {
			if holdsSecret(x) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, holdsSecret)
	}
	return false
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}
