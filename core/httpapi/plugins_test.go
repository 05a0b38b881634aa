package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// fakePlugins remembers what it was asked.
type fakePlugins struct {
	got int
	by  string
}

func (f *fakePlugins) Plugins(context.Context) (PluginList, error) {
	return PluginList{Plugins: []Package{}, Keys: []PluginKey{}}, nil
}

func (f *fakePlugins) InstallPlugin(_ context.Context, r io.Reader, by string) (PluginReview, error) {
	b, err := io.ReadAll(r)
	f.got, f.by = len(b), by
	return PluginReview{From: "1.0.0"}, err
}

func (f *fakePlugins) ReviewPlugin(context.Context, string, string) (PluginReview, error) {
	return PluginReview{}, errNoPlugin
}

func (f *fakePlugins) ApprovePlugin(context.Context, string, string, string, string) (Package, error) {
	return Package{}, errNoPlugin
}

func (f *fakePlugins) EnablePlugin(context.Context, string, bool, string) (Package, error) {
	return Package{}, errNoPlugin
}

func (f *fakePlugins) RollBackPlugin(context.Context, string, string) (Package, error) {
	return Package{}, errNoPlugin
}

func (f *fakePlugins) RemovePluginVersion(context.Context, string, string, string) error {
	return errNoPlugin
}
func (f *fakePlugins) RemovePlugin(context.Context, string, string) error { return errNoPlugin }
func (f *fakePlugins) PluginSchema(context.Context, string) (PluginSchema, error) {
	return PluginSchema{}, errNoPlugin
}
func (f *fakePlugins) PluginAudit(context.Context, int) ([]PluginStep, error) { return nil, nil }
func (f *fakePlugins) AddPluginKey(context.Context, string, string, string) (PluginKey, error) {
	return PluginKey{}, errNoPlugin
}
func (f *fakePlugins) RemovePluginKey(context.Context, string, string) error { return errNoPlugin }

var errNoPlugin = &nvr.Error{Code: nvr.CodeNotFound, Message: "there is none"}

// fakeNotifiers has one, phone.
type fakeNotifiers struct{ lent string }

func (f *fakeNotifiers) Notifiers(context.Context) ([]Notifier, error) {
	return []Notifier{{ID: "phone", SecretsSet: []string{"token"}}}, nil
}

func (f *fakeNotifiers) AddNotifier(context.Context, NewNotifier, string) (Notifier, error) {
	return Notifier{}, &FormError{
		Cause:  &nvr.Error{Code: nvr.CodeInvalid, Message: "the settings are not right"},
		Fields: []FieldError{{Path: "settings.url", Message: "is required"}},
	}
}

func (f *fakeNotifiers) UpdateNotifier(_ context.Context, id string, _ NotifierChange, _ string) (Notifier, error) {
	return Notifier{ID: id}, nil
}
func (f *fakeNotifiers) RemoveNotifier(context.Context, string, string) error { return errNoPlugin }
func (f *fakeNotifiers) TestNotifier(_ context.Context, id, _ string) (nvr.DeliveryResult, error) {
	if id != "phone" {
		return nvr.DeliveryResult{}, errNoPlugin
	}
	return nvr.DeliveryResult{Class: nvr.DeliveryPermanent, Detail: "no such chat"}, nil
}
func (f *fakeNotifiers) RestartNotifier(context.Context, string) error { return errNoPlugin }
func (f *fakeNotifiers) NotifierLog(context.Context, string) ([]string, error) {
	return []string{"one"}, nil
}

func (f *fakeNotifiers) LendNotifier(_ context.Context, id string, r LentNotifier, _ time.Duration) (Notifier, error) {
	f.lent = r.Path
	return Notifier{ID: id}, nil
}

