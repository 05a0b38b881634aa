package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

type settings struct {
	URL   string `json:"url" required:"true"`
	Token string `json:"token" secret:"true"`
}

// post is a small, complete notifier: it updates, offers actions, and sends films.
type post struct{ sdk.Base[settings] }

func (n *post) Notify(ctx context.Context, a sdk.Alert) sdk.Result {
	body, err := json.Marshal(map[string]any{"id": a.DeliveryID, "title": a.Title, "replaces": a.Previous})
	if err != nil {
		return sdk.Permanent(err.Error())
	}
	for _, m := range a.Attachments {
		f, err := n.Host().OpenMedia(ctx, m.Ref, 10<<20)
		if err != nil {
			continue // the news matters more than the film
		}
		size, _ := io.Copy(io.Discard, f)
		_ = f.Close()
		body = fmt.Appendf(body, "%d", size)
	}
	_ = n.Host().AddMetric(ctx, "sent", 1)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.Settings().URL, strings.NewReader(string(body)))
	if err != nil {
		return sdk.Permanent(err.Error())
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return sdk.Retry(0, err.Error())
	}
	defer resp.Body.Close()
	return sdk.OK().WithMessage("m-" + a.DeliveryID)
}

func info() sdk.Info {
	return sdk.Info{
		Name: "Post", Version: "1.0.0", MaxSnapshotBytes: 1 << 20,
		Capabilities: []sdk.Capability{sdk.CapabilityUpdate, sdk.CapabilityActions, sdk.CapabilityClip, sdk.CapabilitySilent},
	}
}

// bad breaks as many promises as it can and still be served.
type bad struct{ sdk.Base[settings] }

func (*bad) Notify(context.Context, sdk.Alert) sdk.Result {
	go func() { select {} }()
	return sdk.Permanent("")
}

func (*bad) Health(context.Context) error { return errors.New("") }

func (*bad) Configure(context.Context, settings) error { return nil }

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "be-a-plugin" {
		sdk.Serve(info(), &post{})
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func channel(t *testing.T) (*httptest.Server, func() []string) {
	t.Helper()
	var mu sync.Mutex
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, string(b))
	}))
	t.Cleanup(srv.Close)
	return srv, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), got...)
	}
}

func TestRun(t *testing.T) {
	srv, got := channel(t)
	Run(t, info(), &post{}, Case{
		Settings: map[string]any{"url": srv.URL}, Refused: map[string]map[string]any{"no url": {"token": canary}},
	})
	if all := strings.Join(got(), "\n"); !strings.Contains(all, `"replaces":"m-d-plain"`) || !strings.Contains(all, "200000\n") {
		t.Errorf("the channel got\n%s", all)
	}
}

func TestConform(t *testing.T) {
	srv, got := channel(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	Conform(t, Case{Settings: map[string]any{"url": srv.URL, "token": "x"}}, exe, "be-a-plugin")
	if len(got()) < 25 {
		t.Errorf("%d alerts arrived", len(got()))
	}
}

func TestStart(t *testing.T) {
	srv, got := channel(t)
	p := Start(t, info(), &post{}, map[string]any{"url": srv.URL})
	req := Example()
	if resp, err := p.Notify(t.Context(), req); err != nil || resp.GetMessage() != "m-"+req.GetDeliveryId() || len(got()) != 1 {
		t.Errorf("%v, %v, %q", resp, err, got())
	}
	if p.Desk.Metric("sent") != 1 {
		t.Error("the metric did not arrive")
	}
}

func TestHostOfTheSDK(t *testing.T) {
	srv, _ := channel(t)
	n := &post{}
	if _, err := n.Host().GetValue(t.Context(), "k"); !errors.Is(err, sdk.ErrNoHost) {
		t.Errorf("before Configure: %v", err)
	}
	p := Start(t, info(), n, map[string]any{"url": srv.URL})
	ctx, h := t.Context(), n.Host()
	if err := h.PutValue(ctx, "k", []byte("v")); err != nil || string(p.Desk.Value("k")) != "v" {
		t.Errorf("put: %v", err)
	}
	if v, err := h.GetValue(ctx, "k"); err != nil || string(v) != "v" {
		t.Errorf("get: %q, %v", v, err)
	}
	if err := h.PutValue(ctx, "large", make([]byte, deskQuota)); err == nil {
		t.Error("the quota is not kept")
	}
	p.Desk.SetMedia("m", make([]byte, 100_000))
	f, err := h.OpenMedia(ctx, "m", 0)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(f); err != nil || len(b) != 100_000 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	_ = f.Close()
	if _, err := h.OpenMedia(ctx, "m", 10); err == nil || !strings.Contains(err.Error(), "larger than 10 bytes") {
		t.Errorf("%v", err)
	}
	if url, err := h.SignLink(ctx, "e1", sdk.AttachmentClip, time.Hour); err != nil || !strings.Contains(url, "e1") {
		t.Errorf("%q, %v", url, err)
	}
	if said, err := h.Act(ctx, "t", "Anna", time.Hour); err != nil || said != "Done." || p.Desk.Acts()[0].GetSnoozeSeconds() != 3600 {
		t.Errorf("%q, %v", said, err)
	}
	if r, err := h.Command(ctx, "chat", "/status"); err != nil || r.Text != "You wrote /status" || len(p.Desk.Commands()) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestTheSuiteFindsFaults runs the suite in another process, where it must fail.
func TestTheSuiteFindsFaults(t *testing.T) {
	const key = "PLUGINTEST_BAD"
	if os.Getenv(key) != "" {
		Run(t, sdk.Info{Version: "one"}, &bad{}, Case{Settings: map[string]any{"url": "x"}, Refused: map[string]map[string]any{"no url": {}}})
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestTheSuiteFindsFaults$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), key+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatal("a bad plugin passed")
	}
	for _, want := range []string{`name "": want 1 to 64`, `version "one"`, "found unexpected goroutines"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("not found: %s\n%s", want, out)
		}
	}
}
