// Package push tells alerts to phones and browsers through a push service: ntfy, WebPush (RFC 8030), Firebase Cloud
// Messaging v1 or OneSignal. It never tries again by itself.
package push

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

const version = "1.0.0"

// imageLinkTime is how long a picture's link works; a phone may be off over night.
const imageLinkTime = 24 * time.Hour

// keepTime is how long a push service keeps what a device cannot take: the host's own expiry of an alert.
const keepTime = 6 * time.Hour

// Serve runs the notifier until the host ends the process.
func Serve() {
	sdk.Serve(sdk.Info{
		Name: "Push", Version: version, MaxSnapshotBytes: 1 << 20,
		Capabilities: []sdk.Capability{sdk.CapabilitySilent},
	}, newPush())
}

// push is the notifier.
type push struct {
	sdk.Base[settings]
	typed  *http.Client // to where the administrator said
	found  *http.Client // to where a browser, or the file of a service account, said
	fanout outbound.Fanout
	now    func() time.Time

	mu    sync.Mutex
	token *oauth2.Token   // of FCM
	gone  map[string]bool // subscriptions that ended
}

func newPush() *push {
	n := &push{now: time.Now, gone: map[string]bool{}}
	n.typed = outbound.Client(func() outbound.Policy { return outbound.Policy{Private: true} })
	n.found = outbound.Client(func() outbound.Policy { return outbound.Policy{Private: n.Settings().AllowPrivate} })
	return n
}

// Configure keeps the settings, and forgets what belongs to the last ones.
func (n *push) Configure(ctx context.Context, s settings) error {
	n.mu.Lock()
	n.token = nil
	n.mu.Unlock()
	return n.Base.Configure(ctx, s) //nolint:wrapcheck // a SettingError is the answer
}

// Notify tells one alert.
func (n *push) Notify(ctx context.Context, a sdk.Alert) sdk.Result {
	s := n.Settings()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.TimeoutSeconds)*time.Second)
	defer cancel()
	send := map[string]func(context.Context, sdk.Alert, string) sdk.Result{
		"ntfy": n.ntfy, "fcm": n.fcm, "onesignal": n.oneSignal, "webpush": n.webPush,
	}[s.Service]
	if send == nil {
		return sdk.BadConfig("the settings name no service")
	}
	return n.fanout.Deliver(ctx, a, s.Recipients, func(ctx context.Context, to string) sdk.Result {
		return send(ctx, a, to)
	})
}

// base is the service's address without a slash at its end.
func (s *settings) base(public string) string {
	if s.URL != "" {
		return strings.TrimRight(s.URL, "/")
	}
	return public
}

// imageLink is an address of the picture that a phone can open from anywhere; empty where there is none.
func (n *push) imageLink(ctx context.Context, a sdk.Alert) string {
	if !n.Settings().Image || len(a.Snapshot) == 0 || a.Test {
		return ""
	}
	link, err := n.Host().SignLink(ctx, a.Event.ID, sdk.AttachmentSnapshot, imageLinkTime)
	if err != nil || !strings.HasPrefix(link, "https://") {
		return "" // the alert is worth telling without
	}
	return link
}

// keep is how long the service may keep a message for a device that is away: until the alert is old news, at most keepTime.
func (n *push) keep(a sdk.Alert) time.Duration {
	if a.ExpiresAt.IsZero() {
		return keepTime
	}
	return min(max(a.ExpiresAt.Sub(n.now()).Truncate(time.Second), 0), keepTime)
}

// ttl is keep in whole seconds.
func (n *push) ttl(a sdk.Alert) int { return int(n.keep(a) / time.Second) }

func urgent(a sdk.Alert) bool { return a.Event.Severity != "low" && !a.Silent }
