package faults

import (
	"cmp"
	"context"
	"flag"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/camera"
	"github.com/nightjar-nvr/nightjar/core/internal/testkit/fakecamera"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/feed"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/library"
	"github.com/nightjar-nvr/nightjar/recorder/playback"
)

// patience is how long a condition is waited for: a loaded machine is late.
const patience = 90 * time.Second

func TestMain(m *testing.M) {
	flag.Parse()
	// These tests wait for clocks and not for processors, so all of them may run at once.
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nightjar-nvr/nightjar/core/lifecycle.init.func1.1")) // the thread that forks
}

func slow() bool { return os.Getenv("NIGHTJAR_SLOW") == "1" }

// clip is a small clip with sound: 15 pictures a second, a key picture each second.
func clip(t testing.TB) string {
	return fakecamera.Encode(t, "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-c:a", "aac")
}

// heavyClip is a clip of 4 Mbit/s, 30 pictures a second, a key picture each second.
func heavyClip(t testing.TB) string {
	return fakecamera.Encode(t, "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-vf", "scale=640:480,noise=alls=40:allf=t",
		"-r", "30", "-g", "30", "-b:v", "4M", "-minrate", "4M", "-maxrate", "4M", "-bufsize", "4M", "-c:a", "aac")
}

// plan is what a rig is made of.
type plan struct {
	cameras map[nvr.CameraID]*fakecamera.Camera
	udp     bool
	timeout time.Duration // of a camera that is silent; 0: the default
	volumes library.VolumesOptions
	index   index.Index // nil: in memory
	sync    recorder.Sync
	file    time.Duration // length of files; 0: short ones
}

// rig is a Nightjar without its API.
type rig struct {
	t       testing.TB
	streams []nvr.StreamID
	began   time.Time
	volumes *library.Volumes
	cameras *camera.Manager
	manager *recorder.Manager
	feeders []*feed.Feeder
	player  *playback.Player
	index   index.Index
	metrics *prometheus.Registry
	noise   bool // files but the last may hold nothing that can be decoded

	stopCameras, stopRecorder, stopFeeders, stopVolumes func()
}

func main(id nvr.CameraID) nvr.StreamID { return nvr.StreamID{Camera: id, Role: nvr.Main} }

// oneVolume is a volume in a directory of its own.
func oneVolume(t testing.TB) library.VolumesOptions {
	return library.VolumesOptions{Dirs: []string{t.TempDir()}}
}

// start builds and runs a rig until the test ends, and waits until every camera is recorded.
func start(t testing.TB, p plan) *rig {
	t.Helper()
	r := &rig{t: t, began: time.Now(), index: p.index, metrics: prometheus.NewRegistry()}
	if r.index == nil {
		r.index = memindex.New()
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	p.volumes.Logger = log
	var err error
	if r.volumes, err = library.OpenVolumes(p.volumes); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.volumes.Close() })
	r.buildCameras(p, log)
	streams := make([]recorder.Stream, len(r.streams))
	for i, id := range r.streams {
		streams[i] = recorder.Stream{ID: id, Hub: r.cameras.Hub(id)}
	}
	r.manager, err = recorder.New(recorder.Options{
		Volumes: r.volumes, File: cmp.Or(p.file, 5*time.Second), Sync: p.sync, Logger: log, Metrics: r.metrics,
	}, streams)
	if err != nil {
		t.Fatal(err)
	}
	r.buildPlayer(log)
	r.run()
	for _, id := range r.streams {
		r.waitRecorded(id, time.Second)
	}
	return r
}

