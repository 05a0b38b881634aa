package faults

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// TestOnlyDiskFull fills the only volume, and makes room.
func TestOnlyDiskFull(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	r := start(t, plan{cameras: camerasOf(t, heavyClip(t), "front"), volumes: library.VolumesOptions{Dirs: []string{dir}}})
	id := main("front")
	r.waitRecorded(id, 2*time.Second)
	ballast := fill(t, dir, 1<<20)
	waitFor(t, "the recorder fails", func() bool { return r.recorder(id).State == recorder.Failing })
	if got := r.recorder(id).Reason; got != "The disk with the recordings is full; free some space or lower the retention." {
		t.Errorf("the recorder says %q", got)
	}
	if got := r.volume(0, library.VolumeFailing); !strings.Contains(got, dir+" is full; free some space") {
		t.Errorf("the volume says %q", got)
	}
	if g := r.openGap(id); g.Reason != index.GapDisk {
		t.Errorf("the gap that goes on is %+v", g)
	}
	room := time.Now()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	r.waitRecorded(id, 3*time.Second)
	r.volume(0, library.VolumeOK)
	a := r.count()[id]
	only(t, id, a, index.GapDisk)
	if len(a.runs) > 1 {
		t.Logf("first picture %v after there was room", a.runs[len(a.runs)-1].Start.Sub(room).Round(time.Millisecond))
	}
}

// TestFirstOfTwoDisksFull fills the preferred volume while another has room, and makes room again.
func TestFirstOfTwoDisksFull(t *testing.T) {
	t.Parallel()
	small := smallDisk(t)
	cams := camerasOf(t, heavyClip(t), "front")
	r := start(t, plan{cameras: cams, volumes: library.VolumesOptions{Dirs: []string{small, t.TempDir()}}})
	id := main("front")
	r.waitRecorded(id, 2*time.Second)
	ballast := fill(t, small, 1<<20)
	r.volume(0, library.VolumeFailing)
	if r.recorder(id).State != recorder.Recording || !r.volumes.Status()[1].Active {
		t.Errorf("recorder %+v, volumes %+v", r.recorder(id), r.volumes.Status())
	}
	r.waitRecorded(id, 6*time.Second)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	r.volume(0, library.VolumeOK)
	waitFor(t, "recording returns to the preferred volume", func() bool {
		open := r.manager.Open(id)
		return len(open) > 0 && exists(filepath.Join(small, open[len(open)-1].Path))
	})
	r.waitRecorded(id, 2*time.Second)
	a := r.count()[id]
	where := make([]int, 2)
	for _, rec := range a.recs {
		for i, lib := range r.volumes.All() {
			if exists(filepath.Join(lib.Dir(), rec.Path)) {
				where[i]++
			}
		}
	}
	if where[0] < 2 || where[1] < 1 {
		t.Errorf("%v files in the two volumes", where)
	}
	// A part of about a second that cannot be written goes, up to the next key picture: they are a second apart.
	lost := a.length() - total(a.runs)
	if n := cams["front"].Sessions(); n != 1 || lost > 2500*time.Millisecond {
		t.Errorf("%d sessions, lost %v: %v", n, lost, show(a.holes(0)))
	}
	for _, g := range a.gaps {
		if g.Reason != index.GapDisk && g.Start.Before(a.runs[len(a.runs)-1].End) {
			t.Errorf("gap %+v", g)
		}
	}
	t.Logf("lost %v; %v files in the two volumes", lost, where)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// TestDirectoryPulled renames the only volume's directory away while recording, and back.
func TestDirectoryPulled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "disk")
	r := start(t, plan{cameras: camerasOf(t, clip(t), "front"), volumes: library.VolumesOptions{Dirs: []string{dir}}})
	away := dir + ".away"
	if err := os.Rename(dir, away); err != nil {
		t.Fatal(err)
	}
	r.missing(dir)
	if exists(dir) {
		t.Error("the directory was made anew")
	}
	if err := os.Rename(away, dir); err != nil {
		t.Fatal(err)
	}
	r.back()
}

// TestDiskPulled unmounts the only volume while recording, mounts another disk in its place, and then the right one.
func TestDiskPulled(t *testing.T) {
	t.Parallel()
	disk, point, other := smallDisk(t), t.TempDir(), smallDisk(t)
	mount(t, point, "--bind", disk)
	o := library.VolumesOptions{Dirs: []string{point}, MemoryFile: filepath.Join(t.TempDir(), "volumes.json")}
	r := start(t, plan{cameras: camerasOf(t, clip(t), "front"), volumes: o})
	unmount(t, point)
	r.missing(point)
	empty(t, point)

	mount(t, point, "--bind", other)
	o.Logger = slog.New(slog.DiscardHandler)
	again, err := library.OpenVolumes(o) // as the next start of Nightjar would
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if s := again.Status()[0]; s.State != library.VolumeMissing || s.Reason != r.volumes.Status()[0].Reason {
		t.Errorf("with another disk there: %+v", s)
	}
	empty(t, point)
	unmount(t, point)
	empty(t, point)

	mount(t, point, "--bind", disk)
	r.back()
}

// missing waits until the only volume is missing and nothing is recorded, and checks what a person is told.
func (r *rig) missing(dir string) {
	r.t.Helper()
	id := r.streams[0]
	if got := r.volume(0, library.VolumeMissing); !strings.HasPrefix(got, "The disk that belongs to "+dir+" is not there; mount it, or run `nightjar fsck --adopt") {
		r.t.Errorf("the volume says %q", got)
	}
	waitFor(r.t, "the recorder fails", func() bool { return r.recorder(id).State == recorder.Failing })
	if got := r.recorder(id).Reason; got != "No volume for recordings is there; mount its disk, or see the storage page." {
		r.t.Errorf("the recorder says %q", got)
	}
	waitFor(r.t, "the gap that goes on is shown", func() bool {
		g, ok := r.manager.OpenGap(id)
		return ok && g.Reason == index.GapDisk
	})
}

// back waits until the only volume takes recordings again, and counts.
func (r *rig) back() {
	r.t.Helper()
	id := r.streams[0]
	r.volume(0, library.VolumeOK)
	r.waitRecorded(id, 3*time.Second)
	a := r.count()[id]
	only(r.t, id, a, index.GapDisk)
	if len(a.runs) < 2 {
		r.t.Errorf("runs %v", a.runs)
	}
}

func empty(t testing.TB, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) > 0 {
		t.Errorf("%s was written to: %v", dir, entries)
	}
}
