package app

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nightjar-nvr/nightjar/core/camera"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/media/live"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// liveStreams turns a camera's stream into the messages of a live socket.
type liveStreams struct {
	live    *live.Live
	cameras *camera.Manager
}

// streamState is the message that says why no pictures come.
type streamState struct {
	Type    string     `json:"type"`
	State   nvr.State  `json:"state"`
	Reason  string     `json:"reason"`
	RetryAt *time.Time `json:"retry_at,omitempty"`
}

// Watch implements the API's live streams.
func (l *liveStreams) Watch(ctx context.Context, stream nvr.StreamID, send func(httpapi.LiveMessage) error) error {
	id, ok := l.cameras.Resolve(stream.Camera, stream.Role)
	if !ok {
		return unknownCamera(stream.Camera)
	}
	return l.live.Session(l.cameras.Hub(id), func(m live.Message) error {
		if m.Control == nil {
			return send(httpapi.LiveMessage{Binary: [][]byte{m.Data}})
		}
		var text any = m.Control
		if m.Control.Type == live.TypeState {
			text = l.state(id, m.Control)
		}
		b, err := json.Marshal(text)
		if err != nil {
			return err
		}
		return send(httpapi.LiveMessage{Text: b})
	}).Run(ctx)
}

// state says what the camera's manager knows, which is more than that the session ended.
func (l *liveStreams) state(id nvr.StreamID, c *live.Control) streamState {
	out := streamState{Type: live.TypeState, State: nvr.StateOffline, Reason: c.Reason}
	st, _ := l.cameras.Status(id.Camera)
	for _, s := range st.Streams {
		if s.Role != id.Role || s.State == nvr.StateOnline {
			continue
		}
		out.State = s.State
		if s.Reason != "" {
			out.Reason = s.Reason
		}
		if !s.RetryAt.IsZero() {
			at := s.RetryAt.UTC()
			out.RetryAt = &at
		}
	}
	return out
}
