package pluginhost

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// rig is a host with plugins of the named verbs; their ids are the verbs.
type rig struct {
	*Host
	t    *testing.T
	dir  string
	log  *safeBuffer
	bus  *bus.Bus
	stop func()
}

type safeBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// end is what matters of a long log.
func (s *safeBuffer) end() string {
	text := s.String()
	return text[max(0, len(text)-8<<10):]
}

func (s *safeBuffer) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

func quick() Timing {
	return Timing{
		Start: 10 * time.Second, Notify: 2 * time.Second, Health: 50 * time.Millisecond, HealthCall: time.Second,
		Stop: time.Second, BackoffMin: 20 * time.Millisecond, BackoffMax: 50 * time.Millisecond, CrashCount: 1000,
	}
}

// shortDir is a temporary directory whose name leaves room for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nj")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // plugins may be another user
		t.Fatal(err)
	}
	return dir
}

func link(t *testing.T, dir, verb string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, verbPrefix+verb)
	if err := os.Symlink(exe, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func start(t *testing.T, timing Timing, verbs ...string) *rig {
	t.Helper()
	return startWith(t, timing, func(*Config) {}, verbs...)
}

func startWith(t *testing.T, timing Timing, change func(*Config), verbs ...string) *rig {
	t.Helper()
	return startHost(t, timing, change, verbs)
}

func startHost(t *testing.T, timing Timing, change func(*Config), verbs []string, tweak ...func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, dir: shortDir(t), log: &safeBuffer{}, bus: &bus.Bus{}}
	var cfgs []Config
	for _, v := range verbs {
		c := Config{ID: v, Path: link(t, r.dir, v), Enabled: true}
		change(&c)
		cfgs = append(cfgs, c)
	}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	opts := Options{RunDir: filepath.Join(r.dir, "r"), Version: "test", Timing: timing, Launcher: []string{link(t, r.dir, launchVerb)}}
	for _, c := range tweak {
		c(&opts)
	}
	h, err := New(cfgs, opts, r.bus, log, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	r.Host = h
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("Run did not return")
		}
	})
	t.Cleanup(r.stop)
	return r
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		case <-tick.C:
		}
	}
}

func (r *rig) status(id string) nvr.PluginStatus {
	for _, s := range r.Statuses() {
		if s.ID == id {
			return s
		}
	}
	return nvr.PluginStatus{}
}

func (r *rig) await(id string, state nvr.PluginState, reason string) nvr.PluginStatus {
	r.t.Helper()
	var s nvr.PluginStatus
	defer func() {
		if r.t.Failed() {
			r.t.Logf("%s is %+v\n%s", id, r.status(id), r.log.end())
		}
	}()
	until(r.t, fmt.Sprintf("%s is %s because %q", id, state, reason), func() bool {
		s = r.status(id)
		return s.State == state && strings.Contains(s.Reason, reason)
	})
	return s
}

func (r *rig) tell(id, to string) (nvr.DeliveryResult, error) {
	return r.Notify(context.Background(), id, nvr.Alert{
		DeliveryID: "d1", Attempt: 1, Recipient: to, Phase: nvr.PhaseNew, CameraName: "Front", Snapshot: make([]byte, 1000),
		Event: nvr.Event{ID: "e1", Camera: "front", Kind: nvr.EventObject, Label: "person", Start: time.Now()},
	})
}

func TestGoodPlugin(t *testing.T) {
	t.Parallel()
	r := startWith(t, quick(), func(c *Config) { c.Settings = map[string]any{"word": "canary"} }, "good")
	sub := r.bus.Plugins.Subscribe(100)
	defer sub.Close()
	s := r.await("good", nvr.PluginRunning, "")
	if s.Name != "Test" || s.Version != "1.2.3" || s.Restarts != 0 {
		t.Errorf("%+v", s)
	}
	for to, want := range map[string]nvr.DeliveryResult{
		"":          {Class: nvr.DeliveryOK},
		"retry":     {Class: nvr.DeliveryRetry, RetryAfter: 90 * time.Second, Detail: "busy"},
		"permanent": {Class: nvr.DeliveryPermanent, Detail: "never"},
		"badconfig": {Class: nvr.DeliveryBadConfig, Detail: "key is wrong really"},
		"tell":      {Class: nvr.DeliveryPermanent, Detail: "canary d1 new 1000 Front person"},
	} {
		if got, err := r.tell("good", to); err != nil || got != want {
			t.Errorf("%q: %+v, %v", to, got, err)
		}
	}
	if s := r.status("good"); s.Delivered != 1 || s.Failed != 4 {
		t.Errorf("%+v", s)
	}
	if _, err := r.tell("nobody", ""); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Error(err)
	}
	r.stop()
	if !strings.Contains(r.log.String(), "stopped cleanly") || strings.Contains(r.log.String(), "canary") {
		t.Errorf("log:\n%s", r.log)
	}
	if _, err := r.tell("good", ""); nvr.ErrorCode(err) != nvr.CodeUnavailable {
		t.Error(err)
	}
}

