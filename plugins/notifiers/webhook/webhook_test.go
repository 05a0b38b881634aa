package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/payload"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// strict takes the permission back that configured gives as the schema's default does.
func strict(s *settings) { s.AllowPrivate = false }

func configured(t *testing.T, s settings, change ...func(*settings)) *webhook {
	t.Helper()
	s.AllowPrivate = true
	for _, c := range change {
		c(&s)
	}
	if s.TimeoutSeconds == 0 {
		s.TimeoutSeconds = 5
	}
	w := newWebhook()
	if err := w.Configure(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.CloseIdleConnections)
	return w
}

func alert() sdk.Alert {
	return sdk.Alert{
		DeliveryID: "d-1", Attempt: 3, Phase: sdk.PhaseNew, Snapshot: []byte{0xff, 0xd8, 0xff, 1, 2},
		Event: sdk.Event{ID: "e-1", Camera: "front", CameraName: "Front <door>", Kind: "object", Label: "person", Start: time.Now(), Box: sdk.Box{W: .5}},
	}
}

func TestRequestIsSignedAndComplete(t *testing.T) {
	var got *http.Request
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer srv.Close()
	w := configured(t, settings{
		URL: srv.URL + "/hook?x=1", Secret: "new", PreviousSecret: "old", Snapshot: true, Headers: map[string]string{"Authorization": "Bearer b"},
	})
	w.now = func() time.Time { return time.Unix(1_700_000_000, 0) }
	if r := w.Notify(t.Context(), alert()); r.String() != "ok" {
		t.Fatal(r)
	}
	want := "t=1700000000"
	for _, key := range []string{"new", "old"} {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte("1700000000." + string(body)))
		want += ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	h := got.Header
	if h.Get("Nightjar-Signature") != want || h.Get("Idempotency-Key") != "d-1" || h.Get("Authorization") != "Bearer b" ||
		h.Get("Content-Type") != "application/json" || got.Method != http.MethodPost || got.URL.RawQuery != "x=1" {
		t.Errorf("%+v", h)
	}
	var m payload.Message
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	if m.Version != 1 || m.DeliveryID != "d-1" || m.Attempt != 3 || m.Phase != "new" || m.Event.Label != "person" || m.Event.End != nil ||
		string(m.Snapshot.Data) != string(alert().Snapshot) || m.Snapshot.ContentType != "image/jpeg" {
		t.Errorf("%s", body)
	}
}

func TestAnswers(t *testing.T) {
	status, retry := 0, ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Nightjar-Signature") != "" {
			t.Error("signed without a secret")
		}
		if retry != "" {
			w.Header().Set("Retry-After", retry)
		}
		w.WriteHeader(status)
	}))
	defer srv.Close()
	w := configured(t, settings{URL: srv.URL})
	for _, tc := range []struct {
		status int
		retry  string
		want   string
		after  time.Duration
	}{
		{200, "", "ok", 0},
		{202, "", "ok", 0},
		{400, "", "permanent", 0},
		{422, "", "permanent", 0},
		{401, "", "bad config", 0},
		{404, "", "bad config", 0},
		{410, "", "bad config", 0},
		{408, "", "retry", 0},
		{429, "7", "retry", 7 * time.Second},
		{429, "999999999999999999999", "retry", 0},
		{503, "99999", "retry", time.Hour},
		{503, "-4", "retry", 0},
		{500, "7", "retry", 0},
	} {
		status, retry = tc.status, tc.retry
		r := w.Notify(t.Context(), alert())
		if !strings.HasPrefix(r.String(), tc.want) || r.After() != tc.after {
			t.Errorf("%d %q: %v after %v", tc.status, tc.retry, r, r.After())
		}
	}
	now := time.Now()
	if d := outbound.RetryAfter(now.Add(90*time.Second).UTC().Format(http.TimeFormat), now); d < 88*time.Second || d > 90*time.Second {
		t.Errorf("HTTP date: %v", d)
	}
}

func TestRedirects(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed to another host") }))
	defer elsewhere.Close()
	var posts int
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(_ http.ResponseWriter, r *http.Request) {
		if b, _ := io.ReadAll(r.Body); r.Method == http.MethodPost && len(b) > 0 {
			posts++
		}
	})
	mux.Handle("/same", http.RedirectHandler("/ok", http.StatusTemporaryRedirect))
	mux.Handle("/get", http.RedirectHandler("/ok", http.StatusFound))
	mux.Handle("/other", http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusTemporaryRedirect))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	for path, want := range map[string]string{"/same": "ok", "/get": "bad config", "/other": "bad config", "/loop": "bad config"} {
		if r := configured(t, settings{URL: srv.URL + path}).Notify(t.Context(), alert()); !strings.HasPrefix(r.String(), want) {
			t.Errorf("%s: %v", path, r)
		}
	}
	if posts != 1 {
		t.Errorf("%d posts arrived, want 1", posts)
	}
}

func TestFailuresNeverTellTheURL(t *testing.T) {
	hang := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer slow.Close()
	defer close(hang)
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = nil
	defer secure.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	for url, want := range map[string]string{
		slow.URL: "retry", endless.URL: "ok", secure.URL: "bad config", closed: "retry",
		"http://169.254.169.254/latest": "bad config",
	} {
		patience := 20
		if url == slow.URL {
			patience = 1
		}
		r := configured(t, settings{URL: url + "/?token=canary", TimeoutSeconds: patience}).Notify(t.Context(), alert())
		if !strings.HasPrefix(r.String(), want) || strings.Contains(r.String(), "canary") {
			t.Errorf("%s: %v", url, r)
		}
	}
}

func TestWhereItMayConnect(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached") }))
	defer srv.Close()
	w := configured(t, settings{URL: srv.URL}, strict)
	if r := w.Notify(t.Context(), alert()); !strings.HasPrefix(r.String(), "bad config") || !strings.Contains(r.String(), "allow_private") {
		t.Error(r)
	}
	w = configured(t, settings{URL: "http://169.254.169.254/", AllowLinkLocal: true})
	if err := w.policy().Check(netip.MustParseAddr("169.254.169.254")); err != nil {
		t.Error(err)
	}
}

func TestTemplate(t *testing.T) {
	var body, kind string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body, kind = string(b), r.Header.Get("Content-Type")
	}))
	defer srv.Close()
	a := alert()
	a.Title = `A "person"`
	w := configured(t, settings{
		URL: srv.URL, Body: `{"content":{{json .title}},"at":{{json .event.camera_name}}}`, ContentType: "application/vnd.chat+json",
	})
	if r := w.Notify(t.Context(), a); r.String() != "ok" {
		t.Fatal(r)
	}
	if want := `{"content":"A \"person\"","at":"Front \u003cdoor\u003e"}`; body != want || kind != "application/vnd.chat+json" {
		t.Errorf("%s %s", kind, body)
	}
}

func TestBadSettings(t *testing.T) {
	for name, s := range map[string]settings{
		"url":             {URL: "ftp://canary"},
		"previous_secret": {URL: "http://x", PreviousSecret: "canary"},
		"headers.Host":    {URL: "http://x", Headers: map[string]string{"Host": "canary"}},
		"headers.A b":     {URL: "http://x", Headers: map[string]string{"A b": "canary"}},
		"body":            {URL: "http://x", Body: "{{.event.camra}}"},
		"content_type":    {URL: "http://x", ContentType: "a\r\nb"},
		"headers.X":       {URL: "http://x", Headers: map[string]string{"X": "canary\r\nY: z"}},
	} {
		err := newWebhook().Configure(context.Background(), s)
		var se *sdk.SettingError
		if !errors.As(err, &se) || se.Path != name || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
