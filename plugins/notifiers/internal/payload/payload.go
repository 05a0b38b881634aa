// Package payload is the JSON that the first-party notifiers with a free payload send, and the templates that make
// something else of it. It sends nothing.
package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

const (
	maxRendered = 4 << 20  // bytes of what a template makes
	maxTemplate = 16 << 10 // bytes of a template
	maxRanges   = 2        // within each other: the zones of each event of a digest
)

// Message is an alert as JSON, version 1. Fields may be added.
type Message struct {
	Version    int       `json:"version"`
	DeliveryID string    `json:"delivery_id"`
	Attempt    int       `json:"attempt"`
	Recipient  string    `json:"recipient,omitempty"`
	Phase      sdk.Phase `json:"phase"`
	Title      string    `json:"title,omitempty"`
	Text       string    `json:"text,omitempty"`
	Silent     bool      `json:"silent,omitempty"`
	Link       string    `json:"link,omitempty"`
	Test       bool      `json:"test,omitempty"`
	Event      Event     `json:"event"`
	Digest     []Event   `json:"digest,omitempty"`
	Snapshot   *Snapshot `json:"snapshot,omitempty"`
}

// Event is the life of something seen.
type Event struct {
	ID         string     `json:"id"`
	Camera     string     `json:"camera"`
	CameraName string     `json:"camera_name"`
	Kind       string     `json:"kind"`
	Label      string     `json:"label"`
	Start      time.Time  `json:"start"`
	End        *time.Time `json:"end"`
	Score      float32    `json:"score"`
	TopScore   float32    `json:"top_score"`
	Box        [4]float32 `json:"box"` // x, y, width, height in fractions of the picture
	Stationary bool       `json:"stationary"`
	Severity   string     `json:"severity,omitempty"`
	Rules      []string   `json:"rules,omitempty"`
	Zones      []string   `json:"zones,omitempty"`
	Identity   *Identity  `json:"identity,omitempty"`
	Attributes []string   `json:"attributes,omitempty"`
}

// Identity is who was recognised; an empty person_id is somebody unknown.
type Identity struct {
	PersonID   string  `json:"person_id"`
	Name       string  `json:"name"`
	Similarity float32 `json:"similarity"`
}

// Snapshot is the picture.
type Snapshot struct {
	ContentType string `json:"content_type"`
	Data        []byte `json:"data"` // base64 in JSON
}

// New makes the message of an alert.
func New(a sdk.Alert, withSnapshot bool) Message {
	m := Message{
		Version: 1, DeliveryID: a.DeliveryID, Attempt: a.Attempt, Recipient: a.Recipient, Phase: a.Phase, Title: a.Title, Text: a.Text,
		Silent: a.Silent, Link: a.Link, Test: a.Test, Event: event(a.Event),
	}
	for _, e := range a.Digest {
		m.Digest = append(m.Digest, event(e))
	}
	if withSnapshot && len(a.Snapshot) > 0 {
		m.Snapshot = &Snapshot{ContentType: "image/jpeg", Data: a.Snapshot}
	}
	return m
}

func event(e sdk.Event) Event {
	out := Event{
		ID: e.ID, Camera: e.Camera, CameraName: e.CameraName, Kind: e.Kind, Label: e.Label, Start: e.Start.UTC(),
		Score: e.Score, TopScore: e.TopScore, Box: [4]float32{e.Box.X, e.Box.Y, e.Box.W, e.Box.H}, Stationary: e.Stationary,
		Severity: e.Severity, Rules: e.Rules, Zones: e.Zones, Attributes: e.Attributes,
	}
	if !e.End.IsZero() {
		end := e.End.UTC()
		out.End = &end
	}
	if e.Identity != nil {
		out.Identity = &Identity{PersonID: e.Identity.PersonID, Name: e.Identity.Name, Similarity: e.Identity.Similarity}
	}
	return out
}

// Template makes text of a message. Its dot is the message as its JSON reads: {{.event.camera_name}}.
type Template struct{ t *template.Template }

