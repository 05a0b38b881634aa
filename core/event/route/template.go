package route

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	maxTemplate = 2000 // bytes of a template
	maxTitle    = 200  // characters of what it makes
	maxText     = 3000
	maxListed   = 10 // alerts that the default text of a digest lists
	maxRanges   = 2  // within each other: the zones of each alert. Each more multiplies the time a template takes
)

// The templates of routes that have none.
const (
	DefaultTitle = `{{if gt .Count 1}}{{.Count}} alerts{{else}}{{.Subject}}{{with .Camera}} on {{.}}{{end}}{{if eq .Phase "end"}} (over){{end}}{{end}}`
	DefaultText  = `{{if gt .Count 1}}{{range .Alerts}}{{.Time}} {{.Subject}} on {{.Camera}}
{{end}}{{with .More}}and {{.}} more{{end}}{{else}}{{.Date}} {{.Time}}{{with .Zones}}, in {{join . ", "}}{{end}}{{with .Duration}}, for {{.}}{{end}}{{end}}`
)

// Item is what templates may say of one alert. It holds plain values only: a template can call nothing on it.
type Item struct {
	Subject  string // "Person": the label as a word, or the name of who was recognised
	Label    string
	Person   string // who was recognised; empty: nobody
	Kind     string // object, motion, camera, manual
	Camera   string // display name
	CameraID string
	Severity string // low, normal, high
	Score    int    // percent
	Zones    []string
	Rules    []string
	Mode     string
	Date     string // "Wed 25 Nov 2026", local
	Time     string // "10:04:05", local
	End      string // as Time; empty while it goes on
	Duration string // "12s"; empty while it goes on
}

// Data is what templates are made of: the newest alert, and the others of a digest.
type Data struct {
	Item
	Phase  string // new, update, end
	Link   string // empty: our own address is not known
	Count  int    // alerts in all, 1 but for a digest
	Alerts []Item // of a digest, oldest first, at most 10
	More   int    // how many are not among Alerts
	Level  int    // of escalation; 0: none
}

// NewItem describes an event for people in zone.
func NewItem(e nvr.Event, camera string, zone *time.Location) Item {
	at := e.Start.In(zone)
	it := Item{
		Subject: subject(e), Label: e.Label, Person: e.Identity.Name, Kind: string(e.Kind), Camera: camera, CameraID: string(e.Camera), Severity: string(e.Severity),
		Score: int(e.TopScore*100 + .5), Zones: slices.Clone(e.EnteredZones), Rules: slices.Clone(e.Rules), Mode: string(e.Mode),
		Date: at.Format("Mon 2 Jan 2006"), Time: at.Format("15:04:05"),
	}
	if !e.Ongoing() {
		it.End, it.Duration = e.End.In(zone).Format("15:04:05"), e.End.Sub(e.Start).Round(time.Second).String()
	}
	return it
}

func subject(e nvr.Event) string {
	words := strings.ReplaceAll(e.Label, "_", " ")
	if e.Identity.Name != "" {
		words = e.Identity.Name
	}
	r, n := utf8.DecodeRuneInString(words)
	if n == 0 {
		return "Event"
	}
	return string(unicode.ToUpper(r)) + words[n:]
}

var funcs = template.FuncMap{
	"join":  strings.Join,
	"upper": strings.ToUpper,
	"lower": strings.ToLower,
	"default": func(fallback, s string) string {
		if s == "" {
			return fallback
		}
		return s
	},
}

var allowedFuncs = append([]string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len"}, slices.Collect(maps.Keys(funcs))...)

// CheckTemplate says what is wrong with a template: it must parse, be at most 2,000 bytes, do nothing but show, choose and
// list what Data holds, and work on an example.
func CheckTemplate(text string) error {
	_, err := compile(text)
	return err
}

func compile(text string) (*template.Template, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("is longer than %d bytes", maxTemplate)
	}
	t, err := template.New("template").Option("missingkey=error").Funcs(funcs).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("is not a template: %s", strings.TrimPrefix(err.Error(), "template: "))
	}
	if len(t.Templates()) > 1 || (t.Tree != nil && !harmless(t.Tree.Root, 0)) {
		return nil, fmt.Errorf("holds what templates may not do; allowed are fields, if, with, range over a list (at most %d within each other), and the functions %s",
			maxRanges, strings.Join(slices.Sorted(slices.Values(allowedFuncs)), ", "))
	}
	if _, err := execute(t, Example("new"), maxText); err != nil {
		return nil, fmt.Errorf("does not work: %s", strings.TrimPrefix(err.Error(), "template: "))
	}
	return t, nil
}

