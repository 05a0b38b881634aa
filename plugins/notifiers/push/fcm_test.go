package push

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/notifiertest"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// google is the token endpoint and FCM v1 with their documented rules: the assertion is RS256 by the account's key
// (RFC 7523), a message has only the fields of the API's resource, title, text and data have 4,096 bytes at most.
type google struct {
	t      *testing.T
	srv    *httptest.Server
	key    *rsa.PrivateKey
	tokens int
	got    []fcmMessage
	status int    // not 0: messages:send answers so
	code   string // with this errorCode
	deny   bool   // the token endpoint refuses
}

func newGoogle(t *testing.T) *google {
	g := &google{t: t}
	var err error
	if g.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", g.token)
	mux.HandleFunc("POST /v1/projects/my-project/messages:send", g.send)
	g.srv = httptest.NewServer(mux)
	t.Cleanup(g.srv.Close)
	return g
}

func (g *google) account() string {
	der, _ := x509.MarshalPKCS8PrivateKey(g.key)
	raw, _ := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "my-project", "private_key_id": "kid-1", "client_email": "nvr@my-project.iam.gserviceaccount.com",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": g.srv.URL + "/token",
	})
	return string(raw)
}

func (g *google) token(w http.ResponseWriter, r *http.Request) {
	claims := jwt.MapClaims{}
	parsed, err := jwt.ParseWithClaims(r.FormValue("assertion"), claims, func(*jwt.Token) (any, error) { return &g.key.PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithAudience(g.srv.URL+"/token"), jwt.WithIssuer("nvr@my-project.iam.gserviceaccount.com"),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	if err != nil || g.deny || r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || parsed.Header["kid"] != "kid-1" ||
		claims["scope"] != "https://www.googleapis.com/auth/firebase.messaging" {
		if !g.deny {
			g.t.Errorf("assertion: %v %+v", err, claims)
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"canary-7f3a9"}`))
		return
	}
	g.tokens++
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "ya29.canary-7f3a9", "expires_in": 3599, "token_type": "Bearer"})
}

func (g *google) refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"code": status, "status": http.StatusText(status), "message": "canary-7f3a9",
		"details": []map[string]any{{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}},
	}})
}

func (g *google) send(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer ya29.canary-7f3a9" {
		g.refuse(w, 401, "UNAUTHENTICATED")
		return
	}
	if g.status != 0 {
		if g.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "11")
		}
		g.refuse(w, g.status, g.code)
		return
	}
	var raw bytes.Buffer
	_, _ = raw.ReadFrom(r.Body)
	dec := json.NewDecoder(&raw)
	dec.DisallowUnknownFields()
	var req struct {
		Message struct {
			Token        string
			Topic        string
			Notification struct{ Title, Body, Image string }
			Data         map[string]string
			Android      struct {
				CollapseKey  string `json:"collapse_key"`
				Priority     string
				TTL          string
				Notification struct{ Tag, Sound string }
			}
			APNS struct {
				Headers map[string]string
				Payload map[string]any
			}
		}
	}
	if err := dec.Decode(&req); err != nil {
		g.t.Error(err)
		g.refuse(w, 400, "INVALID_ARGUMENT")
		return
	}
	m := req.Message
	size := len(m.Notification.Title) + len(m.Notification.Body) + len(m.Notification.Image)
	for k, v := range m.Data {
		size += len(k) + len(v)
		if k == "from" || k == "message_type" || strings.HasPrefix(k, "google") || strings.HasPrefix(k, "gcm") {
			g.t.Errorf("data key %s is reserved", k)
		}
	}
	if size > 4096 || (m.Token == "") == (m.Topic == "") || len(m.APNS.Headers["apns-collapse-id"]) > 64 ||
		m.Android.Priority != "HIGH" && m.Android.Priority != "NORMAL" || !strings.HasSuffix(m.Android.TTL, "s") {
		g.t.Errorf("%d bytes, %+v", size, m)
		g.refuse(w, 400, "INVALID_ARGUMENT")
		return
	}
	out, _ := json.Marshal(m)
	var kept fcmMessage
	_ = json.Unmarshal(out, &kept)
	kept.Android.CollapseKey = m.Android.CollapseKey
	g.got = append(g.got, kept)
	_ = json.NewEncoder(w).Encode(map[string]string{"name": "projects/my-project/messages/0:1"})
}

func fcmSettings(g *google) func(*settings) {
	return func(s *settings) {
		s.Service, s.ServiceAccount, s.URL, s.Recipients, s.AllowPrivate = "fcm", g.account(), g.srv.URL, []string{"device-token"}, true
	}
}

func TestFCM(t *testing.T) {
	g := newGoogle(t)
	n, host := configured(t, fcmSettings(g))
	host.Link = "https://nvr.example.com/media?sig=1"
	a := notifiertest.Alert()
	r := n.Notify(t.Context(), a)
	if !r.IsOK() || r.Message() != "projects/my-project/messages/0:1" {
		t.Fatal(r, r.Message())
	}
	m := g.got[0]
	if m.Token != "device-token" || m.Notification.Title != a.Title || m.Notification.Body != a.Text || m.Notification.Image != host.Link ||
		m.Data["event_id"] != a.Event.ID || m.Android.CollapseKey != a.Event.ID || m.Android.Priority != "HIGH" || m.APNS.Headers["apns-priority"] != "10" {
		t.Errorf("%+v", m)
	}
	a.Recipient, a.Silent = "topic:yard", true
	a.Title, a.Text = strings.Repeat("ä", 5000), strings.Repeat("😀", 5000)
	if r := n.Notify(t.Context(), a); !r.IsOK() {
		t.Fatal(r)
	}
	if m := g.got[1]; m.Topic != "yard" || m.Token != "" || m.Android.Priority != "NORMAL" || m.Android.Notification["Sound"] != "" {
		t.Errorf("%+v", m)
	}
	if g.tokens != 1 {
		t.Errorf("asked for %d tokens", g.tokens)
	}
	n.token.Expiry = time.Now().Add(-time.Minute)
	if r := n.Notify(t.Context(), a); !r.IsOK() || g.tokens != 2 {
		t.Errorf("%v, %d tokens", r, g.tokens)
	}
}

// TestFCMTokenServer: the file of a service account may come from anywhere; it does not lead into the house.
func TestFCMTokenServer(t *testing.T) {
	g := newGoogle(t)
	n, _ := configured(t, fcmSettings(g), func(s *settings) { s.AllowPrivate = false })
	if r := n.Notify(t.Context(), notifiertest.Alert()); !strings.Contains(r.String(), "private network") || g.tokens != 0 {
		t.Errorf("%v, %d tokens", r, g.tokens)
	}
}

func TestFCMAnswers(t *testing.T) {
	g := newGoogle(t)
	n, _ := configured(t, fcmSettings(g))
	for _, tc := range []struct {
		status int
		code   string
		want   string
		after  time.Duration
	}{
		{404, "UNREGISTERED", "permanent", 0},
		{403, "SENDER_ID_MISMATCH", "permanent", 0},
		{400, "INVALID_ARGUMENT", "permanent", 0},
		{429, "QUOTA_EXCEEDED", "retry", 0},
		{503, "UNAVAILABLE", "retry", 11 * time.Second},
		{500, "INTERNAL", "retry", 0},
		{401, "THIRD_PARTY_AUTH_ERROR", "bad config", 0},
		{403, "PERMISSION_DENIED", "bad config", 0},
		{401, "UNAUTHENTICATED", "bad config", 0},
		{404, "", "bad config", 0},
	} {
		g.status, g.code = tc.status, tc.code
		r := n.Notify(t.Context(), notifiertest.Alert())
		if !strings.HasPrefix(r.String(), tc.want) || r.After() != tc.after || strings.Contains(r.String(), notifiertest.Canary) {
			t.Errorf("%d %s: %v after %v", tc.status, tc.code, r, r.After())
		}
	}
	g.deny, n.token = true, nil
	if r := n.Notify(t.Context(), notifiertest.Alert()); !r.IsBadConfig() || strings.Contains(r.String(), notifiertest.Canary) {
		t.Error(r)
	}
	g.srv.Close()
	if r := n.Notify(t.Context(), notifiertest.Alert()); !r.IsRetry() || strings.Contains(r.String(), notifiertest.Canary) {
		t.Error(r)
	}
}

// TestOneSignal talks to a stand-in with the rules of "Create message" (documentation.onesignal.com).
func TestOneSignal(t *testing.T) {
	var got map[string]any
	status, answer := 200, `{"id":"b98881cc-1e94-4366-bbd9-db8f3429292b"}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = map[string]any{}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.Method != http.MethodPost || r.URL.Path != "/notifications" {
			t.Error(err, r.URL)
		}
		targets := 0
		for _, k := range []string{"include_subscription_ids", "include_aliases", "included_segments"} {
			if got[k] != nil {
				targets++
			}
		}
		switch {
		case r.Header.Get("Authorization") != "Key canary-7f3a9":
			w.WriteHeader(http.StatusForbidden)
			return
		case targets != 1 || got["app_id"] != "app" || len(got["collapse_id"].(string)) > 64 || len(got["idempotency_key"].(string)) != 36:
			t.Errorf("%+v", got)
		}
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "5")
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	defer srv.Close()
	settle := func(s *settings) {
		s.Service, s.URL, s.AppID, s.APIKey, s.Recipients = "onesignal", srv.URL, "app", notifiertest.Canary, []string{"sub-1"}
	}
	n, host := configured(t, settle)
	host.Link = "https://nvr.example.com/media?sig=1"
	a := notifiertest.Alert()
	if r := n.Notify(t.Context(), a); !r.IsOK() || r.Message() != "b98881cc-1e94-4366-bbd9-db8f3429292b" {
		t.Fatal(r)
	}
	if got["url"] != a.Link || got["big_picture"] != host.Link || got["idempotency_key"] != a.DeliveryID || got["collapse_id"] != a.Event.ID || got["priority"] != 10. {
		t.Errorf("%+v", got)
	}
	for _, to := range []string{"user:ann", "segment:Everyone"} {
		a.Recipient = to
		if r := n.Notify(t.Context(), a); !r.IsOK() {
			t.Errorf("%s: %v", to, r)
		}
	}
	a.Recipient = ""
	for _, tc := range []struct {
		status       int
		answer, want string
		after        time.Duration
	}{
		{200, `{"id":"","errors":["All included players are not subscribed"]}`, "permanent", 0},
		{400, `{"errors":["canary-7f3a9"]}`, "permanent", 0},
		{429, `{}`, "retry", 5 * time.Second},
		{409, `{}`, "retry", 0},
		{503, `{}`, "retry", 0},
	} {
		status, answer = tc.status, tc.answer
		if r := n.Notify(t.Context(), a); !strings.HasPrefix(r.String(), tc.want) || r.After() != tc.after || strings.Contains(r.String(), notifiertest.Canary) {
			t.Errorf("%d: %v after %v", tc.status, r, r.After())
		}
	}
	other, _ := configured(t, settle, func(s *settings) { s.APIKey = "wrong" })
	if r := other.Notify(t.Context(), a); !r.IsBadConfig() {
		t.Error(r)
	}
}

var _ sdk.Notifier[settings] = (*push)(nil)
