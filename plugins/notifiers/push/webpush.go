package push

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	webpush "github.com/SherClockHolmes/webpush-go"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

const (
	// maxPlain is the most that fits a message of 4,096 bytes (RFC 8291 §4): without the header of 86, the
	// delimiter and the tag of 16.
	maxPlain = 4096 - 86 - 1 - 16
	// subscriptionKey begins the keys of subscriptions in the host's store.
	subscriptionKey = "webpush/"
)

// subscription is a browser's PushSubscription, as its toJSON writes it.
type subscription struct {
	Endpoint string `json:"endpoint"`
	Keys     struct {
		P256DH string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
}

// browserMessage is what the service worker gets, version 1. Fields may be added. To acknowledge, the browser tells the
// API the delivery's id under its own login.
type browserMessage struct {
	Version    int       `json:"version"`
	DeliveryID string    `json:"delivery_id"`
	Title      string    `json:"title"`
	Body       string    `json:"body"`
	Tag        string    `json:"tag"` // the event: a later phase replaces an earlier one
	Phase      sdk.Phase `json:"phase"`
	Camera     string    `json:"camera"`
	Label      string    `json:"label"`
	Severity   string    `json:"severity,omitempty"`
	Silent     bool      `json:"silent,omitempty"`
	URL        string    `json:"url,omitempty"`
	Image      string    `json:"image,omitempty"`
}

// webPush sends one encrypted message (RFC 8030, 8291, 8292). to is a subscription as base64url of its JSON, or the id
// of one in the settings or in the host's store.
func (n *push) webPush(ctx context.Context, a sdk.Alert, to string) sdk.Result {
	if n.hasEnded(to) {
		return sdk.Permanent("this browser has ended its subscription")
	}
	sub, err := n.resolve(ctx, to)
	if err != nil {
		return sdk.Permanent("the recipient is no subscription: it " + err.Error())
	}
	s := n.Settings()
	if strings.HasPrefix(sub.Endpoint, "http://") && !s.AllowPrivate {
		return sdk.Permanent("the recipient is no subscription: its endpoint is not https")
	}
	payload, err := n.browserPayload(ctx, a)
	if err != nil {
		return sdk.Permanent("the alert is too long for a browser")
	}
	topic := sha256.Sum256([]byte(a.Event.ID))
	options := &webpush.Options{
		HTTPClient: n.found, Subscriber: strings.TrimPrefix(s.Subject, "mailto:"), TTL: n.ttl(a), Urgency: urgency(a),
		Topic:          base64.RawURLEncoding.EncodeToString(topic[:24]), // 32 characters at most (RFC 8030 §5.4)
		VAPIDPublicKey: s.VAPIDPublicKey, VAPIDPrivateKey: s.VAPIDPrivateKey,
	}
	resp, err := webpush.SendNotificationWithContext(ctx, payload, &webpush.Subscription{
		Endpoint: sub.Endpoint, Keys: webpush.Keys{Auth: sub.Keys.Auth, P256dh: sub.Keys.P256DH},
	}, options)
	if err != nil {
		return outbound.Failed(err, endpointHost(sub.Endpoint))
	}
	defer resp.Body.Close() // nothing of it is of use
	answer := outbound.Head(resp)
	said := answer.Said()
	switch answer.Status {
	case http.StatusNotFound, http.StatusGone: // RFC 8030 §7.3
		n.forget(ctx, to)
		return sdk.Permanent(said + ": this browser has ended its subscription")
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		return sdk.Permanent(said + ": the subscription was made with another VAPID key; subscribe this browser again")
	case http.StatusRequestEntityTooLarge:
		return sdk.Permanent(said + ": it takes no message of this length")
	}
	return answer.Judge(said, n.now())
}

// browserPayload writes the message; text gives way until it fits.
func (n *push) browserPayload(ctx context.Context, a sdk.Alert) ([]byte, error) {
	m := browserMessage{
		Version: 1, DeliveryID: a.DeliveryID, Title: outbound.FitBytes(outbound.OneLine(a.Title), maxPushTitle), Tag: a.Event.ID,
		Phase: a.Phase, Camera: a.Event.Camera, Label: a.Event.Label, Severity: a.Event.Severity, Silent: a.Silent, URL: a.Link,
		Image: n.imageLink(ctx, a),
	}
	for limit := maxPushText; ; limit /= 2 {
		m.Body = outbound.FitBytes(a.Text, limit)
		out, err := json.Marshal(m)
		if err != nil || len(out) <= maxPlain {
			return out, err //nolint:wrapcheck // only whether is asked
		}
		if limit == 0 {
			return nil, errors.New("too long even without text")
		}
	}
}

func urgency(a sdk.Alert) webpush.Urgency {
	switch {
	case a.Silent || a.Event.Severity == "low":
		return webpush.UrgencyLow
	case a.Event.Severity == "high":
		return webpush.UrgencyHigh
	}
	return webpush.UrgencyNormal
}

// resolve finds the subscription of a recipient.
func (n *push) resolve(ctx context.Context, to string) (subscription, error) {
	if raw, ok := n.Settings().Subscriptions[to]; ok {
		return readSubscription(raw)
	}
	if len(to) <= 100 {
		if raw, err := n.Host().GetValue(ctx, subscriptionKey+to); err == nil && len(raw) > 0 {
			return readSubscription(string(raw))
		}
	}
	return readSubscription(to)
}

// readSubscription reads JSON or its base64url, and checks what the library would trip over.
func readSubscription(raw string) (subscription, error) {
	var s subscription
	if !strings.HasPrefix(raw, "{") {
		decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(raw, "="))
		if err != nil {
			return s, errors.New("is neither a known id nor base64url")
		}
		raw = string(decoded)
	}
	if len(raw) > 4096 || json.Unmarshal([]byte(raw), &s) != nil {
		return s, errors.New("is not the JSON of a PushSubscription")
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return s, errors.New("has no endpoint")
	}
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s.Keys.P256DH, "="))
	if err == nil {
		_, err = ecdh.P256().NewPublicKey(key)
	}
	if err != nil {
		return s, errors.New("has a key p256dh that is no point of P-256")
	}
	if auth, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s.Keys.Auth, "=")); err != nil || len(auth) != 16 {
		return s, errors.New("has a key auth that is not 16 bytes")
	}
	return s, nil
}

// GenerateVAPID makes a pair of keys as the settings want them (RFC 8292 §3.2).
func GenerateVAPID() (private, public string, err error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(key.Bytes()), base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), nil
}

// checkVAPID tells whether the keys are a pair (RFC 8292 §3.2).
func checkVAPID(private, public string) error {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(private, "="))
	if err != nil || len(raw) != 32 {
		return errors.New("is required for webpush: 32 bytes in base64url")
	}
	key, err := ecdh.P256().NewPrivateKey(raw)
	if err != nil {
		return errors.New("is not a key of P-256")
	}
	if base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()) != strings.TrimRight(public, "=") {
		return errors.New("does not belong to vapid_public_key")
	}
	return nil
}

// endpointHost is all of an endpoint that may be told: its path is what entitles to send.
func endpointHost(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "the push service"
	}
	return u.Host
}

func (n *push) hasEnded(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.gone[id]
}

// forget remembers that a subscription ended, and removes it from the host's store.
func (n *push) forget(ctx context.Context, id string) {
	n.mu.Lock()
	if len(n.gone) >= 10_000 {
		clear(n.gone)
	}
	n.gone[id] = true
	n.mu.Unlock()
	if len(id) <= 100 {
		_ = n.Host().PutValue(ctx, subscriptionKey+id, nil) // it is asked again and ends again
	}
}
