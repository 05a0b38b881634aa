package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/auth"
	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store"
	"github.com/nightjar-nvr/nightjar/ui"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/nightjar-nvr/nightjar/core/lifecycle.init.func1.1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2")) // sleeps out its interval // fasthttp's clock, one per process
}

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fakeCameras has one camera, front.
type fakeCameras struct{ recording bool }

func (f *fakeCameras) Statuses() []nvr.CameraStatus {
	return []nvr.CameraStatus{{
		Camera: "front", Name: "Front <b>door</b>", State: nvr.StateOnline, Since: t0, Recording: f.recording,
		Health:  []nvr.HealthState{{Problem: nvr.HealthBlurred, Since: t0, Detail: "The picture is not sharp."}},
		Streams: []nvr.StreamStatus{{Role: nvr.Main, State: nvr.StateOnline, Codec: "h264", Width: 1920, Height: 1080}},
	}}
}

func (f *fakeCameras) SetRecording(_ context.Context, _ nvr.CameraID, on bool) error {
	f.recording = on
	return nil
}
func (f *fakeCameras) SetDetecting(context.Context, nvr.CameraID, bool) error { return nil }

type fakePlayback struct{}

func (fakePlayback) Playlist(_ context.Context, _ nvr.StreamID, _ nvr.TimeRange, prefix string) (string, error) {
	return "#EXTM3U\n" + prefix, nil
}

func (fakePlayback) Media(_ context.Context, _ nvr.StreamID, start, offset, n int64) (io.ReadCloser, int64, error) {
	if start != 1000 {
		return nil, 0, errNoMedia
	}
	if n < 0 {
		return io.NopCloser(strings.NewReader("init")), 4, nil
	}
	return io.NopCloser(strings.NewReader("0123456789"[offset : offset+n])), n, nil
}

func (fakePlayback) Coverage(_ context.Context, streams []nvr.StreamID, _ nvr.TimeRange) (map[nvr.StreamID]Coverage, error) {
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	runs := []nvr.TimeRange{{Start: at(10), End: at(20)}, {Start: at(30), End: at(40)}}
	out := map[nvr.StreamID]Coverage{}
	for _, s := range streams {
		out[s] = Coverage{Runs: runs, Exact: runs, Gaps: []Gap{{TimeRange: nvr.TimeRange{Start: at(20), End: at(30)}, Reason: "offline"}}}
	}
	return out, nil
}

type fakePictures struct{}

func (fakePictures) Still(context.Context, nvr.CameraID) ([]byte, time.Time, error) {
	return []byte("\xff\xd8still"), t0, nil
}

func (fakePictures) Snapshot(context.Context, nvr.Event) ([]byte, error) {
	return []byte("\xff\xd8snap"), nil
}

type fakeLive struct{}

