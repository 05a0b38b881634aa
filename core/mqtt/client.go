// Package mqtt tells a broker, and through it Home Assistant, what Nightjar sees, and takes the few commands that
// come back. Topics and payloads are Frigate-shaped (research/homeassistant.md §1.3, research/frigate.md §2), so that
// what reads Frigate's reads ours after a change of prefix.
//
// It promises that no broker, and no message of one, slows or stops anything else: states are kept in a table that is
// published when it can be, news are dropped when nobody can hear them, and each connection is an attempt that is
// thrown away whole when it fails.
package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/errgroup"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// switcher flips a camera's switches; the camera manager publishes the new state on the bus.
type switcher interface {
	SetRecording(ctx context.Context, camera nvr.CameraID, on bool) error
	SetDetecting(ctx context.Context, camera nvr.CameraID, on bool) error
}

type armer interface {
	Mode() nvr.Mode
	SetMode(ctx context.Context, m nvr.Mode) error
}

// Deps are the parts the client talks to. Bus and Switcher are required.
type Deps struct {
	Bus      *bus.Bus
	Switcher switcher
	Armer    armer // nil: no arming mode is shown
	// Cameras returns the states of now, for the time before the first change. May be nil.
	Cameras func() []nvr.CameraStatus
	// FrameSize returns the detect stream's picture in pixels; nil or zeros: boxes are told in thousandths.
	FrameSize func(nvr.CameraID) (width, height int)
	Log       *slog.Logger
	Metrics   prometheus.Registerer
}

// Client is the connection to the broker, or to none.
type Client struct {
	cfg      Config
	deps     Deps
	log      *slog.Logger
	broker   broker
	topics   topics
	discover []message
	table    *table
	cameras  map[nvr.CameraID]*cameraView
	commands chan command
	skipped  atomic.Uint64

	mu        sync.Mutex
	connected bool
	reason    string
}

// cameraView is what the client remembers of a camera between two changes; only the loop in follow touches it.
type cameraView struct {
	Camera
	recording bool
	sense     sense
	picture   map[string]time.Time // topic part of a label → start of the event whose picture is shown
}

type command struct {
	camera  nvr.CameraID
	feature string
	on      bool
	mode    nvr.Mode // instead of the three above
}

// New checks cfg. With an empty broker URL the client is valid and does nothing.
func New(cfg Config, deps Deps) (*Client, error) {
	if deps.Bus == nil || deps.Switcher == nil || deps.Log == nil {
		return nil, errors.New("mqtt client: bus, switcher and logger are required")
	}
	b, err := cfg.normalise()
	if err != nil {
		return nil, err
	}
	if _, err := cfg.tlsConfig(b); err != nil {
		return nil, err
	}
	c := &Client{
		cfg: cfg, deps: deps, log: deps.Log, broker: b, topics: topics{cfg.Prefix}, table: newTable(),
		cameras: map[nvr.CameraID]*cameraView{}, commands: make(chan command, 32), reason: "not connected yet",
	}
	cfg.Arming = deps.Armer != nil
	c.cfg = cfg
	if cfg.Discovery {
		if c.discover, err = cfg.discovery(); err != nil {
			return nil, err
		}
	}
	for _, cam := range cfg.Cameras {
		c.cameras[cam.ID] = &cameraView{Camera: cam, picture: map[string]time.Time{}}
	}
	c.register(deps.Metrics)
	return c, nil
}

func (c *Client) register(reg prometheus.Registerer) {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "nvr_mqtt_connected", Help: "1 while the broker is connected."}, func() float64 {
		if _, connected, _ := c.Status(); connected {
			return 1
		}
		return 0
	})
	f.NewCounterFunc(prometheus.CounterOpts{
		Name: "nvr_mqtt_dropped_total", Help: "Event messages dropped because no broker could take them.",
	}, func() float64 { return float64(c.table.droppedCount()) })
	f.NewCounterFunc(prometheus.CounterOpts{
		Name: "nvr_mqtt_oversized_total", Help: "Messages from the broker skipped because of their size.",
	}, func() float64 { return float64(c.skipped.Load()) })
}

