package pluginhost

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// The bars that the host was designed to (docs: plugins/docs/misbehaviour.md), as tests. What takes long runs with
// NIGHTJAR_SLOW=1.

func slow(t *testing.T) {
	t.Helper()
	if os.Getenv("NIGHTJAR_SLOW") == "" {
		t.Skip("SKIPPED: takes long, set NIGHTJAR_SLOW=1")
	}
}

// TestRunningMisbehaviour has plugins go wrong after a good start, and checks what an operator reads.
func TestRunningMisbehaviour(t *testing.T) {
	t.Parallel()
	timing := quick()
	timing.HealthCall = 300 * time.Millisecond
	r := start(t, timing, "hangsinhealth", "garbageanswers", "exitsatrandom", "good")
	until(t, "one that hangs in its health check is replaced", func() bool { return r.status("hangsinhealth").Restarts > 0 })
	if !strings.Contains(r.log.String(), "plugin did not answer 2 health checks: no answer in time") {
		t.Errorf("log:\n%s", r.log)
	}
	until(t, "one that exits at random is started again and again", func() bool { return r.status("exitsatrandom").Restarts > 1 })
	if !strings.Contains(r.log.String(), "plugin ended: exit status ") {
		t.Errorf("log:\n%s", r.log)
	}
	s := r.await("garbageanswers", nvr.PluginRunning, "")
	if len(s.Name) > 64 || strings.ContainsAny(s.Name, "\n") || strings.Join(s.Capabilities, " ") != "update" {
		t.Errorf("garbage in the status: %+v", s)
	}
	got, err := r.tell("garbageanswers", "")
	if err != nil || got.Class != nvr.DeliveryRetry || len(got.Detail) > 500 || strings.Contains(got.Detail, "\n") {
		t.Errorf("a verdict that is none: %+v, %v", got, err)
	}
	if _, err := r.tell("garbageanswers", "large"); err == nil || !strings.Contains(err.Error(), "larger than max") {
		t.Errorf("an answer of 2 MB: %v", err)
	}
	if s := r.status("good"); s.State != nvr.PluginRunning || s.Restarts != 0 {
		t.Errorf("a good plugin beside bad ones: %+v", s)
	}
}

// TestNoSecretInTheEnvironment also covers what the launcher passes on.
func TestNoSecretInTheEnvironment(t *testing.T) {
	for _, name := range []string{"DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "NIGHTJAR_JWT", "HTTP_PROXY"} {
		t.Setenv(name, "canary-"+name)
	}
	r := startWith(t, quick(), func(c *Config) { c.Settings = map[string]any{"word": "canary-setting"} }, "good")
	r.await("good", nvr.PluginRunning, "")
	for _, pid := range processesIn(r.dir) {
		for _, file := range []string{"environ", "cmdline"} {
			b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
			if err != nil || strings.Contains(string(b), "canary") {
				t.Errorf("%s of the plugin: %q, %v", file, b, err)
			}
		}
	}
}

// TestKilledAgainAndAgain kills the plugin's group every 1.5 s, twenty times, while alerts are told as the queue tells
// them: until each is answered. None is lost.
func TestKilledAgainAndAgain(t *testing.T) {
	kills, pause := 3, 50*time.Millisecond
	if os.Getenv("NIGHTJAR_SLOW") != "" {
		kills, pause = 20, 1500*time.Millisecond
	}
	timing := quick()
	timing.Health, timing.HealthCall = 500*time.Millisecond, 5*time.Second
	r := start(t, timing, "good")
	r.await("good", nvr.PluginRunning, "")
	stop := make(chan struct{})
	var told, attempts int
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for deadline := time.Now().Add(30 * time.Second); ; {
				attempts++
				got, err := r.tell("good", "")
				if err == nil && got.Class == nvr.DeliveryOK {
					told++
					break
				}
				if time.Now().After(deadline) {
					t.Errorf("an alert was never delivered: %+v, %v", got, err)
					return
				}
				pause := time.NewTimer(2 * time.Millisecond)
				<-pause.C
			}
		}
	})
	for i := range kills {
		until(t, "it runs", func() bool { return r.status("good").State == nvr.PluginRunning && len(processesIn(r.dir)) == 1 })
		timer := time.NewTimer(pause)
		<-timer.C
		for _, pid := range processesIn(r.dir) {
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		}
		until(t, "the kill is noticed", func() bool { return r.status("good").Restarts == i+1 })
	}
	until(t, "it runs again", func() bool { return r.status("good").State == nvr.PluginRunning })
	close(stop)
	wg.Wait()
	t.Logf("%d kills, %d alerts delivered in %d attempts, 0 lost", kills, told, attempts)
	if told < kills {
		t.Errorf("only %d alerts", told)
	}
}

