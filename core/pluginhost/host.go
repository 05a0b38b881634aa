// Package pluginhost runs notifier plugins: one supervised process each, started by a runner of our own, spoken to
// over gRPC with mutual TLS made anew for each launch.
//
// It promises that no plugin can hold up anything but its own alerts: every call has a deadline, a process that
// hangs, floods or crashes is killed with all its children and started again after a growing pause, and none outlives
// the host. What a plugin says on standard error becomes log records under its name, at a pace the host sets.
//
// It does not queue or retry alerts (core/jobs does) and gives a plugin nothing but alerts: no environment, no files,
// no connection to the database.
package pluginhost

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/errgroup"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// maxRunDir leaves room for go-plugin's own names below it: a socket path has at most 107 bytes.
const maxRunDir = 107 - len("/99/plugin-dir1234567890/plugin1234567890")

// Config is one plugin to run.
type Config struct {
	ID      string // `[a-z0-9_-]{1,48}`
	Path    string // of the executable
	SHA256  string // hex; where set, only this very file is started
	Enabled bool
	// Settings are handed to the plugin as JSON, by RPC; secrets may be among them. They are never logged.
	Settings map[string]any
}

// Options are what the host needs beside the plugins.
type Options struct {
	// RunDir holds a private folder per plugin for sockets and temporary files. It is made where missing and must be
	// ours alone. Empty, or longer than a socket path allows: a folder in the system's temporary directory.
	RunDir  string
	Version string // of Nightjar, told to plugins
	Timing  Timing
}

// Timing holds every deadline and pause; zero values mean the defaults in parentheses.
type Timing struct {
	Start      time.Duration // from launch to configured (5 s)
	Notify     time.Duration // for one alert (15 s)
	Health     time.Duration // between health checks (10 s)
	HealthCall time.Duration // for one health check (2 s)
	Stop       time.Duration // for a plugin to finish (5 s)
	BackoffMin time.Duration // first pause after a crash (0.25 s), doubling
	BackoffMax time.Duration // (60 s)
	Quarantine time.Duration // pause after too many crashes (1 h)
	Recheck    time.Duration // pause after a refused configuration or a file that cannot run (10 min)
	CrashCount int           // this many crashes (5) …
	CrashSpan  time.Duration // … within this time (10 min) are too many
}

func (t *Timing) defaults() {
	for _, f := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&t.Start, 5 * time.Second},
		{&t.Notify, 15 * time.Second},
		{&t.Health, 10 * time.Second},
		{&t.HealthCall, 2 * time.Second},
		{&t.Stop, 5 * time.Second},
		{&t.BackoffMin, 250 * time.Millisecond},
		{&t.BackoffMax, time.Minute},
		{&t.Quarantine, time.Hour},
		{&t.Recheck, 10 * time.Minute},
		{&t.CrashSpan, 10 * time.Minute},
	} {
		if *f.value <= 0 {
			*f.value = f.def
		}
	}
	if t.CrashCount <= 0 {
		t.CrashCount = 5
	}
}

// Host runs a fixed set of plugins.
type Host struct {
	opts    Options
	bus     *bus.Bus
	log     *slog.Logger
	met     *metrics
	plugins []*supervisor
	byID    map[string]*supervisor
}

type metrics struct {
	up        *prometheus.GaugeVec
	restarts  *prometheus.CounterVec
	delivered *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
}

var idRE = regexp.MustCompile(`^[a-z0-9_-]{1,48}$`)

