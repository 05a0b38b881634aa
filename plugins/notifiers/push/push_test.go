package push

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/notifiertest"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ecdsaKey(uncompressed []byte) (*ecdsa.PublicKey, error) {
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), uncompressed)
}

func configured(t *testing.T, change ...func(*settings)) (*push, *notifiertest.Host) {
	t.Helper()
	s := settings{Image: true, TimeoutSeconds: 20}
	for _, c := range change {
		c(&s)
	}
	n := newPush()
	host, client := notifiertest.NewHost(t)
	n.UseHost(client)
	if err := n.Configure(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.typed.CloseIdleConnections)
	t.Cleanup(n.found.CloseIdleConnections)
	return n, host
}

// ntfyServer speaks ntfy's publishing protocol with its documented limits (docs.ntfy.sh/publish): topics, access
// tokens, headers in RFC 2047, priorities, actions, a message of 4,096 bytes as the border of a file.
type ntfyServer struct {
	t           *testing.T
	srv         *httptest.Server
	attachments bool
	sizeLimit   int
	status      int // not 0: every answer
	got         []ntfyMessage
}

type ntfyMessage struct {
	Topic, Title, Message, Priority, Tags, Click, File string
	Attachment                                         []byte
	Actions                                            []map[string]any
}

func newNtfy(t *testing.T) *ntfyServer {
	s := &ntfyServer{t: t, attachments: true, sizeLimit: 15 << 20}
	s.srv = httptest.NewServer(s)
	t.Cleanup(s.srv.Close)
	return s
}

func (s *ntfyServer) no(w http.ResponseWriter, status, code int, text string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "http": status, "error": text})
}

func (s *ntfyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	topic := strings.TrimPrefix(r.URL.Path, "/")
	dec := func(name string) string {
		v, err := new(mime.WordDecoder).DecodeHeader(r.Header.Get(name))
		if err != nil {
			s.t.Error(err)
		}
		return v
	}
	switch {
	case s.status != 0:
		if s.status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "9")
		}
		s.no(w, s.status, s.status*100+1, "no")
		return
	case !topicShape.MatchString(topic) || r.Method != http.MethodPut && r.Method != http.MethodPost:
		s.no(w, 404, 40401, "page not found")
		return
	case r.Header.Get("Authorization") != "Bearer tk_canary-7f3a9":
		s.no(w, 403, 40301, "forbidden")
		return
	}
	m := ntfyMessage{
		Topic: topic, Title: dec("Title"), Message: strings.ReplaceAll(dec("Message"), `\n`, "\n"), Priority: r.Header.Get("Priority"), Tags: r.Header.Get("Tags"),
		Click: r.Header.Get("Click"), File: r.Header.Get("Filename"),
	}
	if a := r.Header.Get("Actions"); a != "" {
		if err := json.Unmarshal([]byte(a), &m.Actions); err != nil || len(m.Actions) > 3 {
			s.no(w, 400, 40018, "invalid request: actions invalid")
			return
		}
	}
	if m.Priority < "1" || m.Priority > "5" || len(m.Priority) != 1 {
		s.no(w, 400, 40007, "invalid priority")
		return
	}
	if file := m.File != "" || len(body) >= 4096; file { // exactly at the limit counts as a file
		if !s.attachments {
			s.no(w, 400, 40014, "invalid request: attachments not allowed")
			return
		}
		if len(body) > s.sizeLimit {
			s.no(w, 413, 41301, "attachment too large, or bandwidth limit reached")
			return
		}
		m.Attachment = body
	} else {
		m.Message = string(body)
	}
	s.got = append(s.got, m)
	_ = json.NewEncoder(w).Encode(map[string]any{"id": "x"})
}

func ntfySettings(s *ntfyServer) func(*settings) {
	return func(c *settings) {
		c.Service, c.URL, c.Token, c.Recipients = "ntfy", s.srv.URL+"/", "tk_canary-7f3a9", []string{"my-house"}
	}
}

