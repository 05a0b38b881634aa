package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// maxFileBytes bounds the file: a configuration of a thousand cameras is below half of it.
const maxFileBytes = 1 << 20

// FieldError is one thing wrong with one field.
type FieldError struct {
	Path    string // "cameras.front.main.url"
	Message string
}

// Error is everything wrong with a file, ready to print: each problem with its line, the text and a caret.
type Error struct {
	File   string
	Fields []FieldError // empty for syntax errors
	text   string
}

// Error implements error.
func (e *Error) Error() string { return e.text }

// Load reads and checks the file. The error, if any, is an *Error or wraps the reason the file cannot be read.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open configuration: %w; copy config.example.yaml there, or name another file with -c", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", path, err)
	}
	if len(b) > maxFileBytes {
		return nil, fmt.Errorf("read configuration %s: larger than 1 MiB", path)
	}
	return Parse(path, b)
}

// Parse checks the bytes of a configuration file; name appears in errors.
func Parse(name string, b []byte) (*Config, error) {
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		return nil, &Error{File: name, text: name + ": " + yaml.FormatError(err, false, true)}
	}
	if len(file.Docs) > 1 {
		return nil, &Error{File: name, text: name + ": holds a second YAML document (a line with ---); put everything into the first"}
	}
	cfg := Default()
	var body ast.Node
	if len(file.Docs) == 1 {
		body = file.Docs[0].Body
	}
	// An empty file has no body or a null one, which the decoder would turn into a Config of zeros.
	if body != nil && body.Type() != ast.NullType && body.Type() != ast.CommentType {
		if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&cfg); err != nil {
			return nil, &Error{File: name, text: name + ": " + yaml.FormatError(err, false, true)}
		}
	}
	cfg.order = mappingKeys(body, "cameras")
	cfg.applyDefaults()
	v := &validator{}
	v.walk("", reflect.ValueOf(cfg))
	cfg.validate(v)
	if len(v.errs) > 0 {
		return nil, &Error{File: name, Fields: v.errs, text: renderErrors(name, b, v.errs)}
	}
	return &cfg, nil
}

func (c *Config) applyDefaults() {
	for id, cam := range c.Cameras {
		if cam.Name == "" {
			cam.Name = string(id)
		}
		for _, s := range []*Stream{&cam.Main, &cam.Sub} {
			if s.Transport == "" {
				s.Transport = "tcp"
			}
		}
		c.Cameras[id] = cam
	}
}

// mappingKeys returns the keys of a top-level mapping in file order, which a Go map forgets.
func mappingKeys(body ast.Node, key string) []nvr.CameraID {
	var out []nvr.CameraID
	for _, kv := range mappingValues(body) {
		if kv.Key.String() != key {
			continue
		}
		for _, cam := range mappingValues(kv.Value) {
			out = append(out, nvr.CameraID(strings.Trim(cam.Key.String(), `"'`)))
		}
	}
	return out
}

func mappingValues(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

// renderErrors prints each problem under the line it is about, or under the nearest parent that the file has.
func renderErrors(name string, src []byte, errs []FieldError) string {
	var b strings.Builder
	for i, e := range errs {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: %s: %s", name, e.Path, e.Message)
		if s := annotate(src, e.Path); s != "" {
			b.WriteString("\n" + s)
		}
	}
	return b.String()
}

func annotate(src []byte, path string) string {
	for p := path; p != ""; {
		if yp, err := yaml.PathString("$." + p); err == nil {
			if s, err := yp.AnnotateSource(src, false); err == nil && len(s) > 0 {
				return strings.TrimRight(hideSecrets(string(s)), "\n")
			}
		}
		i := strings.LastIndexAny(p, ".[")
		if i < 0 {
			return ""
		}
		p = p[:i]
	}
	return ""
}

var urlUserinfo = regexp.MustCompile(`://[^/@\s]+@`)

// hideSecrets blanks the values of neighbouring lines that hold secrets: an error excerpt ends up in logs.
func hideSecrets(excerpt string) string {
	excerpt = urlUserinfo.ReplaceAllString(excerpt, "://***@")
	lines := strings.Split(excerpt, "\n")
	for i, l := range lines {
		for _, key := range []string{"password:", "secret:", "token:", "url: postgres"} {
			if at := strings.Index(l, key); at >= 0 {
				lines[i] = l[:at+strings.Index(l[at:], ":")+1] + " ***"
			}
		}
	}
	return strings.Join(lines, "\n")
}
