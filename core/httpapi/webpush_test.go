package httpapi

import (
	"context"
	"net/http"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/auth"
)

// fakePush remembers what it was asked.
type fakePush struct {
	who, removed string
	got          PushSubscription
}

func (f *fakePush) PushKeys() []PushKey {
	return []PushKey{{Notifier: "web", Name: "Browsers", PublicKey: "B2"}}
}

func (f *fakePush) SubscribeBrowser(_ context.Context, who auth.Identity, s PushSubscription) (string, error) {
	f.who, f.got = who.Name, s
	return "browser-vera-0123456789ab", nil
}

func (f *fakePush) UnsubscribeBrowser(_ context.Context, who auth.Identity, id string) error {
	f.removed = who.Name + " " + id
	return nil
}

func (w *world) testPush(t *testing.T) {
	const path = "/api/v1/push-subscriptions"
	var keys PushKeys
	if w.do(request{path: "/api/v1/push-keys", token: w.viewer}, &keys); len(keys.Keys) != 1 || keys.Keys[0].PublicKey != "B2" {
		t.Errorf("keys: %+v", keys)
	}
	body := map[string]any{"notifier": "web", "endpoint": "https://push.example/1", "keys": map[string]string{"p256dh": "p", "auth": "a"}}
	var made PushSubscribed
	resp := w.do(request{method: "POST", path: path, token: w.viewer, body: body}, &made)
	if resp.StatusCode != http.StatusCreated || made.ID == "" || w.push.who != "vera" || w.push.got.Keys.P256DH != "p" {
		t.Errorf("subscribed: %s %+v %+v", resp.Status, made, w.push)
	}
	body["endpoint"] = "file:///etc/passwd"
	if resp := w.do(request{method: "POST", path: path, token: w.viewer, body: body}, nil); resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("no endpoint: %s", resp.Status)
	}
	if resp := w.do(request{method: "DELETE", path: path + "/" + made.ID, token: w.viewer}, nil); resp.StatusCode != http.StatusNoContent || w.push.removed != "vera "+made.ID {
		t.Errorf("unsubscribed: %s %q", resp.Status, w.push.removed)
	}
}
