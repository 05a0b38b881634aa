package push

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/notifiertest"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// browser is a subscription with its private key: what a browser and its push service know together.
type browser struct {
	t         *testing.T
	key       *ecdh.PrivateKey
	auth      []byte
	vapid     string // public key it subscribed with
	srv       *httptest.Server
	got       []browserMessage
	header    http.Header
	answer    int
	retry     string
	wireBytes int
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// newBrowser serves a push endpoint that checks VAPID and decrypts, and returns the private VAPID key.
func newBrowser(t *testing.T) (b *browser, private string) {
	t.Helper()
	private, public, err := GenerateVAPID()
	if err != nil {
		t.Fatal(err)
	}
	b = &browser{t: t, auth: make([]byte, 16), vapid: public, answer: http.StatusCreated}
	_, _ = rand.Read(b.auth)
	if b.key, err = ecdh.P256().GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	b.srv = httptest.NewServer(b)
	t.Cleanup(b.srv.Close)
	return b, private
}

// subscription is what the browser gives to whoever may send.
func (b *browser) subscription() string {
	raw, _ := json.Marshal(map[string]any{
		"endpoint": b.srv.URL + "/push/canary-7f3a9", "expirationTime": nil,
		"keys": map[string]string{"p256dh": b64(b.key.PublicKey().Bytes()), "auth": b64(b.auth)},
	})
	return string(raw)
}

func (b *browser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.header, b.wireBytes = r.Header, len(body)
	if err := b.vapidError(r); err != nil {
		b.t.Log(err)
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if ttl, err := strconv.Atoi(r.Header.Get("TTL")); err != nil || ttl < 0 { // RFC 8030 §5.2
		b.t.Error("no TTL")
	}
	if topic := r.Header.Get("Topic"); len(topic) > 32 || strings.Trim(topic, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		b.t.Errorf("topic %q", topic) // RFC 8030 §5.4
	}
	if len(body) > 4096 {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	plain, err := b.decrypt(body)
	var m browserMessage
	if err == nil {
		err = json.Unmarshal(plain, &m)
	}
	if err != nil {
		b.t.Error(err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.got = append(b.got, m)
	if b.retry != "" {
		w.Header().Set("Retry-After", b.retry)
	}
	w.WriteHeader(b.answer)
}

// vapidError checks RFC 8292: scheme, key, signature, audience, subject, and an end within a day.
func (b *browser) vapidError(r *http.Request) error {
	var token, key string
	fields, ok := strings.CutPrefix(r.Header.Get("Authorization"), "vapid ")
	if !ok {
		return errors.New("no vapid authorization")
	}
	for f := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(f), "=")
		switch name {
		case "t":
			token = value
		case "k":
			key = value
		}
	}
	if key != b.vapid {
		return errors.New("another key than the one subscribed with")
	}
	raw, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil {
		return err
	}
	var claims jwt.RegisteredClaims
	_, err = jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return ecdsaKey(raw) },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience("http://"+r.Host), jwt.WithExpirationRequired())
	if err != nil {
		return err
	}
	if time.Until(claims.ExpiresAt.Time) > 24*time.Hour || claims.Subject != "mailto:you@example.com" {
		return fmt.Errorf("claims %+v", claims)
	}
	return nil
}

// decrypt undoes aes128gcm of one record (RFC 8188 §2) with the keys of RFC 8291 §3.4.
func (b *browser) decrypt(body []byte) ([]byte, error) {
	if b.header.Get("Content-Encoding") != "aes128gcm" || len(body) < 21+65 {
		return nil, errors.New("not aes128gcm")
	}
	salt, size, idLen := body[:16], binary.BigEndian.Uint32(body[16:20]), int(body[20])
	if idLen != 65 || size < 18 || len(body)-21-idLen > int(size) {
		return nil, fmt.Errorf("record size %d, key of %d", size, idLen)
	}
	sender, err := ecdh.P256().NewPublicKey(body[21 : 21+idLen])
	if err != nil {
		return nil, err
	}
	secret, err := b.key.ECDH(sender)
	if err != nil {
		return nil, err
	}
	prk, err := hkdf.Extract(sha256.New, secret, b.auth)
	if err != nil {
		return nil, err
	}
	info := "WebPush: info\x00" + string(b.key.PublicKey().Bytes()) + string(sender.Bytes())
	ikm, err := hkdf.Expand(sha256.New, prk, info, 32)
	if err != nil {
		return nil, err
	}
	if prk, err = hkdf.Extract(sha256.New, ikm, salt); err != nil {
		return nil, err
	}
	cek, err := hkdf.Expand(sha256.New, prk, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Expand(sha256.New, prk, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(cek)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, body[21+idLen:], nil)
	if err != nil {
		return nil, err
	}
	text := strings.TrimRight(string(plain), "\x00")
	if !strings.HasSuffix(text, "\x02") {
		return nil, errors.New("no delimiter of a last record")
	}
	return []byte(strings.TrimSuffix(text, "\x02")), nil
}

func webPushSettings(b *browser, private string) func(*settings) {
	return func(s *settings) {
		s.Service, s.VAPIDPrivateKey, s.VAPIDPublicKey, s.Subject = "webpush", private, b.vapid, "mailto:you@example.com"
		s.Subscriptions, s.AllowPrivate = map[string]string{"phone": b.subscription()}, true
		s.Recipients = []string{"phone"}
	}
}

func TestWebPush(t *testing.T) {
	b, private := newBrowser(t)
	n, host := configured(t, webPushSettings(b, private))
	host.Link = "https://nvr.example.com/media?sig=1"
	host.Values["webpush/tablet"] = []byte(b.subscription())
	a := notifiertest.Alert()
	for _, to := range []string{"", "phone", "tablet", b64([]byte(b.subscription())), b.subscription()} {
		a.Recipient = to
		if r := n.Notify(t.Context(), a); !r.IsOK() {
			t.Errorf("%.20s: %v", to, r)
		}
	}
	if len(b.got) != 5 || b.header.Get("Urgency") != "high" || b.wireBytes != 4096 {
		t.Fatalf("%d messages of %d bytes, %+v", len(b.got), b.wireBytes, b.header)
	}
	m := b.got[0]
	if m.Title != a.Title || m.Body != a.Text || m.Tag != a.Event.ID || m.URL != a.Link || m.Image != host.Link || m.DeliveryID != a.DeliveryID {
		t.Errorf("%+v", m)
	}
	if b.header.Get("TTL") != "21600" {
		t.Errorf("an alert without end is kept for %s s", b.header.Get("TTL"))
	}
	a.ExpiresAt = time.Now().Add(10 * time.Minute)
	if r := n.Notify(t.Context(), a); !r.IsOK() || len(b.header.Get("TTL")) != 3 {
		t.Errorf("%v: an alert that is news for 10 min is kept for %s s", r, b.header.Get("TTL"))
	}
	first := b.header.Get("Topic")
	a.Phase, a.Silent = sdk.PhaseEnd, true
	if r := n.Notify(t.Context(), a); !r.IsOK() || b.header.Get("Topic") != first || b.header.Get("Urgency") != "low" {
		t.Errorf("%v %+v", r, b.header)
	}
	a.Text, a.Title, a.Link = strings.Repeat("\x01ä<", 9000), strings.Repeat("\"", 9000), "https://nvr.example.com/"+strings.Repeat("x", 1500)
	if r := n.Notify(t.Context(), a); !r.IsOK() {
		t.Errorf("long: %v", r)
	}
	a.Link = "https://nvr.example.com/" + strings.Repeat("x", 5000)
	if r := n.Notify(t.Context(), a); !r.IsPermanent() {
		t.Errorf("endless link: %v", r)
	}
}

func TestWebPushAnswers(t *testing.T) {
	b, private := newBrowser(t)
	n, _ := configured(t, webPushSettings(b, private))
	a := notifiertest.Alert()
	for _, tc := range []struct {
		answer int
		retry  string
		want   string
		after  time.Duration
	}{
		{201, "", "ok", 0}, {200, "", "ok", 0}, {429, "30", "retry", 30 * time.Second}, {503, "", "retry", 0}, {500, "", "retry", 0}, {413, "", "permanent", 0}, {403, "", "permanent", 0},
	} {
		b.answer, b.retry = tc.answer, tc.retry
		r := n.Notify(t.Context(), a)
		if !strings.HasPrefix(r.String(), tc.want) || r.After() != tc.after || strings.Contains(r.String(), notifiertest.Canary) {
			t.Errorf("%d: %v after %v", tc.answer, r, r.After())
		}
	}
}

// TestEndedSubscriptionIsForgotten hears 410 once and does not ask again.
func TestEndedSubscriptionIsForgotten(t *testing.T) {
	b, private := newBrowser(t)
	n, host := configured(t, webPushSettings(b, private))
	host.Values["webpush/tablet"] = []byte(b.subscription())
	b.answer = http.StatusGone
	a := notifiertest.Alert()
	a.Recipient = "tablet"
	for range 2 {
		if r := n.Notify(t.Context(), a); !r.IsPermanent() || strings.Contains(r.String(), notifiertest.Canary) {
			t.Error(r)
		}
	}
	if len(b.got) != 1 || len(host.Values) != 0 {
		t.Errorf("asked %d times, kept %v", len(b.got), host.Values)
	}
}

// TestWebPushGoesNowhereElse gives endpoints that a browser's push service never has.
func TestWebPushGoesNowhereElse(t *testing.T) {
	b, private := newBrowser(t)
	n, _ := configured(t, webPushSettings(b, private), func(s *settings) { s.AllowPrivate = false })
	secure := func(endpoint string) string { return strings.Replace(b.subscription(), b.srv.URL, endpoint, 1) }
	for endpoint, want := range map[string]string{
		b.srv.URL: "permanent", "https://127.0.0.1:1": "bad config", "https://169.254.169.254": "bad config", "https://localhost:1": "bad config",
		"file:///etc/passwd?": "permanent", "https://user@host": "permanent",
	} {
		a := notifiertest.Alert()
		a.Recipient = secure(endpoint)
		if r := n.Notify(t.Context(), a); !strings.HasPrefix(r.String(), want) {
			t.Errorf("%s: %v", endpoint, r)
		}
	}
	for _, to := range []string{"nobody", "{}", "{", b64([]byte(`{"endpoint":"https://x","keys":{"p256dh":"AAAA","auth":"AAAA"}}`))} {
		a := notifiertest.Alert()
		a.Recipient = to
		if r := n.Notify(t.Context(), a); !r.IsPermanent() {
			t.Errorf("%q: %v", to, r)
		}
	}
}

func FuzzSubscription(f *testing.F) {
	f.Add(`{"endpoint":"https://x/y","keys":{"p256dh":"AAAA","auth":"AAAA"}}`)
	f.Add("eyJ9")
	f.Fuzz(func(t *testing.T, raw string) {
		if s, err := readSubscription(raw); err == nil && !strings.HasPrefix(s.Endpoint, "http") {
			t.Errorf("%q", s.Endpoint)
		}
	})
}