// Status tells whether a broker is configured, whether it is connected, and where not why, in one sentence.
func (c *Client) Status() (enabled, connected bool, reason string) {
	if c.broker.addr == "" {
		return false, false, "no broker is configured"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return true, c.connected, c.reason
}

func (c *Client) setStatus(connected bool, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connected, c.reason = connected, reason
}

// Run follows the bus and keeps a connection up until ctx ends; then it says what is left to say and "offline".
func (c *Client) Run(ctx context.Context) error {
	if c.broker.addr == "" {
		<-ctx.Done()
		return ctx.Err()
	}
	subs := c.subscribe()
	defer subs.close()
	c.initialStates()

	// The connection outlives the loop that feeds it, so that the last changes still go out.
	talkCtx, stopTalking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopTalking()
	var g errgroup.Group
	g.Go(func() error {
		defer stopTalking()
		c.follow(ctx, subs)
		return nil
	})
	g.Go(func() error { c.obey(ctx); return nil })
	g.Go(func() error { c.keepTalking(talkCtx); return nil })
	_ = g.Wait() // the functions above return nil
	return ctx.Err()
}

func (c *Client) keepTalking(ctx context.Context) {
	backoff := lifecycle.Backoff{
		Min: time.Second, Max: 30 * time.Second, Factor: 2, Jitter: 0.3, Reset: time.Minute,
	}
	attempt := func(ctx context.Context) error { return (&session{c: c}).run(ctx) }
	silent := false
	_ = lifecycle.Keepalive(ctx, backoff, attempt, func(f lifecycle.Failure) { // only ever ctx's error
		reason := c.explain(f.Err)
		c.mu.Lock()
		silent = silent && c.reason == reason // said already
		c.mu.Unlock()
		c.setStatus(false, reason)
		if !silent {
			c.log.Warn("mqtt broker is away, trying again", "broker", c.broker.show, "reason", reason)
		}
		silent = true
	})
	c.setStatus(false, "stopped")
}

type subscriptions struct {
	cameras *bus.Subscription[nvr.CameraStatus]
	motion  *bus.Subscription[nvr.MotionChange]
	counts  *bus.Subscription[nvr.ObjectCounts]
	events  *bus.Subscription[nvr.EventChange]
	modes   *bus.Subscription[nvr.ModeChange]
	health  *bus.Subscription[nvr.HealthChange]
	sounds  *bus.Subscription[nvr.SoundChange]
	levels  *bus.Subscription[nvr.SoundLevel]
}

func (c *Client) subscribe() subscriptions {
	b := c.deps.Bus
	return subscriptions{
		b.Cameras.Subscribe(256), b.Motion.Subscribe(256), b.Counts.Subscribe(256), b.Events.Subscribe(256), b.Modes.Subscribe(16),
		b.Health.Subscribe(256), b.Sounds.Subscribe(256), b.Levels.Subscribe(256),
	}
}

func (s subscriptions) close() {
	s.cameras.Close()
	s.motion.Close()
	s.counts.Close()
	s.events.Close()
	s.modes.Close()
	s.health.Close()
	s.sounds.Close()
	s.levels.Close()
}

// follow turns what happens into values of topics. It is the only writer of states.
func (c *Client) follow(ctx context.Context, s subscriptions) {
	for {
		select {
		case v := <-s.events.C():
			c.onEvent(v)
		case v := <-s.counts.C():
			c.onCounts(v)
		case v := <-s.motion.C():
			c.onMotion(v)
		case v := <-s.cameras.C():
			c.onCamera(v)
		case v := <-s.modes.C():
			c.onMode(v.Mode)
		case v := <-s.health.C():
			c.onHealth(v)
		case v := <-s.sounds.C():
			c.onSound(v)
		case v := <-s.levels.C():
			c.onLevel(v)
		case <-ctx.Done():
			c.followRest(s)
			return
		}
	}
}

// followRest takes in what was published before the end.
func (c *Client) followRest(s subscriptions) {
	for {
		select {
		case v := <-s.events.C():
			c.onEvent(v)
		case v := <-s.counts.C():
			c.onCounts(v)
		case v := <-s.motion.C():
			c.onMotion(v)
		case v := <-s.cameras.C():
			c.onCamera(v)
		case v := <-s.modes.C():
			c.onMode(v.Mode)
		case v := <-s.health.C():
			c.onHealth(v)
		case v := <-s.sounds.C():
			c.onSound(v)
		case v := <-s.levels.C():
			c.onLevel(v)
		default:
			return
		}
	}
}

// obey carries out commands, one after the other, beside the connection.
func (c *Client) obey(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case cmd := <-c.commands:
			if cmd.mode != "" {
				c.arm(ctx, cmd.mode)
				continue
			}
			callCtx, cancel := context.WithTimeout(ctx, 5*time.Second)
			set := c.deps.Switcher.SetRecording
			if cmd.feature == featureDetect {
				set = c.deps.Switcher.SetDetecting
			}
			err := set(callCtx, cmd.camera, cmd.on)
			cancel()
			if err != nil {
				c.log.Warn("mqtt command failed", "camera_id", cmd.camera, "feature", cmd.feature, "err", err)
				c.table.again(c.topics.camera(cmd.camera, cmd.feature, "state"))
			}
		}
	}
}

func (c *Client) arm(ctx context.Context, m nvr.Mode) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := c.deps.Armer.SetMode(ctx, m); err != nil {
		c.log.Warn("mqtt command failed", "feature", "mode", "err", err)
		c.table.again(c.topics.mode())
	}
}

func (c *Client) onMode(m nvr.Mode) {
	if c.deps.Armer != nil {
		c.table.set(c.topics.mode(), []byte(m))
	}
}

