package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/camera"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/event"
	"github.com/nightjar-nvr/nightjar/core/internal/testkit/fakecamera"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision"
)

// memory is a database that takes every event.
type memory struct{}

func (memory) SaveEvent(context.Context, nvr.Event, []nvr.Delivery) error { return nil }
func (memory) CloseOngoing(context.Context) (int64, error)                { return 0, nil }

// TestSickCameraIsHeardAndSeen connects to a real RTSP camera that sends black pictures, a tone each six seconds and a clock that
// is two hours behind, with detection off: by configuration alone that is three events.
func TestSickCameraIsHeardAndSeen(t *testing.T) {
	clip := fakecamera.Encode(t, "-vf", "drawbox=t=fill:color=black", "-af", "volume='if(between(t,2,3.5),2,0.001)':eval=frame",
		"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-c:a", "aac")
	cam := fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": clip}, Reports: true, ClockOffset: -2 * time.Hour})
	cfg, err := config.Parse("t", []byte(`
data_dir: `+t.TempDir()+`
detect: {enabled: false}
audio: {enabled: true, hold: 1s}
cameras:
  front: {main: {url: "`+cam.URL("main")+`"}}
`))
	if err != nil {
		t.Fatal(err)
	}
	log, b := slog.New(slog.DiscardHandler), &bus.Bus{}
	cams, err := camera.NewManager(camera.Options{Cameras: []camera.Config{cameraConfig(cfg, "front")}, Bus: b, Log: log, ClockConfirm: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	d := &detector{streams: cams, cameras: map[nvr.CameraID]*vision.Camera{}}
	shared := vision.Shared{Decoders: make(chan struct{}, 1), Metrics: vision.NewMetrics(nil)}
	if err := d.watchPictures(cfg, "front", shared, log); err != nil {
		t.Fatal(err)
	}
	ears, err := newEars(cfg, cams, b, d.latest, log, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	engine, err := event.New(event.Config{Dir: cfg.DataDir, Cameras: cfg.CameraIDs()}, memory{}, b, log, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	events := b.Events.Subscribe(100)
	defer events.Close()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = engine.Run(ctx) })
	<-engine.Ready()
	wg.Go(func() { _ = cams.Run(ctx) })
	for _, p := range append(d.watched, ears.parts()...) {
		wg.Go(func() { _ = p.run(ctx) })
	}

	began, ended := map[string]nvr.Event{}, map[string]nvr.Event{}
	deadline := time.After(60 * time.Second)
	for len(began) < 3 || len(ended) < 1 {
		select {
		case c := <-events.C():
			switch c.Phase {
			case nvr.PhaseNew:
				began[c.After.Label] = c.After
			case nvr.PhaseEnd:
				ended[c.After.Label] = c.After
			case nvr.PhaseUpdate:
			}
		case <-deadline:
			t.Fatalf("began %v, ended %v", began, ended)
		}
	}
	if e := began["black"]; e.Kind != nvr.EventCamera || !e.HasSnapshot {
		t.Errorf("black: %+v", e)
	} else if _, err := engine.OpenSnapshot(e.Camera, e.Start, e.ID); err != nil {
		t.Errorf("picture of black: %v", err)
	}
	if e := began["clock"]; e.Kind != nvr.EventCamera {
		t.Errorf("clock: %+v", e)
	}
	if e := ended["sound"]; e.Kind != nvr.EventSound || e.End.Sub(e.Start) < time.Second || e.End.Sub(e.Start) > 2500*time.Millisecond {
		t.Errorf("a tone of 1.5 s: %+v", e)
	}
	if st, _ := cams.Status("front"); len(st.Health) != 2 {
		t.Errorf("state %+v", st.Health)
	}
	levels, err := ears.SoundLevels(t.Context(), "front")
	if err != nil || len(levels) < 3 {
		t.Errorf("levels %v, %v", levels, err)
	}
	if _, err := ears.SoundLevels(t.Context(), "yard"); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("a camera nobody listens to: %v", err)
	}
}

// TestNothingRunsForWhatIsOff: without health and sound there is no decoder and no reader.
func TestNothingRunsForWhatIsOff(t *testing.T) {
	cfg, err := config.Parse("t", []byte(`
data_dir: `+filepath.Join(t.TempDir(), "x")+`
detect: {enabled: false}
health: {enabled: false}
cameras:
  front: {main: {url: "rtsp://127.0.0.1:1/x"}}
`))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	cams, err := camera.NewManager(camera.Options{Cameras: []camera.Config{cameraConfig(cfg, "front")}, Bus: &bus.Bus{}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	d := &detector{streams: cams}
	if err := d.watchPictures(cfg, "front", vision.Shared{Decoders: make(chan struct{}, 1)}, log); err != nil || len(d.watched) != 0 {
		t.Errorf("%d pipelines, %v", len(d.watched), err)
	}
	ears, err := newEars(cfg, cams, &bus.Bus{}, nil, log, prometheus.NewRegistry())
	if err != nil || len(ears.parts()) != 0 || cameraConfig(cfg, "front").ClockTolerance != 0 {
		t.Errorf("%d listeners, %v", len(ears.parts()), err)
	}
}
