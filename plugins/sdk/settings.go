package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
)

// Tags a settings struct may carry beside `json`: `required:"true"`, `secret:"true"` (never shown again), `desc`,
// `default` (JSON or a bare string), `enum:"a,b"`, `minimum`, `maximum`.

// field is one setting, read from a struct field.
type field struct {
	name     string
	index    int
	typ      reflect.Type
	required bool
	schema   map[string]any
}

// Schema returns the JSON Schema (2020-12) of a settings struct. It panics where the struct cannot be described,
// which the first start of a plugin finds.
func Schema[S any]() string {
	schema := describe(reflect.TypeFor[S]())
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	out, err := json.Marshal(schema)
	if err != nil {
		panic(fmt.Sprintf("sdk: settings schema: %v", err))
	}
	return string(out)
}

func describe(t reflect.Type) map[string]any {
	switch t.Kind() { //nolint:exhaustive // what is missing is refused
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": describe(t.Elem())}
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return map[string]any{"type": "object", "additionalProperties": describe(t.Elem())}
		}
	case reflect.Struct:
		props, required := map[string]any{}, []string{}
		for _, f := range fields(t) {
			props[f.name] = f.schema
			if f.required {
				required = append(required, f.name)
			}
		}
		return map[string]any{
			"type": "object", "properties": props, "required": required, "additionalProperties": false,
		}
	}
	panic(fmt.Sprintf("sdk: a setting cannot be a %s", t))
}

func fields(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if !sf.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = sf.Name
		}
		f := field{name: name, index: i, typ: sf.Type, required: sf.Tag.Get("required") == "true", schema: describe(sf.Type)}
		for _, key := range []string{"minimum", "maximum"} {
			if v, ok := sf.Tag.Lookup(key); ok {
				n, err := strconv.ParseFloat(v, 64)
				if err != nil {
					panic(fmt.Sprintf("sdk: tag %s of setting %s: %v", key, name, err))
				}
				f.schema[key] = n
			}
		}
		if v, ok := sf.Tag.Lookup("desc"); ok {
			f.schema["description"] = v
		}
		if v, ok := sf.Tag.Lookup("enum"); ok {
			f.schema["enum"] = strings.Split(v, ",")
		}
		if sf.Tag.Get("secret") == "true" {
			f.schema["x-secret"] = true
		}
		if v, ok := sf.Tag.Lookup("default"); ok {
			f.schema["default"] = literal(v, sf.Type)
		}
		out = append(out, f)
	}
	return out
}

// literal reads a default tag as a value of t.
func literal(s string, t reflect.Type) any {
	if t.Kind() == reflect.String {
		return s
	}
	v := reflect.New(t)
	if err := json.Unmarshal([]byte(s), v.Interface()); err != nil {
		panic(fmt.Sprintf("sdk: default %q of a %s: %v", s, t, err))
	}
	return v.Elem().Interface()
}

// decode reads settings strictly: unknown names, wrong types, and what the tags forbid are errors, all of them at
// once where that is possible. Defaults fill what is not set.
func decode[S any](raw string) (S, error) {
	var s S
	v := reflect.ValueOf(&s).Elem()
	if v.Kind() != reflect.Struct {
		panic("sdk: settings must be a struct")
	}
	fs := fields(v.Type())
	for _, f := range fs {
		if def, ok := f.schema["default"]; ok {
			v.Field(f.index).Set(reflect.ValueOf(def).Convert(f.typ))
		}
	}
	if strings.TrimSpace(raw) == "" {
		raw = "{}"
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return s, explain(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return s, &SettingError{Message: "settings must be one JSON object"}
	}
	var errs []error
	for _, f := range fs {
		errs = append(errs, f.check(v.Field(f.index)))
	}
	return s, errors.Join(errs...)
}

// check applies the tags to a decoded value.
func (f field) check(v reflect.Value) error {
	if v.IsZero() {
		if f.required {
			return &SettingError{f.name, "is required"}
		}
		return nil
	}
	if enum, ok := f.schema["enum"].([]string); ok && v.Kind() == reflect.String {
		for _, allowed := range enum {
			if v.String() == allowed {
				return nil
			}
		}
		return &SettingError{f.name, "must be one of " + strings.Join(enum, ", ")}
	}
	var n float64
	switch {
	case v.CanInt():
		n = float64(v.Int())
	case v.CanUint():
		n = float64(v.Uint())
	case v.CanFloat():
		n = v.Float()
	default:
		return nil
	}
	if m, ok := f.schema["minimum"].(float64); ok && n < m {
		return &SettingError{f.name, fmt.Sprintf("must be at least %g", m)}
	}
	if m, ok := f.schema["maximum"].(float64); ok && n > m {
		return &SettingError{f.name, fmt.Sprintf("must be at most %g", m)}
	}
	return nil
}

// explain turns a decoding error into one about a setting. encoding/json's text is not used where it could repeat a
// value, which may be a secret.
func explain(err error) error {
	if typ, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &SettingError{typ.Field, fmt.Sprintf("must be a %s, not a %s", typ.Type, strings.Fields(typ.Value + " value")[0])}
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return &SettingError{strings.Trim(name, `"`), "is not a setting of this plugin"}
	}
	return &SettingError{Message: "settings are not valid JSON"}
}
