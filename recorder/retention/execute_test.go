package retention

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// crashPolicy lets whole hours, parts of hours and evicted copies go.
func crashPolicy() Policy {
	return Policy{Default: Rule{Continuous: true, RetainDays: 1, EventDays: 9}, MinFree: -1, Evict: true, EvictAfter: 12 * time.Hour}
}

// scenario fills a volume in memory.
func scenario(t testing.TB) *faultfs.Mem {
	t.Helper()
	mem := faultfs.NewMem()
	lib := memLib(t, mem)
	for camera, count := range map[string]int{"a": stepFiles + 3, "b": 2} { // of a, the first hour takes two steps
		for i := range count {
			put(t, lib, camera, 50*time.Hour-time.Duration(i)*time.Minute, 100, false)
		}
		for _, back := range []time.Duration{50*time.Hour - 31*time.Minute, 50*time.Hour - 32*time.Minute, 2 * time.Hour} {
			put(t, lib, camera, back, 100, false)
		}
	}
	remote := put(t, lib, "a", 20*time.Hour, 100, false)
	r := &rig{t: t}
	r.archive(lib, remote, index.Recording{Stream: streamOf("b"), Start: now.Add(-50 * time.Hour)})
	return mem
}

func crashDiary() *diary {
	d := &diary{}
	d.add(nvr.InterestEvent, 50*time.Hour-31*time.Minute-10*time.Second, 5*time.Second)
	return d
}

func crashRig(t testing.TB, fsys library.FS) *rig {
	t.Helper()
	return newRig(t, crashPolicy(), func(r *rig, o *Options) {
		lib, err := library.OpenFS(fsys, "mem")
		if err != nil {
			lib = memLib(t, faultfs.NewMem()) // the crash came before anything began
		}
		r.libs = []*library.Library{lib}
		o.Interest = crashDiary()
		o.Space = func(*library.Library) (int64, int64, error) { return 1 << 30, 1 << 40, nil }
	})
}

// settleAll passes until there is nothing to do.
func settleAll(t testing.TB, mem *faultfs.Mem) map[string]int64 {
	t.Helper()
	r := crashRig(t, mem)
	for range 3 {
		r.pass(true)
	}
	return checkAgrees(t, r.libs[0])
}

// TestACrashAtEveryStep stops at the first operation, then at the second, and so on: whatever was done, the next process
// ends where an undisturbed one does.
func TestACrashAtEveryStep(t *testing.T) {
	want := settleAll(t, scenario(t))
	if len(want) != 4 { // of each camera what is new, and one with an event
		t.Fatalf("left %v", want)
	}
	for name, check := range map[string]func(at int) func(faultfs.Op) error{
		"the process ends": func(at int) func(faultfs.Op) error {
			return func(op faultfs.Op) error {
				if op.N >= at {
					return syscall.EIO
				}
				return nil
			}
		},
		"the process ends on a full disk": func(at int) func(faultfs.Op) error {
			removed := 0
			return func(op faultfs.Op) error {
				switch {
				case op.N >= at:
					return syscall.EIO
				case op.Kind == faultfs.Write && removed < 5:
					return syscall.ENOSPC
				case op.Kind == faultfs.Remove && strings.HasSuffix(op.Name, ".mp4"):
					removed++
				}
				return nil
			}
		},
		"one operation fails":          func(at int) func(faultfs.Op) error { return faultfs.FailAt(at, syscall.EIO) },
		"one operation finds no room":  func(at int) func(faultfs.Op) error { return faultfs.FailAt(at, syscall.ENOSPC) },
		"one operation is not allowed": func(at int) func(faultfs.Op) error { return faultfs.FailAt(at, syscall.EPERM) },
		"every write finds no room now": func(at int) func(faultfs.Op) error {
			return func(op faultfs.Op) error {
				if op.Kind == faultfs.Write && op.N < at {
					return syscall.ENOSPC
				}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := 0; ; at++ {
				mem := scenario(t)
				fsys := faultfs.Wrap(mem, check(at))
				r := crashRig(t, fsys)
				r.logger = discard()
				_, _ = r.Keeper.pass(t.Context(), true)
				if got := settleAll(t, mem); !maps.Equal(got, want) {
					t.Fatalf("operation %d: left %v, want %v", at, got, want)
				}
				if fsys.Ops() <= at {
					t.Logf("%d operations", at)
					return
				}
			}
		})
	}
}