func (c *Client) initialStates() {
	if c.deps.Armer != nil {
		c.onMode(c.deps.Armer.Mode())
	}
	c.table.set(c.topics.version(), []byte(c.cfg.Version))
	for id, cam := range c.cameras {
		c.table.set(c.topics.camera(id, "motion"), []byte("OFF"))
		if len(cam.Labels) > 0 {
			c.table.set(c.topics.camera(id, "all"), []byte("0"))
			c.table.set(c.topics.camera(id, "all", "active"), []byte("0"))
		}
		for _, part := range cam.parts() {
			c.table.set(c.topics.camera(id, part), []byte("0"))
			c.table.set(c.topics.camera(id, part, "active"), []byte("0"))
		}
		c.initialSense(cam)
		c.onCamera(nvr.CameraStatus{Camera: id, State: nvr.StateStarting, Recording: true, Detecting: len(cam.Labels) > 0})
	}
	if c.deps.Cameras == nil {
		return
	}
	for _, s := range c.deps.Cameras() {
		c.onCamera(s)
	}
}

func (c *Client) onCamera(s nvr.CameraStatus) {
	cam := c.cameras[s.Camera]
	if cam == nil {
		return
	}
	cam.recording = s.Recording
	available := "offline"
	if s.State == nvr.StateOnline {
		available = "online"
	}
	c.table.set(c.topics.camera(s.Camera, "status"), []byte(s.State))
	c.table.set(c.topics.camera(s.Camera, "available"), []byte(available))
	c.table.set(c.topics.camera(s.Camera, featureRecordings, "state"), onOff(s.Recording))
	c.table.set(c.topics.camera(s.Camera, featureDetect, "state"), onOff(s.Detecting))
}

func (c *Client) onMotion(m nvr.MotionChange) {
	if c.cameras[m.Camera] != nil {
		c.table.set(c.topics.camera(m.Camera, "motion"), onOff(m.Active))
	}
}

func (c *Client) onCounts(n nvr.ObjectCounts) {
	cam := c.cameras[n.Camera]
	if cam == nil || len(cam.Labels) == 0 {
		return
	}
	total, active := 0, 0
	for _, label := range cam.Labels {
		part := labelPart(label)
		c.table.set(c.topics.camera(n.Camera, part), number(n.Total[label]))
		c.table.set(c.topics.camera(n.Camera, part, "active"), number(n.Active[label]))
		total += n.Total[label]
		active += n.Active[label]
	}
	c.table.set(c.topics.camera(n.Camera, "all"), number(total))
	c.table.set(c.topics.camera(n.Camera, "all", "active"), number(active))
}

// onEvent tells of everything but cameras going away, which has topics of its own. Problems of a camera are news, but no
// detections.
func (c *Client) onEvent(e nvr.EventChange) {
	cam := c.cameras[e.After.Camera]
	if cam == nil || e.After.Kind == nvr.EventCamera && !isProblem(e.After.Label) {
		return
	}
	var size frameSize
	if c.deps.FrameSize != nil {
		size.w, size.h = c.deps.FrameSize(cam.ID)
	}
	payload, err := frigateEvent(e, size, cam.recording, time.Now())
	if err != nil {
		c.log.Error("cannot encode event", "event_id", e.After.ID, "err", err)
		return
	}
	c.table.push(message{topic: c.topics.events(), payload: payload, qos: 1})
	if e.Phase == nvr.PhaseNew && e.After.Kind != nvr.EventCamera {
		c.announceDetection(cam, e.After)
	}
	if e.Snapshot != nil && e.After.Kind == nvr.EventObject {
		c.showPicture(cam, e)
	}
}

func (c *Client) announceDetection(cam *cameraView, e nvr.Event) {
	payload, err := json.Marshal(map[string]any{
		"event_type": eventType(e), "id": e.ID, "score": round(e.Score), "zones": []string{}, "sub_label": subLabel(e.Identity), "phase": "start",
	})
	if err != nil {
		c.log.Error("cannot encode detection", "event_id", e.ID, "err", err)
		return
	}
	c.table.push(message{topic: c.topics.camera(cam.ID, "event"), payload: payload, qos: 1})
	c.table.set(c.topics.camera(cam.ID, "last_detection"), []byte(e.Start.Format(time.RFC3339)))
}

// eventType is the event type of e: the label's topic part, or "motion", which as a label would be reserved.
func eventType(e nvr.Event) string {
	if e.Kind == nvr.EventMotion {
		return "motion"
	}
	if e.Kind == nvr.EventSound {
		return soundType(e.Label)
	}
	return labelPart(e.Label)
}

// showPicture updates the label's picture unless a later event's is shown already.
func (c *Client) showPicture(cam *cameraView, e nvr.EventChange) {
	part := labelPart(e.After.Label)
	topic := c.topics.camera(cam.ID, part, "snapshot")
	if e.After.Start.Before(cam.picture[part]) || !c.table.has(c.topics.camera(cam.ID, part)) {
		return
	}
	picture, err := fitPicture(e.Snapshot)
	if err != nil {
		c.log.Warn("snapshot is not published", "event_id", e.After.ID, "err", err)
		return
	}
	cam.picture[part] = e.After.Start
	c.table.set(topic, picture)
}

func onOff(b bool) []byte {
	if b {
		return []byte("ON")
	}
	return []byte("OFF")
}

func number(n int) []byte { return fmt.Appendf(nil, "%d", n) }

func defaultBirthDelay() time.Duration { return time.Second + rand.N(4*time.Second) }
