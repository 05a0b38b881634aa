package camera

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	measureEvery = time.Second
	// settle is how long after a change its neighbours are waited for, so that one outage is one message.
	settle = 50 * time.Millisecond
)

// Options are what a Manager is made of. Registerer may be nil.
type Options struct {
	Cameras    []Config
	Bus        *bus.Bus
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Timeout is how long a camera may send no picture before it is offline. Zero means 9 s.
	Timeout time.Duration
	// ClockConfirm is how long a camera's clock must be wrong, and then right, to count. Zero means 30 s.
	ClockConfirm time.Duration
}

// Manager owns all cameras. The hubs it hands out live as long as it does, through every outage of their cameras.
type Manager struct {
	bus     *bus.Bus
	log     *slog.Logger
	cameras []*camera
	byID    map[nvr.CameraID]*camera
	wake    chan struct{}

	clockConfirm time.Duration
}

type camera struct {
	cfg     Config
	streams []*stream

	mu                   sync.Mutex
	recording, detecting bool
	health               []nvr.HealthState // replaced, never changed
	published            nvr.CameraStatus
	clock                clockWatch // of the loop that measures
}

// NewManager checks the cameras' configuration and starts nothing.
func NewManager(o Options) (*Manager, error) {
	m := &Manager{bus: o.Bus, log: o.Log, byID: make(map[nvr.CameraID]*camera), wake: make(chan struct{}, 1), clockConfirm: cmp.Or(o.ClockConfirm, clockConfirm)}
	for _, cfg := range o.Cameras {
		if m.byID[cfg.ID] != nil {
			return nil, fmt.Errorf("camera %s is configured twice", cfg.ID)
		}
		if !cfg.Disabled {
			if err := cfg.validate(); err != nil {
				return nil, err
			}
		}
		c := &camera{cfg: cfg, recording: cfg.Recording, detecting: cfg.Detecting}
		for _, sc := range cfg.Streams {
			c.streams = append(c.streams, m.newStream(cfg, sc, o.Timeout))
		}
		m.cameras = append(m.cameras, c)
		m.byID[cfg.ID] = c
	}
	if o.Registerer != nil {
		for _, c := range []prometheus.Collector{newCollector(m), newProblemCollector(m)} {
			if err := o.Registerer.Register(c); err != nil {
				return nil, fmt.Errorf("register camera metrics: %w", err)
			}
		}
	}
	return m, nil
}

func (m *Manager) newStream(cfg Config, sc StreamConfig, timeout time.Duration) *stream {
	s := &stream{
		id: nvr.StreamID{Camera: cfg.ID, Role: sc.Role}, source: cfg.source(sc), hub: media.NewHub(),
		log: m.log.With("camera_id", string(cfg.ID), "stream", string(sc.Role)), changed: m.notify,
		failures: make(map[rtsp.Kind]uint64),
	}
	s.source.Timeout = timeout
	s.status = nvr.StreamStatus{Role: sc.Role, State: nvr.StateStarting, Since: time.Now()}
	if cfg.Disabled {
		s.status.State = nvr.StateDisabled
	}
	return s
}

// Run keeps all cameras connected until ctx ends, then closes the hubs, which ends their readers.
func (m *Manager) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, c := range m.cameras {
		if c.cfg.Disabled {
			continue
		}
		for _, s := range c.streams {
			wg.Go(func() { _ = s.run(ctx) }) // only ever ctx's error
		}
	}
	wg.Go(func() { m.watch(ctx) })
	wg.Wait()
	for _, c := range m.cameras {
		for _, s := range c.streams {
			s.hub.Close()
		}
	}
	return ctx.Err()
}

// Hub returns the hub of a stream, or nil where no such stream is configured. See Resolve for cameras with one stream.
func (m *Manager) Hub(id nvr.StreamID) *media.Hub {
	if s := m.stream(id); s != nil {
		return s.hub
	}
	return nil
}

// Resolve returns the stream that serves a role of a camera: the main stream serves both where there is no sub stream.
func (m *Manager) Resolve(id nvr.CameraID, role nvr.Role) (nvr.StreamID, bool) {
	for _, r := range []nvr.Role{role, nvr.Main} {
		if s := m.stream(nvr.StreamID{Camera: id, Role: r}); s != nil {
			return s.id, true
		}
	}
	return nvr.StreamID{}, false
}

