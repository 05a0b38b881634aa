package app

import (
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store"
)

func TestRouteBook(t *testing.T) {
	ctx, log := t.Context(), slog.New(slog.NewTextHandler(t.Output(), nil))
	st, err := store.New(testkit.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	if err := st.Migrate(ctx, log); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("x", []byte("data_dir: "+t.TempDir()+"\nnotifiers: {hook: {plugin: webhook, labels: [person]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	b := newRouteBook(cfg, st, log)
	mine := nvr.Route{ID: "mine", Notifier: "hook", MinSeverity: nvr.SeverityHigh, Digest: time.Minute, Quiet: []nvr.Quiet{{From: 60, Action: nvr.QuietDrop}}}
	last := nvr.Route{ID: "last", Notifier: "hook", Escalate: nvr.Escalation{After: time.Minute, To: []string{"mine"}}}
	for name, c := range map[string]struct {
		r    nvr.Route
		code nvr.Code
	}{
		"of the file":       {nvr.Route{ID: "hook", Notifier: "hook"}, nvr.CodeConflict},
		"unknown notifier":  {nvr.Route{ID: "x", Notifier: "nobody"}, nvr.CodeInvalid},
		"bad template":      {nvr.Route{ID: "x", Notifier: "hook", Text: "{{"}, nvr.CodeInvalid},
		"escalates nowhere": {last, nvr.CodeInvalid},
	} {
		if err := b.PutRoute(ctx, c.r); nvr.ErrorCode(err) != c.code || len(b.Routes()) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, r := range []nvr.Route{mine, last} {
		if err := b.PutRoute(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	if rs := b.Routes(); len(rs) != 3 || rs[0].ID != "hook" || rs[2].Digest != time.Minute || rs[2].Quiet[0].From != 60 {
		t.Errorf("%+v", rs)
	}
	if err := b.DeleteRoute(ctx, "mine"); nvr.ErrorCode(err) != nvr.CodeConflict || !strings.Contains(err.Error(), "last") {
		t.Errorf("removed a route that another escalates to: %v", err)
	}
	if rs := newRouteBook(cfg, st, log).Routes(); len(rs) != 3 { // as after a start, before the database answers
		t.Errorf("%+v", rs)
	}
	if info, err := os.Stat(b.copy); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("copy: %v %v", info, err)
	}
	for _, id := range []string{"last", "mine"} {
		if err := b.DeleteRoute(ctx, id); err != nil {
			t.Error(err)
		}
	}
	if nvr.ErrorCode(b.DeleteRoute(ctx, "mine")) != nvr.CodeNotFound || nvr.ErrorCode(b.DeleteRoute(ctx, "hook")) != nvr.CodeConflict {
		t.Error("removed what is not there, or in the file")
	}

	// Another node on the same database is told of one; it hears of it, and of its end.
	other := newRouteBook(cfg, st, log)
	if err := other.PutRoute(ctx, mine); err != nil {
		t.Fatal(err)
	}
	if err := b.catchUp(ctx); err != nil || len(b.Routes()) != 2 {
		t.Errorf("%+v, %v", b.Routes(), err)
	}
	if err := other.DeleteRoute(ctx, "mine"); err != nil {
		t.Fatal(err)
	}
	if err := b.catchUp(ctx); err != nil || len(b.Routes()) != 1 {
		t.Errorf("%+v, %v", b.Routes(), err)
	}
	all := []nvr.Route{{Notifier: "hook", Recipients: []string{"a"}}, {Notifier: "hook"}, {Notifier: "hook", Disabled: true, Recipients: []string{"b"}}, {Notifier: "x", Recipients: []string{"c"}}}
	if got := recipients(all, "hook"); !slices.Equal(got, []string{"a", ""}) {
		t.Errorf("%q", got)
	}

	d := &desk{st, b, time.UTC, &notifiers{all: []instance{{id: "hook"}}}}
	if title, _, err := d.Preview(ctx, "{{.Label}}!", "", "new", ""); err != nil || title != "person!" {
		t.Errorf("%q %v", title, err)
	}
	if _, _, err := d.Preview(ctx, "{{.No}}", "", "new", ""); nvr.ErrorCode(err) != nvr.CodeInvalid || !strings.HasPrefix(err.Error(), "title ") {
		t.Errorf("%v", err)
	}
	e := nvr.Event{ID: uuid.Must(uuid.NewV7()).String(), Camera: "front", Kind: nvr.EventObject, Label: "cat", Start: time.Now(), Revision: 1, Severity: nvr.SeverityLow}
	if v := d.Explain(e); len(v) != 1 || v[0].Told || v[0].Why != "a cat, and person is asked for" {
		t.Errorf("%+v", v)
	}
	e.Label, d.notifiers.all[0].settings = "person", map[string]any{"service": "webpush"}
	if v := d.Explain(e); len(v) != 1 || v[0].Told || !strings.Contains(v[0].Why, "names a browser") {
		t.Errorf("a route that has nobody to tell: %+v", v)
	}

	// The push service says that a browser is gone: so is its route, and only that.
	gone, app := nvr.Route{ID: "browser-mila-0123456789ab", Notifier: "hook", Recipients: []string{"browser-mila-0123456789ab"}}, &App{routes: b, log: log}
	for _, r := range []nvr.Route{gone, mine} {
		if err := b.PutRoute(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"webpush/mine", "mine", "browser-mila-0123456789ab", "webpush/browser-mila-000000000000"} {
		app.forgetBrowser(ctx, "hook", key)
	}
	app.forgetBrowser(ctx, "another", "webpush/"+gone.ID)
	if len(b.Routes()) != 3 {
		t.Errorf("routes went that should stay: %+v", b.Routes())
	}
	app.forgetBrowser(ctx, "hook", "webpush/"+gone.ID)
	if rs := b.Routes(); len(rs) != 2 || slices.ContainsFunc(rs, func(r nvr.Route) bool { return r.ID == gone.ID }) {
		t.Errorf("the browser's route stays: %+v", rs)
	}
}

// TestNodesHaveNames: one that starts must not take back what another is telling, and takes back its own.
func TestNodesHaveNames(t *testing.T) {
	dir := t.TempDir()
	names := map[string]bool{}
	for _, d := range []string{dir, dir, t.TempDir()} {
		name, err := nodeName(d)
		if err != nil || len(name) < 20 || len(name) > 100 {
			t.Fatalf("%q, %v", name, err)
		}
		names[name] = true
	}
	if len(names) != 2 {
		t.Errorf("%v", names)
	}
}
