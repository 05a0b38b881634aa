package route

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

var t0 = time.Date(2026, 11, 25, 21, 4, 5, 0, time.UTC) // a Wednesday

func alert() nvr.Event {
	return nvr.Event{
		ID: "e", Camera: "door", Kind: nvr.EventObject, Label: "person", Start: t0, Severity: nvr.SeverityNormal, Rules: []string{"night"},
		EnteredZones: []string{"porch"}, Mode: nvr.ModeAway, Revision: 3, TopScore: .87, Identity: nvr.Identity{State: nvr.IdentityKnown, Name: "Ada"},
	}
}

func strict() nvr.Route {
	return nvr.Route{
		ID: "phone", Notifier: "push", Cameras: []nvr.CameraID{"door"}, Labels: []string{"person"}, Zones: []string{"porch"}, Rules: []string{"night"},
		MinSeverity: nvr.SeverityNormal, Modes: []nvr.Mode{nvr.ModeAway}, Identities: []string{"ada"},
	}
}

// TestEachConditionDecides breaks one condition at a time: only that one may be named, with a sentence.
func TestEachConditionDecides(t *testing.T) {
	t.Parallel()
	if told, cs := Explain(strict(), alert()); !told || len(cs) != 7 {
		t.Fatalf("%v %+v", told, cs)
	}
	for name, c := range map[string]struct {
		change func(*nvr.Event)
		says   string
	}{
		"camera":   {func(e *nvr.Event) { e.Camera = "yard" }, "camera yard, and door is asked for"},
		"label":    {func(e *nvr.Event) { e.Label = "cat" }, "a cat, and person is asked for"},
		"zone":     {func(e *nvr.Event) { e.EnteredZones = nil }, "it has entered no zone, and porch is asked for"},
		"rule":     {func(e *nvr.Event) { e.Rules = []string{"day"} }, "an alert by day, and night is asked for"},
		"severity": {func(e *nvr.Event) { e.Severity = nvr.SeverityLow }, `its severity is "low", and at least normal is asked for`},
		"mode":     {func(e *nvr.Event) { e.Mode = nvr.ModeHome }, "the mode was home when it began, and away is asked for"},
		"identity": {func(e *nvr.Event) { e.Identity = nvr.Identity{State: nvr.IdentityUnknown} }, "it is somebody unknown, and ada is asked for"},
	} {
		e := alert()
		c.change(&e)
		told, cs := Explain(strict(), e)
		if told || Why(cs) != c.says {
			t.Errorf("%s: told %v, %q", name, told, Why(cs))
		}
		for _, cond := range cs {
			if cond.Holds == (cond.Name == name) {
				t.Errorf("%s: %+v", name, cond)
			}
		}
	}
	e := alert()
	e.Severity = ""
	if told, cs := Explain(nvr.Route{}, e); told || !strings.Contains(Why(cs), "no alert") {
		t.Errorf("an event that is no alert: %v", Why(cs))
	}
}

func ids() func(time.Time) string {
	n := 0
	return func(time.Time) string { n++; return strconv.Itoa(n) }
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	routes := []nvr.Route{
		{ID: "all", Notifier: "hook", Updates: true, Expire: time.Hour},
		{ID: "phones", Notifier: "push", Recipients: []string{"ada", "bob"}, Escalate: nvr.Escalation{After: 5 * time.Minute, To: []string{"boss", "gone"}}},
		{ID: "twice", Notifier: "push", Recipients: []string{"bob"}},
		{ID: "off", Notifier: "push", Recipients: []string{"eve"}, Disabled: true},
		{ID: "boss", Notifier: "mail", Labels: []string{"nothing"}, Escalate: nvr.Escalation{After: time.Minute, To: []string{"phones"}}},
	}
	type row struct {
		route, to string
		level     int
		at        time.Duration
	}
	rows := func(phase nvr.Phase, became bool) (out []row) {
		before := alert()
		if became {
			before.Severity = ""
		}
		for _, d := range Deliver(routes, Change{Phase: phase, Before: before, After: alert()}, t0, ids()) {
			out = append(out, row{d.Route, d.Recipient, d.Level, d.NextAt.Sub(t0)})
			if (d.Hold == nvr.HoldEscalation) != (d.Level > 0) || d.EventID != "e" || d.Revision != 3 || d.State != nvr.DeliveryPending {
				t.Errorf("%+v", d)
			}
			if want := map[string]time.Duration{"all": time.Hour}[d.Route]; want > 0 && d.ExpiresAt.Sub(t0) != want {
				t.Errorf("expires %v", d.ExpiresAt)
			}
		}
		return out
	}
	want := []row{
		{"all", "", 0, 0},
		{"phones", "ada", 0, 0},
		{"phones", "bob", 0, 0},
		{"boss", "", 1, 5 * time.Minute},
		{"phones", "ada", 2, 6 * time.Minute},
		{"phones", "bob", 2, 6 * time.Minute},
		{"boss", "", 3, 11 * time.Minute},
		{"phones", "ada", 4, 12 * time.Minute},
		{"phones", "bob", 4, 12 * time.Minute},
		{"boss", "", 5, 17 * time.Minute},
	}
	if got := rows(nvr.PhaseNew, true); !slices.Equal(got, want) {
		t.Errorf("new:\n%v\n%v", got, want)
	}
	if got := rows(nvr.PhaseUpdate, true); len(got) != len(want) {
		t.Errorf("an event that becomes an alert late is new: %v", got)
	}
	if got := rows(nvr.PhaseEnd, false); !slices.Equal(got, want[:1]) {
		t.Errorf("end: %v", got)
	}
	routes[1].Nobody = true
	if got := rows(nvr.PhaseNew, true); !slices.Equal(got, []row{{"all", "", 0, 0}, {"boss", "", 1, 5 * time.Minute}, {"boss", "", 3, 11 * time.Minute}, {"boss", "", 5, 17 * time.Minute}, {"twice", "bob", 0, 0}}) {
		t.Errorf("nobody to tell by one of them, which escalates: %v", got)
	}
	e := alert()
	e.Severity = ""
	if got := Deliver(routes, Change{Phase: nvr.PhaseNew, Before: e, After: e}, t0, ids()); got != nil {
		t.Errorf("no alert: %v", got)
	}
}

