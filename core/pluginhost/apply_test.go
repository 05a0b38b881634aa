package pluginhost

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func (r *rig) config(id string, change func(*Config)) Config {
	c := Config{ID: id, Path: filepath.Join(r.dir, verbPrefix+id), Enabled: true}
	if change != nil {
		change(&c)
	}
	return c
}

func TestApply(t *testing.T) {
	t.Parallel()
	r := start(t, quick(), "good", "able")
	good, able := r.await("good", nvr.PluginRunning, ""), r.await("able", nvr.PluginRunning, "")
	if _, err := r.tell("able", ""); err != nil {
		t.Fatal(err)
	}
	link(t, r.dir, "sick")
	// One unchanged, one with other settings, one new.
	next := []Config{r.config("sick", nil), r.config("good", nil), r.config("able", func(c *Config) { c.Settings = map[string]any{"word": "bye"} })}
	if err := r.Apply(next); err != nil {
		t.Fatal(err)
	}
	until(t, "all run", func() bool {
		return !slices.ContainsFunc(r.Statuses(), func(s nvr.PluginStatus) bool { return s.State != nvr.PluginRunning })
	})
	if got, err := r.tell("able", "tell"); err != nil || !strings.HasPrefix(got.Detail, "bye ") {
		t.Errorf("the new settings do not count: %+v, %v", got, err)
	}
	after := r.status("able")
	if after.Since.Equal(able.Since) || after.Restarts != 0 || after.Delivered != 1 {
		t.Errorf("changed plugin: %+v", after)
	}
	if s := r.status("good"); !s.Since.Equal(good.Since) {
		t.Error("an unchanged plugin was restarted")
	}
	if ids := []string{r.Statuses()[0].ID, r.Statuses()[2].ID}; !slices.Equal(ids, []string{"sick", "able"}) {
		t.Errorf("order %v", ids)
	}
	// A mistake changes nothing.
	if err := r.Apply([]Config{{ID: "Ü"}}); err == nil || len(r.Statuses()) != 3 {
		t.Errorf("%v", err)
	}
	// Disabled, and gone.
	if err := r.Apply([]Config{r.config("good", func(c *Config) { c.Enabled = false })}); err != nil {
		t.Fatal(err)
	}
	r.await("good", nvr.PluginDisabled, "")
	until(t, "no process is left", func() bool { return len(processesIn(r.dir)) == 0 })
	until(t, "no series of the others is left", func() bool { return series(r.met.up) == 1 })
	if _, err := r.tell("able", ""); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Error(err)
	}
	if err := r.Restart("good"); nvr.ErrorCode(err) != nvr.CodeConflict {
		t.Error(err)
	}
	if err := r.Apply(nil); err != nil || len(r.Statuses()) != 0 {
		t.Error(err)
	}
}

func TestApplyWhileItStarts(t *testing.T) {
	t.Parallel()
	r := start(t, quick(), "good")
	for i := range 20 { // each ends the one before, wherever it is
		if err := r.Apply([]Config{r.config("good", func(c *Config) { c.Settings = map[string]any{"word": strconv.Itoa(i)} })}); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the last one runs", func() bool {
		got, err := r.tell("good", "tell")
		return err == nil && strings.HasPrefix(got.Detail, "19 ")
	})
	until(t, "only the last one runs", func() bool { return len(processesIn(r.dir)) == 1 })
}

func TestRestart(t *testing.T) {
	t.Parallel()
	timing := quick()
	timing.CrashCount = 2
	r := start(t, timing, "exitssoon", "good", "neverhandshakes")
	r.await("exitssoon", nvr.PluginQuarantined, "")
	good := r.await("good", nvr.PluginRunning, "")
	for _, id := range []string{"exitssoon", "good"} {
		if err := r.Restart(id); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "it is let out of quarantine", func() bool { return r.status("exitssoon").Restarts >= 4 })
	r.await("exitssoon", nvr.PluginQuarantined, "")
	until(t, "a running one is replaced", func() bool {
		s := r.status("good")
		return s.State == nvr.PluginRunning && s.Since.After(good.Since)
	})
	if s := r.status("good"); s.Restarts != 0 {
		t.Errorf("a restart that was asked for counts as a crash: %+v", s)
	}
	if err := r.Restart("nobody"); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Error(err)
	}
}

func TestStopWaitsForAlerts(t *testing.T) {
	t.Parallel()
	timing := quick()
	timing.Notify, timing.Stop = time.Second, 20*time.Second
	r := start(t, timing, "good")
	r.await("good", nvr.PluginRunning, "")
	type outcome struct {
		r   nvr.DeliveryResult
		err error
	}
	answered := make(chan outcome, 1)
	go func() {
		got, err := r.tell("good", "slow") // until its deadline
		answered <- outcome{got, err}
	}()
	until(t, "the alert is under way", func() bool {
		s, err := r.find("good")
		if err != nil {
			return false
		}
		in, err := s.running()
		return err == nil && in.busy.Load() == 1
	})
	r.stop()
	if o := <-answered; o.err != nil && !strings.Contains(o.err.Error(), "no answer in time") {
		t.Errorf("an alert was cut off by the stop: %+v, %v", o.r, o.err)
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	r := start(t, quick(), "good", "able", "badschema", "garbage")
	r.await("good", nvr.PluginRunning, "")
	p, err := r.Probe(t.Context(), r.config("able", nil))
	if err != nil || p.Name != "Test" || p.Version != "1.2.3" || !strings.Contains(p.Schema, `"word"`) || len(p.Capabilities) != 3 || len(p.Diagnostics) != 0 || len(p.Limits) < 3 {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = r.Probe(t.Context(), r.config("able", func(c *Config) { c.Settings = map[string]any{"wrod": "canary"} }))
	if err != nil || len(p.Diagnostics) != 1 || p.Diagnostics[0] != (Diagnostic{"wrod", "is not a setting of this plugin"}) {
		t.Errorf("%+v, %v", p, err)
	}
	for id, want := range map[string]string{"badschema": "not JSON", "garbage": "instead of the handshake", "none": "does not exist"} {
		if _, err := r.Probe(t.Context(), r.config(id, nil)); nvr.ErrorCode(err) != nvr.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", id, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Probe(ctx, r.config("able", nil)); err == nil {
		t.Error("a probe that nobody waits for")
	}
	if len(r.Statuses()) != 4 {
		t.Error("a probe is shown as a plugin")
	}
}

// series counts what a collector would export.
func series(c prometheus.Collector) int {
	ch := make(chan prometheus.Metric, 100)
	c.Collect(ch)
	return len(ch)
}
