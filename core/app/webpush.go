package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nightjar-nvr/nightjar/core/auth"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	// browserRoute begins the ids of routes that people made for their browsers; the person and a hash follow.
	browserRoute = "browser-"
	maxBrowsers  = 10 // of one person
	// pushStore begins the keys under which the push notifier finds subscriptions; see plugins/notifiers/push.
	pushStore = "webpush/"
	// pushQuota is what a notifier may keep in all: plugins/api/v1/host.proto.
	pushQuota = 1 << 20
)

// browserPush is the API's: it puts subscriptions of browsers where the push notifier finds them.
type browserPush struct {
	notifiers interface{ snapshot() []instance }
	values    interface {
		SetPluginValue(ctx context.Context, notifier, key string, value []byte, quota int64) error
	}
	routes interface {
		Routes() []nvr.Route
		PutRoute(ctx context.Context, r nvr.Route) error
		DeleteRoute(ctx context.Context, id string) error
	}
}

// PushKeys implements the API's list.
func (b *browserPush) PushKeys() []httpapi.PushKey {
	var out []httpapi.PushKey
	for _, n := range b.notifiers.snapshot() {
		key, _ := n.settings["vapid_public_key"].(string)
		if n.enabled && n.problem == "" && tellsBrowsers(n) && key != "" {
			out = append(out, httpapi.PushKey{Notifier: n.id, Name: n.name, PublicKey: key})
		}
	}
	return out
}

// SubscribeBrowser implements the API's subscription.
func (b *browserPush) SubscribeBrowser(ctx context.Context, who auth.Identity, s httpapi.PushSubscription) (string, error) {
	if !slices.ContainsFunc(b.PushKeys(), func(k httpapi.PushKey) bool { return k.Notifier == s.Notifier }) {
		return "", &nvr.Error{Code: nvr.CodeNotFound, Message: "there is no notifier " + s.Notifier + " that tells browsers"}
	}
	own := browsersOf(who)
	sum := sha256.Sum256([]byte(who.UserID + "\n" + s.Notifier + "\n" + s.Endpoint))
	id, known, count := own+hex.EncodeToString(sum[:6]), false, 0
	for _, r := range b.routes.Routes() {
		known = known || r.ID == id
		if isBrowserOf(own, r.ID) {
			count++
		}
	}
	if !known && count >= maxBrowsers {
		return "", &nvr.Error{Code: nvr.CodeTooMany, Message: fmt.Sprintf("%d browsers are subscribed already: unsubscribe one, or ask an administrator to remove its route", count)}
	}
	text, err := json.Marshal(map[string]any{"endpoint": s.Endpoint, "keys": s.Keys})
	if err != nil {
		return "", fmt.Errorf("write subscription: %w", err)
	}
	if err := b.values.SetPluginValue(ctx, s.Notifier, pushStore+id, text, pushQuota); err != nil || known {
		return id, err
	}
	return id, b.routes.PutRoute(ctx, nvr.Route{ID: id, Notifier: s.Notifier, Recipients: []string{id}})
}

// UnsubscribeBrowser implements the API's end of a subscription.
func (b *browserPush) UnsubscribeBrowser(ctx context.Context, who auth.Identity, id string) error {
	if !isBrowserOf(browsersOf(who), id) {
		return &nvr.Error{Code: nvr.CodeNotFound, Message: "this is no subscription of yours"}
	}
	for _, k := range b.PushKeys() {
		if err := b.values.SetPluginValue(ctx, k.Notifier, pushStore+id, nil, pushQuota); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(b.routes.Routes(), func(r nvr.Route) bool { return r.ID == id }) {
		return nil // an administrator removed it
	}
	return b.routes.DeleteRoute(ctx, id)
}

var notInID = regexp.MustCompile(`[^a-z0-9_]+`)

// browsersOf begins the ids of a person's browsers.
func browsersOf(who auth.Identity) string {
	name := strings.Trim(notInID.ReplaceAllString(strings.ToLower(who.Name), "_"), "_")
	return browserRoute + name[:min(len(name), 24)] + "-"
}

func isBrowserOf(own, id string) bool {
	rest, ok := strings.CutPrefix(id, own)
	return ok && len(rest) == 12 && strings.Trim(rest, "0123456789abcdef") == ""
}
