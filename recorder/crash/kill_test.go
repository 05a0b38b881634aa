package crash

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// The child is this test binary with these in its environment.
const (
	childDir  = "NIGHTJAR_CRASH_DIR"
	childClip = "NIGHTJAR_CRASH_CLIP" // a file that ffmpeg reads
	childSync = "NIGHTJAR_CRASH_SYNC"
	childFFm  = "NIGHTJAR_CRASH_FFMPEG"
	childFile = "NIGHTJAR_CRASH_FILE" // the file duration
)

// childMain records two streams in real time into a directory until it is killed. It prints the wall time of each
// picture at the moment of its delivery.
func childMain() error {
	clip, err := fmp4test.Demux(os.Getenv(childFFm), "-i", os.Getenv(childClip), "-c", "copy")
	if err != nil {
		return err
	}
	lib, err := library.Open(os.Getenv(childDir))
	if err != nil {
		return err
	}
	length, err := time.ParseDuration(os.Getenv(childFile))
	if err != nil {
		return err
	}
	hubs := []*media.Hub{media.NewHub(), media.NewHub()}
	m, err := recorder.New(recorder.Options{
		Volumes: library.NewVolumes(lib), File: length, Sync: recorder.Sync(os.Getenv(childSync)),
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), Metrics: prometheus.NewRegistry(),
	}, []recorder.Stream{{ID: cams[0], Hub: hubs[0]}, {ID: cams[1], Hub: hubs[1]}})
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- m.Run(context.Background()) }()
	<-m.Ready()
	for _, h := range hubs {
		for h.Readers() == 0 {
			<-time.After(time.Millisecond)
		}
	}
	next := clip.Play(fmp4test.Copy(clip.Desc), time.Now())
	for {
		u := next()
		select {
		case err := <-failed:
			return err
		case <-time.After(time.Until(u.NTP)):
		}
		for _, h := range hubs {
			h.Publish(u)
		}
		if u.Desc.Tracks[u.Track].Video() {
			fmt.Fprintln(os.Stdout, u.NTP.UnixMicro())
		}
	}
}

// child is a recording process.
type child struct {
	cmd         *exec.Cmd
	out         *bufio.Scanner
	first, last time.Time // pictures that it got
}

// clipFile makes a file for children: 15 pictures per second with a key picture each 2 s, and sound.
func clipFile(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "clip.mp4")
	out, err := exec.Command(fmp4test.Tool(t, "ffmpeg"), "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=15:duration=8",
		"-f", "lavfi", "-i", "sine=sample_rate=48000:duration=8", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-g", "30",
		"-bf", "0", "-b:v", "1M", "-c:a", "aac", name).CombinedOutput()
	if err != nil {
		t.Fatalf("make clip: %v: %s", err, out)
	}
	return name
}

func startChild(t testing.TB, dir, clip string, mode recorder.Sync, length time.Duration) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(self)}
	c.cmd.Env = append(os.Environ(), childDir+"="+dir, childClip+"="+clip, childSync+"="+string(mode), childFFm+"="+fmp4test.Tool(t, "ffmpeg"),
		childFile+"="+length.String())
	c.cmd.Stderr = t.Output()
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	return c
}

// watch reads what the child says for d of its pictures, or to the end with a negative d.
func (c *child) watch(t testing.TB, d time.Duration) {
	t.Helper()
	from := c.last
	for (d < 0 || c.last.IsZero() || c.last.Sub(from) < d) && c.out.Scan() {
		us, err := strconv.ParseInt(c.out.Text(), 10, 64)
		if err != nil {
			t.Fatalf("child said %q", c.out.Text())
		}
		if c.last = time.UnixMicro(us); c.first.IsZero() {
			c.first, from = c.last, c.last
		}
	}
}

// kill ends the child with no chance to say anything.
func (c *child) kill(t testing.TB) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.watch(t, -1)
	if err := c.cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("child ended with %v", err)
	}
}

