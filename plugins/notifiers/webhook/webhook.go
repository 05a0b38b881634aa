// Package webhook posts each alert to a URL, as JSON or as a template makes it, signed. See README.md for the message
// and how to check its signature. It never tries again by itself: the host does.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/payload"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

const version = "1.1.0"

// Serve runs the notifier until the host ends the process.
func Serve() {
	sdk.Serve(sdk.Info{Name: "Webhook", Version: version, MaxSnapshotBytes: 1 << 20}, newWebhook())
}

// webhook posts alerts.
type webhook struct {
	sdk.Base[settings]
	client *http.Client
	now    func() time.Time

	mu   sync.Mutex
	body *payload.Template // nil: JSON
}

func newWebhook() *webhook {
	w := &webhook{now: time.Now}
	w.client = outbound.Client(w.policy)
	return w
}

func (w *webhook) policy() outbound.Policy {
	s := w.Settings()
	return outbound.Policy{Private: s.AllowPrivate, LinkLocal: s.AllowLinkLocal}
}

// Configure keeps the settings and the template.
func (w *webhook) Configure(ctx context.Context, s settings) error {
	if err := w.Base.Configure(ctx, s); err != nil {
		return err //nolint:wrapcheck // a SettingError is the answer
	}
	var body *payload.Template
	if s.Body != "" {
		var err error
		if body, err = payload.Parse(s.Body); err != nil {
			return &sdk.SettingError{Path: "body", Message: err.Error()}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.body = body
	return nil
}

// render makes the body of a request and names its type.
func (w *webhook) render(a sdk.Alert) (body []byte, contentType string, err error) {
	s := w.Settings()
	m := payload.New(a, s.Snapshot)
	w.mu.Lock()
	t := w.body
	w.mu.Unlock()
	if t == nil {
		body, err = json.Marshal(m)
		return body, "application/json", err //nolint:wrapcheck // only whether is asked
	}
	text, err := t.Render(m)
	return []byte(text), s.ContentType, err //nolint:wrapcheck // only whether is asked
}

// Notify posts one alert.
func (w *webhook) Notify(ctx context.Context, a sdk.Alert) sdk.Result {
	s := w.Settings()
	body, contentType, err := w.render(a)
	if err != nil {
		return sdk.Permanent("the body cannot be made of this alert")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.TimeoutSeconds)*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return sdk.BadConfig("the URL cannot be used")
	}
	for name, value := range s.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "Nightjar-Webhook/"+version)
	req.Header.Set("Idempotency-Key", a.DeliveryID)
	if s.Secret != "" {
		req.Header.Set("Nightjar-Signature", sign(w.now(), body, s.Secret, s.PreviousSecret))
	}
	answer, err := outbound.Do(w.client, req)
	if err != nil {
		return outbound.Failed(err, req.URL.Host)
	}
	said := answer.Said()
	switch answer.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		said += ", check url and headers"
	}
	return answer.Judge(said, w.now())
}

// sign makes the value of Nightjar-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">, with one v1 for
// each key, so that a receiver can change its key at any moment.
func sign(now time.Time, body []byte, keys ...string) string {
	t := strconv.FormatInt(now.Unix(), 10)
	out := []string{"t=" + t}
	for _, key := range keys {
		if key == "" {
			continue
		}
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(t + "."))
		mac.Write(body)
		out = append(out, "v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(out, ",")
}
