package python_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/pluginhost"
	"github.com/nightjar-nvr/nightjar/core/pluginhost/launch"
)

// TestMain is also the host's launcher, as nightjar-launch is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == launch.Command {
		fmt.Fprintln(os.Stderr, launch.Become())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestUnderTheHost runs the example as the product does: confined, with what it needs in the folder it lies in.
func TestUnderTheHost(t *testing.T) {
	t.Parallel()
	python := interpreter(t)
	interp, err := filepath.EvalSymlinks(python)
	if err != nil || !strings.HasPrefix(interp, "/usr/") {
		t.Skipf("SKIPPED: %s is not below /usr, where confined plugins may read", interp)
	}
	told := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 4096))
		told <- r.URL.Path + " " + string(body)
	}))
	defer server.Close()
	dir := folder(t, python)
	h, err := pluginhost.New([]pluginhost.Config{{
		ID: "house", Path: filepath.Join(dir, "ntfy.py"), Dir: dir, Enabled: true, Settings: map[string]any{"server": server.URL, "topic": "my-house"},
	}}, pluginhost.Options{
		RunDir: filepath.Join(dir, "run"), Version: "test", Timing: pluginhost.Timing{Start: time.Minute}, Launcher: []string{os.Args[0], launch.Command},
	}, &bus.Bus{}, slog.New(slog.NewTextHandler(t.Output(), nil)), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = h.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	deadline := time.Now().Add(2 * time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for h.Statuses()[0].State != nvr.PluginRunning {
		if time.Now().After(deadline) {
			t.Fatalf("not running: %+v\n%s", h.Statuses()[0], strings.Join(h.Log("house"), "\n"))
		}
		<-tick.C
	}
	res, err := h.Notify(ctx, "house", nvr.Alert{DeliveryID: "d", Attempt: 1, Phase: nvr.PhaseNew, Title: "Person", Text: "A person at the door."})
	if err != nil || res.Class != nvr.DeliveryOK {
		t.Fatalf("%+v, %v", res, err)
	}
	if got := <-told; got != "/my-house A person at the door." {
		t.Errorf("ntfy was told %q", got)
	}
	t.Logf("%+v", h.Statuses()[0])
}

// folder is what the author's machine has in /opt/ntfy: the plugin with the SDK and its packages.
func folder(t *testing.T, python string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nj") //nolint:usetesting // short enough for a socket, and another user may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // see above
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.TrimSpace(string(out))
	for _, from := range []string{packages + "/grpc", packages + "/google", packages + "/cryptography", packages + "/cffi", "nightjar_plugin"} {
		if _, err := os.Stat(from); err != nil {
			continue
		}
		if err := os.CopyFS(filepath.Join(dir, "site", filepath.Base(from)), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	singles, _ := filepath.Glob(packages + "/*.*") // _cffi_backend, typing_extensions
	for _, from := range singles {
		if info, err := os.Stat(from); err != nil || info.IsDir() {
			continue
		}
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "site", filepath.Base(from)), b, 0o755); err != nil { //nolint:gosec // a library
			t.Fatal(err)
		}
	}
	example, err := os.ReadFile("examples/ntfy.py")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(example), "\n")
	text := "#!/usr/bin/python3\nimport os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'site'))\n" + body
	if err := os.WriteFile(filepath.Join(dir, "ntfy.py"), []byte(text), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return dir
}