// TestLateForARoute: what a route asks for may come to hold while the event goes on. It is told once, as new, and escalated.
func TestLateForARoute(t *testing.T) {
	t.Parallel()
	before, after := alert(), alert()
	before.Identity, after.Identity = nvr.Identity{}, nvr.Identity{State: nvr.IdentityKnown, Name: "Anna"}
	routes := []nvr.Route{
		{ID: "anna", Notifier: "push", Identities: []string{"anna"}, Escalate: nvr.Escalation{After: time.Minute, To: []string{"boss"}}},
		{ID: "made_late", Notifier: "mail"},
		{ID: "boss", Notifier: "hook", Labels: []string{"nothing"}},
	}
	c := Change{Phase: nvr.PhaseUpdate, Before: before, After: after}
	got := Deliver(routes, c, t0, ids())
	if len(got) != 2 || got[0].Route != "anna" || got[0].Phase != nvr.PhaseNew || got[1].Route != "boss" || got[1].Level != 1 {
		t.Errorf("recognised late: %+v", got)
	}
	c.Told = func(notifier, to string) bool { return notifier == "push" && to == "" }
	if got := Deliver(routes, c, t0, ids()); len(got) != 0 {
		t.Errorf("told before: %+v", got)
	}
	c.Before, c.Told = after, nil
	if got := Deliver(routes, c, t0, ids()); len(got) != 0 {
		t.Errorf("nothing is new: %+v", got)
	}
}

