package recorder

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// TestEveryDiskErrorOnce fails the first operation, then the second, and so on until the scenario no longer reaches
// the failure: whatever fails, what is journaled plays and the loss is told.
func TestEveryDiskErrorOnce(t *testing.T) {
	t.Parallel()
	clip := scene(t)
	for at := 0; ; at++ {
		count := 0
		lib, _ := faultyLibrary(t, &count, func(n int, op faultfs.Op) error {
			if n != at {
				return nil
			}
			if op.Kind == faultfs.Sync {
				return syscall.EIO
			}
			return syscall.ENOSPC
		})
		b := newBenchOn(t, lib, func(o *Options) { o.File, o.Sync = 5*time.Second, SyncPart })
		end := b.record(clip, 16)
		// One operation after the failed one may have been the last try for a journal line.
		if _, err := recoverVolumes([]*library.Library{lib}, epoch, nil, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		recs, gaps := journal(t, b.lib)
		if got, want := total(recs), end.Sub(epoch); got < want-7*time.Second || len(recs) == 0 {
			t.Errorf("operation %d: recorded %v of %v", at, got, want)
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

// faultyLibrary counts the operations that change something below a camera's directory and asks fail before each.
func faultyLibrary(t *testing.T, count *int, fail func(n int, op faultfs.Op) error) (lib, inner *library.Library) {
	t.Helper()
	inner = openLibrary(t, t.TempDir())
	lib, err := library.OpenFS(faultfs.Wrap(inner.FS(), func(op faultfs.Op) error {
		switch op.Kind {
		case faultfs.Read, faultfs.ReadDir, faultfs.Stat, faultfs.Remove, faultfs.Truncate:
			return nil
		case faultfs.Open:
			if _, err := inner.FS().Stat(op.Name); err == nil {
				return nil
			}
		default:
		}
		if !strings.HasPrefix(op.Name, "front/") {
			return nil
		}
		*count++
		return fail(*count-1, op)
	}), inner.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return lib, inner
}

// record hands over n batches of 60 units, and does what Recorder.run does when they fail: throws the attempt away,
// tells the reason, starts anew.
func (b *bench) record(clip *fmp4test.Clip, n int) (end time.Time) {
	b.t.Helper()
	next := clip.Play(clip.Desc, epoch)
	restart := func(err error) {
		if b.file != nil {
			_ = b.file.close()
		}
		b.r.lost(end, index.GapDisk, explain(err))
		reader := b.reader
		b.instance = newInstance(b.r)
		b.reader = reader
	}
	for range n {
		var batch []*media.AccessUnit
		for len(batch) < 60 {
			u := next()
			batch, end = append(batch, u), u.NTP
		}
		if err := b.take(batch); err != nil {
			restart(err)
		}
	}
	if err := b.endRun(); err != nil {
		restart(err)
	}
	return end
}

func total(recs []index.Recording) (sum time.Duration) {
	for _, r := range recs {
		sum += r.Duration
	}
	return sum
}

// TestTheOtherVolumeTakesOver fails every operation of the preferred volume from the nth on, for each n: recording goes on
// in the other, and where a part that begins with a key picture failed, nothing is lost.
func TestTheOtherVolumeTakesOver(t *testing.T) {
	t.Parallel()
	clip := scene(t)
	seamless := 0
	for at := 0; ; at += 3 {
		count := 0
		bad, inner := faultyLibrary(t, &count, func(n int, _ faultfs.Op) error {
			if n >= at {
				return syscall.EIO
			}
			return nil
		})
		good := openLibrary(t, t.TempDir())
		b := newBenchOn(t, good, func(o *Options) {
			o.File, o.Sync, o.Volumes = 5*time.Second, SyncPart, library.NewVolumes(bad, good)
		})
		end := b.record(clip, 8)
		before, gaps := journal(t, inner)
		after, more := journal(t, good)
		for _, p := range b.r.pending { // the journal of a dead disk cannot be written
			if p.lib == bad && p.line.Recording != nil {
				before = append(before, *p.line.Recording)
			}
		}
		recs, gaps := slices.Concat(before, after), slices.Concat(gaps, more)
		if got, want := total(recs), end.Sub(epoch); got < want-3*time.Second {
			t.Errorf("from operation %d on: recorded %v of %v, %d recordings in the other volume", at, got, want, len(after))
		} else if got > want-500*time.Millisecond && len(after) > 0 && len(before) > 0 {
			seamless++
		}
		for i, r := range recs[1:] {
			if r.Start.Before(recs[i].End()) {
				t.Errorf("from operation %d on: recording %d overlaps the one before", at, i+1)
			}
			hole := r.Start.Sub(recs[i].End())
			if told := slices.ContainsFunc(gaps, func(g index.Gap) bool { return g.Start.Equal(recs[i].End()) && g.End.Equal(r.Start) }); hole >= minGap != told {
				t.Errorf("from operation %d on: hole of %v, told %v", at, hole, told)
			}
		}
		if at%9 == 0 {
			checkFiles(t, good, after)
		}
		if count <= at {
			break
		}
	}
	if seamless == 0 {
		t.Error("nothing was ever taken over without a loss")
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
	t.Logf("recording again after %v", time.Since(full))
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

// TestASlowDeviceHoldsUpOneStreamOnly lets the device hang while it syncs one camera's part: the other camera is recorded.
func TestASlowDeviceHoldsUpOneStreamOnly(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hanging := make(chan struct{}, 1)
	lib, err := library.OpenFS(faultfs.Wrap(faultfs.NewMem(), func(op faultfs.Op) error {
		if op.Kind == faultfs.Sync && strings.HasPrefix(op.Name, "front/") {
			select {
			case hanging <- struct{}{}:
			default:
			}
			<-release
		}
		return nil
	}), "memory")
	if err != nil {
		t.Fatal(err)
	}
	back := nvr.StreamID{Camera: "back", Role: nvr.Main}
	hubs := map[nvr.StreamID]*media.Hub{front: media.NewHub(), back: media.NewHub()}
	o := testOptions(t, lib)
	o.Sync, o.File = SyncPart, 5*time.Second
	m, err := New(o, []Stream{{ID: front, Hub: hubs[front]}, {ID: back, Hub: hubs[back]}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Run(ctx) }()
	waitFor(t, func() bool { return hubs[front].Readers() == 1 && hubs[back].Readers() == 1 })
	clip := scene(t)
	next := clip.Play(clip.Desc, time.Now())
	closed := func() bool {
		n := 0
		_, _, err := lib.Read(library.DayOf(back, time.Now()), 0, func(library.Line) error { n++; return nil })
		return err == nil && n > 2
	}
	waitFor(t, func() bool {
		for range 20 {
			u := next()
			hubs[front].Publish(u)
			hubs[back].Publish(u)
		}
		return closed()
	})
	<-hanging
	close(release)
	cancel()
	<-done
}
