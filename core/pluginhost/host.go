// Package pluginhost runs notifier plugins: one supervised process each, started by a runner of our own, spoken to
// over gRPC with mutual TLS made anew for each launch.
//
// It promises that no plugin can hold up anything but its own alerts: every call has a deadline, a process that
// hangs, floods or crashes is killed with all its children and started again after a growing pause, and none outlives
// the host. What a plugin says on standard error becomes log records under its name, at a pace the host sets.
//
// A plugin gets alerts and nothing else: no environment, no files, no connection to the database. What it may ask for
// beyond them (Callbacks) needs a permission. How tightly its process is confined depends on the machine and
// is shown in its status: by cgroups where they were delegated to us; by a launcher that fences it in with Landlock,
// gives up privileges and sets limits; and by a watch over its memory.
//
// It does not queue or retry alerts (core/jobs does), and does not know where plugins come from (core/plugincatalog).
package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// maxRunDir leaves room for go-plugin's own names below it: a socket path has at most 107 bytes.
const maxRunDir = 107 - len("/999999/plugin-dir1234567890/plugin1234567890")

// Config is one plugin to run.
type Config struct {
	ID      string   // `[a-z0-9_-]{1,48}`
	Path    string   // of the executable
	Args    []string // after argv[0]: the applet of a binary that holds several plugins
	Dir     string   // of the plugin's files, which it may read; empty: it may read its executable alone
	SHA256  string   // hex; where set, only this very file is started
	Enabled bool
	// Settings are handed to the plugin as JSON, by RPC; secrets may be among them. They are never logged.
	Settings map[string]any
	// Permissions are what the plugin's manifest asks for and a person approved. Nil: it has no manifest, may use the
	// network, and has no callbacks.
	Permissions []string
	Limits      Limits
	// Notify is how long the plugin may take for one alert, at most 25 s; 0: Timing.Notify. Whoever asks has a deadline of
	// its own.
	Notify time.Duration
}

const maxNotify = 25 * time.Second

// Options are what the host needs beside the plugins.
type Options struct {
	// RunDir holds a private folder per plugin for sockets and temporary files. It is made where missing and must be
	// ours alone. Empty, or longer than a socket path allows: a folder in the system's temporary directory.
	RunDir  string
	Version string // of Nightjar, told to plugins
	Timing  Timing
	// Launcher is the command that calls launch.Become, as the path of nightjar-launch. Empty: plugins are started
	// directly, and are confined by their environment and the watch over their memory alone.
	Launcher []string
	// Callbacks answers what plugins ask; nil: they are offered nothing.
	Callbacks Callbacks
	// Cgroups says that a delegated part of the cgroup tree is to be used where there is one. Ourselves are moved into a
	// group of it.
	Cgroups bool
}

