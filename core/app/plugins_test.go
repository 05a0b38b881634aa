package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/plugincatalog"
	"github.com/nightjar-nvr/nightjar/core/pluginhost"
	"github.com/nightjar-nvr/nightjar/core/store"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// A plugin of these tests is this binary, started by a script in the bundle with the arguments "plugin VERSION".
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "plugin" {
		sdk.Serve(sdk.Info{Name: "Tell", Version: os.Args[2]}, &teller{})
		return
	}
	os.Exit(m.Run())
}

type tellerSettings struct {
	Topic string `json:"topic" required:"true" desc:"Where to."`
	Token string `json:"token" secret:"true"`
}

// Validate is what the plugin alone knows.
func (s *tellerSettings) Validate() error {
	if s.Topic == "forbidden" {
		return &sdk.SettingError{Path: "topic", Message: "is taken"}
	}
	return nil
}

type teller struct{ sdk.Base[tellerSettings] }

func (n *teller) Notify(context.Context, sdk.Alert) sdk.Result {
	if n.Settings().Token != "CANARY-secret" {
		return sdk.BadConfig("the token is wrong")
	}
	return sdk.OK()
}

// tellerBundle makes a bundle whose program says it is version says.
func tellerBundle(t *testing.T, version, says string, permissions ...string) []byte {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal(map[string]any{
		"id": "com.example.tell", "name": "Tell", "version": version, "kinds": []string{"notifier"}, "protocol": []int{1}, "permissions": append([]string{}, permissions...),
		"executables": map[string]any{"any": map[string]any{"path": "bin/tell", "args": []string{"plugin", says}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"plugin.json": string(manifest), "bin/tell": fmt.Sprintf("#!/bin/sh\n# %s\nexec %q \"$@\"\n", version, exe)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, path, err := plugincatalog.Pack(dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pluginRig is a host, a database and the set of notifiers, all real.
type pluginRig struct {
	t   *testing.T
	cfg *config.Config
	st  *store.Store
	set *notifiers
}

func newPluginRig(t *testing.T) *pluginRig {
	t.Helper()
	cfg := config.Default()
	cfg.DataDir, cfg.Plugins.AllowUnsigned = t.TempDir(), true
	r := &pluginRig{t: t, cfg: &cfg}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if r.st, err = store.New(testkit.Postgres(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.st.Close)
	if err := r.st.Migrate(t.Context(), log); err != nil {
		t.Fatal(err)
	}
	if r.set, err = newNotifiers(&cfg, "dev", r.st, log); err != nil {
		t.Fatal(err)
	}
	host, err := pluginhost.New(r.set.configs(), pluginhost.Options{Version: "dev", Timing: pluginhost.Timing{Start: 20 * time.Second}}, &bus.Bus{}, log, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	r.set.host = host
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = host.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return r
}

func (r *pluginRig) install(bundle []byte) httpapi.PluginReview {
	r.t.Helper()
	review, err := r.set.InstallPlugin(r.t.Context(), bytes.NewReader(bundle), "ann")
	if err != nil {
		r.t.Fatal(err)
	}
	return review
}

func (r *pluginRig) approve(review httpapi.PluginReview) (httpapi.Package, error) {
	return r.set.ApprovePlugin(r.t.Context(), review.Plugin.ID, review.Version.Version, review.Version.SHA256, "ann")
}

func (r *pluginRig) wait(id, version string, state nvr.PluginState) httpapi.Notifier {
	r.t.Helper()
	var n httpapi.Notifier
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); <-time.After(20 * time.Millisecond) {
		var err error
		if n, err = r.set.one(id); err == nil && n.State == string(state) && n.Version == version {
			return n
		}
	}
	r.t.Fatalf("notifier %s is not %s in version %s: %+v", id, state, version, n)
	return n
}

// TestAPluginFromBundleToRemoval goes the whole way with a real host.
func TestAPluginFromBundleToRemoval(t *testing.T) {
	t.Parallel()
	r, ctx := newPluginRig(t), t.Context()
	first := r.install(tellerBundle(t, "1.0.0", "1.0.0"))
	if _, err := r.set.AddNotifier(ctx, httpapi.NewNotifier{ID: "phone", Plugin: "com.example.tell"}, "ann"); nvr.ErrorCode(err) != nvr.CodeConflict {
		t.Errorf("before approval: %v", err)
	}
	if p, err := r.approve(first); err != nil || p.Active != "1.0.0" || p.Problem != "" || p.Trust != "unsigned" {
		t.Fatalf("%+v, %v", p, err)
	}
	for topic, want := range map[string]string{"": "topic", "forbidden": "is taken"} {
		settings := map[string]any{"token": "CANARY-secret"}
		if topic != "" {
			settings["topic"] = topic
		}
		_, err := r.set.AddNotifier(ctx, httpapi.NewNotifier{ID: "phone", Plugin: "com.example.tell", Settings: settings}, "ann")
		if nvr.ErrorCode(err) != nvr.CodeInvalid || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("topic %q: %v", topic, err)
		}
	}
	n, err := r.set.AddNotifier(ctx, httpapi.NewNotifier{ID: "phone", Plugin: "com.example.tell", Settings: map[string]any{"topic": "home", "token": "CANARY-secret"}}, "ann")
	if err != nil || n.Settings["topic"] != "home" || n.Settings["token"] != nil || strings.Join(n.SecretsSet, "") != "token" {
		t.Fatalf("%+v, %v", n, err)
	}
	r.wait("phone", "1.0.0", nvr.PluginRunning)
	if v, err := r.set.TestNotifier(ctx, "phone", ""); err != nil || v.Class != nvr.DeliveryOK {
		t.Errorf("an example: %+v, %v", v, err)
	}
	rows, err := r.st.Notifiers(ctx)
	if err != nil || len(rows) != 1 || bytes.Contains(rows[0].Settings, []byte("CANARY")) || bytes.Contains(rows[0].Settings, []byte("topic")) {
		t.Errorf("the database holds settings in the clear: %+v, %v", rows, err)
	}

	r.keepsSecrets()
	r.upgrades()
	if err := r.set.RemovePlugin(ctx, "com.example.tell", "ann"); nvr.ErrorCode(err) != nvr.CodeConflict {
		t.Errorf("removing what is used: %v", err)
	}
	r.refusesModified()
	r.warns()
	if err := r.set.RemoveNotifier(ctx, "phone", "ann"); err != nil {
		t.Fatal(err)
	}
	if err := r.set.RemovePlugin(ctx, "com.example.tell", "ann"); err != nil {
		t.Error(err)
	}
}

// warns: a notifier that nothing is sent to says so, and one that a rule uses is not removed.
func (r *pluginRig) warns() {
	r.t.Helper()
	routes := []nvr.Route{}
	r.set.routes = func() []nvr.Route { return routes }
	for _, tc := range []struct {
		routes []nvr.Route
		says   string
	}{
		{nil, "no route sends alerts to it"},
		{[]nvr.Route{{ID: "a", Notifier: "phone", Disabled: true}}, "are switched off"},
		{[]nvr.Route{{ID: "a", Notifier: "phone"}, {ID: "b", Notifier: "phone", Disabled: true}}, ""},
	} {
		routes = tc.routes
		if n, err := r.set.one("phone"); err != nil || !strings.Contains(n.Warning, tc.says) || (tc.says == "") != (n.Warning == "") {
			r.t.Errorf("%v: %q, %v", tc.routes, n.Warning, err)
		}
	}
	if err := r.set.RemoveNotifier(r.t.Context(), "phone", "ann"); nvr.ErrorCode(err) != nvr.CodeConflict || !strings.Contains(err.Error(), "the routes a, b") {
		r.t.Errorf("removed a notifier that rules use: %v", err)
	}
	routes = nil
	// Another node on the same database changes something.
	r.set.looked = time.Time{}
	if r.set.elsewhere(r.t.Context()) {
		r.t.Error("nothing was changed")
	}
	row, err := r.st.Notifier(r.t.Context(), "phone")
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.st.UpdateNotifier(r.t.Context(), row); err != nil {
		r.t.Fatal(err)
	}
	r.set.looked = time.Time{}
	if !r.set.elsewhere(r.t.Context()) {
		r.t.Error("a change by another node is not heard of")
	}
}

// keepsSecrets: a change that does not name a secret keeps it.
func (r *pluginRig) keepsSecrets() {
	r.t.Helper()
	change := map[string]any{"topic": "garden"}
	n, err := r.set.UpdateNotifier(r.t.Context(), "phone", httpapi.NotifierChange{Settings: &change}, "ann")
	if err != nil || n.Settings["topic"] != "garden" || len(n.SecretsSet) != 1 {
		r.t.Fatalf("%+v, %v", n, err)
	}
	r.wait("phone", "1.0.0", nvr.PluginRunning)
	if v, err := r.set.TestNotifier(r.t.Context(), "phone", ""); err != nil || v.Class != nvr.DeliveryOK {
		r.t.Errorf("after a change: %+v, %v", v, err)
	}
}

// upgrades: a version that works takes over with its new permissions; one that does not leaves the old one running.
func (r *pluginRig) upgrades() {
	r.t.Helper()
	second := r.install(tellerBundle(r.t, "1.1.0", "1.1.0", "kv"))
	if second.From != "1.0.0" || len(second.Added) != 1 || second.Added[0].Name != "kv" {
		r.t.Errorf("%+v", second)
	}
	if _, err := r.approve(second); err != nil {
		r.t.Fatal(err)
	}
	r.wait("phone", "1.1.0", nvr.PluginRunning)
	p, err := r.approve(r.install(tellerBundle(r.t, "1.2.0", "6.6.6")))
	if nvr.ErrorCode(err) != nvr.CodeConflict || !strings.Contains(err.Error(), "1.1.0 runs on") || p.Active != "1.1.0" {
		r.t.Errorf("%+v, %v", p, err)
	}
	r.wait("phone", "1.1.0", nvr.PluginRunning)
}

// refusesModified: a program that changed after its approval does not start, and what the command line does is noticed.
func (r *pluginRig) refusesModified() {
	r.t.Helper()
	p, err := r.set.catalog.Resolve("com.example.tell")
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.Remove(p.Path); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(p.Path, []byte("#!/bin/sh\nsleep 60\n"), 0o555); err != nil {
		r.t.Fatal(err)
	}
	if err := r.set.RestartNotifier(r.t.Context(), "phone"); err != nil {
		r.t.Fatal(err)
	}
	if n := r.wait("phone", "1.1.0", nvr.PluginIncompat); !strings.Contains(n.Reason, "modified") {
		r.t.Errorf("%+v", n)
	}
	if err := r.set.RestartNotifier(r.t.Context(), "nobody"); nvr.ErrorCode(err) != nvr.CodeNotFound {
		r.t.Errorf("%v", err)
	}
	// Another process disables it; the next look finds that.
	tools, err := OpenPluginTools(r.cfg, "dev", slog.New(slog.DiscardHandler))
	if err != nil {
		r.t.Fatal(err)
	}
	if err := tools.Switch(r.t.Context(), "com.example.tell", false, "cli"); err != nil {
		r.t.Fatal(err)
	}
	if !r.set.due() {
		r.t.Error("the change is not noticed")
	}
	if err := r.set.reconcile(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	if n, err := r.set.one("phone"); err != nil || !strings.Contains(n.Reason, "disabled") {
		r.t.Errorf("%+v, %v", n, err)
	}
}

// TestProgramsUnderDevelopmentAreLent for as long as somebody wants them.
func TestProgramsUnderDevelopmentAreLent(t *testing.T) {
	t.Parallel()
	r, ctx := newPluginRig(t), t.Context()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	lent := httpapi.LentNotifier{Path: exe, Args: []string{"plugin", "0.0.1"}, Settings: map[string]any{"topic": "x"}}
	if _, err := r.set.LendNotifier(ctx, "phone", lent, time.Minute); nvr.ErrorCode(err) != nvr.CodeInvalid {
		t.Errorf("in the place of a real one: %v", err)
	}
	if _, err := r.set.LendNotifier(ctx, "dev-x", lent, time.Minute); err != nil {
		t.Fatal(err)
	}
	if n := r.wait("dev-x", "0.0.1", nvr.PluginRunning); n.Source != "dev" || n.Trust != "unsigned" {
		t.Errorf("%+v", n)
	}
	if _, err := r.set.LendNotifier(ctx, "dev-x", lent, -time.Second); err != nil {
		t.Fatal(err)
	}
	if !r.set.due() {
		t.Error("a lease that ended is not noticed")
	}
	if err := r.set.reconcile(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.set.one("dev-x"); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("after its lease: %v", err)
	}
}

func TestSealing(t *testing.T) {
	dir := t.TempDir()
	s, err := newSealer(dir)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.seal("phone", map[string]any{"token": "CANARY"})
	if err != nil || bytes.Contains(sealed, []byte("CANARY")) {
		t.Fatalf("%q, %v", sealed, err)
	}
	again, err := newSealer(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.open("phone", sealed); err != nil || got["token"] != "CANARY" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := again.open("other", sealed); err == nil {
		t.Error("settings open for another notifier")
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := again.open("phone", sealed); err == nil {
		t.Error("changed settings open")
	}
	if info, err := os.Stat(filepath.Join(dir, "keys", "notifiers.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}