func TestNtfy(t *testing.T) {
	srv := newNtfy(t)
	n, _ := configured(t, ntfySettings(srv))
	a := notifiertest.Alert()
	a.Title, a.Text = "Tür: Person", "Zwei Leute\nim Garten ä"
	if r := n.Notify(t.Context(), a); !r.IsOK() {
		t.Fatal(r)
	}
	m := srv.got[0]
	if m.Topic != "my-house" || m.Title != a.Title || m.Message != a.Text || m.Priority != "4" || m.Tags != "bust_in_silhouette" || m.Click != a.Link ||
		string(m.Attachment) != string(a.Snapshot) || len(m.Actions) != 1 || m.Actions[0]["url"] != a.Link {
		t.Errorf("%+v", m)
	}
	for name, change := range map[string]func(){
		"attachments are off": func() { srv.attachments = false },
		"too large for it":    func() { srv.attachments, srv.sizeLimit = true, 10 },
		"no picture":          func() { a.Snapshot = nil },
	} {
		change()
		a.Silent = true
		if r := n.Notify(t.Context(), a); !r.IsOK() {
			t.Errorf("%s: %v", name, r)
		} else if m := srv.got[len(srv.got)-1]; m.Message != a.Text || m.Attachment != nil || m.Priority != "2" {
			t.Errorf("%s: %+v", name, m)
		}
	}
	a.Text, a.Title = strings.Repeat("ä", 5000), strings.Repeat("x\n", 500)
	if r := n.Notify(t.Context(), a); !r.IsOK() || !strings.HasSuffix(srv.got[len(srv.got)-1].Message, "…") {
		t.Errorf("long: %v", r)
	}
}

func TestNtfyAnswers(t *testing.T) {
	srv := newNtfy(t)
	n, _ := configured(t, ntfySettings(srv))
	for status, want := range map[int]string{401: "bad config", 403: "bad config", 404: "bad config", 429: "retry", 500: "retry", 507: "retry", 400: "permanent"} {
		srv.status = status
		r := n.Notify(t.Context(), notifiertest.Alert())
		if !strings.HasPrefix(r.String(), want) || strings.Contains(r.String(), notifiertest.Canary) || (status == 429) != (r.After() == 9*time.Second) {
			t.Errorf("%d: %v after %v", status, r, r.After())
		}
	}
	srv.status = 0
	other, _ := configured(t, ntfySettings(srv), func(s *settings) { s.Token = "tk_wrong" })
	if r := other.Notify(t.Context(), notifiertest.Alert()); !r.IsBadConfig() || !strings.Contains(r.String(), "token") {
		t.Error(r)
	}
	a := notifiertest.Alert()
	a.Recipient = "../v1/account"
	if r := n.Notify(t.Context(), a); !r.IsPermanent() {
		t.Error(r)
	}
	srv.srv.Close()
	if r := n.Notify(t.Context(), notifiertest.Alert()); !r.IsRetry() || strings.Contains(r.String(), notifiertest.Canary) {
		t.Error(r)
	}
}

func TestBadSettings(t *testing.T) {
	b, private := newBrowser(t)
	for name, tc := range map[string]struct {
		path   string
		change func(*settings)
	}{
		"url":        {"url", func(s *settings) { s.Service, s.URL = "ntfy", "ftp://canary-7f3a9" }},
		"topic":      {"recipients", func(s *settings) { s.Service, s.Recipients = "ntfy", []string{"canary-7f3a9/x"} }},
		"two ways":   {"username", func(s *settings) { s.Service, s.Token, s.Username = "ntfy", "a", "b" }},
		"no account": {"service_account", func(s *settings) { s.Service = "fcm" }},
		"half an account": {"service_account", func(s *settings) {
			s.Service, s.ServiceAccount = "fcm", `{"type":"service_account","x":"canary-7f3a9"}`
		}},
		"no app":           {"app_id", func(s *settings) { s.Service, s.APIKey = "onesignal", "k" }},
		"no key":           {"api_key", func(s *settings) { s.Service, s.AppID = "onesignal", "k" }},
		"no VAPID":         {"vapid_private_key", func(s *settings) { webPushSettings(b, private)(s); s.VAPIDPrivateKey = "canary-7f3a9" }},
		"not a pair":       {"vapid_private_key", func(s *settings) { webPushSettings(b, private)(s); s.VAPIDPublicKey = "canary-7f3a9" }},
		"no subject":       {"subject", func(s *settings) { webPushSettings(b, private)(s); s.Subject = "canary-7f3a9" }},
		"bad subscription": {"subscriptions.x", func(s *settings) { webPushSettings(b, private)(s); s.Subscriptions["x"] = "canary-7f3a9" }},
	} {
		s := settings{TimeoutSeconds: 5}
		tc.change(&s)
		err := newPush().Configure(t.Context(), s)
		var se *sdk.SettingError
		if !errors.As(err, &se) || se.Path != tc.path || strings.Contains(err.Error(), notifiertest.Canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
