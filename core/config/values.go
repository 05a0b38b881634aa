package config

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration written as "30s" or "5m". A bad value is remembered and reported by validation, with its
// line, instead of failing the decoder, which would not know the line.
type Duration struct {
	D   time.Duration
	bad string
}

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (d *Duration) UnmarshalYAML(unmarshal func(any) error) error {
	var s string
	if err := unmarshal(&s); err != nil {
		d.bad = "want a duration such as 30s, 5m or 1h"
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		d.bad = fmt.Sprintf("%q is not a duration, want one such as 30s, 5m or 1h", s)
		return nil
	}
	d.D = v
	return nil
}

func (d Duration) invalid() string { return d.bad }

// MarshalYAML writes the form UnmarshalYAML reads.
func (d Duration) MarshalYAML() (any, error) { return d.D.String(), nil }

// Bytes is a size written as a number of bytes or as "500MB", "2GiB", "1TB".
type Bytes struct {
	N   int64
	bad string
}

var byteUnits = []struct {
	suffix string
	factor float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
}

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (b *Bytes) UnmarshalYAML(unmarshal func(any) error) error {
	var s string
	if err := unmarshal(&s); err != nil {
		b.bad = "want a size such as 500MB, 20GiB or 1TB"
		return nil
	}
	text, factor := strings.TrimSpace(s), 1.0
	for _, u := range byteUnits {
		if t, ok := strings.CutSuffix(text, u.suffix); ok {
			text, factor = strings.TrimSpace(t), u.factor
			break
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || v < 0 || v*factor > 1<<62 {
		b.bad = fmt.Sprintf("%q is not a size, want one such as 500MB, 20GiB or 1TB", s)
		return nil
	}
	b.N = int64(v * factor)
	return nil
}

func (b Bytes) invalid() string { return b.bad }

// Secret is a password, token or URL that holds one. It is written in place, or as `{file: PATH}` or `{env: NAME}`.
// Printing it in any way shows ***; only Reveal gives the text.
type Secret struct {
	text string
	bad  string
}

// Reveal returns the text, for the one place that needs it.
func (s Secret) Reveal() string { return s.text }

// String hides the text.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return "***"
}

// GoString hides the text from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the text from JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (s *Secret) UnmarshalYAML(unmarshal func(any) error) error {
	if err := unmarshal(&s.text); err == nil {
		return nil
	}
	var src map[string]string
	if err := unmarshal(&src); err != nil || len(src) != 1 {
		s.bad = "want a text, {file: PATH} or {env: NAME}"
		return nil
	}
	if path, ok := src["file"]; ok {
		s.text, s.bad = readSecretFile(path)
		return nil
	}
	name, ok := src["env"]
	if !ok {
		s.bad = "want a text, {file: PATH} or {env: NAME}"
		return nil
	}
	if s.text, ok = os.LookupEnv(name); !ok {
		s.bad = fmt.Sprintf("environment variable %s is not set", name)
	}
	return nil
}

func (s Secret) invalid() string { return s.bad }

func readSecretFile(path string) (text, bad string) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Sprintf("cannot read the secret's file: %v", err)
	}
	if len(b) > 64<<10 {
		return "", fmt.Sprintf("the secret's file %s is larger than 64 KiB", path)
	}
	return strings.TrimRight(string(b), "\r\n"), ""
}