// TestTheSameProcessRecovers lets one operation fail and goes on without a restart.
func TestTheSameProcessRecovers(t *testing.T) {
	t.Parallel()
	want := settleAll(t, scenario(t))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	stride := 5
	if slow() {
		stride = 1
	}
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC} {
		for at := 0; ; at += 1 + rng.IntN(stride) {
			mem := scenario(t)
			fsys := faultfs.Wrap(mem, faultfs.FailAt(at, fault))
			r := crashRig(t, fsys)
			r.logger = discard()
			for range 4 {
				_, _ = r.Keeper.pass(t.Context(), true)
			}
			if fsys.Ops() <= at {
				break
			}
			if at < 2 {
				continue // the fault was in opening
			}
			r.pass(true)
			if got := checkAgrees(t, memLib(t, mem)); !maps.Equal(got, want) {
				t.Fatalf("operation %d: left %v, want %v", at, got, want)
			}
			if s := r.Status(); s.State != StateOK {
				t.Fatalf("operation %d: status %+v", at, s)
			}
		}
	}
}

// TestPowerCut cuts the power at every step: what is gone was given up before, durably, and what is held up is healed.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for at := 0; ; at += 1 + rng.IntN(3) {
		mem := scenario(t)
		durable(t, mem)
		fsys := faultfs.Wrap(mem, func(op faultfs.Op) error {
			if op.N >= at {
				return syscall.EIO
			}
			return nil
		})
		r := crashRig(t, fsys)
		r.logger = discard()
		_, _ = r.Keeper.pass(t.Context(), true)
		after := mem.CrashClone(rng)
		lib := memLib(t, after)
		disk := files(t, lib)
		days, err := lib.Days()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range days {
			led, err := lib.Ledger(d, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, rec := range led.Recordings() {
				if _, there := disk[rec.Path]; !rec.Evicted && !there {
					t.Fatalf("operation %d: %s is gone, and the journal does not say so", at, rec.Path)
				}
			}
		}
		settleAll(t, after)
		if fsys.Ops() <= at {
			return
		}
	}
}