// TestQuietHours compares windows with a list of all minutes they hold, and their ends with where the list ends.
func TestQuietHours(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	first := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for range 200 {
		q := nvr.Quiet{From: r.IntN(1440), To: r.IntN(1441), Action: nvr.QuietHold}
		for d := range time.Saturday + 1 {
			if r.IntN(2) == 0 {
				q.Days = append(q.Days, d)
			}
		}
		inside := map[time.Time]bool{}
		for day := -1; day < 9; day++ {
			begin := first.AddDate(0, 0, day)
			if len(q.Days) > 0 && !slices.Contains(q.Days, begin.Weekday()) {
				continue
			}
			from, to := q.From, q.To
			if from == to {
				from, to = 0, 1440
			} else if to < from {
				to += 1440
			}
			for m := from; m < to; m++ {
				inside[begin.Add(time.Duration(m)*time.Minute)] = true
			}
		}
		for m := range 7 * 1440 {
			at := first.Add(time.Duration(m) * time.Minute)
			action, end, ok := QuietNow(nvr.Route{Quiet: []nvr.Quiet{q}}, nvr.SeverityLow, at)
			if ok != inside[at] || (ok && (action != nvr.QuietHold || !end.After(at))) {
				t.Fatalf("%+v at %v: %v until %v", q, at, ok, end)
			}
			for x := at; ok && x.Before(end); x = x.Add(time.Hour) {
				if !inside[x] {
					t.Fatalf("%+v at %v: not quiet at %v, before the end %v", q, at, x, end)
				}
			}
		}
	}
	night := nvr.Route{Quiet: []nvr.Quiet{{From: 22 * 60, To: 7 * 60, Action: nvr.QuietDrop, Except: nvr.SeverityHigh}}}
	late := t0.Add(3 * time.Hour)
	if _, _, ok := QuietNow(night, nvr.SeverityHigh, late); ok {
		t.Error("high rings at night")
	}
	if _, end, ok := QuietNow(night, nvr.SeverityNormal, late); !ok || end.Format("Mon 15:04") != "Thu 07:00" {
		t.Errorf("%v %v", end, ok)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("SKIP: no time zones on this machine")
	}
	// The night on which clocks are set back has 10 hours between 22:00 and 07:00.
	at := time.Date(2026, 10, 24, 22, 0, 0, 0, berlin)
	if _, end, ok := QuietNow(night, nvr.SeverityLow, at); !ok || end.Sub(at) != 10*time.Hour {
		t.Errorf("%v %v", end, ok)
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	for phase, want := range map[string][2]string{
		"new":    {"Person on Front door", "Wed 25 Nov 2026 21:04:05, in porch"},
		"end":    {"Person on Front door (over)", "Wed 25 Nov 2026 21:04:05, in porch, for 12s"},
		"digest": {"2 alerts", "21:03:05 Car on Front door\n21:04:05 Person on Front door"},
	} {
		if title, text := Render(nvr.Route{}, Example(phase)); title != want[0] || text != want[1] {
			t.Errorf("%s: %q %q", phase, title, text)
		}
	}
	r := nvr.Route{Title: "{{upper .Label}}\nat {{.Camera}}", Text: `{{range .Zones}}[{{.}}]{{end}} {{.Score}} % {{default "nobody" .Person}} {{.Link}}`}
	if title, text := Render(r, Example("new")); title != "PERSON at Front door" || text != "[porch] 87 % nobody https://nightjar.example/events/1" {
		t.Errorf("%q %q", title, text)
	}
	many := nvr.Route{Text: strings.Repeat("{{.Camera}} ", 150)}
	d := Example("new")
	d.Camera = strings.Repeat("ü", 500)
	if _, text := Render(many, d); len([]rune(text)) != maxText || !strings.HasSuffix(text, "…") {
		t.Errorf("%d characters", len([]rune(text)))
	}
	for bad, says := range map[string]string{
		"{{.Nothing}}": "does not work", "{{": "is not a template", "{{.Label.Upper}}": "does not work",
		`{{printf "%99999d" 1}}`: "may not do", `{{range 1000000000}}{{end}}`: "may not do", `{{define "x"}}{{end}}`: "may not do",
		`{{template "x"}}`: "may not do", `{{define "x"}}{{template "x"}}{{end}}{{template "x"}}`: "may not do", `{{html .Label}}`: "may not do",
		`{{call .Label}}`: "may not do", `{{range $i, $c := .Count}}{{end}}`: "may not do", `{{(index .Zones 0)}}`: "may not do",
		strings.Repeat("x", 2001): "longer than",
		// Ten alerts within ten, and so on: each costs ten times the one before, and writes nothing that a limit could see.
		strings.Repeat("{{with $}}{{range .Alerts}}", 30) + strings.Repeat("{{end}}{{end}}", 30): "at most 2 within",
	} {
		if err := CheckTemplate(bad); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: %v", bad, err)
		}
		if title, _ := Render(nvr.Route{Title: bad}, Example("new")); title != "Person on Front door" {
			t.Errorf("%.40q is used: %q", bad, title)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	if p := Check(strict()); len(p) != 0 {
		t.Errorf("%+v", p)
	}
	for field, change := range map[string]func(*nvr.Route){
		"id":              func(r *nvr.Route) { r.ID = "No" },
		"recipients[1]":   func(r *nvr.Route) { r.Recipients = []string{"a", "a"} },
		"min_severity":    func(r *nvr.Route) { r.MinSeverity = "loud" },
		"modes[0]":        func(r *nvr.Route) { r.Modes = []nvr.Mode{"party"} },
		"quiet[0].action": func(r *nvr.Route) { r.Quiet = []nvr.Quiet{{}} },
		"rate.per":        func(r *nvr.Route) { r.Rate.Burst = 3 },
		"digest":          func(r *nvr.Route) { r.Digest = time.Millisecond },
		"escalate.to":     func(r *nvr.Route) { r.Escalate.After = time.Minute },
		"escalate.after":  func(r *nvr.Route) { r.Escalate.To = []string{"x"} },
		"text":            func(r *nvr.Route) { r.Text = "{{" },
		"expire":          func(r *nvr.Route) { r.Expire = time.Second },
	} {
		r := strict()
		change(&r)
		if p := Check(r); len(p) != 1 || p[0].Field != field || p[0].Message == "" {
			t.Errorf("%s: %+v", field, p)
		}
	}
	r := strict()
	r.Escalate.To = []string{"phone", "gone"}
	if p := CheckAll([]nvr.Route{r, r}); len(p) != 3 || p[1].Field != "phone.escalate.to[1]" {
		t.Errorf("%+v", p)
	}
}
