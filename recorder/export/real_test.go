package export_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/export"
	"github.com/nightjar-nvr/nightjar/recorder/feed"
	"github.com/nightjar-nvr/nightjar/recorder/hold"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/library"
	"github.com/nightjar-nvr/nightjar/recorder/playback"
)

// With the real recorder, index, playback and holds: the file that is being written is exported, too.
func TestExportOfWhatIsBeingRecorded(t *testing.T) {
	t.Parallel()
	lib, err := library.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	hub, idx := media.NewHub(), memindex.New()
	rec, err := recorder.New(recorder.Options{Volumes: library.NewVolumes(lib), File: 10 * time.Second, Logger: logger, Metrics: prometheus.NewRegistry()},
		[]recorder.Stream{{ID: front, Hub: hub}})
	if err != nil {
		t.Fatal(err)
	}
	feeder, err := feed.New(feed.Options{Library: lib, Index: idx, Logger: logger, Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	player, err := playback.New(playback.Options{Volumes: library.NewVolumes(lib), Index: idx, Open: rec, Indexed: []playback.Indexed{feeder}, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	held, err := hold.Open(hold.Options{Libraries: func() []*library.Library { return []*library.Library{lib} }, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	go func() { _ = rec.Run(ctx); done <- struct{}{} }()
	go func() { _ = feeder.Run(ctx); done <- struct{}{} }()
	t.Cleanup(func() {
		cancel()
		<-done
		<-done
		if err := lib.Close(); err != nil {
			t.Error(err)
		}
	})
	wait(t, "subscription", func() bool { return hub.Readers() == 1 })
	record(t, rec, hub, bars(t, 16, bframes...), 0, 210)
	hub.End("cable")
	record(t, rec, hub, bars(t, 16, bframes...), 20*time.Second, 150)

	l := newLab(t, nil)
	l.opts.Player, l.opts.Holds = export.FromPlayback(player), held
	l.start()
	x := l.make(export.Request{Cameras: cameras, Range: between(3000, 27000), Mode: export.Exact})
	const first = 43 // 45 at 3 s, but the first picture comes two after the session's first DTS
	got := numbers(t, l.path(x, 0))
	if len(got) < 200 || got[0] != first {
		t.Errorf("%d pictures from %d on, want %d", len(got), got[0], first)
	}
	for i := 1; i < len(got); i++ {
		if got[i] != got[i-1]+1 && got[i] != 0 {
			t.Errorf("picture %d follows %d", got[i], got[i-1])
		}
	}
	if g := x.Files[0].Gaps; len(g) != 1 || g[0].Reason != "offline" || g[0].Detail != "cable" {
		t.Errorf("gaps %+v", g)
	}
	y := l.make(export.Request{Cameras: cameras, Range: between(3000, 27000), Evidence: true})
	if r := verify(t, l.path(y, 0), nil); !r.OK || !r.Intact || len(r.Problems) != 0 {
		t.Errorf("report %s", r)
	}
	if h := held.List(); len(h) != 1 || h[0].Kind != hold.Export || !held.Covers(front, epoch.Add(5*time.Second), epoch.Add(6*time.Second)) {
		t.Errorf("holds %+v", h)
	}
	if err := l.exp.Delete(t.Context(), y.ID); err != nil || len(held.List()) != 0 {
		t.Errorf("after the deletion %+v, %v", held.List(), err)
	}
}

// record publishes n pictures of clip, and what is heard meanwhile, as fast as they are written.
func record(t *testing.T, rec *recorder.Manager, hub *media.Hub, clip *fmp4test.Clip, at time.Duration, n int) {
	t.Helper()
	next := clip.Play(fmp4test.Copy(clip.Desc), epoch.Add(at))
	for i := 0; i < n; {
		u := next()
		hub.Publish(u)
		if u.Track != 0 {
			continue
		}
		if i++; i%30 == 0 {
			wait(t, "recording", func() bool {
				open := rec.Open(front)
				return len(open) > 0 && u.NTP.Sub(open[len(open)-1].End()) < 1500*time.Millisecond
			})
		}
	}
}

func TestADiskThatFillsUp(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: mounting a small file system needs root")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 50*time.Second)
	g := newGate()
	p.open = g.open
	l := newLab(t, p)
	l.opts.Dir = dir + "/exports"
	l.start()
	x, err := l.exp.Create(t.Context(), export.Request{Cameras: cameras, Range: between(0, 50000)})
	if err != nil {
		t.Fatal(err)
	}
	<-g.waiting
	if err := os.WriteFile(dir+"/ballast", make([]byte, 800<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	close(g.pass)
	if x = l.end(x.ID); x.State != export.Failed || !strings.Contains(x.Error, "became full") {
		t.Errorf("export %s: %s", x.State, x.Error)
	}
	if left, err := os.ReadDir(l.opts.Dir + "/" + x.ID); err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
	if _, err := l.exp.Create(t.Context(), export.Request{Cameras: cameras, Range: between(0, 50000)}); nvr.ErrorCode(err) != nvr.CodeInvalid {
		t.Errorf("on the full disk: %v", err)
	}
}