// durable syncs everything there is.
func durable(t *testing.T, mem *faultfs.Mem) {
	t.Helper()
	var walk func(dir string)
	walk = func(dir string) {
		entries, err := mem.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			name := strings.TrimPrefix(dir+"/"+e.Name(), "./")
			if e.IsDir() {
				walk(name)
				continue
			}
			f, err := mem.OpenFile(name, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(f.Sync(), f.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if err := mem.SyncDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	walk(".")
}

// TestDeletingIsBoundedWork deletes a lot while a writer goes on: between two pauses little is removed, and whoever
// writes, asks or plans in a pause finds nothing locked.
func TestDeletingIsBoundedWork(t *testing.T) {
	t.Parallel()
	var removed, biggest atomic.Int64
	mem := faultfs.NewMem()
	fsys := faultfs.Wrap(mem, func(op faultfs.Op) error {
		if op.Kind == faultfs.Remove && strings.HasSuffix(op.Name, ".mp4") {
			removed.Add(1)
		}
		return nil
	})
	r := newRig(t, Policy{Default: Rule{Continuous: true, RetainDays: 1}, MinFree: -1}, func(r *rig, o *Options) {
		r.libs = []*library.Library{memLib(t, fsys)}
		o.Space = func(*library.Library) (int64, int64, error) { return 1 << 30, 1 << 40, nil }
	})
	const count = 2000
	for i := range count {
		r.put("a", 60*time.Hour-time.Duration(i)*20*time.Second, 100)
	}
	pauses := 0
	r.pause = func(ctx context.Context) error {
		pauses++
		biggest.Store(max(biggest.Load(), removed.Swap(0)))
		r.put("a", time.Hour-time.Duration(pauses)*time.Second, 100)
		done := make(chan error, 1)
		go func() { _, err := r.Storage(ctx); done <- err }()
		select {
		case err := <-done:
			return err
		case <-time.After(20 * time.Second):
			return errors.New("whoever asks waits for the end of deleting")
		}
	}
	r.pass(true)
	if n := biggest.Load(); n > stepFiles || pauses < count/stepFiles {
		t.Errorf("up to %d files went in a step, with %d pauses", n, pauses)
	}
	if got := checkAgrees(t, r.libs[0]); len(got) != pauses {
		t.Errorf("%d left, want %d", len(got), pauses)
	}
	g := group{names: []int64{1, 2, 3, 4}, bytes: []int64{stepBytes * 2, stepBytes / 2, stepBytes / 2, 1}}
	for _, want := range []int{1, 2, 1} {
		n := g.step()
		if n != want {
			t.Fatalf("a step of %d, want %d", n, want)
		}
		g.names, g.bytes = g.names[n:], g.bytes[n:]
	}
}

// TestALongPlanIsBroken makes more work than a pass may do, and fills another volume meanwhile.
func TestALongPlanIsBroken(t *testing.T) {
	t.Parallel()
	r := newRig(t, Policy{Default: Rule{Continuous: true, RetainDays: 1}, MinFree: 1}, func(r *rig, _ *Options) {
		r.libs = []*library.Library{memLib(t, faultfs.NewMem())}
	})
	for i := range 2 * stepsPerPass * stepFiles {
		r.put("a", 90*time.Hour-time.Duration(i)*10*time.Second, 100)
	}
	more, err := r.Keeper.pass(t.Context(), true)
	if err != nil || !more {
		t.Fatalf("more %v, error %v, left %d", more, err, len(files(t, r.libs[0])))
	}
	r.pass(true)
	if got := r.left(); got != "" {
		t.Errorf("left %q", got)
	}
}

// TestAFullDiskFilesFirst refuses every line until files are gone.
func TestAFullDiskFilesFirst(t *testing.T) {
	mem := faultfs.NewMem()
	var order []string
	room := 0
	fsys := faultfs.Wrap(mem, func(op faultfs.Op) error {
		switch {
		case op.Kind == faultfs.Write && room == 0:
			order = append(order, "refused")
			return syscall.ENOSPC
		case op.Kind == faultfs.Write:
			order = append(order, "line")
		case op.Kind == faultfs.Remove && strings.HasSuffix(op.Name, ".mp4"):
			order = append(order, "file")
			room++
		}
		return nil
	})
	lib := memLib(t, mem)
	for i := range 3 {
		put(t, lib, "a", 50*time.Hour-time.Duration(i)*time.Minute, 100, false)
	}
	r := crashRig(t, fsys)
	r.opts.Interest = nil
	r.opts.Policy = Policy{Default: Rule{Continuous: true, RetainDays: 1}, MinFree: -1}
	r.pass(true)
	if got := fmt.Sprint(order); got != "[refused file file file line]" {
		t.Errorf("order %v", got)
	}
	if got := checkAgrees(t, lib); len(got) != 0 {
		t.Errorf("left %v", got)
	}
}

// TestALineThatIsOwedIsWritten has no room for the line even after the files are gone.
func TestALineThatIsOwedIsWritten(t *testing.T) {
	mem := faultfs.NewMem()
	full := true
	fsys := faultfs.Wrap(mem, func(op faultfs.Op) error {
		if op.Kind == faultfs.Write && full {
			return syscall.ENOSPC
		}
		return nil
	})
	lib := memLib(t, mem)
	put(t, lib, "a", 50*time.Hour, 100, false)
	put(t, lib, "a", 40*time.Hour, 100, false)
	r := crashRig(t, fsys)
	r.opts.Interest = nil
	r.opts.Policy = Policy{Default: Rule{Continuous: true, RetainDays: 1}, MinFree: -1}
	for range 2 {
		if _, err := r.Keeper.pass(t.Context(), true); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("error %v", err)
		}
	}
	st, err := r.Storage(t.Context())
	if err != nil || st.Volumes[0].RecordingBytes != 0 || r.Status().State != StateFailing {
		t.Errorf("storage %+v, error %v, status %+v", st, err, r.Status())
	}
	full = false
	r.pass(true)
	if got := checkAgrees(t, lib); len(got) != 0 || r.Status().State != StateOK {
		t.Errorf("left %v, status %+v", got, r.Status())
	}
}

// TestWhatCannotBeRemovedIsTriedAgain keeps one file from going while the others of its day do.
func TestWhatCannotBeRemovedIsTriedAgain(t *testing.T) {
	mem := faultfs.NewMem()
	lib := memLib(t, mem)
	sticky := put(t, lib, "a", 50*time.Hour, 100, false)
	put(t, lib, "a", 50*time.Hour+time.Minute, 100, false)
	put(t, lib, "a", 40*time.Hour, 100, false) // the next day's journal
	later := put(t, lib, "a", 49*time.Hour, 100, false)
	stuck := true
	fsys := faultfs.Wrap(mem, func(op faultfs.Op) error {
		if op.Kind == faultfs.Remove && op.Name == sticky.Path && stuck {
			return syscall.EPERM
		}
		return nil
	})
	r := crashRig(t, fsys)
	r.opts.Interest = nil
	r.opts.Policy = Policy{Default: Rule{Continuous: true, RetainDays: 1}, MinFree: -1}
	for range 2 {
		if _, err := r.Keeper.pass(t.Context(), true); !errors.Is(err, syscall.EPERM) {
			t.Fatalf("error %v", err)
		}
	}
	if got := files(t, lib); len(got) != 1 || isGone(lib, sticky.Path) || !isGone(lib, later.Path) {
		t.Errorf("left %v", got)
	}
	rep, err := r.Plan(t.Context())
	if err != nil || len(rep.Deletions) != 1 || rep.Deletions[0].Reason != ByOrphan {
		t.Errorf("report %+v, error %v", rep, err)
	}
	// A restart finds it by the last line of the journal, which names it again or is the one that gave it up.
	r = crashRig(t, fsys)
	r.opts.Interest = nil
	if _, err := r.Keeper.pass(t.Context(), true); !errors.Is(err, syscall.EPERM) {
		t.Fatalf("error %v", err)
	}
	stuck = false
	r.pass(true)
	if got := checkAgrees(t, lib); len(got) != 0 {
		t.Errorf("left %v", got)
	}
}