// Timing holds every deadline and pause; zero values mean the defaults in parentheses.
type Timing struct {
	Start      time.Duration // from launch to configured (5 s)
	Notify     time.Duration // for one alert (15 s)
	Health     time.Duration // between health checks (10 s)
	HealthCall time.Duration // for one health check (2 s)
	Memory     time.Duration // between looks at the memory (5 s)
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
		{&t.Memory, 5 * time.Second},
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

// Host runs plugins.
type Host struct {
	opts Options
	bus  *bus.Bus
	log  *slog.Logger
	met  *metrics

	applying sync.Mutex // held for the whole of Apply
	mu       sync.Mutex
	plugins  []*supervisor // in the order of the configuration
	byID     map[string]*supervisor
	begin    func(*supervisor) // nil unless Run runs
	cgroups  *cgroups          // nil where there are none
	folders  atomic.Int64      // names of the plugins' folders
}

type metrics struct {
	up        *prometheus.GaugeVec
	memory    *prometheus.GaugeVec
	restarts  *prometheus.CounterVec
	delivered *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	custom    *prometheus.CounterVec
}

// forget drops the series of a plugin that is gone.
func (m *metrics) forget(id string) {
	labels := prometheus.Labels{"plugin": id}
	m.up.DeletePartialMatch(labels)
	m.memory.DeletePartialMatch(labels)
	m.restarts.DeletePartialMatch(labels)
	m.delivered.DeletePartialMatch(labels)
	m.seconds.DeletePartialMatch(labels)
	m.custom.DeletePartialMatch(labels)
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		up:        f.NewGaugeVec(prometheus.GaugeOpts{Name: "nvr_plugin_up", Help: "1 while the plugin runs."}, []string{"plugin"}),
		memory:    f.NewGaugeVec(prometheus.GaugeOpts{Name: "nvr_plugin_resident_bytes", Help: "Memory of the plugin and its children."}, []string{"plugin"}),
		restarts:  f.NewCounterVec(prometheus.CounterOpts{Name: "nvr_plugin_restarts_total", Help: "Processes that ended unasked."}, []string{"plugin"}),
		delivered: f.NewCounterVec(prometheus.CounterOpts{Name: "nvr_plugin_attempts_total", Help: "Attempts to deliver, by outcome."}, []string{"plugin", "reason"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "nvr_plugin_notify_seconds", Help: "Duration of one attempt.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}, []string{"plugin"}),
		custom: f.NewCounterVec(prometheus.CounterOpts{Name: "nvr_plugin_counter_total", Help: "What plugins count themselves, by their names."}, []string{"plugin", "name"}),
	}
}

// New checks the configuration of all plugins. An executable that is missing is not an error here: it is that
// plugin's state, shown and checked again.
func New(plugins []Config, opts Options, b *bus.Bus, log *slog.Logger, reg prometheus.Registerer) (*Host, error) {
	if b == nil || log == nil {
		return nil, errors.New("plugin host: bus and logger are required")
	}
	opts.Timing.defaults()
	h := &Host{opts: opts, bus: b, log: log, byID: map[string]*supervisor{}, met: newMetrics(reg)}
	return h, h.Apply(plugins)
}

// Run supervises all plugins until ctx ends, then stops them and joins. A plugin never ends it. It runs once.
func (h *Host) Run(ctx context.Context) error {
	dir, cleanup, err := h.runDir()
	if err != nil {
		return err
	}
	defer cleanup()
	clearFolders(dir)
	h.openCgroups()
	var running sync.WaitGroup
	h.mu.Lock()
	h.begin = func(s *supervisor) {
		ctx, cancel := context.WithCancel(ctx)
		s.cancel = cancel
		running.Go(func() {
			defer cancel()
			s.run(ctx, filepath.Join(dir, s.folder))
		})
	}
	for _, s := range h.plugins {
		h.begin(s)
	}
	h.mu.Unlock()
	<-ctx.Done()
	h.mu.Lock()
	h.begin = nil
	h.mu.Unlock()
	running.Wait()
	return ctx.Err()
}

func (h *Host) openCgroups() {
	if !h.opts.Cgroups {
		return
	}
	c, err := openCgroups(ownCgroup("/proc/self/cgroup", "/sys/fs/cgroup"), delegated)
	if err != nil {
		h.log.Warn("the delegated cgroup cannot be used, plugins are limited by other means", "err", err)
	}
	h.mu.Lock()
	h.cgroups = c
	h.mu.Unlock()
}

// runDir returns the folder for the plugins' folders. It lets every user through, because a plugin may be another one;
// the folders in it are private.
func (h *Host) runDir() (dir string, cleanup func(), err error) {
	dir, err = filepath.Abs(h.opts.RunDir)
	cleanup = func() {}
	useful := h.opts.RunDir != "" && err == nil && len(dir) <= maxRunDir
	if useful {
		err = os.MkdirAll(dir, 0o700)
	}
	// Plugins that are other users must get through to their folders.
	if !useful || err == nil && h.ownUsers() && !enterable(filepath.Dir(dir)) {
		dir, err = os.MkdirTemp("", "nightjar-")
		cleanup = func() { _ = os.RemoveAll(dir) }
	}
	if err == nil {
		err = os.Chmod(dir, 0o711) //nolint:gosec // see above
	}
	if err != nil {
		return "", nil, fmt.Errorf("make plugin run directory: %w", err)
	}
	return dir, cleanup, nil
}

// clearFolders removes what a host that was killed left.
func clearFolders(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

// Statuses returns the state of every configured plugin, in the order of the configuration.
func (h *Host) Statuses() []nvr.PluginStatus {
	h.mu.Lock()
	plugins := h.plugins
	h.mu.Unlock()
	out := make([]nvr.PluginStatus, 0, len(plugins))
	for _, s := range plugins {
		out = append(out, s.snapshot())
	}
	return out
}

// Log returns the last lines, at most 64, that a plugin wrote on standard error, oldest first.
func (h *Host) Log(pluginID string) []string {
	if s, err := h.find(pluginID); err == nil {
		return s.tail.lines()
	}
	return nil
}

func (h *Host) find(pluginID string) (*supervisor, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.byID[pluginID]; s != nil {
		return s, nil
	}
	return nil, &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf("plugin %s is not configured", pluginID)}
}

// Notify asks a plugin to deliver one alert, once. An error means that the outcome is not known or that nobody could
// be asked; with nvr.CodeUnavailable the plugin is not running and nothing was sent, with nvr.CodeNotFound it is not
// configured.
func (h *Host) Notify(ctx context.Context, pluginID string, a nvr.Alert) (nvr.DeliveryResult, error) {
	s, err := h.find(pluginID)
	if err != nil {
		return nvr.DeliveryResult{}, err
	}
	return s.notify(ctx, a)
}

// Test asks a plugin for a message that says it is a test, to a recipient or, where that is empty, to the default of
// its settings. It is not counted among the deliveries. Errors are those of Notify.
func (h *Host) Test(ctx context.Context, pluginID, recipient string) (nvr.DeliveryResult, error) {
	s, err := h.find(pluginID)
	if err != nil {
		return nvr.DeliveryResult{}, err
	}
	in, err := s.running()
	if err != nil {
		return nvr.DeliveryResult{}, err
	}
	return in.test(ctx, recipient)
}

// Restart starts a plugin anew, now: also one that is in quarantine, or waits for its next attempt.
func (h *Host) Restart(pluginID string) error {
	s, err := h.find(pluginID)
	if err != nil {
		return err
	}
	if !s.cfg.Enabled {
		return &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf("plugin %s is disabled, enable it first", pluginID)}
	}
	select {
	case s.kick <- struct{}{}:
	default: // it is about to in any case
	}
	return nil
}
