package httpapi

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

type fakeAlerts struct{ mode nvr.Mode }

func (f *fakeAlerts) Mode() nvr.Mode { return f.mode }

func (f *fakeAlerts) SetMode(_ context.Context, m nvr.Mode) error { f.mode = m; return nil }

func (f *fakeAlerts) Explain(e nvr.Event) []nvr.Verdict {
	return []nvr.Verdict{{Rule: "cats", Severity: nvr.SeverityLow, Conditions: []nvr.Condition{{Name: "label", Detail: e.Label + " is not one of cat."}}}}
}

func (f *fakeAlerts) Rules() []AlertRule {
	return []AlertRule{{ID: "cats", Source: "config", Severity: "low", Labels: []string{"cat"}}}
}

func (w *world) testAlerts(t *testing.T) {
	var mode ModeState
	for _, c := range []struct {
		token, mode string
		status      int
	}{{w.viewer, "away", http.StatusForbidden}, {w.admin, "party", http.StatusUnprocessableEntity}, {w.admin, "away", http.StatusOK}} {
		if resp := w.do(request{method: "PUT", path: "/api/v1/mode", token: c.token, body: map[string]string{"mode": c.mode}}, nil); resp.StatusCode != c.status {
			t.Errorf("mode %s: status %d, want %d", c.mode, resp.StatusCode, c.status)
		}
	}
	if w.do(request{path: "/api/v1/mode", token: w.viewer}, &mode); mode.Mode != "away" {
		t.Errorf("mode %q", mode.Mode)
	}
	var v Verdicts
	w.do(request{path: "/api/v1/events/" + w.eventID + "/verdicts", token: w.viewer}, &v)
	if len(v.Verdicts) != 1 || v.Verdicts[0].Alert || !strings.HasPrefix(v.Verdicts[0].Conditions[0].Detail, "person is not one of") {
		t.Errorf("verdicts %+v", v)
	}
	var rules AlertRules
	if w.do(request{path: "/api/v1/rules", token: w.viewer}, &rules); len(rules.Items) != 1 || rules.Items[0].ID != "cats" || rules.Items[0].Severity != "low" {
		t.Errorf("rules %+v", rules)
	}
	var page EventPage
	if w.do(request{path: "/api/v1/events?alerts=true", token: w.viewer}, &page); len(page.Items) != 0 {
		t.Errorf("alerts %+v", page.Items)
	}
}
