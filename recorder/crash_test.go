package recorder

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// crashMain is the process that gets killed: it records two streams in real time and reports each picture that the
// camera delivered, at the moment of delivery.
func crashMain() {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	clip, err := fmp4test.Demux(os.Getenv("RECORDER_CRASH_FFMPEG"), "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=15:duration=4",
		"-f", "lavfi", "-i", "sine=sample_rate=48000:duration=4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "0", "-c:a", "aac")
	fail(err)
	lib, err := library.Open(os.Getenv("RECORDER_CRASH_DIR"))
	fail(err)
	var streams []Stream
	for n := range 2 {
		id := nvr.StreamID{Camera: nvr.CameraID("cam" + strconv.Itoa(n)), Role: nvr.Main}
		streams = append(streams, Stream{ID: id, Hub: media.NewHub()})
	}
	m, err := New(Options{Volumes: library.NewVolumes(lib), File: 5 * time.Second, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Metrics: prometheus.NewRegistry()}, streams)
	fail(err)
	go func() { fail(m.Run(context.Background())) }()
	<-m.Ready()
	for _, s := range streams {
		for s.Hub.Readers() == 0 {
			<-time.After(time.Millisecond)
		}
	}
	next := clip.Play(fmp4test.Copy(clip.Desc), time.Now())
	for {
		u := next()
		<-time.After(time.Until(u.NTP))
		for _, s := range streams {
			s.Hub.Publish(u)
		}
		if u.Track == 0 {
			fmt.Fprintln(os.Stdout, u.NTP.UnixMicro())
		}
	}
}

func TestKillLosesAtMostASecond(t *testing.T) {
	t.Parallel()
	ffmpeg := fmp4test.Tool(t, "ffmpeg")
	dir := t.TempDir()
	rounds, limit := 2, 5*time.Second // the machine may be busy with other tests
	if os.Getenv("NIGHTJAR_SLOW") != "" {
		rounds, limit = 10, time.Second
	}
	var worst, sum time.Duration
	lib := openLibrary(t, dir)
	for round := range rounds {
		last := runUntilKilled(t, dir, ffmpeg)
		found, err := recoverVolumes([]*library.Library{lib}, time.Now(), nil, slog.New(slog.DiscardHandler))
		if err != nil || found.files > 2 || len(found.ends) != 2 {
			t.Fatalf("recovery found %+v, error %v; want at most 2 files", found, err)
		}
		for id, end := range found.ends {
			lost := last.Add(time.Second / 15).Sub(end)
			worst, sum = max(worst, lost), sum+lost
			if lost > limit {
				t.Errorf("round %d: %s lost %v", round, id, lost)
			}
		}
		again, err := recoverVolumes([]*library.Library{lib}, time.Now(), nil, slog.New(slog.DiscardHandler))
		if err != nil || again.files != 0 || again.removed != 0 {
			t.Errorf("second recovery found %+v, error %v", again, err)
		}
	}
	t.Logf("%d kills of 2 cameras: lost %v on average, %v at worst", rounds, sum/time.Duration(2*rounds), worst)
	recs, gaps := journal(t, lib)
	checkFiles(t, lib, recs)
	for _, g := range gaps { // only where the restart took longer than minGap
		if g.Reason != index.GapRestart {
			t.Errorf("gap %+v", g)
		}
	}
	checkEveryFileIsJournaled(t, lib, recs)
}

// runUntilKilled starts a recording process, kills it at a random moment, and returns when its last picture came.
func runUntilKilled(t *testing.T, dir, ffmpeg string) (last time.Time) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "RECORDER_CRASH_DIR="+dir, "RECORDER_CRASH_FFMPEG="+ffmpeg)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var first time.Time
	runFor := 1500*time.Millisecond + rand.N(5*time.Second)
	for lines.Scan() {
		us, err := strconv.ParseInt(lines.Text(), 10, 64)
		if err != nil {
			t.Fatalf("child said %q", lines.Text())
		}
		if last = time.UnixMicro(us); first.IsZero() {
			first = last
		}
		if last.Sub(first) > runFor {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	for lines.Scan() { // what it still said before it died
		if us, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
			last = time.UnixMicro(us)
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("child ended with %v", err)
	}
	return last
}

func checkEveryFileIsJournaled(t *testing.T, lib *library.Library, recs []index.Recording) {
	t.Helper()
	known := make(map[string]bool)
	for _, r := range recs {
		known[filepath.Join(lib.Dir(), r.Path)] = true
	}
	err := filepath.WalkDir(lib.Dir(), func(p string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, ".mp4") {
			if !known[p] {
				t.Errorf("%s is in no journal", p)
			}
			delete(known, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for p := range known {
		t.Errorf("%s is in the journal and not on disk", p)
	}
}
