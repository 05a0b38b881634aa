package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/plugincatalog"
	"github.com/nightjar-nvr/nightjar/core/pluginhost"
)

// PluginTools is what the command line does with plugins: on disk, and through the running Nightjar where there is one.
type PluginTools struct {
	Control *Control
	cfg     *config.Config
	set     *notifiers // without a host: it reads what is configured and installed
}

// OpenPluginTools opens the catalogue of a configuration.
func OpenPluginTools(cfg *config.Config, version string, log *slog.Logger) (*PluginTools, error) {
	set, err := offlineNotifiers(cfg, version, log)
	if err != nil {
		return nil, err
	}
	set.all = set.gather()
	return &PluginTools{Control: NewControl(cfg), cfg: cfg, set: set}, nil
}

// List returns all plugins: as the running Nightjar sees them, else as they lie on disk.
func (t *PluginTools) List(ctx context.Context) (httpapi.PluginList, error) {
	var out httpapi.PluginList
	err := t.Control.Call(ctx, http.MethodGet, "/plugins", nil, &out)
	if errors.Is(err, httpapi.ErrNotRunning) {
		return t.set.Plugins(ctx)
	}
	return out, err
}

// Notifiers returns the configured notifiers; httpapi.ErrNotRunning where no Nightjar runs.
func (t *PluginTools) Notifiers(ctx context.Context) ([]httpapi.Notifier, error) {
	var out httpapi.NotifierList
	err := t.Control.Call(ctx, http.MethodGet, "/notifiers", nil, &out)
	return out.Notifiers, err
}

// Install checks a bundle and keeps it until it is approved.
func (t *PluginTools) Install(ctx context.Context, bundle io.Reader, by string) (httpapi.PluginReview, error) {
	return t.set.InstallPlugin(ctx, bundle, by)
}

// Review says what there is to decide about a version.
func (t *PluginTools) Review(ctx context.Context, id, version string) (httpapi.PluginReview, error) {
	return t.set.ReviewPlugin(ctx, id, version)
}

// Approve lets a program run. The running Nightjar starts it once, and one that fails is rolled back, which is an error;
// where none runs, the next one does that. running says which it was.
func (t *PluginTools) Approve(ctx context.Context, id, version, sum, by string) (running bool, err error) {
	err = t.Control.Call(ctx, http.MethodPost, "/plugins/"+url.PathEscape(id)+"/versions/"+url.PathEscape(version)+"/approve", httpapi.PluginApproval{SHA256: sum}, nil)
	if errors.Is(err, httpapi.ErrNotRunning) {
		_, err = t.set.catalog.Approve(id, version, sum, by)
		return false, err
	}
	return true, err
}

// Remove removes a plugin that no notifier uses. While no Nightjar runs, notifiers in the database cannot be asked for.
func (t *PluginTools) Remove(ctx context.Context, id, by string) error {
	err := t.Control.Call(ctx, http.MethodDelete, "/plugins/"+url.PathEscape(id), nil, nil)
	if !errors.Is(err, httpapi.ErrNotRunning) {
		return err
	}
	if users := t.set.users(id); len(users) > 0 {
		return &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf("plugin %s is used by notifiers of the configuration file: %v", id, users)}
	}
	return t.set.catalog.Remove(id, by)
}

// Switch lets a plugin run, or not.
func (t *PluginTools) Switch(ctx context.Context, id string, on bool, by string) error {
	err := t.Control.Call(ctx, http.MethodPut, "/plugins/"+url.PathEscape(id)+"/enabled", httpapi.PluginSwitch{Enabled: on}, nil)
	if errors.Is(err, httpapi.ErrNotRunning) {
		_, err = t.set.catalog.SetEnabled(id, on, by)
	}
	return err
}

// Trust puts a signer on the list of trusted keys.
func (t *PluginTools) Trust(ctx context.Context, name string, pem []byte, by string) (httpapi.PluginKey, error) {
	return t.set.AddPluginKey(ctx, name, string(pem), by)
}

// Distrust takes a signer off the list.
func (t *PluginTools) Distrust(ctx context.Context, fingerprint, by string) error {
	return t.set.RemovePluginKey(ctx, fingerprint, by)
}