func (m *Manager) stream(id nvr.StreamID) *stream {
	c := m.byID[id.Camera]
	if c == nil {
		return nil
	}
	for _, s := range c.streams {
		if s.id == id {
			return s
		}
	}
	return nil
}

// Streams returns all configured streams of enabled cameras, in the order of the configuration.
func (m *Manager) Streams() []nvr.StreamID {
	var ids []nvr.StreamID
	for _, c := range m.cameras {
		if c.cfg.Disabled {
			continue
		}
		for _, s := range c.streams {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// Statuses returns every camera's state, in the order of the configuration.
func (m *Manager) Statuses() []nvr.CameraStatus {
	all := make([]nvr.CameraStatus, len(m.cameras))
	for i, c := range m.cameras {
		all[i] = c.status()
	}
	return all
}

// Status returns one camera's state.
func (m *Manager) Status(id nvr.CameraID) (nvr.CameraStatus, bool) {
	c := m.byID[id]
	if c == nil {
		return nvr.CameraStatus{}, false
	}
	return c.status(), true
}

// SetRecording and SetDetecting store the switches shown with the camera's state; whoever records and detects obeys
// them by itself. They report whether the camera exists.
func (m *Manager) SetRecording(id nvr.CameraID, on bool) bool {
	return m.set(id, func(c *camera) { c.recording = on })
}

// SetDetecting is SetRecording for the detection switch.
func (m *Manager) SetDetecting(id nvr.CameraID, on bool) bool {
	return m.set(id, func(c *camera) { c.detecting = on })
}

func (m *Manager) set(id nvr.CameraID, change func(*camera)) bool {
	c := m.byID[id]
	if c == nil {
		return false
	}
	c.mu.Lock()
	change(c)
	c.mu.Unlock()
	m.notify()
	return true
}

// notify wakes the publisher. It never blocks.
func (m *Manager) notify() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// watch measures the streams and publishes cameras whose state changed.
func (m *Manager) watch(ctx context.Context) {
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	m.publish()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, c := range m.cameras {
				for _, s := range c.streams {
					s.measure(now)
				}
			}
			m.watchClocks(now)
			m.publish() // parameters may have changed within a session
		case <-m.wake:
			wait := time.NewTimer(settle)
			select {
			case <-ctx.Done():
				wait.Stop()
				return
			case <-wait.C:
			}
			m.publish()
		}
	}
}

func (m *Manager) publish() {
	for _, c := range m.cameras {
		st := c.status()
		if !same(st, c.published) {
			c.published = st
			m.bus.Cameras.Publish(st)
		}
	}
}

// status is the main stream's state, with all streams beside it.
func (c *camera) status() nvr.CameraStatus {
	c.mu.Lock()
	st := nvr.CameraStatus{Camera: c.cfg.ID, Name: c.cfg.Name, Recording: c.recording, Detecting: c.detecting, Health: c.health}
	c.mu.Unlock()
	if c.cfg.Disabled {
		st.State = nvr.StateDisabled
	}
	for _, s := range c.streams {
		one := s.snapshot()
		st.Streams = append(st.Streams, one)
		if one.Role == nvr.Main {
			st.State, st.Reason, st.Since = one.State, one.Reason, one.Since
		}
	}
	return st
}

// same ignores what changes all the time: measurements and the time of the next attempt.
func same(a, b nvr.CameraStatus) bool {
	if a.State != b.State || a.Reason != b.Reason || a.Recording != b.Recording || a.Detecting != b.Detecting {
		return false
	}
	if !slices.Equal(a.Health, b.Health) {
		return false
	}
	return slices.EqualFunc(a.Streams, b.Streams, func(x, y nvr.StreamStatus) bool {
		for _, s := range []*nvr.StreamStatus{&x, &y} {
			s.RetryAt, s.Since, s.FPS, s.Bitrate, s.Lost = time.Time{}, time.Time{}, 0, 0, 0
		}
		return x == y
	})
}
