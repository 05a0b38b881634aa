package retention

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/hold"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// ext4 makes a file system of 64 MB in a file and mounts it.
func ext4(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: mounting a small file system needs root")
	}
	dir := t.TempDir()
	image, mount := filepath.Join(dir, "image"), filepath.Join(dir, "mnt")
	if err := os.Mkdir(mount, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"truncate", "-s", "64M", image},
		{"mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", image},
		{"mount", "-o", "loop", image, mount},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(mount, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(mount, "recordings")
}

// studio records a moving picture much faster than time goes by.
type studio struct {
	t    *testing.T
	hub  *media.Hub
	m    *recorder.Manager
	next func() *media.AccessUnit
}

func newStudio(t *testing.T, lib *library.Library) *studio {
	t.Helper()
	logger := discard()
	hub := media.NewHub()
	m, err := recorder.New(recorder.Options{
		Volumes: library.NewVolumes(lib), File: 5 * time.Second, Logger: logger, Metrics: prometheus.NewRegistry(),
	}, []recorder.Stream{{ID: streamOf("front"), Hub: hub}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	clip := fmp4test.Scene(t, 4, "-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-s", "640x480", "-bf", "0", "-an")
	s := &studio{t: t, hub: hub, m: m, next: clip.Play(clip.Desc, time.Now().Add(-9*time.Hour))}
	s.wait("a reader", func() bool { return hub.Readers() == 1 })
	return s
}

func (s *studio) wait(what string, cond func() bool) {
	s.t.Helper()
	s.film(what, false, cond, func() {})
}

// film publishes, if on, until cond, which is asked now and then after each was called.
func (s *studio) film(what string, on bool, cond func() bool, each func()) {
	s.t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(4 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		if n%16 == 0 {
			each()
			if cond() {
				return
			}
			if time.Now().After(deadline) {
				s.t.Fatalf("%s did not come true; status %+v", what, s.m.Statuses())
			}
		}
		for range 4 {
			if on {
				s.hub.Publish(s.next())
			}
		}
		<-tick.C
	}
}

func recorded(t *testing.T, lib *library.Library) (all []index.Recording, bytes int64) {
	t.Helper()
	days, err := lib.Days()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range days {
		_, damaged, err := lib.Read(d, 0, func(l library.Line) error {
			if l.Recording != nil {
				all = append(all, *l.Recording)
				bytes += l.Recording.Bytes
			}
			return nil
		})
		if err != nil || damaged > 0 {
			t.Fatalf("%s: %d damaged lines, error %v", d, damaged, err)
		}
	}
	return all, bytes
}

// TestASmallDiskGoesOnForEver fills a real file system twice over: the recorder stops when it is full, retention makes
// room, recording goes on, and what is held is there in the end.
func TestASmallDiskGoesOnForEver(t *testing.T) {
	t.Parallel()
	dir := ext4(t)
	lib, err := library.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lib.Close() })
	libs := func() []*library.Library { return []*library.Library{lib} }
	holds, err := hold.Open(hold.Options{Libraries: libs, Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	k, err := New(Options{
		Libraries: libs, Policy: Policy{Default: Rule{Continuous: true}, MinFree: 12 << 20}, OpenFor: 5 * time.Second, Holds: holds,
		Logger: discard(), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := newStudio(t, lib)

	var held []index.Recording
	s.film("the first files", true, func() bool { held, _ = recorded(t, lib); return len(held) >= 3 }, func() {})
	h, err := holds.Add(hold.Hold{
		Kind: hold.Legal, Cameras: []nvr.CameraID{"front"},
		Range: nvr.TimeRange{Start: held[0].Start, End: held[len(held)-1].End()},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.film("a full disk", true, func() bool { return s.m.Statuses()[0].State == recorder.Failing }, func() {})
	if reason := s.m.Statuses()[0].Reason; !strings.Contains(reason, "full") {
		t.Errorf("reason %q", reason)
	}
	s.film("twice the disk", true, func() bool { _, n := recorded(t, lib); return n > 128<<20 }, func() {
		if _, err := k.pass(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	})
	s.hub.Close()
	s.wait("the last file", func() bool { return len(s.m.Open(streamOf("front"))) == 0 })
	for range 2 { // the journal lines of the first may take a block of what it freed
		if _, err := k.pass(t.Context(), true); err != nil {
			t.Fatal(err)
		}
	}
	left := checkAgrees(t, lib)
	for _, rec := range held {
		if left[rec.Path] != rec.Bytes {
			t.Errorf("%s has %d bytes left, held were %d", rec.Path, left[rec.Path], rec.Bytes)
		}
	}
	free, _, err := library.Space(dir)
	if err != nil || free < 12<<20 {
		t.Errorf("%d bytes are free, error %v", free, err)
	}
	if err := holds.Release(h.ID); err != nil {
		t.Fatal(err)
	}
	all, bytes := recorded(t, lib)
	t.Logf("%d recordings, %d MB on a disk of 64; %d files left", len(all), bytes>>20, len(left))
}
