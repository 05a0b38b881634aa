package e2e

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

type apiNotifier struct {
	ID, Source, State, Reason string
	Settings                  map[string]any
	SecretsSet                []string `json:"secrets_set"`
	MemoryBytes               int64    `json:"memory_bytes"`
	Limits                    []string
}

type apiDelivery struct {
	Event, Notifier, State string
	Attempts               int
	History                []struct{ Outcome, Detail string }
}

// testPlugins: what became of the first alert can be read; a notifier is made, tested, given a route and removed while
// everything runs; the command line sees the same.
func (s *site) testPlugins(t *testing.T) {
	var told struct{ Items []apiDelivery }
	s.api.get("deliveries?notifier=hook&state=delivered", &told)
	if len(told.Items) == 0 {
		t.Fatal("no alert was delivered")
	}
	again := slices.ContainsFunc(told.Items, func(d apiDelivery) bool { return d.Attempts > 1 })
	if !again {
		t.Error("the alert that was refused at first is not among them")
	}
	var history struct{ Items []apiDelivery }
	s.api.get("events/"+told.Items[0].Event+"/deliveries", &history)
	if len(history.Items) == 0 || len(history.Items[0].History) == 0 {
		t.Errorf("deliveries of an event: %+v", history)
	}

	settings := map[string]any{"url": s.hook.URL + "/second", "secret": hookSecret, "allow_private": true}
	resp, body := s.api.do("POST", "notifiers", map[string]any{"id": "second", "plugin": "webhook", "name": "Second", "enabled": true, "settings": settings})
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("make a notifier: %s: %s", resp.Status, body)
	}
	var n apiNotifier
	waitFor(t, "the new notifier runs", time.Minute, func() bool {
		s.api.get("notifiers/second", &n)
		return n.State == "running"
	})
	if n.Source != "database" || !slices.Contains(n.SecretsSet, "secret") || strings.Contains(string(body), hookSecret) || len(n.Limits) == 0 {
		t.Errorf("the notifier is shown as %+v", n)
	}
	before := len(s.hook.events())
	resp, body = s.api.do("POST", "notifiers/second/test", map[string]any{})
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"ok"`) || len(s.hook.events()) <= before {
		t.Errorf("test: %s: %s", resp.Status, body)
	}
	route := map[string]any{
		"id": "second", "notifier": "second", "enabled": true, "recipients": []string{}, "cameras": []string{"front"}, "labels": []string{}, "zones": []string{},
		"rules": []string{}, "min_severity": "", "modes": []string{}, "identities": []string{}, "updates": false, "quiet": []any{},
		"rate": map[string]any{"burst": 0, "per_seconds": 0}, "digest_seconds": 0, "escalate": map[string]any{"after_seconds": 0, "to": []string{}},
		"silent": false, "title": "", "text": "", "expire_seconds": 600,
	}
	if resp, body := s.api.do("PUT", "routes/second", route); resp.StatusCode != http.StatusNoContent {
		t.Errorf("make a route: %s: %s", resp.Status, body)
	}
	s.checkPluginList(t)
	for _, path := range []string{"routes/second", "notifiers/second"} {
		if resp, body := s.api.do("DELETE", path, nil); resp.StatusCode != http.StatusNoContent {
			t.Errorf("delete %s: %s: %s", path, resp.Status, body)
		}
	}
}

// checkPluginList asks the running server through its control socket.
func (s *site) checkPluginList(t *testing.T) {
	t.Helper()
	out, err := exec.Command(s.binary(), "plugin", "list", "-c", s.config, "-json").Output()
	if err != nil {
		t.Errorf("nightjar plugin list: %v", err)
	}
	if !json.Valid(out) || !strings.Contains(string(out), `"second"`) || !strings.Contains(string(out), `"hook"`) {
		t.Errorf("nightjar plugin list: %s", out)
	}
	if out, err := exec.Command(s.binary(), "plugin", "doctor", "-c", s.config).CombinedOutput(); err != nil {
		t.Errorf("nightjar plugin doctor: %v\n%s", err, out)
	}
}
