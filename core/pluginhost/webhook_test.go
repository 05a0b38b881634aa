package pluginhost

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// TestRealWebhook runs the first-party plugin as it is shipped, against a real HTTP server.
func TestRealWebhook(t *testing.T) {
	bin := filepath.Join(shortDir(t), "webhook")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "../../plugins/webhook").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	var bodies []map[string]any
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil || r.Header.Get("Nightjar-Signature") == "" {
			t.Errorf("%v\n%s", err, b)
		}
		bodies = append(bodies, m)
	}))
	defer srv.Close()
	h, err := New([]Config{{ID: "hook", Path: bin, Enabled: true, Settings: map[string]any{"url": srv.URL, "secret": "s"}}},
		Options{Timing: Timing{Start: 20 * time.Second}}, &bus.Bus{}, slog.New(slog.NewTextHandler(t.Output(), nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { _ = h.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	began := time.Now()
	until(t, "the webhook runs", func() bool { return h.Statuses()[0].State == nvr.PluginRunning })
	t.Logf("started and configured in %v", time.Since(began))
	jpeg := append([]byte{0xff, 0xd8, 0xff}, make([]byte, 100<<10)...)
	var took []time.Duration
	for range 200 {
		began := time.Now()
		r, err := h.Notify(ctx, "hook", nvr.Alert{DeliveryID: "d", Phase: nvr.PhaseNew, Snapshot: jpeg, Event: nvr.Event{ID: "e", Label: "person"}})
		if err != nil || r.Class != nvr.DeliveryOK {
			t.Fatal(r, err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("alert with 100 KB picture to the server: p50 %v, p99 %v", took[100], took[198])
	if len(bodies) != 200 || bodies[0]["snapshot"] == nil {
		t.Errorf("%d requests", len(bodies))
	}
}