// Parse reads a Go template and tries it on an example, so that a misspelt field is found while it is being set and
// not when somebody is at the door. Errors are sentences for a person. What takes long without writing anything, which no
// limit of the output ends, is refused: ranges over numbers and within ranges within ranges, templates that call themselves.
func Parse(text string) (*Template, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("template is longer than %d bytes", maxTemplate)
	}
	t, err := template.New("").Option("missingkey=error").Funcs(template.FuncMap{
		"json":  toJSON,
		"upper": strings.ToUpper,
		"lower": strings.ToLower,
		"join":  join,
	}).Parse(text)
	if err != nil {
		return nil, sentence(err)
	}
	for _, one := range t.Templates() {
		if one.Tree != nil && endless(one.Root, 0) {
			return nil, fmt.Errorf("template may use range on a list of the alert only, as {{range .digest}}, at most %d within each other, and no template or block", maxRanges)
		}
	}
	out := &Template{t}
	_, err = out.Render(Example())
	return out, err
}

// endless reports whether a part of a template could take long. ranges is in how many ranges it stands.
func endless(n parse.Node, ranges int) bool {
	branch := func(b *parse.BranchNode, in int) bool {
		return endless(b.List, in) || b.ElseList != nil && endless(b.ElseList, ranges)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		return n != nil && slices.ContainsFunc(n.Nodes, func(n parse.Node) bool { return endless(n, ranges) })
	case *parse.IfNode:
		return branch(&n.BranchNode, ranges)
	case *parse.WithNode:
		return branch(&n.BranchNode, ranges)
	case *parse.RangeNode:
		return ranges >= maxRanges || !overField(n.Pipe) || branch(&n.BranchNode, ranges+1)
	case *parse.TemplateNode:
		return true
	}
	return false
}

// overField reports whether a range is over a field of the alert, which is a short list: numbers are not among its fields but
// as floating point, which cannot be ranged over.
func overField(p *parse.PipeNode) bool {
	if len(p.Cmds) != 1 || len(p.Cmds[0].Args) != 1 {
		return false
	}
	switch arg := p.Cmds[0].Args[0].(type) {
	case *parse.FieldNode:
		return true
	case *parse.VariableNode:
		return len(arg.Ident) > 1 // $.digest; a variable alone may be any number
	}
	return false
}

// Render makes the text of m.
func (t *Template) Render(m Message) (string, error) {
	data, err := complete(m)
	if err != nil {
		return "", err
	}
	w := &bounded{}
	if err := t.t.Execute(w, data); err != nil {
		if w.full {
			return "", errors.New("the template makes more than 4 MB")
		}
		return "", sentence(err)
	}
	return w.String(), nil
}

// complete is m as a template sees it: every field is there, whether JSON leaves it out or not.
func complete(m Message) (map[string]any, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write the alert as JSON: %w", err)
	}
	data := map[string]any{
		"recipient": "", "title": "", "text": "", "silent": false, "link": "", "test": false, "digest": []any{}, "snapshot": nil,
	}
	if err := json.Unmarshal(raw, &data); err != nil {
		return nil, fmt.Errorf("read the alert as JSON: %w", err)
	}
	events, _ := data["digest"].([]any)
	for _, e := range append(events, data["event"]) {
		fill(e)
	}
	return data, nil
}

func fill(event any) {
	e, ok := event.(map[string]any)
	if !ok {
		return
	}
	for name, empty := range map[string]any{
		"severity": "", "rules": []any{}, "zones": []any{}, "attributes": []any{},
		"identity": map[string]any{"person_id": "", "name": "", "similarity": 0.0},
	} {
		if _, there := e[name]; !there {
			e[name] = empty
		}
	}
}

// Example is an alert for trying templates on.
func Example() Message {
	start := time.Date(2026, 1, 1, 18, 0, 0, 0, time.UTC)
	return Message{
		Version: 1, DeliveryID: "01935d2c-0000-7000-8000-000000000000", Attempt: 1, Phase: sdk.PhaseNew, Title: "Person at Front door", Text: "An example.",
		Event: Event{
			ID: "01935d2c-0000-7000-8000-000000000001", Camera: "front_door", CameraName: "Front door", Kind: "object", Label: "person",
			Start: start, Score: 0.8, TopScore: 0.9, Severity: "high",
		},
		Snapshot: &Snapshot{ContentType: "image/jpeg"},
	}
}

func toJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

func join(list []any, sep string) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, sep)
}

// sentence takes text/template's prefix off, which names nothing of ours.
func sentence(err error) error {
	s := strings.TrimPrefix(err.Error(), "template: ")
	return fmt.Errorf("template %s", strings.TrimPrefix(s, ":"))
}

type bounded struct {
	bytes.Buffer

	full bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxRendered {
		b.full = true
		return 0, errors.New("too much")
	}
	return b.Buffer.Write(p) //nolint:wrapcheck // a buffer's Write has no error
}