// harmless walks a parsed template: what is not on the list is refused, so that what later versions of text/template add is
// refused too. ranges is in how many ranges it stands.
func harmless(n parse.Node, ranges int) bool {
	switch n := n.(type) {
	case nil, *parse.TextNode, *parse.FieldNode, *parse.DotNode, *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.VariableNode,
		*parse.CommentNode, *parse.BreakNode, *parse.ContinueNode:
		return true
	case *parse.IdentifierNode:
		return slices.Contains(allowedFuncs, n.Ident)
	case *parse.ListNode:
		return n == nil || every(n.Nodes, ranges)
	case *parse.ActionNode:
		return harmless(n.Pipe, ranges)
	case *parse.PipeNode:
		return n == nil || every(n.Cmds, ranges)
	case *parse.CommandNode:
		return every(n.Args, ranges)
	case *parse.IfNode:
		return harmless(n.Pipe, ranges) && harmless(n.List, ranges) && harmless(n.ElseList, ranges)
	case *parse.WithNode:
		return harmless(n.Pipe, ranges) && harmless(n.List, ranges) && harmless(n.ElseList, ranges)
	case *parse.RangeNode: // over a field only: ranging over a number is a loop as long as its writer likes
		return ranges < maxRanges && ranged(n.Pipe) && harmless(n.List, ranges+1) && harmless(n.ElseList, ranges)
	}
	return false
}

func every[T parse.Node](nodes []T, ranges int) bool {
	return !slices.ContainsFunc(nodes, func(n T) bool { return !harmless(n, ranges) })
}

func ranged(p *parse.PipeNode) bool {
	if len(p.Cmds) != 1 || len(p.Cmds[0].Args) != 1 {
		return false
	}
	f, ok := p.Cmds[0].Args[0].(*parse.FieldNode)
	return ok && slices.Contains([]string{"Alerts", "Zones", "Rules"}, f.Ident[len(f.Ident)-1])
}

var errTooLong = errors.New("too long")

// limited keeps at most so many bytes and then ends the template.
type limited struct {
	strings.Builder
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		l.Builder.Write(p[:l.left])
		l.left = 0
		return 0, errTooLong
	}
	l.left -= len(p)
	return l.Builder.Write(p)
}

// execute makes a text of at most n characters; what is longer is cut and ends with an ellipsis.
func execute(t *template.Template, d Data, n int) (string, error) {
	w := &limited{left: 4*n + 4}
	if err := t.Execute(w, d); err != nil && !errors.Is(err, errTooLong) {
		return "", err
	}
	text := []rune(strings.ToValidUTF8(strings.TrimSpace(w.String()), ""))
	if len(text) > n {
		text = append(text[:n-1], '…')
	}
	return string(text), nil
}

// Render makes title and text by the route's templates. A template that fails, or makes nothing, is replaced by the default:
// an alert never waits for a template.
func Render(r nvr.Route, d Data) (title, text string) {
	fill := func(tmpl, fallback string, n int) string {
		for _, s := range []string{tmpl, fallback} {
			if s == "" {
				continue
			}
			t, err := compile(s)
			if err != nil {
				continue
			}
			if out, err := execute(t, d, n); err == nil && out != "" {
				return out
			}
		}
		return d.Subject
	}
	title = strings.Join(strings.Fields(fill(r.Title, DefaultTitle, maxTitle)), " ")
	return title, fill(r.Text, DefaultText, maxText)
}

// NewData returns what templates see of an alert: the event itself, or the events of a digest (the newest last) with how
// many there are in all. camera names cameras for people.
func NewData(d nvr.Delivery, e nvr.Event, digest []nvr.Event, total int, link string, camera func(nvr.CameraID) string, zone *time.Location) Data {
	out := Data{Item: NewItem(e, camera(e.Camera), zone), Phase: string(d.Phase), Link: link, Count: max(1, total), Level: d.Level}
	if total < 2 {
		return out
	}
	for _, one := range digest[max(0, len(digest)-maxListed):] {
		out.Alerts = append(out.Alerts, NewItem(one, camera(one.Camera), zone))
	}
	out.More = total - len(out.Alerts)
	return out
}

// Example is the alert that previews and checks of templates use: a person at the front door; phase is new, update, end or
// digest.
func Example(phase string) Data {
	start := time.Date(2026, 11, 25, 21, 4, 5, 0, time.UTC)
	e := nvr.Event{
		Camera: "front_door", Kind: nvr.EventObject, Label: "person", Start: start, TopScore: .87, Severity: nvr.SeverityHigh,
		EnteredZones: []string{"porch"}, Rules: []string{"somebody_outside"}, Mode: nvr.ModeAway,
	}
	if phase == string(nvr.PhaseEnd) {
		e.End = start.Add(12 * time.Second)
	}
	d := nvr.Delivery{Phase: nvr.Phase(phase)}
	var digest []nvr.Event
	if phase == "digest" {
		d.Phase = nvr.PhaseNew
		car := e
		car.Label, car.Start = "car", start.Add(-time.Minute)
		digest = []nvr.Event{car, e}
	}
	return NewData(d, e, digest, len(digest), "https://nightjar.example/events/1", func(nvr.CameraID) string { return "Front door" }, time.UTC)
}
