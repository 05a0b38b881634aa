package httpapi

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// testSockets runs the server on a real port: sockets are hijacked connections.
func (w *world) testSockets(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.srv.Run(ctx) }()
	defer func() {
		cancel()
		select {
		case <-done:
		case <-time.After(15 * time.Second):
			t.Error("the server did not stop with a socket open")
		}
	}()
	select {
	case <-w.srv.Ready():
	case err := <-done:
		done <- err
		t.Fatal(err)
	}
	host := w.srv.Addr().String()
	dial := func(path string, h http.Header) (*websocket.Conn, int) {
		conn, resp, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+host+path, h)
		if err != nil {
			if resp == nil {
				t.Fatalf("dial %s: %v", path, err)
			}
			resp.Body.Close()
			return nil, resp.StatusCode
		}
		t.Cleanup(func() { conn.Close() })
		return conn, 101
	}
	cookie := accessCookie + "=" + w.viewer
	for name, c := range map[string]struct {
		h    http.Header
		want int
	}{
		"stranger":     {http.Header{"Origin": {"http://" + host}}, 401},
		"other site":   {http.Header{"Origin": {"http://evil.example"}, "Cookie": {cookie}}, 403},
		"no origin":    {http.Header{"Cookie": {cookie}}, 403},
		"forwarded":    {http.Header{"Origin": {"http://evil.example"}, "X-Forwarded-Host": {"evil.example"}, "Cookie": {cookie}}, 403},
		"own page":     {http.Header{"Origin": {"http://" + host}, "Cookie": {cookie}}, 101},
		"program":      {http.Header{"Authorization": {"Bearer " + w.viewer}}, 101},
		"bad token":    {http.Header{"Authorization": {"Bearer x"}}, 401},
		"null origin":  {http.Header{"Origin": {"null"}, "Cookie": {cookie}}, 403},
		"other scheme": {http.Header{"Origin": {"https://" + host}, "Cookie": {cookie}}, 101}, // TLS ends at a proxy
	} {
		if _, got := dial("/api/v1/ws", c.h); got != c.want {
			t.Errorf("%s: status %d, want %d", name, got, c.want)
		}
	}

	conn, _ := dial("/api/v1/ws", http.Header{"Authorization": {"Bearer " + w.viewer}})
	read := func() string {
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, b, err := conn.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if m := read(); !strings.Contains(m, `"hello"`) {
		t.Errorf("first message %s", m)
	}
	w.bus.Events.Publish(nvr.EventChange{Phase: nvr.PhaseNew, After: nvr.Event{ID: "e1", Camera: "front", Label: "person", Start: t0}})
	if m := read(); !strings.Contains(m, `"topic":"event"`) || !strings.Contains(m, `"e1"`) {
		t.Errorf("event message %s", m)
	}

	live, _ := dial("/api/v1/cameras/front/live?stream=sub", http.Header{"Authorization": {"Bearer " + w.viewer}})
	_ = live.SetReadDeadline(time.Now().Add(5 * time.Second))
	kind, b, err := live.ReadMessage()
	if err != nil || kind != websocket.TextMessage || string(b) != `{"type":"init"}` {
		t.Errorf("%d %s %v", kind, b, err)
	}
	kind, b, err = live.ReadMessage()
	if err != nil || kind != websocket.BinaryMessage || string(b) != "moofmdat" {
		t.Errorf("pieces of one message arrived as %d %q, %v", kind, b, err)
	}
	if _, got := dial("/api/v1/cameras/back/live", http.Header{"Authorization": {"Bearer " + w.viewer}}); got != 404 {
		t.Errorf("live of an unknown camera: %d", got)
	}
}