func (fakeLive) Watch(ctx context.Context, _ nvr.StreamID, send func(LiveMessage) error) error {
	if err := send(LiveMessage{Text: []byte(`{"type":"init"}`)}); err != nil {
		return err
	}
	if err := send(LiveMessage{Binary: [][]byte{[]byte("moof"), []byte("mdat")}}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

type world struct {
	t       *testing.T
	srv     *Server
	store   *store.Store
	cameras *fakeCameras
	exports *fakeExports
	holds   *fakeHolds
	bus     *bus.Bus

	plugins   *fakePlugins
	notifiers *fakeNotifiers
	push      *fakePush

	admin   string // access tokens
	viewer  string
	eventID string

	passwordFile string // of the first administrator
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, log := t.Context(), slog.New(slog.NewTextHandler(t.Output(), nil))
	st, err := store.New(testkit.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	if err := st.Migrate(ctx, log); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	svc := auth.New(st, dir)
	if err := svc.Init(ctx); err != nil {
		t.Fatal(err)
	}
	hash, err := auth.HashPassword("viewer password")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.AddUser(ctx, "vera", auth.RoleViewer, hash); err != nil {
		t.Fatal(err)
	}
	pw, err := os.ReadFile(filepath.Join(dir, auth.AdminPasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	site, err := ui.New(fstest.MapFS{
		"index.html": {Data: []byte("<html><head></head><body>home</body></html>")},
		"404.html":   {Data: []byte("<html><head></head><body>nothing here</body></html>")},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, passwordFile: filepath.Join(dir, auth.AdminPasswordFile), store: st, cameras: &fakeCameras{recording: true}, exports: &fakeExports{}, holds: &fakeHolds{}, bus: &bus.Bus{}, eventID: uuid.Must(uuid.NewV7()).String()}
	w.plugins, w.notifiers, w.push = &fakePlugins{}, &fakeNotifiers{}, &fakePush{}
	e := nvr.Event{ID: w.eventID, Camera: "front", Kind: nvr.EventObject, Label: "person", Start: t0.Add(12 * time.Second), TopScore: 0.756, Revision: 1}
	setWhereabouts(&e)
	if err := st.SaveEvent(ctx, e, nil); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	w.srv, err = New(Options{Listen: "127.0.0.1:0", Version: "test", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/32")}}, Deps{
		Log: log, Metrics: reg, Gatherer: reg, Auth: svc, Cameras: w.cameras, Events: st, Playback: fakePlayback{},
		Stills: fakeStills{}, Previews: fakePreviews{}, Exports: w.exports, SharedEvents: w.exports, Holds: w.holds, Storage: fakeStorage{}, Motion: st, Faces: storedFaces{st}, Sound: fakeEars{}, Alerts: &fakeAlerts{mode: nvr.ModeHome},
		Deliveries: &storedDesk{Store: st, routes: []nvr.Route{{
			ID: "file", Notifier: "hook", Rate: nvr.Rate{Burst: 2, Per: time.Minute}, Escalate: nvr.Escalation{After: 5 * time.Minute, To: []string{"x"}},
			Quiet: []nvr.Quiet{{From: 1320, To: 420, Days: []time.Weekday{time.Saturday}, Action: nvr.QuietHold}},
		}}},
		Pictures: fakePictures{}, Live: fakeLive{}, Bus: w.bus, Site: site, Plugins: w.plugins, Notifiers: w.notifiers, Push: w.push,
		System: func(context.Context) System {
			return System{Version: "test", Plugins: []Plugin{}, Warnings: []Warning{}}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.admin = w.login("admin", strings.TrimSpace(string(pw)))
	w.viewer = w.login("vera", "viewer password")
	return w
}

func (w *world) login(name, password string) string {
	w.t.Helper()
	var s Session
	resp := w.do(request{method: "POST", path: "/api/v1/auth/login", body: map[string]string{"username": name, "password": password}}, &s)
	if resp.StatusCode != http.StatusOK || s.AccessToken == "" {
		w.t.Fatalf("log in as %s: %s", name, resp.Status)
	}
	for _, c := range resp.Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || !strings.HasPrefix(c.Path, "/api/v1") {
			w.t.Errorf("cookie %s: %+v", c.Name, c)
		}
	}
	return s.AccessToken
}

type request struct {
	method, path, token, cookie string
	body                        any
	header                      map[string]string
}

// do sends a request to the app and decodes a JSON answer into v, if there is one.
func (w *world) do(r request, v any) *http.Response {
	w.t.Helper()
	var body io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			w.t.Fatal(err)
		}
		body = bytes.NewReader(b)
	}
	if r.method == "" {
		r.method = "GET"
	}
	req := httptest.NewRequest(r.method, r.path, body)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.cookie != "" {
		req.Header.Set("Cookie", r.cookie)
	}
	for k, val := range r.header {
		req.Header.Set(k, val)
	}
	resp, err := w.srv.app.Test(req, 20_000)
	if err != nil {
		w.t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	if v != nil {
		if err := json.Unmarshal(b, v); err != nil {
			w.t.Fatalf("%s %s: %v: %.300s", r.method, r.path, err, b)
		}
	}
	return resp
}

func text(resp *http.Response) string {
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}

func TestServer(t *testing.T) {
	w := newWorld(t)
	t.Run("Password", w.testPassword) // first: Sessions guesses until this address must wait
	for name, f := range map[string]func(*testing.T){
		"Access": w.testAccess, "Cookie": w.testCookie, "Sessions": w.testSessions, "Input": w.testInput,
		"Switches": w.testSwitches, "Timeline": w.testTimeline, "Media": w.testMedia, "Site": w.testSite, "Sockets": w.testSockets,
		"Events": w.testEvents, "Plugins": w.testPlugins, "Bundle": w.testBundle, "Control": w.testControl, "Sound": w.testSound, "Push": w.testPush,
	} {
		t.Run(name, f)
	}
	t.Run("Faces", w.testFaces) // last: these store events, which the others count
	t.Run("Deliveries", w.testDeliveries)
}

// testAccess calls every route as a stranger, a viewer and an administrator.
func (w *world) testAccess(t *testing.T) {
	fill := strings.NewReplacer(":id", "front", ":camera", "front", ":role", "main", ":file", "1000", ":part", "init.mp4", ":from", "0", ":to", "1000", ":version", "1.0.0")
	n := 0
	for route, a := range w.srv.access {
		method, path, _ := strings.Cut(route, " ")
		path = fill.Replace(path)
		n++
		if a == accessPublic {
			continue
		}
		want := map[access][3]bool{accessViewer: {false, true, true}, accessAdmin: {false, false, true}}[a]
		for i, token := range []string{"", w.viewer, w.admin} {
			resp := w.do(request{method: method, path: path, token: token}, nil)
			if refused := resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden; refused == want[i] {
				t.Errorf("%s (%s) as %s: %s", route, a, []string{"stranger", "viewer", "admin"}[i], resp.Status)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d routes", n)
	}
}

// testCookie: a cookie reads but never writes, and a forged or expired one does neither.
func (w *world) testCookie(t *testing.T) {
	if resp := w.do(request{path: "/api/v1/cameras", cookie: accessCookie + "=" + w.admin}, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("reading with a cookie: %s", resp.Status)
	}
	if resp := w.do(request{method: "PUT", path: "/api/v1/cameras/front/recording", cookie: accessCookie + "=" + w.admin, body: map[string]bool{"enabled": false}}, nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("writing with a cookie: %s", resp.Status)
	}
	if resp := w.do(request{path: "/api/v1/cameras", cookie: accessCookie + "=" + w.admin + "x"}, nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a forged cookie: %s", resp.Status)
	}
}

func (w *world) testSessions(t *testing.T) {
	if resp := w.do(request{method: "POST", path: "/api/v1/auth/refresh"}, nil); resp.StatusCode != http.StatusNoContent {
		t.Errorf("refresh without a cookie: %s", resp.Status)
	}
	resp := w.do(request{method: "POST", path: "/api/v1/auth/login", body: map[string]string{"username": "vera", "password": "viewer password"}}, nil)
	jar := ""
	for _, c := range resp.Cookies() {
		if c.Name == refreshCookie {
			jar = c.Name + "=" + c.Value
		}
	}
	var s Session
	if resp := w.do(request{method: "POST", path: "/api/v1/auth/refresh", cookie: jar}, &s); resp.StatusCode != http.StatusOK || s.User.Name != "vera" {
		t.Errorf("refresh: %s, %s", resp.Status, text(resp))
	}
	if resp := w.do(request{method: "POST", path: "/api/v1/auth/logout", cookie: jar}, nil); resp.StatusCode != http.StatusNoContent {
		t.Errorf("log out: %s", resp.Status)
	}
	if resp := w.do(request{method: "POST", path: "/api/v1/auth/refresh", cookie: jar}, nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("refresh after logging out: %s", resp.Status)
	}
	for i := range 8 {
		resp := w.do(request{method: "POST", path: "/api/v1/auth/login", body: map[string]string{"username": "mallory", "password": "guess"}}, nil)
		if want := map[bool]int{true: 401, false: 429}[i < 5]; resp.StatusCode != want {
			t.Errorf("guess %d: %s, want %d", i, resp.Status, want)
		}
	}
}

// testPassword: one's own password changes only with the old one, and a change ends all sessions.
func (w *world) testPassword(t *testing.T) {
	change := func(current, next string) int {
		body := map[string]string{"current": current, "new": next}
		return w.do(request{method: "POST", path: "/api/v1/auth/password", token: w.admin, body: body}, nil).StatusCode
	}
	first, err := os.ReadFile(w.passwordFile)
	if err != nil {
		t.Fatal(err)
	}
	old := strings.TrimSpace(string(first))
	resp := w.do(request{method: "POST", path: "/api/v1/auth/login", body: map[string]string{"username": "admin", "password": old}}, nil)
	jar := ""
	for _, c := range resp.Cookies() {
		jar += c.Name + "=" + c.Value + "; "
	}
	if got := change("not the password", "long enough to be one"); got != http.StatusUnprocessableEntity {
		t.Errorf("with a wrong current password: %d", got)
	}
	if got := change(old, "short"); got != http.StatusUnprocessableEntity {
		t.Errorf("to a short one: %d", got)
	}
	if got := change(old, "long enough to be one"); got != http.StatusNoContent {
		t.Errorf("properly: %d", got)
	}
	if resp := w.do(request{method: "POST", path: "/api/v1/auth/refresh", cookie: jar}, nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a session from before the change goes on: %s", resp.Status)
	}
	if _, err := os.Stat(w.passwordFile); !os.IsNotExist(err) {
		t.Errorf("the first password's file is still there: %v", err)
	}
	w.login("admin", "long enough to be one")
}

// testInput: bad input is named, unknown input refused, and nothing internal leaks.
func (w *world) testInput(t *testing.T) {
	for path, want := range map[string]int{
		"/api/v1/events?limit=0": 422, "/api/v1/events?limit=abc": 422, "/api/v1/events?kind=nonsense": 422,
		"/api/v1/events?cursor=%2F%2F": 422, "/api/v1/events/nope": 404, "/api/v1/cameras/back": 404, "/api/v1/timeline": 422,
		"/api/v1/timeline?from=5&to=5": 422, "/api/v1/timeline?from=0&to=9999999999999": 422, "/api/v1/nothing": 404,
		"/api/v1/vod/front/10/5/index.m3u8": 422, "/api/v1/vod/front/a/b/index.m3u8": 422, "/api/v1/vod/back/0/5/index.m3u8": 404,
		"/api/v1/vod/front/0/5/index.m3u8?stream=third": 422, "/api/v1/media/front/main/1000/5-.m4s": 404,
		"/api/v1/media/front/main/1000/-5-5.m4s": 404, "/api/v1/media/front/main/..%2f..%2fx/init.mp4": 404, "/api/v1/cameras/front/live": 426,
	} {
		var p problem
		resp := w.do(request{path: path, token: w.admin}, &p)
		if resp.StatusCode != want || p.Detail == "" || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: %s, %+v, want %d", path, resp.Status, p, want)
		}
	}
	for _, body := range []any{map[string]any{"enabled": "yes"}, map[string]any{}, map[string]any{"enabled": true, "more": 1}, []int{1}} {
		if resp := w.do(request{method: "PUT", path: "/api/v1/cameras/front/recording", token: w.admin, body: body}, nil); resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("body %v: %s", body, resp.Status)
		}
	}
}

func (w *world) testSwitches(t *testing.T) {
	var c Camera
	resp := w.do(request{method: "PUT", path: "/api/v1/cameras/front/recording", token: w.admin, body: map[string]bool{"enabled": false}}, &c)
	if resp.StatusCode != http.StatusOK || c.Recording || w.cameras.recording {
		t.Errorf("%s, %+v", resp.Status, c)
	}
}

func (w *world) testTimeline(t *testing.T) {
	var tl Timeline
	from := t0.UnixMilli()
	w.do(request{path: "/api/v1/timeline?cameras=front&from=" + ms(t0) + "&to=" + ms(t0.Add(time.Minute)), token: w.viewer}, &tl)
	row := tl.Cameras[0]
	if tl.From != from || row.Recordings.Start[0] != 10_000 || row.Recordings.Start[1] != 20_000 || row.Recordings.Duration[1] != 10_000 {
		t.Errorf("recordings %+v", row.Recordings)
	}
	if row.Gaps.Start[0] != 20_000 || row.Gaps.Reason[0] != "offline" {
		t.Errorf("gaps %+v", row.Gaps)
	}
	ev := row.Events
	if len(ev.ID) != 1 || ev.ID[0] != w.eventID || ev.Start[0] != 12_000 || ev.Duration[0] != -1 || ev.Score[0] != 76 || tl.Labels[ev.Label[0]] != "person" || tl.Kinds[ev.Kind[0]] != "object" {
		t.Errorf("events %+v, labels %v", ev, tl.Labels)
	}
}

func ms(t time.Time) string { b, _ := json.Marshal(t.UnixMilli()); return string(b) }

func (w *world) testMedia(t *testing.T) {
	resp := w.do(request{path: "/api/v1/media/front/main/1000/2-5.m4s", token: w.viewer}, nil)
	if got := text(resp); got != "23456" || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("%q, %v", got, resp.Header)
	}
	resp = w.do(request{path: "/api/v1/vod/front/0/1000/index.m3u8", token: w.viewer}, nil)
	if got := text(resp); !strings.Contains(got, "../../../../media/front/main/") {
		t.Errorf("%q", got)
	}
	resp = w.do(request{path: "/api/v1/events/" + w.eventID + "/snapshot.jpg", cookie: accessCookie + "=" + w.viewer}, nil)
	if got := text(resp); !strings.HasPrefix(got, "\xff\xd8") || resp.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("%q", got)
	}
}

func (w *world) testSite(t *testing.T) {
	resp := w.do(request{path: "/"}, nil)
	if resp.StatusCode != http.StatusOK || !strings.Contains(text(resp), "home") || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "'nonce-") {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
	if resp := w.do(request{path: "/no/such/page/"}, nil); resp.StatusCode != http.StatusNotFound || !strings.Contains(text(resp), "nothing here") {
		t.Errorf("%s", resp.Status)
	}
	if resp := w.do(request{method: "POST", path: "/"}, nil); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /: %s", resp.Status)
	}
}

// TestOpenAPI keeps the committed description equal to the code. UPDATE=1 writes it.
func TestOpenAPI(t *testing.T) {
	w := newWorld(t)
	got, err := w.srv.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("openapi.yaml", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("openapi.yaml")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("openapi.yaml is not what the code describes (%v); run `make gen`", err)
	}
}