func TestNotifyMisbehaviour(t *testing.T) {
	t.Parallel()
	r := start(t, quick(), "good")
	r.await("good", nvr.PluginRunning, "")
	if _, err := r.tell("good", "panic"); err == nil || !strings.Contains(err.Error(), "panic in the plugin: in notify") {
		t.Errorf("panic: %v", err)
	}
	if got, err := r.tell("good", ""); err != nil || got.Class != nvr.DeliveryOK {
		t.Errorf("a panic in one call must not cost the next: %v %v", got, err)
	}
	began := time.Now()
	if _, err := r.tell("good", "hang"); err == nil || !strings.Contains(err.Error(), "no answer in time") || time.Since(began) > 20*time.Second {
		t.Errorf("hang: %v after %v", err, time.Since(began))
	}
	if got, err := r.tell("good", ""); err != nil || got.Class != nvr.DeliveryOK {
		t.Errorf("a hung call must not cost the next: %v %v", got, err)
	}
	if _, err := r.tell("good", "crash"); err == nil || !strings.Contains(err.Error(), "process is gone") {
		t.Errorf("crash: %v", err)
	}
	until(t, "restarted", func() bool { s := r.status("good"); return s.Restarts == 1 && s.State == nvr.PluginRunning })
	if got, err := r.tell("good", ""); err != nil || got.Class != nvr.DeliveryOK {
		t.Errorf("after the restart: %v %v", got, err)
	}
}

func TestStartMisbehaviour(t *testing.T) {
	timing := quick()
	timing.Start = 30 * time.Second
	timing.BackoffMin, timing.BackoffMax = time.Minute, time.Minute
	for verb, want := range map[string]struct {
		state  nvr.PluginState
		reason string
	}{
		"neverhandshakes":   {nvr.PluginBackoff, "not ready within 1.5s"},
		"serveslikegarbage": {nvr.PluginBackoff, "describe plugin: "},
		"hangsindescribe":   {nvr.PluginBackoff, "not ready within 1.5s"},
		"hangsinconfigure":  {nvr.PluginBackoff, "not ready within 1.5s"},
		"badschema":         {nvr.PluginIncompat, "describes its settings by something that is not JSON"},
		"wrongversion":      {nvr.PluginIncompat, "another protocol version"},
		"garbage":           {nvr.PluginBackoff, `plugin said "Hello, I am a plugin!" instead of the handshake`},
		"longgarbage":       {nvr.PluginBackoff, "instead of the handshake"},
		"elsewhere":         {nvr.PluginIncompat, "listens on tcp 127.0.0.1:22"},
		"exits":             {nvr.PluginBackoff, "its last words: the licence has run out"},
		"panicsatstart":     {nvr.PluginBackoff, "panic: no good"},
	} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel() // they mostly wait
			timing := timing
			if strings.HasPrefix(want.reason, "not ready") {
				timing.Start = 1500 * time.Millisecond
			}
			r := start(t, timing, verb)
			s := r.await(verb, want.state, want.reason)
			if s.RetryAt.IsZero() {
				t.Error("nobody says when it is tried again")
			}
			began := time.Now()
			r.stop()
			if d := time.Since(began); d > 20*time.Second {
				t.Errorf("stopping took %v", d)
			}
		})
	}
}

func TestStopCutsAStartShort(t *testing.T) {
	t.Parallel()
	timing := quick()
	timing.Start = time.Minute
	r := start(t, timing, "neverhandshakes")
	r.await("neverhandshakes", nvr.PluginStarting, "")
	until(t, "its process exists", func() bool { return len(processesIn(r.dir)) == 1 })
	began := time.Now()
	r.stop()
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("stopping a plugin that never shook hands took %v", d)
	}
}

