// Package live turns a hub's units into what a browser's media source plays while they happen. It knows no HTTP: a
// Session hands messages to a send function, which a WebSocket handler writes out as text and binary frames.
//
// The protocol: a control message "init" announces codecs and is followed by one binary message, the init segment;
// every binary message after it is a fragment. Each init begins a new timeline at 0, so the player starts a new media
// source. A fragment normally holds one picture, or audio alone, so that nothing waits for the next frame; what had
// queued up is put in one.
package live

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
)

const (
	// capacity must hold a whole group of pictures with its audio, else a viewer gets no burst. Lag is bounded apart.
	capacity = 2048
	// maxLag is how late a viewer may be before everything up to the newest key frame is dropped for it.
	maxLag = 3 * time.Second
	// maxGap is the hole in the timeline beyond which a player is better off with a new one.
	maxGap = 4 * time.Second
)

// The types of control messages.
const (
	TypeInit  = "init"  // what follows: MIME, size, and Origin
	TypeDrop  = "drop"  // the viewer was too slow: Dropped units are missing, jump to the newest
	TypeState = "state" // State says why nothing follows
)

// The states of a control message.
const (
	StateWaiting = "waiting" // the camera has no session now
	StateEnded   = "ended"   // its session ended; Reason says why. Another init follows when it is back
)

// Control is a text message.
type Control struct {
	Type    string `json:"type"`
	MIME    string `json:"mime,omitempty"` // for MediaSource.isTypeSupported and addSourceBuffer
	Width   int    `json:"width,omitempty"`
	Height  int    `json:"height,omitempty"`
	Origin  int64  `json:"origin,omitempty"` // Unix ms of the timeline's zero: wall time = origin + currentTime
	Dropped uint64 `json:"dropped,omitempty"`
	State   string `json:"state,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// Message is a control message, or binary data. Data is valid until send returns.
type Message struct {
	Control *Control
	Data    []byte
}

// Live makes sessions and counts them.
type Live struct {
	viewers prometheus.Gauge
	dropped prometheus.Counter
}

// New returns a Live. reg may be nil.
func New(reg prometheus.Registerer) (*Live, error) {
	l := &Live{
		viewers: prometheus.NewGauge(prometheus.GaugeOpts{Name: "nvr_live_viewers", Help: "Viewers of live streams now"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nvr_live_units_dropped_total", Help: "Pictures and audio frames that live viewers were too slow for",
		}),
	}
	if reg != nil {
		for _, c := range []prometheus.Collector{l.viewers, l.dropped} {
			if err := reg.Register(c); err != nil {
				return nil, fmt.Errorf("register live metrics: %w", err)
			}
		}
	}
	return l, nil
}

// Session serves one viewer of one hub.
type Session struct {
	live *Live
	hub  *media.Hub
	send func(Message) error

	mux   *fmp4.Muxer
	desc  *media.Description // that no muxer could be made for, or mux's
	part  fmp4.Part
	buf   []byte
	last  time.Time // wall time of the newest unit sent
	skip  bool      // until a key picture
	fresh bool      // nothing was sent yet
}

// Session prepares a session. send may block: a viewer that does not keep up loses pictures, and no one else does.
func (l *Live) Session(hub *media.Hub, send func(Message) error) *Session {
	return &Session{live: l, hub: hub, send: send, fresh: true}
}

// Run serves until ctx ends, send fails or the hub is closed. It starts with the last key frame, so that the first
// picture is there at once.
func (s *Session) Run(ctx context.Context) error {
	s.live.viewers.Inc()
	defer s.live.viewers.Dec()
	reader := s.hub.Subscribe(media.ReaderOptions{Capacity: capacity, Burst: true, DropQueued: true})
	defer reader.Close()
	if s.hub.Description() == nil {
		if err := s.control(Control{Type: TypeState, State: StateWaiting}); err != nil {
			return err
		}
	}
	var lost uint64
	for {
		units, err := reader.Read(ctx)
		if err != nil {
			return fmt.Errorf("read live stream: %w", err)
		}
		if d := reader.Dropped(); d > lost {
			if err := s.dropped(d - lost); err != nil {
				return err
			}
			lost = d
		}
		if units, err = s.catchUp(units); err != nil {
			return err
		}
		for _, u := range units {
			if err := s.unit(u); err != nil {
				return err
			}
		}
		if err := s.flush(); err != nil {
			return err
		}
	}
}

// catchUp drops what is too old. The burst at the start is as old as the group of pictures, and wanted.
func (s *Session) catchUp(units []*media.AccessUnit) ([]*media.AccessUnit, error) {
	if s.fresh || time.Since(units[0].NTP) <= maxLag {
		return units, nil
	}
	from := len(units)
	for i := len(units) - 1; i >= 0; i-- {
		if u := units[i]; u.End() || u.Key && u.Desc.Tracks[u.Track].Video() {
			from = i
			break
		}
	}
	if from == 0 {
		return units, nil
	}
	s.skip = from == len(units)
	return units[from:], s.dropped(uint64(from))
}

func (s *Session) dropped(n uint64) error {
	s.live.dropped.Add(float64(n))
	return s.control(Control{Type: TypeDrop, Dropped: n})
}

// unit takes one unit into the fragment that flush will send.
func (s *Session) unit(u *media.AccessUnit) error {
	if u.End() {
		if err := s.flush(); err != nil {
			return err
		}
		s.mux, s.desc, s.skip = nil, nil, false
		return s.control(Control{Type: TypeState, State: StateEnded, Reason: u.Reason})
	}
	key := u.Key && u.Desc.Tracks[u.Track].Video()
	if s.skip && !key {
		return nil
	}
	s.skip = false
	if gap := s.mux != nil && u.NTP.Sub(s.last) > maxGap; u.Desc != s.desc || gap && key {
		if !key {
			return nil
		}
		if err := s.begin(u); err != nil {
			return err
		}
	}
	if s.mux == nil {
		return nil
	}
	if s.mux.Add(u) && u.NTP.After(s.last) {
		s.last = u.NTP
	}
	return nil
}

// begin starts a timeline with u.
func (s *Session) begin(u *media.AccessUnit) error {
	if err := s.flush(); err != nil {
		return err
	}
	s.desc, s.last = u.Desc, time.Time{}
	mux, err := fmp4.NewMuxer(u.Desc)
	if err != nil {
		s.mux = nil
		return s.control(Control{Type: TypeState, State: StateWaiting, Reason: "this stream cannot be played live: " + err.Error()})
	}
	s.mux, s.fresh = mux, false
	v := u.Desc.Tracks[u.Track]
	if err := s.control(Control{
		Type: TypeInit, MIME: fmp4.MIMEType(u.Desc), Width: v.Width, Height: v.Height, Origin: u.NTP.UnixMilli(),
	}); err != nil {
		return err
	}
	return s.data(mux.Init())
}

// flush sends what was added as one fragment.
func (s *Session) flush() error {
	if s.mux == nil || !s.mux.Cut(&s.part, true) {
		return nil
	}
	s.buf = s.part.AppendTo(s.buf[:0])
	return s.data(s.buf)
}

func (s *Session) control(c Control) error {
	if err := s.send(Message{Control: &c}); err != nil {
		return fmt.Errorf("send to live viewer: %w", err)
	}
	return nil
}

func (s *Session) data(b []byte) error {
	if err := s.send(Message{Data: b}); err != nil {
		return fmt.Errorf("send to live viewer: %w", err)
	}
	return nil
}