func (r *rig) buildCameras(p plan, log *slog.Logger) {
	r.t.Helper()
	o := camera.Options{Bus: &bus.Bus{}, Log: log, Timeout: p.timeout}
	for id, c := range p.cameras {
		s := camera.StreamConfig{Role: nvr.Main, URL: c.URL("main")}
		if p.udp {
			s.Transport = "udp"
		}
		o.Cameras = append(o.Cameras, camera.Config{ID: id, Name: string(id), Streams: []camera.StreamConfig{s}})
		r.streams = append(r.streams, main(id))
	}
	var err error
	if r.cameras, err = camera.NewManager(o); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) buildPlayer(log *slog.Logger) {
	r.t.Helper()
	o := playback.Options{Volumes: r.volumes, Index: r.index, Open: r.manager, Logger: log}
	for i, lib := range r.volumes.All() {
		reg := prometheus.WrapRegistererWith(prometheus.Labels{"volume": strconv.Itoa(i)}, r.metrics)
		f, err := feed.New(feed.Options{Library: lib, Index: r.index, Logger: log, Metrics: reg})
		if err != nil {
			r.t.Fatal(err)
		}
		r.feeders = append(r.feeders, f)
		o.Indexed = append(o.Indexed, f)
	}
	var err error
	if r.player, err = playback.New(o); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) run() {
	r.stopVolumes = background(r.t, r.volumes.Run)
	feeders := make([]func(), len(r.feeders))
	for i, f := range r.feeders {
		feeders[i] = background(r.t, f.Run)
	}
	r.stopFeeders = func() {
		for _, stop := range feeders {
			stop()
		}
	}
	r.stopRecorder = background(r.t, r.manager.Run)
	<-r.manager.Ready()
	r.stopCameras = background(r.t, r.cameras.Run)
}

// background runs a component until the function that it returns is called, or the test ends.
func background(t testing.TB, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// waitFor waits until ok, or fails the test saying what did not happen.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s", patience, what)
		}
		<-tick.C
	}
}

// span is all the time since the rig was started, with room on both sides.
func (r *rig) span() nvr.TimeRange {
	return nvr.TimeRange{Start: r.began.Add(-time.Minute), End: time.Now().Add(time.Minute)}
}

func (r *rig) coverage(id nvr.StreamID) playback.Coverage {
	r.t.Helper()
	c, err := r.player.Coverage(context.Background(), id, r.span())
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// recorded returns how much of a stream is recorded.
func (r *rig) recorded(id nvr.StreamID) time.Duration { return total(r.coverage(id).Exact) }

func total(runs []nvr.TimeRange) (sum time.Duration) {
	for _, x := range runs {
		sum += x.Duration()
	}
	return sum
}

// waitRecorded waits until that much more of a stream is recorded than now.
func (r *rig) waitRecorded(id nvr.StreamID, more time.Duration) {
	r.t.Helper()
	want := r.recorded(id) + more
	waitFor(r.t, id.String()+" is recorded", func() bool { return r.recorded(id) >= want })
}

func (r *rig) recorder(id nvr.StreamID) recorder.Status {
	all := r.manager.Statuses()
	return all[slices.IndexFunc(all, func(s recorder.Status) bool { return s.Stream == id })]
}

func (r *rig) camera(id nvr.StreamID) nvr.StreamStatus {
	st, _ := r.cameras.Status(id.Camera)
	return st.Streams[0]
}

// volume waits until the nth volume is in a state, and returns the reason that it shows.
func (r *rig) volume(n int, want library.VolumeState) string {
	r.t.Helper()
	waitFor(r.t, "volume "+strconv.Itoa(n)+" is "+string(want), func() bool { return r.volumes.Status()[n].State == want })
	return r.volumes.Status()[n].Reason
}

// finish stops everything in the order in which core/app does, when the index has caught up.
func (r *rig) finish() {
	r.t.Helper()
	r.stopCameras()
	r.stopRecorder()
	waitFor(r.t, "the index catches up", r.caughtUp)
	r.stopFeeders()
	r.stopVolumes()
}

func (r *rig) caughtUp() bool {
	for i, lib := range r.volumes.All() {
		days, err := lib.Days()
		if err != nil {
			r.t.Fatal(err)
		}
		for _, d := range days {
			if size, err := lib.Size(d); err != nil || r.feeders[i].Offset(d) < size {
				return false
			}
		}
	}
	return true
}