// TestStoppedProcessIsReplaced takes the timing that ships: two health checks, 10 s apart, with 2 s each.
func TestStoppedProcessIsReplaced(t *testing.T) {
	slow(t)
	timing := Timing{BackoffMin: 20 * time.Millisecond, BackoffMax: 50 * time.Millisecond}
	r := start(t, timing, "good")
	r.await("good", nvr.PluginRunning, "")
	pids := processesIn(r.dir)
	if len(pids) != 1 {
		t.Fatal(pids)
	}
	began := time.Now()
	_ = syscall.Kill(pids[0], syscall.SIGSTOP)
	until(t, "it is replaced", func() bool { s := r.status("good"); return s.Restarts == 1 && s.State == nvr.PluginRunning })
	if d := time.Since(began); d > 27*time.Second {
		t.Errorf("replaced after %v, want 25 s", d)
	} else {
		t.Logf("replaced after %v", d)
	}
}

// TestHundredRestarts looks for what is left behind by each.
func TestHundredRestarts(t *testing.T) {
	slow(t)
	timing := quick()
	timing.BackoffMin, timing.BackoffMax, timing.Health = time.Millisecond, time.Millisecond, 5*time.Millisecond
	r := startHost(t, timing, func(c *Config) { c.Permissions = allPermissions() }, []string{"exitssoon"}, func(o *Options) {
		o.Callbacks = &desk{values: map[string][]byte{}}
	})
	restarts := func() int { return r.status("exitssoon").Restarts }
	until(t, "warm", func() bool { return restarts() >= 5 })
	goroutines, fds := runtime.NumGoroutine(), countFDs(t)
	for n := 25; n <= 105; n += 20 {
		until(t, "restarts", func() bool { return restarts() >= n })
	}
	until(t, "goroutines fall back", func() bool { return runtime.NumGoroutine() <= goroutines+5 })
	until(t, "descriptors fall back", func() bool { return countFDs(t) <= fds+3 })
	t.Logf("%d restarts, %d goroutines (%d before), %d descriptors (%d before)", restarts(), runtime.NumGoroutine(), goroutines, countFDs(t), fds)
}

// TestFloodCostsLittle measures what reading a flood costs: less than a twentieth of a core.
func TestFloodCostsLittle(t *testing.T) {
	slow(t)
	r := start(t, quick(), "floodsstderr")
	r.await("floodsstderr", nvr.PluginRunning, "")
	until(t, "the flood", func() bool { return len(r.Log("floodsstderr")) == tailLines })
	cpu, began := cpuTime(), time.Now()
	timer := time.NewTimer(10 * time.Second)
	<-timer.C
	used, took := cpuTime()-cpu, time.Since(began)
	share := used.Seconds() / took.Seconds()
	t.Logf("%v of CPU in %v: %.1f %% of a core", used, took, share*100)
	if share > 0.05 {
		t.Error("more than 5 % of a core")
	}
}

// BenchmarkColdStart is from launch to configured, through the launcher; also what it weighs then.
func BenchmarkColdStart(b *testing.B) {
	dir, err := os.MkdirTemp("", "nj")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	exe, _ := os.Executable()
	for _, verb := range []string{"good", launchVerb} {
		if err := os.Symlink(exe, filepath.Join(dir, verbPrefix+verb)); err != nil {
			b.Fatal(err)
		}
	}
	for name, launcher := range map[string][]string{"confined": {filepath.Join(dir, verbPrefix+launchVerb)}, "bare": nil} {
		b.Run(name, func(b *testing.B) {
			h := benchHost(b, Options{RunDir: filepath.Join(dir, "r"), Launcher: launcher})
			s, err := h.prepare(Config{ID: "good", Path: filepath.Join(dir, verbPrefix+"good"), Enabled: true})
			if err != nil {
				b.Fatal(err)
			}
			run, cleanup, err := h.runDir()
			if err != nil {
				b.Fatal(err)
			}
			defer cleanup()
			var took []time.Duration
			var memory int64
			for b.Loop() {
				in := &instance{s: s, dir: filepath.Join(run, s.folder)}
				began := time.Now()
				if err := in.start(context.Background()); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
				memory = rss(in.proc.pid())
				in.close()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
			b.ReportMetric(float64(took[len(took)*9/10].Milliseconds()), "p90-ms")
			b.ReportMetric(float64(memory>>20), "RSS-MB")
		})
	}
}

// BenchmarkNotify is one alert with a picture of 100 KB, from the host to the plugin and back.
func BenchmarkNotify(b *testing.B) {
	dir, err := os.MkdirTemp("", "nj")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	exe, _ := os.Executable()
	path := filepath.Join(dir, verbPrefix+"good")
	if err := os.Symlink(exe, path); err != nil {
		b.Fatal(err)
	}
	h := benchHost(b, Options{RunDir: filepath.Join(dir, "r")}, Config{ID: "good", Path: path, Enabled: true})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = h.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	for h.Statuses()[0].State != nvr.PluginRunning {
		runtime.Gosched()
	}
	alert := nvr.Alert{DeliveryID: "d", Phase: nvr.PhaseNew, Snapshot: make([]byte, 100<<10), Event: nvr.Event{ID: "e", Label: "person"}}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if r, err := h.Notify(ctx, "good", alert); err != nil || r.Class != nvr.DeliveryOK {
			b.Fatal(r, err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

func benchHost(b *testing.B, o Options, plugins ...Config) *Host {
	b.Helper()
	h, err := New(plugins, o, &bus.Bus{}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		b.Fatal(err)
	}
	return h
}
