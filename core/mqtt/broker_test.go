package mqtt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// freePort returns a loopback port that was free a moment ago; mosquitto cannot choose one itself.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// startMosquitto runs a real broker and returns what stops it.
func startMosquitto(t *testing.T, port int, conf string) (stop func()) {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path = "/usr/sbin/mosquitto"; !fileExists(path) {
			t.Skip("SKIPPED: mosquitto is not installed (apt-get install mosquitto)")
		}
	}
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	body := fmt.Sprintf("listener %d 127.0.0.1\npersistence false\n%s\n", port, conf)
	if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	until(t, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	})
	return stop
}

func fileExists(p string) bool { _, err := os.Stat(p); return err == nil }

// until waits for a condition, at most 20 s.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline:
			t.Fatalf("not within 20 s: %s", what)
		case <-tick.C:
		}
	}
}

// listener is another client of the broker, as Home Assistant would be.
type listener struct {
	t    *testing.T
	conn paho.Client
	mu   sync.Mutex
	msgs []paho.Message
}

func listen(t *testing.T, port int) *listener {
	t.Helper()
	l := &listener{t: t}
	l.conn = paho.NewClient(paho.NewClientOptions().AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", port)).SetAutoReconnect(false))
	wait(t, l.conn.Connect())
	t.Cleanup(func() { l.conn.Disconnect(100) })
	wait(t, l.conn.Subscribe("#", 1, func(_ paho.Client, m paho.Message) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.msgs = append(l.msgs, m)
	}))
	return l
}

func wait(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(10 * time.Second) {
		t.Fatal("broker does not answer")
	}
	if token.Error() != nil {
		t.Fatal(token.Error())
	}
}

func (l *listener) all(topic string) (out []paho.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.msgs {
		if m.Topic() == topic {
			out = append(out, m)
		}
	}
	return out
}

func (l *listener) last(topic string) string {
	if all := l.all(topic); len(all) > 0 {
		return string(all[len(all)-1].Payload())
	}
	return ""
}

func (l *listener) expect(topic, payload string) {
	l.t.Helper()
	until(l.t, topic+" = "+payload, func() bool { return l.last(topic) == payload })
}

func (l *listener) publish(topic, payload string, retained bool) {
	l.t.Helper()
	wait(l.t, l.conn.Publish(topic, 1, retained, payload))
}

func (l *listener) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.msgs = nil
}

// switches is a camera manager of two switches that publishes what it did.
type switches struct {
	bus  *bus.Bus
	mu   sync.Mutex
	fail bool
	log  []string
}

func (s *switches) SetRecording(_ context.Context, c nvr.CameraID, on bool) error {
	return s.set("recording", c, on)
}

func (s *switches) SetDetecting(_ context.Context, c nvr.CameraID, on bool) error {
	return s.set("detecting", c, on)
}

func (s *switches) set(what string, c nvr.CameraID, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, fmt.Sprintf("%s %s %v", what, c, on))
	if s.fail {
		return errors.New("no")
	}
	s.bus.Cameras.Publish(nvr.CameraStatus{
		Camera: c, State: nvr.StateOnline, Recording: what != "recording" || on, Detecting: what != "detecting" || on,
	})
	return nil
}

func (s *switches) calls() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.log, "; ")
}

type running struct {
	*Client
	bus  *bus.Bus
	sw   *switches
	log  *syncBuffer
	stop func()
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *syncBuffer) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

