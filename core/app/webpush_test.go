package app

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/auth"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// pushParts is what browserPush needs, in memory.
type pushParts struct {
	values map[string]string
	routes []nvr.Route
}

func (p *pushParts) snapshot() []instance {
	return []instance{
		{id: "mail", enabled: true, settings: map[string]any{"service": "smtp"}},
		{id: "off", settings: map[string]any{"service": "webpush", "vapid_public_key": "B1"}},
		{id: "web", name: "Browsers", enabled: true, settings: map[string]any{"service": "webpush", "vapid_public_key": "B2"}},
	}
}

func (p *pushParts) SetPluginValue(_ context.Context, notifier, key string, value []byte, _ int64) error {
	p.values[notifier+" "+key] = string(value)
	return nil
}
func (p *pushParts) Routes() []nvr.Route { return p.routes }
func (p *pushParts) PutRoute(_ context.Context, r nvr.Route) error {
	p.routes = append(p.routes, r)
	return nil
}

func (p *pushParts) DeleteRoute(_ context.Context, id string) error {
	p.routes = slices.DeleteFunc(p.routes, func(r nvr.Route) bool { return r.ID == id })
	return nil
}

func TestBrowserPush(t *testing.T) {
	parts := &pushParts{values: map[string]string{}}
	b := &browserPush{parts, parts, parts}
	ctx, mila, ben := t.Context(), auth.Identity{UserID: "1", Name: "Mila O."}, auth.Identity{UserID: "2", Name: "ben"}
	if keys := b.PushKeys(); len(keys) != 1 || keys[0] != (httpapi.PushKey{Notifier: "web", Name: "Browsers", PublicKey: "B2"}) {
		t.Errorf("keys are %v", keys)
	}
	sub := httpapi.PushSubscription{Notifier: "web", Endpoint: "https://push.example/1", Keys: httpapi.PushSubscriptionKey{P256DH: "p", Auth: "a"}}
	id, err := b.SubscribeBrowser(ctx, mila, sub)
	if err != nil || !strings.HasPrefix(id, "browser-mila_o-") {
		t.Fatalf("subscribed as %q, %v", id, err)
	}
	if again, err := b.SubscribeBrowser(ctx, mila, sub); again != id || err != nil || len(parts.routes) != 1 {
		t.Errorf("the same browser again: %q, %v, %d routes", again, err, len(parts.routes))
	}
	if got := parts.values["web webpush/"+id]; !strings.Contains(got, `"endpoint":"https://push.example/1"`) || !strings.Contains(got, `"p256dh":"p"`) {
		t.Errorf("the notifier finds %s", got)
	}
	if r := parts.routes[0]; r.Notifier != "web" || !slices.Equal(r.Recipients, []string{id}) {
		t.Errorf("the route is %+v", r)
	}
	if err := b.UnsubscribeBrowser(ctx, ben, id); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("somebody else's: %v", err)
	}
	if err := b.UnsubscribeBrowser(ctx, mila, id); err != nil || len(parts.routes) != 0 || parts.values["web webpush/"+id] != "" {
		t.Errorf("unsubscribed: %v, %v, %v", err, parts.routes, parts.values)
	}
	if _, err := b.SubscribeBrowser(ctx, mila, httpapi.PushSubscription{Notifier: "off"}); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("a notifier that is off: %v", err)
	}
	for i := range maxBrowsers {
		sub.Endpoint = "https://push.example/many/" + strings.Repeat("x", i)
		if _, err := b.SubscribeBrowser(ctx, mila, sub); err != nil {
			t.Fatal(err)
		}
	}
	sub.Endpoint = "https://push.example/more"
	if _, err := b.SubscribeBrowser(ctx, mila, sub); nvr.ErrorCode(err) != nvr.CodeTooMany {
		t.Errorf("one too many: %v", err)
	}
}

// TestNobodyToTell: a route that names no browser is marked, so that its alerts are not refused one by one.
func TestNobodyToTell(t *testing.T) {
	web := map[string]any{"service": "webpush"}
	m := &notifiers{all: []instance{
		{id: "web", enabled: true, settings: web},
		{id: "usual", enabled: true, settings: map[string]any{"service": "webpush", "recipients": []any{"tablet"}}},
		{id: "hook", enabled: true},
	}}
	routes := []nvr.Route{{ID: "hook", Notifier: "hook"}, {ID: "web", Notifier: "web"}, {ID: "usual", Notifier: "usual"}, {ID: "gone", Notifier: "gone"}}
	m.routes = func() []nvr.Route { return routes }
	for i, r := range m.markNobody(routes) {
		if r.Nobody != (r.ID == "web") || routes[i].Nobody {
			t.Errorf("%s: %v, of the caller's %v", r.ID, r.Nobody, routes[i].Nobody)
		}
	}
	if w := m.warning(m.all[0]); !strings.Contains(w, "nobody has subscribed a browser") {
		t.Errorf("warning is %q", w)
	}
	routes = append(routes, nvr.Route{ID: "browser-mila-0123456789ab", Notifier: "web", Recipients: []string{"browser-mila-0123456789ab"}})
	for _, n := range m.all {
		if w := m.warning(n); w != "" {
			t.Errorf("%s: warning is %q", n.id, w)
		}
	}
}
