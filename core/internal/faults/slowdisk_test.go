package faults

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// TestSlowDisk records two cameras of 4 Mbit/s on a disk that takes a fraction of that, and one on a disk of its own.
func TestSlowDisk(t *testing.T) {
	if !slow() {
		t.Skip("SKIPPED: a slow disk fills the queues only after a minute or more; set NIGHTJAR_SLOW=1")
	}
	t.Parallel()
	clip := heavyClip(t)
	dir := disk(t)
	throttle(t, dir, writtenBytes, 128<<10)
	fine := start(t, plan{cameras: camerasOf(t, clip, "fine"), volumes: oneVolume(t)})
	r := start(t, plan{
		cameras: camerasOf(t, clip, "one", "two"), volumes: library.VolumesOptions{Dirs: []string{dir}}, sync: recorder.SyncPart,
	})
	var most uint64
	waitFor(t, "units are dropped and told", func() bool {
		most = max(most, heap())
		return r.dropped("one") > 0 && r.dropped("two") > 0
	})
	throttle(t, dir, writtenBytes, 0)
	for _, id := range r.streams { // what still waits for the device, and what was queued behind it, comes before the hole
		waitFor(t, "recording goes on behind the hole", func() bool { return len(r.coverage(id).Exact) > 1 })
		r.waitRecorded(id, 2*time.Second)
	}
	all := r.count()
	for id, a := range all {
		if r.dropped(id.Camera) == 0 {
			t.Errorf("%s: nothing was dropped", id)
		}
		only(t, id, a, index.GapOverload, index.GapDisk)
		keyed(t, id, a)
	}
	untouched(t, main("fine"), fine.count()[main("fine")])
	// Three queues of 1,200 units, of which two are full: 16 s of 4 Mbit/s and sound each.
	if most > 128<<20 {
		t.Errorf("the heap grew to %d MB", most>>20)
	}
	t.Logf("heap at most %d MB, dropped %v and %v units", most>>20, r.dropped("one"), r.dropped("two"))
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// dropped returns how many units of a camera the recorder counted as lost.
func (r *rig) dropped(id nvr.CameraID) float64 {
	r.t.Helper()
	return r.counted("nvr_recorder_dropped_units_total", id)
}

// counted returns a camera's counter.
func (r *rig) counted(name string, id nvr.CameraID) (n float64) {
	r.t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "camera" && l.GetValue() == string(id) {
					n += m.GetCounter().GetValue()
				}
			}
		}
	}
	return n
}

// keyed demands that after each hole recording goes on with a file of its own: that begins with a key picture.
func keyed(t testing.TB, id nvr.StreamID, a account) {
	t.Helper()
	for _, h := range a.holes(0) {
		if !slices.ContainsFunc(a.recs, func(rec index.Recording) bool { return rec.Start.Equal(h.End) }) {
			t.Errorf("%s: no file begins at the end of the hole from %v to %v", id, h.Start, h.End)
		}
	}
}
