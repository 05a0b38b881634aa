package camera_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/camera"
	"github.com/nightjar-nvr/nightjar/core/internal/testkit/fakecamera"
	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func clip(t *testing.T) string {
	return fakecamera.Encode(t, "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-c:a", "aac")
}

type running struct {
	t   *testing.T
	m   *camera.Manager
	sub *bus.Subscription[nvr.CameraStatus]
	reg *prometheus.Registry
	log *strings.Builder
}

func run(t *testing.T, cameras ...camera.Config) *running {
	t.Helper()
	b := &bus.Bus{}
	r := &running{t: t, sub: b.Cameras.Subscribe(64), reg: prometheus.NewPedanticRegistry(), log: &strings.Builder{}}
	m, err := camera.NewManager(camera.Options{
		Cameras: cameras, Bus: b, Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Registerer: r.reg, Timeout: time.Second, ClockConfirm: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.m = m
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		r.sub.Close()
		if strings.Contains(r.log.String(), "secret-word") {
			t.Error("the log tells a password")
		}
	})
	return r
}

// wait returns the first published status that ok accepts.
func (r *running) wait(id nvr.CameraID, ok func(nvr.CameraStatus) bool) nvr.CameraStatus {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case st := <-r.sub.C():
			if st.Camera == id && ok(st) {
				return st
			}
		case <-deadline:
			r.t.Fatalf("the state waited for did not come; now %+v", r.m.Statuses())
		}
	}
}

func is(state nvr.State) func(nvr.CameraStatus) bool {
	return func(st nvr.CameraStatus) bool { return st.State == state }
}

func config(id nvr.CameraID, url string) camera.Config {
	return camera.Config{ID: id, Name: string(id), Streams: []camera.StreamConfig{{Role: nvr.Main, URL: url}}}
}

func TestCamerasComeOnlineAndSayWhyNot(t *testing.T) {
	cam := fakecamera.Start(t, fakecamera.Config{
		Streams:  map[string]string{"main": clip(t), "sub": fakecamera.Encode(t, "-c:v", "libx264", "-preset", "ultrafast", "-s", "160x120", "-an")},
		Username: "admin", Password: "secret-word",
	})
	good := camera.Config{ID: "front", Name: "Front", Recording: true, Streams: []camera.StreamConfig{
		{Role: nvr.Main, URL: cam.URL("main"), Username: "admin", Password: "secret-word"},
		{Role: nvr.Sub, URL: cam.URL("sub"), Username: "admin", Password: "secret-word"},
	}}
	wrong := config("wrong", cam.URL("main"))
	wrong.Streams[0].Username, wrong.Streams[0].Password = "admin", "not-secret-word"
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	off := config("off", "rtsp://x/y")
	off.Disabled = true
	r := run(t, good, wrong, config("refused", "rtsp://"+gone.Addr().String()+"/x"), off)

	st := r.wait("front", func(st nvr.CameraStatus) bool {
		return st.State == nvr.StateOnline && len(st.Streams) == 2 && st.Streams[1].State == nvr.StateOnline
	})
	if m := st.Streams[0]; m.Codec != "h264" || m.Audio != "aac" || m.Width != 320 || st.Streams[1].Width != 160 || !st.Recording {
		t.Errorf("%+v", st)
	}
	for id, says := range map[nvr.CameraID]string{"wrong": "cameras.wrong.main.username", "refused": "connection refused"} {
		st, _ := r.m.Status(id)
		if st.State != nvr.StateOffline {
			st = r.wait(id, is(nvr.StateOffline))
		}
		if !strings.Contains(st.Reason, says) || st.Streams[0].RetryAt.IsZero() {
			t.Errorf("%s: %+v", id, st)
		}
	}
	if st, _ := r.m.Status("off"); st.State != nvr.StateDisabled {
		t.Errorf("off: %+v", st)
	}
	r.rates()
	families, err := r.reg.Gather()
	if err != nil || len(families) < 9 {
		t.Errorf("%d metric families: %v", len(families), err)
	}
}

// rates waits until frame rate and bitrate are measured.
func (r *running) rates() {
	r.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		st, _ := r.m.Status("front")
		if m := st.Streams[0]; m.FPS > 13 && m.FPS < 17 && m.Bitrate > 10_000 {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("rates are not measured: %+v", st)
		}
	}
}

func TestOutagesHeal(t *testing.T) {
	cam := fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": clip(t)}})
	r := run(t, config("front", cam.URL("main")))
	hub := r.m.Hub(nvr.StreamID{Camera: "front", Role: nvr.Main})
	reader := hub.Subscribe(media.ReaderOptions{Capacity: 1024})
	defer reader.Close()
	r.wait("front", is(nvr.StateOnline))

	cam.Freeze(true)
	st := r.wait("front", is(nvr.StateOffline))
	if !strings.Contains(st.Reason, "stopped sending pictures") || st.Streams[0].Codec != "h264" {
		t.Errorf("%+v", st)
	}
	cam.Freeze(false)
	r.wait("front", is(nvr.StateOnline))

	cam.Stop()
	r.wait("front", func(st nvr.CameraStatus) bool { return strings.Contains(st.Reason, "connection refused") })
	cam.Restart()
	back := time.Now()
	r.wait("front", is(nvr.StateOnline))
	if took := time.Since(back); took > 5*time.Second {
		t.Errorf("back online after %v", took)
	}
	if n := cam.Sessions(); n > 4 {
		t.Errorf("%d sessions for one stream", n)
	}

	ends := 0
	for ends < 2 { // the hub and its reader outlived both sessions
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		units, err := reader.Read(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range units {
			if u.End() {
				ends++
			}
		}
	}
}

func TestMainServesBothRoles(t *testing.T) {
	r := run(t, config("front", "rtsp://127.0.0.1:1/x"))
	id, ok := r.m.Resolve("front", nvr.Sub)
	if !ok || id.Role != nvr.Main {
		t.Errorf("sub resolves to %v", id)
	}
	if _, ok := r.m.Resolve("nobody", nvr.Main); ok || r.m.Hub(nvr.StreamID{Camera: "front", Role: nvr.Sub}) != nil {
		t.Error("streams that are not there")
	}
	r.m.SetRecording("front", true)
	r.m.SetDetecting("front", true)
	r.wait("front", func(st nvr.CameraStatus) bool { return st.Recording && st.Detecting })
}

func TestConfigIsChecked(t *testing.T) {
	main := camera.StreamConfig{Role: nvr.Main, URL: "rtsp://x/y"}
	for name, cfg := range map[string][]camera.Config{
		"no main":    {{ID: "a", Streams: []camera.StreamConfig{{Role: nvr.Sub, URL: "rtsp://x/y"}}}},
		"two mains":  {{ID: "a", Streams: []camera.StreamConfig{main, main}}},
		"bad scheme": {{ID: "a", Streams: []camera.StreamConfig{{Role: nvr.Main, URL: "http://x"}}}},
		"twice":      {{ID: "a", Streams: []camera.StreamConfig{main}}, {ID: "a", Streams: []camera.StreamConfig{main}}},
	} {
		if _, err := camera.NewManager(camera.Options{Cameras: cfg, Bus: &bus.Bus{}, Log: slog.New(slog.DiscardHandler)}); err == nil {
			t.Errorf("%s was accepted", name)
		} else {
			t.Log(err)
		}
	}
}
