package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v2"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	socketWriteTimeout = 10 * time.Second
	socketPing         = 20 * time.Second
	socketReadLimit    = 4 << 10 // clients have nothing to say
)

func (s *Server) registerSockets() {
	s.raw(fiber.MethodGet, apiBase+"/ws", accessViewer, s.socket(s.feed))
	s.raw(fiber.MethodGet, apiBase+"/cameras/:id/live", accessViewer, func(c *fiber.Ctx) error {
		stream, err := s.mediaStream(c.Params("id"), c.Query("stream", string(nvr.Sub)))
		if err != nil {
			return err
		}
		return s.socket(func(ctx context.Context, conn *websocket.Conn) error {
			return s.deps.Live.Watch(ctx, stream, func(m LiveMessage) error { return writeLive(conn, m) })
		})(c)
	})
}

// socket upgrades a request and runs f until it returns, the client leaves or the server stops.
func (s *Server) socket(f func(ctx context.Context, conn *websocket.Conn) error) fiber.Handler {
	up := websocket.FastHTTPUpgrader{
		ReadBufferSize: 1 << 10, WriteBufferSize: 16 << 10, HandshakeTimeout: socketWriteTimeout,
		CheckOrigin: nil, // checked below, with the answer in words
	}
	return func(c *fiber.Ctx) error {
		if !websocket.FastHTTPIsWebSocketUpgrade(c.Context()) {
			return fiber.NewError(fiber.StatusUpgradeRequired, "this is a WebSocket")
		}
		if err := s.sameOrigin(c); err != nil {
			return err
		}
		// The upgrader's own check compares with the inner host, which a trusted proxy may have rewritten.
		c.Request().Header.Del(fiber.HeaderOrigin)
		s.sockets.Add(1)
		s.metrics.sockets.Inc()
		err := up.Upgrade(c.Context(), func(conn *websocket.Conn) {
			defer s.sockets.Done()
			defer s.metrics.sockets.Dec()
			s.serveSocket(conn, f)
		})
		if err != nil {
			s.sockets.Done()
			s.metrics.sockets.Dec()
			return fiber.NewError(fiber.StatusBadRequest, "the WebSocket handshake failed")
		}
		return nil
	}
}

func (s *Server) serveSocket(conn *websocket.Conn, f func(context.Context, *websocket.Conn) error) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	conn.SetReadLimit(socketReadLimit)
	conn.SetPongHandler(func(string) error {
		err := conn.SetReadDeadline(time.Now().Add(3 * socketPing))
		if ctx.Err() != nil { // looked at last, or this deadline could follow the one that ends the read
			return ctx.Err()
		}
		return err
	})
	_ = conn.SetReadDeadline(time.Now().Add(3 * socketPing))
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer cancel()
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
		}
	}()
	pinged := make(chan struct{})
	go func() { // WriteControl may run beside other writes
		defer close(pinged)
		t := time.NewTicker(socketPing)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				if conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(socketWriteTimeout)) != nil {
					cancel()
				}
			}
		}
	}()
	_ = f(ctx, conn) // the client left, or was told why in a message
	_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	cancel()
	// fasthttp closes a hijacked connection only when this function returns: a deadline ends the read before.
	_ = conn.SetReadDeadline(time.Now())
	<-gone
	<-pinged
}

func writeLive(conn *websocket.Conn, m LiveMessage) error {
	_ = conn.SetWriteDeadline(time.Now().Add(socketWriteTimeout))
	if m.Text != nil {
		return conn.WriteMessage(websocket.TextMessage, m.Text)
	}
	w, err := conn.NextWriter(websocket.BinaryMessage)
	if err != nil {
		return err
	}
	for _, p := range m.Binary {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return w.Close()
}

// feedMessage is one message of the event socket.
type feedMessage struct {
	V     int    `json:"v"`
	Seq   uint64 `json:"seq"`
	Topic string `json:"topic"`
	Data  any    `json:"data"`
}

// feed sends what happens. Values a slow client missed are gone, which it sees by a gap in seq; it then asks again.
func (s *Server) feed(ctx context.Context, conn *websocket.Conn) error {
	cameras, motion, counts := s.deps.Bus.Cameras.Subscribe(256), s.deps.Bus.Motion.Subscribe(256), s.deps.Bus.Counts.Subscribe(256)
	events, plugins := s.deps.Bus.Events.Subscribe(256), s.deps.Bus.Plugins.Subscribe(64)
	defer cameras.Close()
	defer motion.Close()
	defer counts.Close()
	defer events.Close()
	defer plugins.Close()
	var seq uint64
	send := func(topic string, data any) error {
		b, err := json.Marshal(feedMessage{V: 1, Seq: seq, Topic: topic, Data: data})
		if err != nil {
			return fmt.Errorf("encode %s message: %w", topic, err)
		}
		seq++
		_ = conn.SetWriteDeadline(time.Now().Add(socketWriteTimeout))
		return conn.WriteMessage(websocket.TextMessage, b)
	}
	err := send("hello", map[string]any{"seq": 0})
	for err == nil {
		seq += cameras.TakeDropped() + motion.TakeDropped() + counts.TakeDropped() + events.TakeDropped() + plugins.TakeDropped()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case v := <-cameras.C():
			if c, cerr := s.camera(string(v.Camera)); cerr == nil {
				err = send("camera", c)
			}
		case v := <-motion.C():
			err = send("motion", map[string]any{"camera": v.Camera, "active": v.Active, "time": v.Time.UTC()})
		case v := <-counts.C():
			err = send("counts", map[string]any{"camera": v.Camera, "total": v.Total, "active": v.Active})
		case v := <-events.C():
			err = send("event", map[string]any{"phase": v.Phase, "event": eventOf(v.After)})
		case v := <-plugins.C():
			err = send("plugin", PluginOf(v))
		}
	}
	return err
}

// PluginOf is the API's form of a plugin's state.
func PluginOf(v nvr.PluginStatus) Plugin {
	return Plugin{
		ID: v.ID, Name: v.Name, Version: v.Version, State: string(v.State), Reason: v.Reason, Since: v.Since.UTC(),
		Restarts: v.Restarts, Delivered: v.Delivered, Failed: v.Failed,
	}
}
