package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// childStreams makes the child a measured one: how many streams it records. It ends when its input ends, and then prints
// a cost.
const childStreams = "NIGHTJAR_CRASH_STREAMS"

// cost is what recording cost a child.
type cost struct {
	CPU            time.Duration // of the process, while it recorded
	Syncs, Dropped float64       // syncs are per hour of a stream
	Lag            time.Duration // the longest time until a picture was on the disk
}

// measuredMain records the clip into as many streams as asked for, in real time.
func measuredMain() error {
	clip, err := fmp4test.Demux(os.Getenv(childFFm), "-i", os.Getenv(childClip), "-c", "copy")
	if err != nil {
		return err
	}
	lib, err := library.Open(os.Getenv(childDir))
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(os.Getenv(childStreams))
	if err != nil {
		return err
	}
	var streams []recorder.Stream
	for i := range n {
		id := nvr.StreamID{Camera: nvr.CameraID(fmt.Sprintf("cam%d", i)), Role: nvr.Main}
		streams = append(streams, recorder.Stream{ID: id, Hub: media.NewHub()})
	}
	reg := prometheus.NewRegistry()
	m, err := recorder.New(recorder.Options{
		Volumes: library.NewVolumes(lib), Sync: recorder.Sync(os.Getenv(childSync)), Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Metrics: reg,
	}, streams)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); cancel() }()
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Run(ctx) }()
	<-m.Ready()
	for _, s := range streams {
		for s.Hub.Readers() == 0 {
			<-time.After(time.Millisecond)
		}
	}
	began, before := time.Now(), processorTime()
	lag := make(chan time.Duration)
	go func() { lag <- watchLag(ctx, m, streams) }()
	next := clip.Play(fmp4test.Copy(clip.Desc), began)
	for ctx.Err() == nil {
		u := next()
		<-time.After(time.Until(u.NTP))
		for _, s := range streams {
			s.Hub.Publish(u)
		}
	}
	<-done
	c := cost{Lag: <-lag, CPU: processorTime() - before}
	if c.Syncs, err = counter(reg, "nvr_recorder_syncs_total"); err != nil {
		return err
	}
	if c.Dropped, err = counter(reg, "nvr_recorder_dropped_units_total"); err != nil {
		return err
	}
	hours := time.Since(began).Hours() * float64(n)
	c.Syncs /= hours
	return json.NewEncoder(os.Stdout).Encode(c)
}

func processorTime() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// watchLag returns how far any stream was behind at worst.
func watchLag(ctx context.Context, m *recorder.Manager, streams []recorder.Stream) (worst time.Duration) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return worst
		case <-tick.C:
		}
		for _, s := range streams {
			if open := m.Open(s.ID); len(open) > 0 {
				worst = max(worst, time.Since(open[len(open)-1].End()))
			}
		}
	}
}

func counter(reg *prometheus.Registry, name string) (sum float64, err error) {
	all, err := reg.Gather()
	for _, f := range all {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum, err
}

// BenchmarkSync records 1080p15 of 4 Mbit/s with each sync mode: on the disk of the temporary directory, and (root only) on
// loop devices that take 2 MB/s, or 60 operations per second as a disk that seeks does.
func BenchmarkSync(b *testing.B) {
	clip := filepath.Join(b.TempDir(), "clip.mp4")
	if out, err := exec.Command(fmp4test.Tool(b, "ffmpeg"), "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=15:duration=8",
		"-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "0", "-b:v", "4M", "-maxrate", "4M", "-bufsize", "4M",
		"-nal-hrd", "cbr", clip).CombinedOutput(); err != nil {
		b.Fatalf("make clip: %v: %s", err, out)
	}
	for _, where := range []struct {
		name    string
		streams int
		limit   string // the blkio file that limits it
		to      int
	}{
		{"disk", 32, "", 0},
		{"2MBps", 2, "blkio.throttle.write_bps_device", 2 << 20},
		{"60iops", 8, "blkio.throttle.write_iops_device", 60},
	} {
		for _, mode := range []recorder.Sync{recorder.SyncOff, recorder.SyncFile, recorder.SyncPart} {
			b.Run(where.name+"/"+string(mode), func(b *testing.B) {
				for b.Loop() {
					dir := b.TempDir()
					if where.limit != "" {
						d := newDisk(b, 1<<30)
						d.throttle(where.limit, where.to)
						dir = d.dir
					}
					measure(b, dir, clip, mode, where.streams)
				}
			})
		}
	}
}

// throttle limits the device through cgroup v1.
func (d *disk) throttle(limit string, to int) {
	d.t.Helper()
	var s unix.Stat_t
	if err := unix.Stat(d.dir, &s); err != nil {
		d.t.Fatal(err)
	}
	name := filepath.Join("/sys/fs/cgroup/blkio", limit)
	set := func(to int) error {
		return os.WriteFile(name, fmt.Appendf(nil, "%d:%d %d\n", unix.Major(s.Dev), unix.Minor(s.Dev), to), 0o600)
	}
	if err := set(to); err != nil {
		d.t.Skipf("SKIPPED: blkio of cgroup v1 cannot throttle: %v", err)
	}
	d.t.Cleanup(func() { _ = set(0) })
}

// measure records for a minute in a child and reports what that cost it.
func measure(b *testing.B, dir, clip string, mode recorder.Sync, streams int) {
	b.Helper()
	const length = time.Minute
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childDir+"="+dir, childClip+"="+clip, childSync+"="+string(mode), childStreams+"="+strconv.Itoa(streams),
		childFFm+"="+fmp4test.Tool(b, "ffmpeg"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	timer := time.AfterFunc(length, func() { _ = in.Close() })
	defer timer.Stop()
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	var c cost
	if err := json.Unmarshal(out, &c); err != nil {
		b.Fatalf("child said %q", out)
	}
	b.ReportMetric(c.CPU.Seconds()/float64(streams)/length.Minutes(), "cpu-s/camera-min")
	b.ReportMetric(c.Syncs, "syncs/camera-h")
	b.ReportMetric(c.Lag.Seconds(), "worst-lag-s")
	b.ReportMetric(c.Dropped, "dropped-units")
	b.ReportMetric(0, "ns/op")
}
