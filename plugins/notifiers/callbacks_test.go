package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
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
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/notifiertest"
)

// people is what Nightjar does when a plugin asks.
type people struct {
	mu     sync.Mutex
	values map[string]string
	acts   []string
	lines  []string
}

func (p *people) OpenMedia(context.Context, nvr.Event, nvr.AttachmentKind, int64) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(strings.Repeat("film", 50_000))), nil
}

func (p *people) Value(_ context.Context, plugin, key string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return []byte(p.values[plugin+" "+key]), nil
}

func (p *people) SetValue(_ context.Context, plugin, key string, value []byte, _ int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.values[plugin+" "+key] = string(value)
	return nil
}

func (p *people) SignLink(context.Context, string, nvr.AttachmentKind, time.Duration) (string, error) {
	return "", errors.New("not asked for")
}

func (p *people) Act(_ context.Context, plugin, token, by string, _ time.Duration) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acts = append(p.acts, plugin+" "+token+" "+by)
	return "Acknowledged.", nil
}

func (p *people) Command(_ context.Context, plugin, recipient, text string) (string, []byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, plugin+" "+recipient+" "+text)
	return "All quiet.", notifiertest.JPEG(), nil
}

// chat is as much of a Bot API server as one chat needs; the strict one is in the tests of package telegram.
type chat struct {
	mu      sync.Mutex
	updates []map[string]any
	film    int
	data    string // of the first button
	replies int
}

func (c *chat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	var result any = true
	c.mu.Lock()
	switch method {
	case "getUpdates":
		result = c.updates
		c.updates = nil
		if len(result.([]map[string]any)) == 0 {
			result = []any{}
			c.mu.Unlock()
			select { // a short poll: this server is not about that
			case <-r.Context().Done():
			case <-time.After(20 * time.Millisecond):
			}
			c.mu.Lock()
		}
	case "sendVideo":
		f, h, err := r.FormFile("video")
		if err == nil {
			c.film = int(h.Size)
			_ = f.Close()
		}
		var k struct {
			Rows [][]struct {
				Data string `json:"callback_data"`
			} `json:"inline_keyboard"`
		}
		if json.Unmarshal([]byte(r.FormValue("reply_markup")), &k) == nil && len(k.Rows) > 0 {
			c.data = k.Rows[0][0].Data
		}
		result = map[string]any{"message_id": 7}
	case "sendPhoto":
		c.replies++
		result = map[string]any{"message_id": 8}
	}
	c.mu.Unlock()
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "result": result})
}

func (c *chat) push(u map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.updates = append(c.updates, u)
}

// telegramAsksTheHost follows a film, a button and a command through the confined process and back.
func telegramAsksTheHost(t *testing.T, dir, bin string) {
	t.Helper()
	c, p := &chat{}, &people{values: map[string]string{}}
	srv := httptest.NewServer(c)
	defer srv.Close()
	h, err := pluginhost.New([]pluginhost.Config{{
		ID: "phone", Path: bin, Args: []string{"telegram"}, Enabled: true, Permissions: []string{"net.outbound", "media.snapshot", "media.clip", "kv", "actions", "commands"},
		Settings: map[string]any{"token": "1234:" + notifiertest.Canary + "-0123456789abcdef", "chats": []string{"5"}, "api_url": srv.URL},
	}}, pluginhost.Options{
		RunDir: filepath.Join(dir, "r"), Version: "test", Timing: pluginhost.Timing{Start: 20 * time.Second}, Callbacks: p,
		Launcher: []string{os.Args[0], launch.Command},
	}, &bus.Bus{}, slog.New(slog.NewTextHandler(t.Output(), nil)), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = h.Run(ctx) }()
	defer func() { cancel(); <-done }()
	notifiertest.Until(t, "it runs", func() bool { return h.Statuses()[0].State == nvr.PluginRunning })
	r, err := h.Notify(ctx, "phone", nvr.Alert{
		DeliveryID: "d", Attempt: 1, Phase: nvr.PhaseEnd, Title: "Person", Text: "Gone", Actions: []nvr.AlertAction{{Kind: nvr.ActionAcknowledge, Token: "tok", Label: "Seen"}},
		Event: nvr.Event{ID: "e", Camera: "front", Label: "person", Kind: nvr.EventObject, Start: time.Now(), End: time.Now()},
	})
	if err != nil || r.Class != nvr.DeliveryOK || r.Message != "5/7/v" {
		t.Fatalf("%+v, %v", r, err)
	}
	c.push(map[string]any{"update_id": 1, "callback_query": map[string]any{
		"id": "q", "data": c.data, "from": map[string]any{"first_name": "Ada"}, "message": map[string]any{"message_id": 7, "chat": map[string]any{"id": 5}},
	}})
	c.push(map[string]any{"update_id": 2, "message": map[string]any{"message_id": 9, "date": time.Now().Unix(), "text": "/status", "chat": map[string]any{"id": 5}}})
	notifiertest.Until(t, "both arrive and are remembered", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.values["phone updates/offset"] == "3"
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.film != 200_000 || c.replies != 1 || strings.Join(p.acts, ",") != "phone tok Ada" || strings.Join(p.lines, ",") != "phone  /status" {
		t.Errorf("film %d, replies %d, %q, %q", c.film, c.replies, p.acts, p.lines)
	}
}