func (w *world) testPlugins(t *testing.T) {
	w.notifiers.lent = ""
	var p struct {
		problem
		Errors []struct{ Message, Location string }
	}
	resp := w.do(request{method: "POST", path: "/api/v1/notifiers", token: w.admin, body: map[string]any{"id": "phone", "plugin": "ntfy"}}, &p)
	if resp.StatusCode != http.StatusUnprocessableEntity || len(p.Errors) != 1 || p.Errors[0].Location != "body.settings.url" {
		t.Errorf("%s: %+v", resp.Status, p)
	}
	if resp := w.do(request{method: "POST", path: "/api/v1/notifiers", token: w.admin, body: map[string]any{"id": "../x", "plugin": "ntfy"}}, nil); resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an id that is none: %s", resp.Status)
	}
	var n Notifier
	w.do(request{method: "PUT", path: "/api/v1/notifiers/phone", token: w.admin, body: map[string]any{"enabled": false}}, &n)
	if n.ID != "phone" {
		t.Errorf("the id of the path does not arrive: %+v", n)
	}
	var v NotifierVerdict
	w.do(request{method: "POST", path: "/api/v1/notifiers/phone/test", token: w.admin, body: map[string]any{}}, &v)
	if v.Class != "permanent" || v.Detail != "no such chat" {
		t.Errorf("%+v", v)
	}
	if resp := w.do(request{method: "PUT", path: "/api/v1/dev/notifiers/dev-x", token: w.admin, body: map[string]any{"path": "/bin/sh"}}, nil); resp.StatusCode != http.StatusForbidden || w.notifiers.lent != "" {
		t.Errorf("an administrator from afar names a program: %s", resp.Status)
	}
}

// testBundle: a bundle may be large, for an administrator, on one route.
func (w *world) testBundle(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 3<<20)
	send := func(token, path, kind string, body []byte) int {
		req := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
		req.Header.Set("Content-Type", kind)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := w.srv.app.Test(req, 20_000)
		if err != nil {
			return 413 // the connection is closed on what is too large
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := send(w.admin, "/api/v1/plugins", "application/gzip", big); got != 201 || w.plugins.got != len(big) || w.plugins.by != "admin" {
		t.Errorf("as a body: %d, %+v", got, w.plugins)
	}
	var form bytes.Buffer
	mw := multipart.NewWriter(&form)
	part, err := mw.CreateFormFile("bundle", "x.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(big[:2<<20]); err != nil {
		t.Fatal(err)
	}
	if err := mw.Close(); err != nil {
		t.Fatal(err)
	}
	if got := send(w.admin, "/api/v1/plugins", mw.FormDataContentType(), form.Bytes()); got != 201 || w.plugins.got != 2<<20 {
		t.Errorf("as a form: %d, %d bytes", got, w.plugins.got)
	}
	w.plugins.got = 0
	for _, tc := range [][2]string{{w.viewer, "/api/v1/plugins"}, {"", "/api/v1/plugins"}, {w.admin, "/api/v1/plugin-keys"}} {
		if got := send(tc[0], tc[1], "application/gzip", big); got != 413 || w.plugins.got != 0 {
			t.Errorf("%s: %d", tc[1], got)
		}
	}
	if got := send(w.admin, "/api/v1/plugins", "application/gzip", nil); got != http.StatusUnprocessableEntity {
		t.Errorf("nothing: %d", got)
	}
}

// testControl: the socket is an administrator's, for whoever can read its token.
func (w *world) testControl(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 25), "run")
	w.srv.opts.Control = dir
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.srv.RunControl(ctx) }()
	var conn net.Conn
	var token string
	for limit := time.Now().Add(20 * time.Second); ; {
		var err error
		if conn, token, err = DialControl(ctx, dir); err == nil {
			break
		}
		if !errors.Is(err, ErrNotRunning) || time.Now().After(limit) {
			t.Fatal(err)
		}
	}
	for _, name := range []string{controlSocket, controlToken} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, // fasthttp keeps its compressors for ever
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if c := conn; c != nil {
				conn = nil
				return c, nil
			}
			c, _, err := DialControl(ctx, dir)
			return c, err
		},
	}}
	ask := func(method, path, token, body string) (int, string) {
		req, err := http.NewRequestWithContext(ctx, method, "http://nightjar"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if code, body := ask("GET", "/api/v1/notifiers", token, ""); code != http.StatusOK || !json.Valid([]byte(body)) {
		t.Errorf("with the token: %d %s", code, body)
	}
	if code, body := ask("PUT", "/api/v1/dev/notifiers/dev-x", token, `{"path": "/x/y"}`); code != http.StatusOK || w.notifiers.lent != "/x/y" {
		t.Errorf("a program under development: %d %s", code, body)
	}
	for _, bad := range []string{"", "guess", w.admin} {
		if code, _ := ask("GET", "/api/v1/notifiers", bad, ""); code != http.StatusUnauthorized {
			t.Errorf("with token %.5q: %d", bad, code)
		}
	}
	if resp := w.do(request{path: "/api/v1/notifiers", token: token}, nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the token by another way: %s", resp.Status)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if _, _, err := DialControl(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after its end: %v", err)
	}
}
