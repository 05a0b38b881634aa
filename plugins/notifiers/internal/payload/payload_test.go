package payload

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

func TestTemplate(t *testing.T) {
	a := sdk.Alert{
		DeliveryID: "d", Attempt: 1, Phase: sdk.PhaseEnd, Title: `A "title"`, Snapshot: []byte{1, 2, 3},
		Event:  sdk.Event{ID: "e", CameraName: "Yard", Label: "person", End: time.Unix(60, 0), Zones: []string{"a", "b"}, Identity: &sdk.Identity{Name: "Ann"}},
		Digest: []sdk.Event{{ID: "x", Label: "car"}, {ID: "e", Label: "person"}},
	}
	m := New(a, true)
	for text, want := range map[string]string{
		`{{.title}}`:                          `A "title"`,
		`{"t":{{json .title}}}`:               `{"t":"A \"title\""}`,
		`{{.event.identity.name}}`:            "Ann",
		`{{join .event.zones "+"}}`:           "a+b",
		`{{upper .phase}}`:                    "END",
		`{{.event.end}}`:                      "1970-01-01T00:01:00Z",
		`{{.snapshot.data}}`:                  "AQID",
		`{{range .digest}}{{.label}};{{end}}`: "car;person;",
		`{{range .digest}}{{.severity}}{{.identity.name}}{{end}}|{{.link}}{{.silent}}`: "|false",
	} {
		tmpl, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := tmpl.Render(m); err != nil || got != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"{{", "{{.event.camra}}", "{{.nothing}}", "{{call .title}}", `{{index .digest 5}}`} {
		if _, err := Parse(text); err == nil || strings.Contains(err.Error(), "template: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Parse(strings.Repeat(`{{printf "%99999s" "x"}}`, 50)); err == nil || !strings.Contains(err.Error(), "4 MB") {
		t.Errorf("large: %v", err)
	}
	for _, text := range []string{
		`{{range 1000000000}}{{end}}`, `{{$n := 1000000000}}{{range $n}}{{end}}`, `{{with 1000000000}}{{range .}}{{end}}{{end}}`, `{{range len .text}}{{end}}`,
		strings.Repeat(`{{range $.event}}`, 20) + strings.Repeat(`{{end}}`, 20), `{{define "a"}}{{template "a"}}{{template "a"}}{{end}}{{template "a"}}`,
		`{{block "a" .}}{{end}}`, `{{if .test}}{{else}}{{range 9}}{{end}}{{end}}`, `{{define "a"}}{{range 9}}{{end}}{{end}}`,
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), "range on a list of the alert only") {
			t.Errorf("endless %.40s: %v", text, err)
		}
	}
	if _, err := Parse(`{{range .digest}}{{range .zones}}{{.}}{{end}}{{end}}{{range $i, $z := $.event.zones}}{{$z}}{{end}}`); err != nil {
		t.Errorf("lists: %v", err)
	}
}

// TestOldFieldsKeepTheirNames holds version 1 of the message to what was shipped first.
func TestOldFieldsKeepTheirNames(t *testing.T) {
	raw, err := json.Marshal(New(sdk.Alert{DeliveryID: "d", Attempt: 2, Phase: sdk.PhaseNew, Event: sdk.Event{Box: sdk.Box{W: 1}}}, true))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"version":1,"delivery_id":"d","attempt":2,"phase":"new","event":{"id":"","camera":"","camera_name":"","kind":"","label":"",` +
		`"start":"0001-01-01T00:00:00Z","end":null,"score":0,"top_score":0,"box":[0,0,1,0],"stationary":false}}`
	if string(raw) != want {
		t.Errorf("%s", raw)
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("{{.title}}")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "range") || strings.Contains(text, "template") || strings.Contains(text, "printf") {
			t.Skip() // may be slow by itself
		}
		if tmpl, err := Parse(text); err == nil {
			if out, err := tmpl.Render(Example()); err == nil && len(out) > maxRendered {
				t.Errorf("%d bytes", len(out))
			}
		}
	})
}
