package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// supervisor is the wish that a plugin runs; an instance is one attempt at it. Only the supervisor waits and starts
// again.
type supervisor struct {
	host     *Host
	cfg      Config
	settings string // JSON
	folder   string // below the run directory
	log      *slog.Logger
	tail     *tail

	mu       sync.Mutex
	status   nvr.PluginStatus
	instance *instance // nil unless running
}

func newSupervisor(h *Host, cfg Config, settings, folder string) *supervisor {
	s := &supervisor{
		host: h, cfg: cfg, settings: settings, folder: folder, log: h.log.With("plugin", cfg.ID), tail: &tail{},
		status: nvr.PluginStatus{ID: cfg.ID, Name: cfg.ID, State: nvr.PluginDisabled, Since: time.Now()},
	}
	if cfg.Enabled {
		s.status.State = nvr.PluginStarting
	}
	return s
}

// badConfig and incompatible are ends of an attempt that another attempt will hardly change.
type (
	badConfigError    struct{ error }
	incompatibleError struct{ error }
)

// verdict is what the supervisor makes of an attempt's end.
type verdict struct {
	state nvr.PluginState
	pause time.Duration
}

// run starts the plugin again and again until ctx ends.
func (s *supervisor) run(ctx context.Context, dir string) {
	if !s.cfg.Enabled {
		s.publish()
		<-ctx.Done()
		return
	}
	var crashes crashes
	for {
		s.set(nvr.PluginStarting, "", 0)
		started := time.Now()
		err := s.attempt(ctx, dir)
		if ctx.Err() != nil {
			s.set(nvr.PluginDisabled, "Nightjar is stopping", 0)
			return
		}
		v := s.judge(err, &crashes, time.Since(started))
		s.set(v.state, err.Error(), v.pause)
		s.log.Warn("plugin ended, starting it again", "state", v.state, "err", err, "pause", v.pause.Round(time.Millisecond))
		timer := time.NewTimer(v.pause)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// crashes remembers when a plugin ended unasked.
type crashes struct {
	recent []time.Time // within the span
	row    int         // since it last ran well
}

func (s *supervisor) judge(err error, c *crashes, lived time.Duration) verdict {
	t := s.host.opts.Timing
	var bad badConfigError
	var incompatible incompatibleError
	switch {
	case errors.As(err, &bad):
		return verdict{nvr.PluginBadConfig, t.Recheck}
	case errors.As(err, &incompatible):
		return verdict{nvr.PluginIncompat, t.Recheck}
	}
	s.host.met.restarts.WithLabelValues(s.cfg.ID).Inc()
	s.mu.Lock()
	s.status.Restarts++
	s.mu.Unlock()
	now := time.Now()
	for len(c.recent) > 0 && now.Sub(c.recent[0]) > t.CrashSpan {
		c.recent = c.recent[1:]
	}
	c.recent = append(c.recent, now)
	if len(c.recent) >= t.CrashCount {
		*c = crashes{}
		return verdict{nvr.PluginQuarantined, t.Quarantine}
	}
	if lived >= t.CrashSpan {
		c.row = 0
	}
	b := lifecycle.Backoff{Min: t.BackoffMin, Max: t.BackoffMax, Factor: 2, Jitter: 0.2}
	pause := b.Pause(c.row)
	c.row++
	return verdict{nvr.PluginBackoff, pause}
}

// attempt runs one process from launch to end. A panic in it is its error.
func (s *supervisor) attempt(ctx context.Context, dir string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic while running the plugin: %v", r)
		}
	}()
	in := &instance{s: s, dir: dir}
	defer in.close()
	if err := in.start(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.instance = in
	s.status.Name, s.status.Version = in.name, in.version
	s.mu.Unlock()
	s.set(nvr.PluginRunning, "", 0)
	s.host.met.up.WithLabelValues(s.cfg.ID).Set(1)
	s.log.Info("plugin runs", "name", in.name, "version", in.version, "pid", in.proc.pid())
	defer s.retire()
	return in.watch(ctx)
}

// retire takes the running process out of service: no further alert is given to it.
func (s *supervisor) retire() {
	s.mu.Lock()
	s.instance = nil
	s.mu.Unlock()
	s.host.met.up.WithLabelValues(s.cfg.ID).Set(0)
}

func (s *supervisor) notify(ctx context.Context, a nvr.Alert) (nvr.DeliveryResult, error) {
	s.mu.Lock()
	in, status := s.instance, s.status
	s.mu.Unlock()
	if in == nil {
		msg := fmt.Sprintf("plugin %s is %s", s.cfg.ID, status.State)
		if status.Reason != "" {
			msg += ": " + status.Reason
		}
		return nvr.DeliveryResult{}, &nvr.Error{Code: nvr.CodeUnavailable, Message: msg}
	}
	began := time.Now()
	result, err := in.notify(ctx, a)
	s.host.met.seconds.WithLabelValues(s.cfg.ID).Observe(time.Since(began).Seconds())
	reason := string(result.Class)
	if err != nil {
		reason = "error"
	}
	s.host.met.delivered.WithLabelValues(s.cfg.ID, reason).Inc()
	s.count(result, err)
	return result, err
}

// count keeps what the plugin's card shows: how many alerts, and the last thing that went wrong.
func (s *supervisor) count(r nvr.DeliveryResult, err error) {
	s.mu.Lock()
	changed := false
	say := func(reason string) {
		if s.status.State == nvr.PluginRunning && s.status.Reason != reason {
			s.status.Reason, changed = reason, true
		}
	}
	switch {
	case err != nil:
		s.status.Failed++
	case r.Class == nvr.DeliveryOK:
		s.status.Delivered++
		say("")
	default:
		s.status.Failed++
		say("last alert was not delivered: " + r.Detail)
	}
	s.mu.Unlock()
	if changed {
		s.publish()
	}
}

// set changes the state and tells the bus. The reason is one sentence for a person.
func (s *supervisor) set(state nvr.PluginState, reason string, pause time.Duration) {
	s.mu.Lock()
	s.status.State, s.status.Reason = state, reason
	s.status.Since, s.status.RetryAt = time.Now(), time.Time{}
	if pause > 0 {
		s.status.RetryAt = s.status.Since.Add(pause)
	}
	s.mu.Unlock()
	s.publish()
}

func (s *supervisor) publish() { s.host.bus.Plugins.Publish(s.snapshot()) }

func (s *supervisor) snapshot() nvr.PluginStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}
