package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/plugincatalog"
	"github.com/nightjar-nvr/nightjar/core/pluginhost"
	"github.com/nightjar-nvr/nightjar/core/pluginhost/launch"
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/notifiertest"
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/manifest"
	"github.com/nightjar-nvr/nightjar/plugins/plugintest"
)

// TestMain is also the host's launcher, as nightjar itself is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == launch.Command {
		fmt.Fprintln(os.Stderr, launch.Become())
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/nightjar-nvr/nightjar/core/lifecycle.init.func1.1"))
}

// shortDir is a directory that a socket's name has room in and that another user may enter.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nj") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // see above
		t.Fatal(err)
	}
	return dir
}

// built is the program as it is shipped.
func built(t testing.TB, dir string) string {
	t.Helper()
	bin := filepath.Join(dir, "notifiers")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// memory of a process in KiB: resident, and proportional, where pages that others share count in part.
func memory(t *testing.T, pid int) (rss, pss int) {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	for line := range strings.SplitSeq(string(raw), "\n") {
		if f := strings.Fields(line); len(f) > 1 {
			n, _ := strconv.Atoi(f[1])
			switch f[0] {
			case "Rss:":
				rss = n
			case "Pss:":
				pss = n
			}
		}
	}
	return rss, pss
}

// processes that run bin.
func processes(bin string) (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		if exe, err := os.Readlink(d + "/exe"); err == nil && exe == bin {
			pid, _ := strconv.Atoi(filepath.Base(d))
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestUnderTheHost runs the program as it is shipped. It is built once for all.
func TestUnderTheHost(t *testing.T) {
	dir := shortDir(t)
	bin := built(t, dir)
	t.Run("all", func(t *testing.T) { allDeliver(t, dir, bin) })
	t.Run("telegram", func(t *testing.T) { telegramAsksTheHost(t, dir, bin) })
	for name, set := range unreachable(t) {
		t.Run("contract/"+name, func(t *testing.T) {
			plugintest.Conform(t, plugintest.Case{Settings: set, Refused: map[string]map[string]any{"nothing": {}}, Offline: true}, bin, name)
		})
	}
}

// unreachable are good settings of each notifier, with a secret in each, that lead to a port where nobody listens.
func unreachable(t *testing.T) map[string]map[string]any {
	t.Helper()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	_, port, _ := net.SplitHostPort(closed.Addr().String())
	secret := notifiertest.Canary
	number, _ := strconv.Atoi(port)
	return map[string]map[string]any{
		"telegram": {"token": "1234:" + secret + "-0123456789abcdef", "chats": []string{"5"}, "api_url": "http://localhost:" + port},
		"email":    {"host": "localhost", "port": number, "username": "u", "password": secret, "from": "a@example.com", "to": []string{"b@example.com"}},
		"push":     {"service": "ntfy", "url": "http://localhost:" + port, "token": secret, "recipients": []string{"house"}},
		"webhook":  {"url": "http://localhost:" + port + "/?t=" + secret, "secret": secret},
		"mqtt":     {"broker": "mqtt://localhost:" + port, "username": "u", "password": secret},
	}
}

// allDeliver starts all five as the product does: confined, with the permissions of their manifests. Each delivers or
// says why not; no secret is seen anywhere; the memory and the start are within the bars.
func allDeliver(t *testing.T, dir, bin string) {
	t.Helper()
	bodies := make(chan []byte, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies <- b
	}))
	defer srv.Close()
	secret, settings := notifiertest.Canary, unreachable(t)
	settings["webhook"]["url"] = strings.Replace(srv.URL, "127.0.0.1", "localhost", 1) + "/?t=" + secret
	log := &safeBuffer{}
	var cfgs []pluginhost.Config
	for _, name := range manifest.Names() {
		raw, err := manifest.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := plugincatalog.ParseManifest(raw)
		if err != nil {
			t.Fatal(err)
		}
		cfgs = append(cfgs, pluginhost.Config{
			ID: name, Path: bin, Args: m.Executables["linux-amd64"].Args, Enabled: true, Permissions: m.Permissions, Settings: settings[name],
		})
	}
	h, err := pluginhost.New(cfgs, pluginhost.Options{
		RunDir: filepath.Join(dir, "r"), Version: "test", Timing: pluginhost.Timing{Start: 20 * time.Second},
		Launcher: []string{os.Args[0], launch.Command},
	}, &bus.Bus{}, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	began := time.Now()
	go func() { defer close(done); _ = h.Run(ctx) }()
	stop := sync.OnceFunc(func() { cancel(); <-done })
	defer stop()
	running := func() bool {
		return !slices.ContainsFunc(h.Statuses(), func(s nvr.PluginStatus) bool { return s.State != nvr.PluginRunning })
	}
	notifiertest.Until(t, "all run", running)
	t.Logf("five started at once and configured in %v", time.Since(began).Round(time.Millisecond))
	footprint(t, processes(bin))

	var said []string
	for _, c := range cfgs {
		r, err := h.Notify(ctx, c.ID, nvr.Alert{
			DeliveryID: "d", Attempt: 1, Phase: nvr.PhaseNew, Title: "Person", Text: "At the door", Snapshot: notifiertest.JPEG(),
			Event: nvr.Event{ID: "e", Camera: "front", Label: "person", Kind: nvr.EventObject, Start: time.Now()},
		})
		want := nvr.DeliveryRetry // nobody listens there
		if c.ID == "webhook" {
			want = nvr.DeliveryOK
		}
		if err != nil || r.Class != want || want == nvr.DeliveryRetry && !strings.Contains(r.Detail, "cannot be reached: connect") {
			t.Errorf("%s: %+v, %v", c.ID, r, err)
		}
		said = append(said, fmt.Sprintf("%+v", r))
		probe, err := h.Probe(ctx, c)
		if err != nil {
			t.Errorf("%s: %v", c.ID, err)
			continue
		}
		schema, err := plugincatalog.ParseSchema(json.RawMessage(probe.Schema))
		if err != nil {
			t.Errorf("%s: schema: %v", c.ID, err)
			continue
		}
		if wrong := schema.Check(c.Settings); len(wrong) > 0 {
			t.Errorf("%s: the catalogue refuses what the plugin takes: %+v", c.ID, wrong)
		}
		shown, _ := schema.Redact(c.Settings)
		said = append(said, fmt.Sprintf("%+v", shown))
	}
	select {
	case b := <-bodies:
		if !json.Valid(b) {
			t.Errorf("%s", b)
		}
	default:
		t.Error("the webhook delivered nothing")
	}
	for _, pid := range processes(bin) {
		for _, file := range []string{"environ", "cmdline"} {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
			said = append(said, string(b))
		}
	}
	for _, s := range h.Statuses() {
		said = append(said, fmt.Sprintf("%+v", s), strings.Join(h.Log(s.ID), "\n"))
		t.Logf("%s %s: %v, %v", s.Name, s.Version, s.Capabilities, s.Limits)
	}
	stop()
	for _, s := range append(said, log.String()) {
		if strings.Contains(s, secret) {
			t.Errorf("a secret is seen in %s", s)
		}
	}
	notifiertest.Until(t, "no process is left", func() bool { return len(processes(bin)) == 0 })
}

// footprint holds five idle processes to the bars: 20 MB resident each, 35 MB in all where shared pages count once.
func footprint(t *testing.T, pids []int) {
	t.Helper()
	if len(pids) != len(manifest.Names()) {
		t.Errorf("%d processes", len(pids))
	}
	sum, most := 0, 0
	for _, pid := range pids {
		rss, pss := memory(t, pid)
		sum += pss
		most = max(most, rss)
		t.Logf("pid %d: %.1f MB resident, %.1f MB proportional", pid, float64(rss)/1024, float64(pss)/1024)
	}
	t.Logf("in all %.1f MB proportional", float64(sum)/1024)
	if most > 20<<10 || sum > 35<<10 {
		t.Errorf("largest %d KiB resident, in all %d KiB proportional", most, sum)
	}
}

// BenchmarkColdStart is from the launch of one notifier to its first answer, confined.
func BenchmarkColdStart(b *testing.B) {
	dir := shortDir(b)
	bin := built(b, dir)
	var took []time.Duration
	for b.Loop() {
		h, err := pluginhost.New([]pluginhost.Config{{
			ID: "hook", Path: bin, Args: []string{"webhook"}, Enabled: true, Settings: map[string]any{"url": "http://localhost"},
		}}, pluginhost.Options{
			RunDir: filepath.Join(dir, "r"), Timing: pluginhost.Timing{Start: 20 * time.Second}, Launcher: []string{os.Args[0], launch.Command},
		}, &bus.Bus{}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		began := time.Now()
		go func() { defer close(done); _ = h.Run(ctx) }()
		notifiertest.Until(b, "it runs", func() bool { return h.Statuses()[0].State == nvr.PluginRunning })
		took = append(took, time.Since(began))
		cancel()
		<-done
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(took[len(took)*95/100].Milliseconds()), "p95-ms")
}
