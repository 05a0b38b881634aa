package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/pluginhost/launch"
)

// supervisor is the wish that a plugin runs; an instance is one attempt at it. Only the supervisor waits and starts
// again.
type supervisor struct {
	host     *Host
	cfg      Config
	settings string // JSON
	folder   string // below the run directory
	uid      int    // it may run as; 0: as we are
	log      *slog.Logger
	tail     *tail
	refs     *refs
	kick     chan struct{}      // asks for a start now
	cancel   context.CancelFunc // set by Host.begin
	after    <-chan struct{}    // the predecessor under the same id has ended; nil: there is none
	ended    chan struct{}      // closed when run has returned

	mu       sync.Mutex
	status   nvr.PluginStatus
	instance *instance // nil unless running
	forget   bool      // what was shown of it ends with it
}

func newSupervisor(h *Host, cfg Config, settings, folder string) *supervisor {
	s := &supervisor{
		host: h, cfg: cfg, settings: settings, folder: folder, log: h.log.With("plugin", cfg.ID), tail: &tail{}, refs: &refs{},
		kick: make(chan struct{}, 1), ended: make(chan struct{}),
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
	defer s.end()
	if s.after != nil {
		<-s.after // it ends soon: it was told to
	}
	if !s.cfg.Enabled {
		s.publish()
		<-ctx.Done()
		return
	}
	var crashes crashLog
	for {
		s.set(nvr.PluginStarting, "", 0)
		started := time.Now()
		err := s.attempt(ctx, dir)
		if ctx.Err() != nil {
			s.set(nvr.PluginDisabled, "stopped", 0)
			return
		}
		if errors.Is(err, errRestart) {
			crashes = crashLog{}
			continue
		}
		v := s.judge(err, &crashes, time.Since(started))
		s.set(v.state, err.Error(), v.pause)
		s.log.Warn("plugin ended, starting it again", "state", v.state, "err", err, "pause", v.pause.Round(time.Millisecond))
		timer := time.NewTimer(v.pause)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-s.kick:
			timer.Stop()
			crashes = crashLog{}
		case <-timer.C:
		}
	}
}

func (s *supervisor) end() {
	s.mu.Lock()
	forget := s.forget
	s.mu.Unlock()
	if forget {
		s.host.met.forget(s.cfg.ID)
	}
	close(s.ended)
}

// errRestart is the end of an attempt that somebody asked for.
var errRestart = errors.New("a restart was asked for")

// crashLog remembers when a plugin ended unasked.
type crashLog struct {
	recent []time.Time // within the span
	row    int         // since it last ran well
}

func (s *supervisor) judge(err error, c *crashLog, lived time.Duration) verdict {
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
		*c = crashLog{}
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
	s.status.Name, s.status.Version, s.status.Capabilities = in.name, in.version, in.powers
	s.status.Limits = in.proc.limits
	s.mu.Unlock()
	s.set(nvr.PluginRunning, "", 0)
	s.host.met.up.WithLabelValues(s.cfg.ID).Set(1)
	s.log.Info("plugin runs", "name", in.name, "version", in.version, "pid", in.proc.pid())
	if !fenced(in.proc.limits) {
		s.log.Warn("plugin is not fenced in: it can read and write what this account can; that needs nightjar-launch beside nightjar, and a kernel with Landlock (5.13)")
	}
	defer s.retire()
	return in.watch(ctx)
}

// fenced reports whether a plugin is kept from our files.
func fenced(limits []string) bool {
	return slices.ContainsFunc(limits, func(l string) bool { return strings.Contains(l, launch.Fenced) })
}

// retire takes the running process out of service: no further alert is given to it.
func (s *supervisor) retire() {
	s.mu.Lock()
	s.instance = nil
	s.status.Memory, s.status.Limits = 0, nil
	s.mu.Unlock()
	s.host.met.up.WithLabelValues(s.cfg.ID).Set(0)
	s.host.met.memory.WithLabelValues(s.cfg.ID).Set(0)
}

// running returns the process that serves, or an error with nvr.CodeUnavailable.
func (s *supervisor) running() (*instance, error) {
	s.mu.Lock()
	in, status := s.instance, s.status
	s.mu.Unlock()
	if in != nil {
		return in, nil
	}
	if status.State == nvr.PluginRunning { // but not for long
		return nil, s.stopping()
	}
	msg := fmt.Sprintf("plugin %s is %s", s.cfg.ID, status.State)
	if status.Reason != "" {
		msg += ": " + status.Reason
	}
	return nil, &nvr.Error{Code: nvr.CodeUnavailable, Message: msg}
}

// notifyTime is the deadline of one alert.
func (s *supervisor) notifyTime() time.Duration {
	if s.cfg.Notify > 0 {
		return min(s.cfg.Notify, maxNotify)
	}
	return s.host.opts.Timing.Notify
}

func (s *supervisor) stopping() error {
	return &nvr.Error{Code: nvr.CodeUnavailable, Message: fmt.Sprintf("plugin %s is stopping", s.cfg.ID)}
}

func (s *supervisor) notify(ctx context.Context, a nvr.Alert) (nvr.DeliveryResult, error) {
	in, err := s.running()
	if err != nil {
		return nvr.DeliveryResult{}, err
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