// New checks the configuration of all plugins. An executable that is missing is not an error here: it is that
// plugin's state, shown and checked again.
func New(plugins []Config, opts Options, b *bus.Bus, log *slog.Logger, reg prometheus.Registerer) (*Host, error) {
	if b == nil || log == nil {
		return nil, errors.New("plugin host: bus and logger are required")
	}
	opts.Timing.defaults()
	f := promauto.With(reg)
	h := &Host{opts: opts, bus: b, log: log, byID: map[string]*supervisor{}, met: &metrics{
		up:        f.NewGaugeVec(prometheus.GaugeOpts{Name: "nvr_plugin_up", Help: "1 while the plugin runs."}, []string{"plugin"}),
		restarts:  f.NewCounterVec(prometheus.CounterOpts{Name: "nvr_plugin_restarts_total", Help: "Processes that ended unasked."}, []string{"plugin"}),
		delivered: f.NewCounterVec(prometheus.CounterOpts{Name: "nvr_plugin_attempts_total", Help: "Attempts to deliver, by outcome."}, []string{"plugin", "reason"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "nvr_plugin_notify_seconds", Help: "Duration of one attempt.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}, []string{"plugin"}),
	}}
	for i, cfg := range plugins {
		if !idRE.MatchString(cfg.ID) {
			return nil, fmt.Errorf("plugin id %q: want 1 to 48 characters of a-z, 0-9, _ and -", cfg.ID)
		}
		if h.byID[cfg.ID] != nil {
			return nil, fmt.Errorf("plugin %s is configured twice", cfg.ID)
		}
		settings, err := json.Marshal(cfg.Settings)
		if err != nil {
			return nil, fmt.Errorf("settings of plugin %s: %w", cfg.ID, err)
		}
		if cfg.Settings == nil {
			settings = []byte("{}")
		}
		if sum, err := hex.DecodeString(cfg.SHA256); err != nil || len(sum) != 0 && len(sum) != 32 {
			return nil, fmt.Errorf("plugin %s: sha256 must be 64 hexadecimal digits", cfg.ID)
		}
		s := newSupervisor(h, cfg, string(settings), strconv.Itoa(i))
		h.plugins = append(h.plugins, s)
		h.byID[cfg.ID] = s
	}
	return h, nil
}

// Run supervises all plugins until ctx ends, then stops them and joins. A plugin never ends it.
func (h *Host) Run(ctx context.Context) error {
	dir, cleanup, err := h.runDir()
	if err != nil {
		return err
	}
	defer cleanup()
	var g errgroup.Group
	for _, s := range h.plugins {
		g.Go(func() error { s.run(ctx, filepath.Join(dir, s.folder)); return nil })
	}
	_ = g.Wait() // the functions above return nil
	return ctx.Err()
}

func (h *Host) runDir() (dir string, cleanup func(), err error) {
	dir, err = filepath.Abs(h.opts.RunDir)
	if h.opts.RunDir != "" && err == nil && len(dir) <= maxRunDir {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", nil, fmt.Errorf("make plugin run directory: %w", err)
		}
		return dir, func() {}, nil
	}
	dir, err = os.MkdirTemp("", "nightjar-")
	if err != nil {
		return "", nil, fmt.Errorf("make plugin run directory: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// Statuses returns the state of every configured plugin, in the order of the configuration.
func (h *Host) Statuses() []nvr.PluginStatus {
	out := make([]nvr.PluginStatus, 0, len(h.plugins))
	for _, s := range h.plugins {
		out = append(out, s.snapshot())
	}
	return out
}

// Log returns the last lines, at most 64, that a plugin wrote on standard error, oldest first.
func (h *Host) Log(pluginID string) []string {
	if s := h.byID[pluginID]; s != nil {
		return s.tail.lines()
	}
	return nil
}

// Notify asks a plugin to deliver one alert, once. An error means that the outcome is not known or that nobody could
// be asked; with nvr.CodeUnavailable the plugin is not running and nothing was sent, with nvr.CodeNotFound it is not
// configured.
func (h *Host) Notify(ctx context.Context, pluginID string, a nvr.Alert) (nvr.DeliveryResult, error) {
	s := h.byID[pluginID]
	if s == nil {
		return nvr.DeliveryResult{}, &nvr.Error{
			Code: nvr.CodeNotFound, Message: fmt.Sprintf("plugin %s is not configured", pluginID),
		}
	}
	return s.notify(ctx, a)
}