// TestKills kills a recording process again and again at random moments. Each start recovers what the one before left.
func TestKills(t *testing.T) {
	t.Parallel()
	clip := clipFile(t)
	kills, budget := 5, 3*time.Second
	if slow() {
		kills, budget = 50, 8*time.Second
	}
	dir := t.TempDir()
	idx := memindex.New()
	var children []*child
	for range kills {
		c := startChild(t, dir, clip, recorder.SyncFile, 5*time.Second)
		c.watch(t, time.Second+rand.N(budget))
		c.kill(t)
		children = append(children, c)
		feedAfterKill(t, dir, idx)
	}
	lib := restartReal(t, dir, idx)
	checkAll(t, []*library.Library{lib}, idx)
	checkIndex(t, lib, idx)
	var lost []time.Duration
	for id, recs := range recordings(t, lib) {
		for _, c := range children {
			lost = append(lost, c.lost(recs))
		}
		t.Logf("%s: %d recordings", id, len(recs))
	}
	report(t, fmt.Sprintf("%d kills of 2 streams", kills), lost)
	sum := time.Duration(0)
	for _, l := range lost {
		sum += l
	}
	if mean := sum / time.Duration(len(lost)); slow() && mean > 1200*time.Millisecond {
		t.Errorf("a kill costs %v on average, the promise is 1.2 s", mean)
	}
	all := files(t, lib)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, p := range all[:min(20, len(all))] {
		probeFile(t, filepath.Join(dir, p))
	}
}

// lost returns how much of what the child got at the end of its life is not recorded.
func (c *child) lost(recs []index.Recording) time.Duration {
	have := c.first
	for _, r := range recs {
		if !r.Start.After(c.last) && r.End().After(have) {
			have = r.End()
		}
	}
	return max(0, c.last.Add(time.Second/15).Sub(have))
}

// restartReal is restart in real time: it waits for the feeder instead of letting a minute pass.
func restartReal(t testing.TB, dir string, idx index.Index) *library.Library {
	t.Helper()
	lib, err := library.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lib.Close() })
	m, err := recorder.New(recorder.Options{
		Volumes: library.NewVolumes(lib), Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := start(m.Run)
	<-m.Ready()
	stop()
	feedReal(t, lib, idx)
	return lib
}

// feedReal feeds idx until it has every whole line of every journal.
func feedReal(t testing.TB, lib *library.Library, idx index.Index) {
	t.Helper()
	f := newFeeder(t, lib, idx)
	stop := start(f.Run)
	defer stop()
	waitFor(t, "the index has caught up", func() bool {
		days, err := lib.Days()
		if err != nil {
			return false
		}
		for _, d := range days {
			end, _, err := lib.Read(d, 0, func(library.Line) error { return nil }) // a kill may leave a torn line behind it
			if err != nil || f.Offset(d) != end {
				return false
			}
		}
		return true
	})
}

// checkIndex demands that idx has exactly the recordings that the journals name, as they name them.
func checkIndex(t testing.TB, lib *library.Library, idx index.Index) {
	t.Helper()
	here := recordings(t, lib)
	for _, id := range cams {
		rows, err := idx.Recordings(context.Background(), id, nvr.TimeRange{Start: time.Unix(0, 0), End: time.Now().Add(24 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != len(here[id]) || len(rows) == 0 {
			t.Errorf("%s: %d rows in the index, %d recordings on disk", id, len(rows), len(here[id]))
			continue
		}
		for i, row := range rows {
			if want := here[id][i]; !reflect.DeepEqual(row, want) {
				t.Errorf("the index says %+v, the journal %+v", row, want)
			}
		}
	}
}

// feedAfterKill lets the index read what a killed process left, as the next one would, before that has recovered it.
func feedAfterKill(t testing.TB, dir string, idx index.Index) {
	t.Helper()
	lib, err := library.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	feedReal(t, lib, idx)
	if err := lib.Close(); err != nil {
		t.Error(err)
	}
}

func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: did not come true", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}