// Finding is one thing a doctor looked at.
type Finding struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`        // one sentence
	Fix    string `json:"fix,omitempty"` // the next step
}

// Doctor looks at everything that keeps plugins from running.
func (t *PluginTools) Doctor(ctx context.Context) ([]Finding, error) {
	var out []Finding
	add := func(what string, ok bool, detail, fix string) {
		if ok {
			fix = ""
		}
		out = append(out, Finding{What: what, OK: ok, Detail: detail, Fix: fix})
	}
	dir := t.cfg.PluginsPath()
	switch info, err := os.Stat(dir); {
	case errors.Is(err, os.ErrNotExist):
		add("plugin directory", true, "nothing was installed yet", "")
	case err != nil:
		add("plugin directory", false, err.Error(), "run this as the account that runs Nightjar")
	default:
		add("plugin directory", info.Mode().Perm()&0o022 == 0, fmt.Sprintf("%s has mode %v", dir, info.Mode().Perm()), "chmod go-w "+dir)
	}
	running, err := t.Control.Running(ctx)
	switch {
	case err != nil:
		add("server", false, err.Error(), "run this as the account that runs Nightjar")
	case running:
		add("server", true, "a Nightjar runs with this configuration", "")
	default:
		add("server", false, "no Nightjar runs with this configuration", "nightjar serve")
	}
	list, err := t.List(ctx)
	if err != nil {
		return out, err
	}
	for _, p := range list.Plugins {
		switch {
		case p.Trust == string(plugincatalog.TrustCore) && p.Problem != "" && len(p.Notifiers) == 0:
		case p.Problem != "":
			add("plugin "+p.ID, false, p.Problem, "nightjar plugin list")
		case p.Trust == string(plugincatalog.TrustUnsigned):
			add("plugin "+p.ID, true, p.Active+" runs unsigned, because plugins.allow_unsigned is set", "")
		default:
			add("plugin "+p.ID, true, "version "+p.Active+", trust "+p.Trust, "")
		}
	}
	if !running {
		return out, nil
	}
	all, err := t.Notifiers(ctx)
	for _, n := range all {
		ok := n.State == string(nvr.PluginRunning) && n.Reason == "" || !n.Enabled
		detail := n.State
		if n.Reason != "" {
			detail += ": " + n.Reason
		}
		add("notifier "+n.ID, ok, detail, "nightjar plugin logs "+n.ID)
	}
	return out, err
}

// PluginTrial is what a plugin is tried with.
type PluginTrial struct {
	Program     string
	Args        []string
	Permissions []string // nil: it has no manifest
	Version     string   // it must say it is; empty: any
	Settings    map[string]any
	Send        bool // also have it deliver an example
	Recipient   string
}

// TryPlugin runs a program as the server would, on its own, and says what it found. It needs no Nightjar.
func TryPlugin(ctx context.Context, trial PluginTrial, version string, log *slog.Logger) ([]Finding, error) {
	program, err := filepath.Abs(trial.Program)
	if err != nil {
		return nil, fmt.Errorf("find program: %w", err)
	}
	cfg := pluginhost.Config{ID: "trial", Path: program, Args: trial.Args, Enabled: true, Settings: trial.Settings, Permissions: trial.Permissions}
	opts := pluginhost.Options{Version: version}
	if exe, err := os.Executable(); err == nil {
		opts.Launcher = pluginhost.Launcher(exe)
	}
	host, err := pluginhost.New([]pluginhost.Config{cfg}, opts, &bus.Bus{}, log, prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	out := tryProbe(ctx, host, cfg, trial.Version)
	if last := out[len(out)-1]; !trial.Send || !last.OK {
		return out, nil
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- host.Run(ctx) }()
	out = append(out, trySend(ctx, host, trial.Recipient))
	stop()
	<-ended //nolint:errcheck // that it was stopped
	return out, nil
}

// tryProbe checks what the plugin says of itself. It ends with the first thing that makes the rest useless.
func tryProbe(ctx context.Context, host *pluginhost.Host, cfg pluginhost.Config, version string) []Finding {
	p, err := host.Probe(ctx, cfg)
	if err != nil {
		return []Finding{{What: "starts and shakes hands", Detail: sentence(err), Fix: "run it by hand and read what it says on standard error"}}
	}
	out := []Finding{{What: "starts and shakes hands", OK: true, Detail: p.Name + " " + p.Version}}
	add := func(what string, ok bool, detail string) {
		out = append(out, Finding{What: what, OK: ok, Detail: detail})
	}
	add("has a name and the manifest's version", p.Name != "" && p.Version != "" && (version == "" || p.Version == version), fmt.Sprintf("%s %s, manifest %s", p.Name, p.Version, version))
	schema, err := plugincatalog.ParseSchema([]byte(p.Schema))
	if err != nil {
		add("describes its settings", false, "the schema "+err.Error())
		return out
	}
	add("describes its settings", true, "")
	bad := map[string]any{"nightjar-unknown-setting": true}
	refuses := len(schema.Check(bad)) > 0
	if refuses {
		cfg.Settings, bad = bad, cfg.Settings
		odd, err := host.Probe(ctx, cfg)
		refuses = err == nil && len(odd.Diagnostics) > 0
		cfg.Settings = bad
	}
	add("refuses a setting it does not know", refuses, "")
	for _, d := range p.Diagnostics {
		add("accepts the settings", false, strings.TrimPrefix(d.Path+": "+d.Message, ": "))
	}
	if len(p.Diagnostics) == 0 {
		for _, e := range schema.Check(cfg.Settings) {
			add("accepts the settings", false, e.Error())
		}
	}
	if out[len(out)-1].What != "accepts the settings" {
		add("accepts the settings", true, "")
	}
	return out
}

func trySend(ctx context.Context, host *pluginhost.Host, recipient string) Finding {
	const what = "delivers an example"
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(20 * time.Second); ; {
		r, err := host.Test(ctx, "trial", recipient)
		switch {
		case err == nil && r.Class == nvr.DeliveryOK:
			return Finding{What: what, OK: true}
		case err == nil:
			return Finding{What: what, Detail: string(r.Class) + ": " + r.Detail}
		case nvr.ErrorCode(err) != nvr.CodeUnavailable:
			return Finding{What: what, Detail: sentence(err)}
		}
		select {
		case <-ctx.Done():
			return Finding{What: what, Detail: "stopped"}
		case <-limit:
			return Finding{What: what, Detail: sentence(err)}
		case <-tick.C:
		}
	}
}
