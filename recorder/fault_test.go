package recorder

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// faulty is a disk whose nth operation fails; a failing write leaves half of its bytes behind.
type faulty struct {
	disk  fileMaker
	count *int
	at    int
}

func (f faulty) fails() bool {
	*f.count++
	return *f.count-1 == f.at
}

func (f faulty) create(id nvr.StreamID, ms int64) (sink, string, error) {
	if f.fails() {
		return nil, "", syscall.ENOSPC
	}
	s, path, err := f.disk.create(id, ms)
	return faultySink{faulty: f, sink: s}, path, err
}

type faultySink struct {
	faulty
	sink sink
}

func (f faultySink) writev(bufs [][]byte) error {
	if f.fails() {
		d := f.sink.(*diskFile)
		d.torn = true
		b := join(bufs)
		return errors.Join(d.writev([][]byte{b[:len(b)/2]}), syscall.ENOSPC)
	}
	return f.sink.writev(bufs)
}

func (f faultySink) sync() error {
	if f.fails() {
		return syscall.EIO
	}
	return f.sink.sync()
}

func (f faultySink) close(size int64) error {
	if f.fails() {
		return errors.Join(f.sink.close(size), syscall.EIO)
	}
	return f.sink.close(size)
}

// TestEveryDiskErrorOnce fails the first operation, then the second, and so on until the scenario no longer reaches
// the failure: whatever fails, what is journaled plays and the loss is told.
func TestEveryDiskErrorOnce(t *testing.T) {
	t.Parallel()
	clip := scene(t)
	for at := 0; ; at++ {
		count := 0
		b := newBench(t, func(o *Options) { o.File, o.Sync = 5*time.Second, SyncPart })
		b.r.files = faulty{disk: b.r.files, count: &count, at: at}
		next := clip.Play(clip.Desc, epoch)
		var end time.Time
		for range 16 {
			var batch []*media.AccessUnit
			for len(batch) < 60 {
				u := next()
				batch, end = append(batch, u), u.NTP
			}
			err := b.take(batch)
			if err == nil {
				continue
			}
			// What Recorder.run does: throw the attempt away, tell the reason, start anew.
			if b.file != nil {
				_ = b.file.close()
			}
			b.r.lost(index.GapDisk, explain(err))
			reader := b.reader
			b.instance = newInstance(b.r)
			b.reader = reader
		}
		if err := b.endRun(); err != nil {
			if count <= at {
				t.Fatal(err)
			}
			if b.file != nil {
				_ = b.file.close()
			}
		}
		recs, gaps := journal(t, b.lib)
		var total time.Duration
		for _, r := range recs {
			total += r.Duration
		}
		if want := end.Sub(epoch); total < want-7*time.Second || len(recs) == 0 {
			t.Errorf("operation %d: recorded %v of %v", at, total, want)
		}
		for _, g := range gaps {
			if g.Reason != index.GapDisk || g.Detail == "" {
				t.Errorf("operation %d: gap %+v", at, g)
			}
		}
		if at%10 == 0 || count <= at {
			checkFiles(t, b.lib, recs)
		}
		checkEveryFileIsJournaled(t, b.lib, recs)
		if count <= at {
			if len(gaps) != 0 {
				t.Errorf("gaps without a failure: %+v", gaps)
			}
			t.Logf("%d operations failed once each", at)
			return
		}
	}
}

// smallDisk mounts a file system of 4 MB for the test.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: mounting a small file system needs root")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestFullDisk records onto a small file system until it is full, frees space, and expects recording to go on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	lib := openLibrary(t, dir)
	hub := media.NewHub()
	m, err := New(testOptions(t, lib), []Stream{{ID: front, Hub: hub}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Run(ctx) }()
	defer func() { cancel(); <-done }()
	waitFor(t, func() bool { return hub.Readers() == 1 })
	clip := scene(t)
	next := clip.Play(clip.Desc, time.Now())
	tick := time.NewTicker(5 * time.Millisecond) // many times real time
	defer tick.Stop()
	publish := func(until func() bool, limit int) {
		t.Helper()
		for range limit {
			if until() {
				return
			}
			for range 10 {
				hub.Publish(next())
			}
			<-tick.C
		}
		t.Fatalf("did not come true; status %+v", m.Statuses())
	}
	publish(func() bool { return m.Statuses()[0].State == Failing }, 2000)
	if reason := m.Statuses()[0].Reason; !strings.Contains(reason, "disk with the recordings is full") {
		t.Errorf("reason %q", reason)
	}
	full := time.Now()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	publish(func() bool { return m.Statuses()[0].State == Recording }, 4000)
	if took := time.Since(full); took > 10*time.Second {
		t.Errorf("recording again after %v", took)
	}
	hub.Close()
	waitFor(t, func() bool { return len(m.Open(front)) == 0 })
	recs, gaps := journal(t, lib)
	checkFiles(t, lib, recs)
	if len(recs) < 2 || len(gaps) == 0 || gaps[0].Reason != index.GapDisk {
		t.Errorf("%d recordings, gaps %+v", len(recs), gaps)
	}
}

// TestManyHours runs many simulated hours with sessions, parameter changes and silences of all kinds and
// demands that recordings and gaps together account for every second.
func TestManyHours(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	clip := fmp4test.Scene(t, 2, "-c:v", "libx264", "-preset", "ultrafast", "-s", "64x48", "-g", "15", "-bf", "0", "-an")
	sparse := &fmp4test.Clip{Desc: clip.Desc, Length: clip.Length} // a picture each half second keeps the test short
	for i, u := range clip.Units {
		if i%15 == 0 || i%15 == 7 {
			sparse.Units = append(sparse.Units, u)
		}
	}
	at := epoch
	rng := newRand(t)
	length := 14 * time.Hour
	if testing.Short() {
		length = 3 * time.Hour
	}
	for at.Sub(epoch) < length {
		d := fmp4test.Copy(clip.Desc)
		run := time.Duration(1+rng.IntN(3600)) * time.Second
		b.feed(sparse.Play(d, at), run)
		at = at.Add(run)
		if rng.IntN(3) > 0 {
			b.end("cable", at)
			at = at.Add(time.Duration(rng.IntN(120)) * time.Second)
		}
	}
	b.must(b.endRun())
	recs, gaps := journal(t, b.lib)
	cursor, gap := epoch, 0
	for i, r := range recs {
		hole := r.Start.Sub(cursor)
		if hole >= minGap {
			if gap >= len(gaps) || !gaps[gap].Start.Equal(cursor) || !gaps[gap].End.Equal(r.Start) {
				t.Fatalf("hole of %v before recording %d is told by no gap", hole, i)
			}
			gap++
		} else if hole < -time.Second {
			t.Fatalf("recording %d overlaps the one before by %v", i, -hole)
		}
		if r.Duration > b.r.opts.File*5/4+3*time.Second {
			t.Fatalf("recording %d lasts %v", i, r.Duration)
		}
		cursor = r.End()
	}
	if gap != len(gaps) || at.Sub(cursor).Abs() > time.Minute*3 {
		t.Errorf("%d of %d gaps matched; recorded to %v of %v", gap, len(gaps), cursor, at)
	}
	t.Logf("%d recordings, %d gaps", len(recs), len(gaps))
	checkFiles(t, b.lib, recs[:3])
	checkEveryFileIsJournaled(t, b.lib, recs)
}