func TestFilesThatCannotRun(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	write := func(name, body string, mode os.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(body), mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, c := range map[string]Config{
		"does not exist":    {Path: filepath.Join(dir, "none")},
		"not an executable": {Path: write("plain", "x", 0o600)},
		"exec format error": {Path: write("junk", "\x00\x01", 0o700)},
		"was modified":      {Path: write("other", "#!/bin/sh\n", 0o700), SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte("approved")))},
	} {
		c.ID, c.Enabled = "x", true
		h, err := New([]Config{c}, Options{Timing: quick()}, &bus.Bus{}, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { _ = h.Run(ctx); close(done) }()
		var s nvr.PluginStatus
		t.Cleanup(func() { t.Logf("%s: %+v", name, s) })
		until(t, name, func() bool {
			s = h.Statuses()[0]
			return s.State == nvr.PluginIncompat && strings.Contains(s.Reason, name)
		})
		cancel()
		<-done
	}
}

func TestRefusedSettings(t *testing.T) {
	t.Parallel()
	r := startWith(t, quick(), func(c *Config) { c.Settings = map[string]any{"wrod": "canary"} }, "good")
	r.await("good", nvr.PluginBadConfig, "setting wrod is not a setting of this plugin")
	if _, err := r.tell("good", ""); nvr.ErrorCode(err) != nvr.CodeUnavailable || !strings.Contains(err.Error(), "bad_config") {
		t.Error(err)
	}
	if strings.Contains(r.log.String(), "canary") {
		t.Error("a setting's value in the log")
	}
}

func TestHealth(t *testing.T) {
	t.Setenv("NIGHTJAR_CANARY", "secret")
	r := start(t, quick(), "stops", "sick", "env")
	r.await("sick", nvr.PluginRunning, "not healthy: channel is down")
	env := r.await("env", nvr.PluginRunning, "not healthy: ").Reason
	if strings.Contains(env, "CANARY") {
		t.Errorf("environment of a plugin: %s", env)
	}
	until(t, "a deaf plugin is replaced", func() bool { return r.status("stops").Restarts > 0 })
	if !strings.Contains(r.log.String(), "did not answer 2 health checks") {
		t.Errorf("log:\n%s", r.log)
	}
	if r.status("sick").Restarts != 0 {
		t.Error("a plugin that answers was restarted")
	}
}