func run(t *testing.T, cfg Config) *running {
	t.Helper()
	r := &running{bus: &bus.Bus{}, log: &syncBuffer{}}
	r.sw = &switches{bus: r.bus}
	if cfg.Cameras == nil {
		cfg.Cameras = []Camera{{ID: "front", Name: "Front door", Labels: []string{"person", "car"}}}
	}
	cfg.Discovery, cfg.Version = true, "1.2.3"
	cfg.ScanFor = 200 * time.Millisecond
	cfg.BirthDelay = func() time.Duration { return time.Millisecond }
	c, err := New(cfg, Deps{
		Bus: r.bus, Switcher: r.sw, Log: slog.New(slog.NewTextHandler(r.log, nil)), Metrics: prometheus.NewRegistry(),
		FrameSize: func(nvr.CameraID) (int, int) { return 640, 360 },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Client = c
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *running) connectedNow() bool { _, c, _ := r.Status(); return c }

func picture(t *testing.T, w, h int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = byte(i * i >> 7)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAgainstMosquitto(t *testing.T) {
	port := freePort(t)
	startMosquitto(t, port, "allow_anonymous true")
	ha := listen(t, port)
	r := run(t, Config{BrokerURL: fmt.Sprintf("mqtt://127.0.0.1:%d", port)})
	ha.expect("nightjar/available", "online")
	for topic, want := range map[string]string{
		"nightjar/version": "1.2.3", "nightjar/front/status": "starting", "nightjar/front/available": "offline",
		"nightjar/front/motion": "OFF", "nightjar/front/person": "0", "nightjar/front/all": "0",
		"nightjar/front/recordings/state": "ON", "nightjar/front/detect/state": "ON",
	} {
		ha.expect(topic, want)
	}

	late := listen(t, port) // what is retained is what a late comer hears
	until(t, "retained discovery", func() bool {
		return late.last("homeassistant/switch/nightjar_front/recordings/config") != "" && late.last("nightjar/available") == "online"
	})
	c := contract{prefix: "homeassistant", own: "nightjar", ids: map[string]string{}}
	late.mu.Lock()
	for _, m := range late.msgs {
		if strings.HasPrefix(m.Topic(), "homeassistant/") {
			if err := c.check(message{topic: m.Topic(), payload: m.Payload(), retained: m.Retained()}, []string{"nightjar/front/event"}); err != nil {
				t.Errorf("%s: %v", m.Topic(), err)
			}
		}
	}
	late.mu.Unlock()

	r.bus.Cameras.Publish(nvr.CameraStatus{Camera: "front", State: nvr.StateOnline, Recording: true, Detecting: true})
	r.bus.Motion.Publish(nvr.MotionChange{Camera: "front", Active: true})
	r.bus.Counts.Publish(nvr.ObjectCounts{Camera: "front", Total: map[string]int{"person": 2}, Active: map[string]int{"person": 1}})
	for topic, want := range map[string]string{
		"nightjar/front/status": "online", "nightjar/front/available": "online", "nightjar/front/motion": "ON",
		"nightjar/front/person": "2", "nightjar/front/person/active": "1", "nightjar/front/all": "2", "nightjar/front/car": "0",
	} {
		ha.expect(topic, want)
	}
	checkEvent(t, r, ha)
	checkCommands(t, r, ha)

	ha.forget()
	ha.publish("homeassistant/status", "online", false)
	until(t, "everything again after a birth", func() bool {
		return ha.last("homeassistant/event/nightjar_front/detection/config") != "" && ha.last("nightjar/front/motion") == "ON" &&
			ha.last("nightjar/available") == "online"
	})
	r.stop()
	ha.expect("nightjar/available", "offline")
}

func checkEvent(t *testing.T, r *running, ha *listener) {
	t.Helper()
	start := time.Now().Add(-time.Second)
	ev := nvr.Event{
		ID: "0193", Camera: "front", Kind: nvr.EventObject, Label: "person", Start: start, Score: .8, TopScore: .9,
		Box: nvr.Box{X: .25, Y: .5, W: .5, H: .5}, HasSnapshot: true, Revision: 1,
	}
	jpg := picture(t, 200, 100)
	r.bus.Events.Publish(nvr.EventChange{Phase: nvr.PhaseNew, Before: ev, After: ev, Snapshot: jpg})
	until(t, "event", func() bool { return ha.last("nightjar/events") != "" })
	var got struct {
		Type   string
		Before struct {
			FalsePositive bool `json:"false_positive"`
		}
		After struct {
			ID, Camera, Label string
			Box               [4]int
			StartTime         float64  `json:"start_time"`
			EndTime           *float64 `json:"end_time"`
			HasClip           bool     `json:"has_clip"`
			Zones             []string `json:"current_zones"`
		}
	}
	if err := json.Unmarshal([]byte(ha.last("nightjar/events")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Type != "new" || !got.Before.FalsePositive || got.After.Box != [4]int{160, 180, 480, 360} || got.After.EndTime != nil ||
		got.After.StartTime != float64(start.UnixMicro())/1e6 || !got.After.HasClip || got.After.Zones == nil {
		t.Errorf("event %+v", got)
	}
	if m := ha.all("nightjar/events")[0]; m.Retained() {
		t.Error("events must not be retained")
	}
	until(t, "detection", func() bool { return strings.Contains(ha.last("nightjar/front/event"), `"event_type":"person"`) })
	ha.expect("nightjar/front/person/snapshot", string(jpg))
	ha.expect("nightjar/front/last_detection", start.Format(time.RFC3339))

	ended := ev
	ended.End, ended.Revision = time.Now(), 2
	r.bus.Events.Publish(nvr.EventChange{Phase: nvr.PhaseEnd, Before: ev, After: ended})
	until(t, "end", func() bool { return strings.Contains(ha.last("nightjar/events"), `"type":"end"`) })
	if n := len(ha.all("nightjar/front/event")); n != 1 {
		t.Errorf("%d detections told for one event", n)
	}
}

func checkCommands(t *testing.T, r *running, ha *listener) {
	t.Helper()
	ha.publish("nightjar/front/recordings/set", "OFF", false)
	ha.expect("nightjar/front/recordings/state", "OFF")
	ha.publish("nightjar/front/detect/set", "OFF", false)
	ha.expect("nightjar/front/detect/state", "OFF")
	if got := r.sw.calls(); got != "recording front false; detecting front false" {
		t.Errorf("calls: %s", got)
	}
	ha.publish("nightjar/front/recordings/set", "maybe", false)
	ha.publish("nightjar/nowhere/recordings/set", "ON", false)
	ha.publish("nightjar/front/detect/set", strings.Repeat("x", maxPacket+1), false) // skipped, not read
	r.sw.mu.Lock()
	r.sw.fail = true
	r.sw.mu.Unlock()
	ha.forget()
	ha.publish("nightjar/front/recordings/set", "ON", false)
	ha.expect("nightjar/front/recordings/state", "ON") // see below: the manager's last word, repeated
	if n := r.skipped.Load(); n != 1 {
		t.Errorf("%d oversized messages skipped, want 1", n)
	}
	if got := r.sw.calls(); !strings.HasSuffix(got, "detecting front false; recording front true") {
		t.Errorf("calls: %s", got)
	}
	r.sw.mu.Lock()
	r.sw.fail = false
	r.sw.mu.Unlock()
}

func TestRetainedCommandsAreIgnored(t *testing.T) {
	port := freePort(t)
	startMosquitto(t, port, "allow_anonymous true")
	ha := listen(t, port)
	ha.publish("nightjar/front/recordings/set", "OFF", true)
	r := run(t, Config{BrokerURL: fmt.Sprintf("tcp://127.0.0.1:%d", port)})
	ha.expect("nightjar/available", "online")
	ha.publish("nightjar/front/detect/set", "ON", false)
	until(t, "the command after it", func() bool { return strings.Contains(r.sw.calls(), "detecting") })
	if strings.Contains(r.sw.calls(), "recording") {
		t.Error("obeyed a retained command")
	}
}

func TestBrokerGoesAndComesBack(t *testing.T) {
	port := freePort(t)
	stop := startMosquitto(t, port, "allow_anonymous true")
	r := run(t, Config{BrokerURL: fmt.Sprintf("mqtt://joe:canary@127.0.0.1:%d", port)})
	until(t, "connected", r.connectedNow)
	stop()
	until(t, "noticed", func() bool { return !r.connectedNow() })
	_, _, reason := r.Status()
	if !strings.Contains(reason, fmt.Sprintf("127.0.0.1:%d", port)) || strings.Contains(reason, "canary") {
		t.Errorf("reason %q", reason)
	}
	r.bus.Motion.Publish(nvr.MotionChange{Camera: "front", Active: true})
	r.bus.Events.Publish(nvr.EventChange{Phase: nvr.PhaseNew, After: nvr.Event{Camera: "front", Kind: nvr.EventObject, Label: "person"}})
	until(t, "the event was dropped", func() bool { return r.table.droppedCount() == 2 }) // from two topics
	startMosquitto(t, port, "allow_anonymous true")
	ha := listen(t, port)
	ha.expect("nightjar/available", "online")
	ha.expect("nightjar/front/motion", "ON")
	until(t, "discovery", func() bool { return ha.last("homeassistant/binary_sensor/nightjar_hub/connectivity/config") != "" })
	if ha.last("nightjar/events") != "" {
		t.Error("an old event was told as news")
	}
	if strings.Contains(r.log.String(), "canary") {
		t.Error("password in the log")
	}
}

func TestWillTellsOfASuddenEnd(t *testing.T) {
	port := freePort(t)
	startMosquitto(t, port, "allow_anonymous true")
	ha := listen(t, port)
	cut, addr := proxy(t, fmt.Sprintf("127.0.0.1:%d", port))
	r := run(t, Config{BrokerURL: "mqtt://" + addr})
	ha.expect("nightjar/available", "online")
	cut()
	ha.expect("nightjar/available", "offline")
	r.stop()
}

// proxy forwards connections until cut, which ends them without an MQTT goodbye.
func proxy(t *testing.T, to string) (cut func(), addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []net.Conn
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			mu.Lock()
			conns = append(conns, in, out)
			mu.Unlock()
			wg.Go(func() { _, _ = io.Copy(out, in) })
			wg.Go(func() { _, _ = io.Copy(in, out) })
		}
	})
	cut = sync.OnceFunc(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	t.Cleanup(cut)
	return cut, l.Addr().String()
}

func TestFormerCamerasDisappear(t *testing.T) {
	port := freePort(t)
	startMosquitto(t, port, "allow_anonymous true")
	url := fmt.Sprintf("mqtt://127.0.0.1:%d", port)
	ha := listen(t, port)
	foreign := `{"origin":{"name":"Nightjar"},"device":{"identifiers":["nightjar_two_x"],"via_device":"nightjar_two_hub"},"state_topic":"nightjar/gone/status"}`
	ha.publish("homeassistant/sensor/nightjar_two_x/status/config", foreign, true)
	ha.publish("homeassistant/sensor/nightjar_junk/status/config", "{{{", true)
	first := run(t, Config{BrokerURL: url, Cameras: []Camera{{ID: "front", Labels: []string{"person"}}, {ID: "gone", Labels: []string{"car"}}}})
	ha.expect("nightjar/gone/car", "0")
	ha.expect("nightjar/available", "online")
	first.stop()
	run(t, Config{BrokerURL: url, Cameras: []Camera{{ID: "front", Labels: []string{"person"}}}})
	until(t, "removal", func() bool {
		all := ha.all("homeassistant/sensor/nightjar_gone/car_count/config")
		return len(all) == 2 && len(all[1].Payload()) == 0
	})
	until(t, "states cleared", func() bool { return ha.last("nightjar/gone/car") == "" && ha.last("nightjar/gone/available") == "" })
	late := listen(t, port)
	until(t, "retained", func() bool { return late.last("nightjar/available") != "" && late.last("nightjar/version") != "" })
	if late.last("homeassistant/sensor/nightjar_two_x/status/config") != foreign {
		t.Error("removed another instance's entity")
	}
	if late.last("homeassistant/sensor/nightjar_front/person_count/config") == "" {
		t.Error("removed an entity that is still there")
	}
}

func TestRefusedAndUnreachableBrokers(t *testing.T) {
	port := freePort(t)
	r := run(t, Config{BrokerURL: fmt.Sprintf("mqtt://127.0.0.1:%d", port), Username: "joe", Password: "canary"})
	reason := func(part string) func() bool {
		return func() bool { _, _, s := r.Status(); return strings.Contains(s, part) }
	}
	until(t, "unreachable", reason("cannot be reached (connect: connection refused)"))
	startMosquitto(t, port, "allow_anonymous false")
	until(t, "refused", reason("refused the user name or password, check mqtt.username"))
	if n := strings.Count(r.log.String(), "mqtt broker is away"); n != 2 {
		t.Errorf("%d log lines, want one for each reason:\n%s", n, r.log.String())
	}
	if strings.Contains(r.log.String(), "canary") {
		t.Error("password in the log")
	}
}

func TestWithoutABroker(t *testing.T) {
	r := run(t, Config{})
	if enabled, _, _ := r.Status(); enabled {
		t.Error("enabled without a broker")
	}
}
