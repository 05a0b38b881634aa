package httpapi

import (
	"context"
	"net/url"

	"github.com/nightjar-nvr/nightjar/core/auth"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// browserPush subscribes the browsers of people to push notifiers.
type browserPush interface {
	PushKeys() []PushKey
	// SubscribeBrowser keeps a subscription, and makes a route for it where there is none. It returns the route's id.
	SubscribeBrowser(ctx context.Context, who auth.Identity, s PushSubscription) (string, error)
	// UnsubscribeBrowser forgets a subscription of this person. CodeNotFound: it is none of theirs.
	UnsubscribeBrowser(ctx context.Context, who auth.Identity, id string) error
}

// PushKey is a notifier that tells browsers.
type PushKey struct {
	Notifier  string `json:"notifier"`
	Name      string `json:"name"`
	PublicKey string `json:"public_key" doc:"VAPID, base64url: the applicationServerKey (RFC 8292)"`
}

// PushKeys are all notifiers that tell browsers, by id.
type PushKeys struct {
	Keys []PushKey `json:"keys" nullable:"false"`
}

// PushSubscription is what a browser's PushManager gave (W3C Push API), and for whom.
type PushSubscription struct {
	Notifier string              `json:"notifier" minLength:"1" maxLength:"48"`
	Endpoint string              `json:"endpoint" minLength:"1" maxLength:"2048"`
	Keys     PushSubscriptionKey `json:"keys"`
}

// PushSubscriptionKey is what messages are encrypted with (RFC 8291).
type PushSubscriptionKey struct {
	P256DH string `json:"p256dh" minLength:"1" maxLength:"200" doc:"base64url"`
	Auth   string `json:"auth" minLength:"1" maxLength:"100" doc:"base64url"`
}

// PushSubscribed names a subscription.
type PushSubscribed struct {
	ID string `json:"id" doc:"Of the subscription, and of the route that tells it; an administrator may change that"`
}

func (s *Server) registerPush() {
	op := func(method, path, id, summary string, status int) operation {
		return operation{method: method, path: path, id: id, tag: "notifiers", summary: summary, access: accessViewer, status: status}
	}
	type keys struct{ Body PushKeys }
	register(s, op("GET", "/push-keys", "listPushKeys", "Notifiers to which a browser can be subscribed", 0),
		func(context.Context, *struct{}) (*keys, error) {
			return &keys{Body: PushKeys{Keys: append([]PushKey{}, s.deps.Push.PushKeys()...)}}, nil
		})
	type input struct{ Body PushSubscription }
	type output struct{ Body PushSubscribed }
	register(s, op("POST", "/push-subscriptions", "subscribeBrowser", "Tell alerts to the caller's browser", 201),
		func(ctx context.Context, in *input) (*output, error) {
			u, err := url.Parse(in.Body.Endpoint)
			if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
				return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: "the subscription has no endpoint: subscribe the browser again"}
			}
			id, err := s.deps.Push.SubscribeBrowser(ctx, identityOf(ctx), in.Body)
			return &output{Body: PushSubscribed{ID: id}}, err
		})
	type idInput struct {
		ID string `path:"id" maxLength:"48"`
	}
	register(s, op("DELETE", "/push-subscriptions/{id}", "unsubscribeBrowser", "Tell alerts to the caller's browser no longer", 204),
		func(ctx context.Context, in *idInput) (*struct{}, error) {
			return nil, s.deps.Push.UnsubscribeBrowser(ctx, identityOf(ctx), in.ID)
		})
}
