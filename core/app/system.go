package app

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/ui"
)

// system gathers the state of everything for the API.
func (a *App) system(ctx context.Context) httpapi.System {
	s := httpapi.System{
		Version: a.version, StartedAt: a.started.UTC(), Detector: a.detect.status(), Database: a.database(ctx),
		Storage: a.storage(ctx), Plugins: []httpapi.Plugin{}, Warnings: []httpapi.Warning{},
	}
	for _, c := range a.cameras.Statuses() {
		if c.State == nvr.StateOnline {
			s.CamerasOnline++
		}
	}
	s.MQTT.Enabled, s.MQTT.Connected, s.MQTT.Reason = a.mqtt.Status()
	s.Redis = a.queueStatus(ctx)
	for _, p := range a.notifiers.Statuses() {
		s.Plugins = append(s.Plugins, httpapi.PluginOf(p))
	}
	s.Warnings = append(s.Warnings, a.warnings(s)...)
	return s
}

func (a *App) database(ctx context.Context) httpapi.Database {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := a.store.Ping(ctx); err != nil {
		return httpapi.Database{State: "away", Reason: "the database does not answer; recording goes on"}
	}
	return httpapi.Database{State: "ready"}
}

func (a *App) storage(ctx context.Context) httpapi.Storage {
	s := httpapi.Storage{Path: a.cfg.RecordingsPath()}
	var fs syscall.Statfs_t
	if syscall.Statfs(s.Path, &fs) == nil {
		s.TotalBytes = int64(fs.Blocks) * fs.Bsize
		s.FreeBytes = int64(fs.Bavail) * fs.Bsize
		s.UsedBytes = s.TotalBytes - int64(fs.Bfree)*fs.Bsize
	}
	if sums, err := a.store.RecordedBytes(ctx); err == nil {
		for _, n := range sums {
			s.RecordingsBytes += n
		}
	}
	return s
}

// offlineNotice is how long a camera may be away before a person is asked to look after it.
const offlineNotice = 30 * time.Second

// warnings are what a person should act on, each with the next step.
func (a *App) warnings(s httpapi.System) []httpapi.Warning {
	var out []httpapi.Warning
	add := func(code, fix, format string, args ...any) {
		out = append(out, httpapi.Warning{Code: code, Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	if st := s.Detector.State; st == "motion_only" || st == "failed" {
		add("detector", s.Detector.Fix, "No objects are detected, only motion: %s", s.Detector.Message)
	}
	if s.Detector.DecodeMessage != "" {
		add("decode", "nightjar bench detect", "Pictures are decoded on the processor: %s", s.Detector.DecodeMessage)
	}
	if st := a.faces.state.Load(); st.State == "missing" || st.State == "failed" {
		add("faces", st.Fix, "Nobody is recognised: %s", st.Message)
	}
	if reason := a.record.status(); reason != "" {
		add("recordings", "", "Nothing is recorded: %s", reason)
	}
	if s.Storage.TotalBytes > 0 && s.Storage.FreeBytes < a.cfg.Record.MinFree.N {
		add("disk", "", "The disk of %s has less than %d MB left; the oldest recordings are being deleted.", s.Storage.Path, a.cfg.Record.MinFree.N/1e6)
	}
	for _, c := range a.cameras.Statuses() {
		if c.State == nvr.StateOffline && time.Since(c.Since) > offlineNotice {
			add("camera", "", "%s is offline: %s", c.Name, c.Reason)
		}
	}
	if s.MQTT.Enabled && !s.MQTT.Connected {
		add("mqtt", "", "The MQTT broker is not connected: %s", s.MQTT.Reason)
	}
	if s.Redis.Enabled && !s.Redis.Connected {
		add("redis", "", "%s", s.Redis.Reason)
	}
	if s.Database.State != "ready" {
		add("database", "", "%s", s.Database.Reason)
	}
	if !ui.Built {
		add("ui", "make build", "This binary carries no user interface.")
	}
	return out
}