func TestFloodsDoNotReachTheHost(t *testing.T) {
	r := start(t, quick(), "floodsstderr", "prints", "longline", "good")
	for _, id := range []string{"floodsstderr", "prints", "longline", "good"} {
		r.await(id, nvr.PluginRunning, "")
	}
	until(t, "the flood", func() bool { return len(r.Log("floodsstderr")) == tailLines })
	until(t, "the long line went through", func() bool { return strings.Contains(strings.Join(r.Log("longline"), "\n"), "wrote it") })
	cpu, began := cpuTime(), time.Now()
	for time.Since(began) < time.Second {
		for _, id := range []string{"floodsstderr", "prints", "longline", "good"} {
			if got, err := r.tell(id, ""); err != nil || got.Class != nvr.DeliveryOK {
				t.Fatalf("%s: %v %v", id, got, err)
			}
		}
	}
	t.Logf("host used %v of CPU in %v, calls included", cpuTime()-cpu, time.Since(began))
	if n := len(r.log.String()); n > 3<<20 {
		t.Errorf("%d bytes of log", n)
	}
	for _, id := range []string{"floodsstderr", "prints", "longline"} {
		if s := r.status(id); s.Restarts != 0 {
			t.Errorf("%s was restarted: %s", id, s.Reason)
		}
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestGrandchildDiesWithThePlugin(t *testing.T) {
	t.Parallel()
	r := start(t, quick(), "grandchild")
	var pid int
	pidRE := regexp.MustCompile(`grandchild (\d+)`)
	until(t, "the grandchild", func() bool {
		if m := pidRE.FindStringSubmatch(r.log.String()); m != nil {
			pid, _ = strconv.Atoi(m[1])
		}
		return pid != 0
	})
	until(t, "a restart, although the grandchild held standard error", func() bool { return r.status("grandchild").Restarts > 0 })
	until(t, "the grandchild is gone", func() bool { return gone(pid) })
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	timing := quick()
	timing.CrashCount = 3
	r := start(t, timing, "exitssoon", "good")
	s := r.await("exitssoon", nvr.PluginQuarantined, "plugin ended: exit status 5")
	if s.Restarts != 3 || time.Until(s.RetryAt) < 50*time.Minute {
		t.Errorf("%+v", s)
	}
	r.await("good", nvr.PluginRunning, "")
}

func TestStopIsBounded(t *testing.T) {
	t.Parallel()
	r := start(t, quick(), "neverstops")
	r.await("neverstops", nvr.PluginRunning, "")
	began := time.Now()
	r.stop()
	if d := time.Since(began); d < 900*time.Millisecond || d > 20*time.Second {
		t.Errorf("stopping took %v, want the deadline of 1 s and little more", d)
	}
	if left := processesIn(r.dir); len(left) != 0 {
		t.Errorf("processes left: %v", left)
	}
}

func TestRestartsLeakNothing(t *testing.T) {
	timing := quick()
	timing.BackoffMin, timing.BackoffMax = time.Millisecond, time.Millisecond
	r := start(t, timing, "exitssoon", "garbage", "elsewhere")
	restarts := func() int { return r.status("exitssoon").Restarts }
	until(t, "warm", func() bool { return restarts() >= 3 })
	goroutines, fds := runtime.NumGoroutine(), countFDs(t)
	until(t, "restarts", func() bool { return restarts() >= 12 })
	until(t, "goroutines fall back", func() bool { return runtime.NumGoroutine() <= goroutines+15 })
	until(t, "descriptors fall back", func() bool { return countFDs(t) <= fds+8 })
	r.stop()
	if left, _ := os.ReadDir(filepath.Join(r.dir, "r")); len(left) != 0 {
		t.Errorf("%d folders left", len(left))
	}
}

func TestHostKilled(t *testing.T) {
	t.Parallel()
	dir := installed(t, "good", hostVerb, launchVerb) // the plugin is another user, where that is possible
	host := exec.Command(filepath.Join(dir, verbPrefix+hostVerb), dir)
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = host.Process.Kill(); _ = host.Wait() }()
	pid := 0
	sc := bufio.NewScanner(out)
	for pid == 0 && sc.Scan() {
		if m := regexp.MustCompile(`msg="plugin runs".* pid=(\d+)`).FindStringSubmatch(sc.Text()); m != nil {
			pid, _ = strconv.Atoi(m[1])
		}
	}
	if pid == 0 || gone(pid) {
		t.Fatal("the plugin did not start")
	}
	_ = host.Process.Signal(syscall.SIGKILL)
	_, _ = io.Copy(io.Discard, out)
	until(t, "the plugin dies with its host", func() bool { return gone(pid) })
}

// gone reports whether no living process has pid; a zombie is not living.
func gone(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(rest, "Z")
}

// processesIn returns the pids of living processes whose working directory is below dir.
func processesIn(dir string) (pids []int) {
	procs, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, p := range procs {
		cwd, err := os.Readlink(p)
		if err != nil || !strings.HasPrefix(cwd, dir+"/") {
			continue
		}
		if pid, _ := strconv.Atoi(strings.Split(p, "/")[2]); !gone(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func countFDs(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

func TestBadConfigurations(t *testing.T) {
	for _, cfgs := range [][]Config{
		{{ID: "Über"}}, {{ID: "a"}, {ID: "a"}}, {{ID: "a", SHA256: "xyz"}}, {{ID: "a", Settings: map[string]any{"f": func() {}}}},
	} {
		if _, err := New(cfgs, Options{}, &bus.Bus{}, slog.New(slog.DiscardHandler), nil); err == nil {
			t.Errorf("accepted %+v", cfgs)
		}
	}
	h, err := New([]Config{{ID: "off"}}, Options{RunDir: "/" + strings.Repeat("x", 200)}, &bus.Bus{}, slog.New(slog.DiscardHandler), nil)
	if err != nil || h.Statuses()[0].State != nvr.PluginDisabled {
		t.Fatal(err)
	}
	dir, cleanup, err := h.runDir()
	if err != nil || len(dir) > maxRunDir {
		t.Errorf("%q, %v", dir, err)
	}
	cleanup()
}

func runCommand(t *testing.T, path string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	return string(out), err
}
