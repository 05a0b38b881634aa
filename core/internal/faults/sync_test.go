package faults

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// TestSyncOnASlowDisk measures what each sync mode costs where the disk barely takes what four cameras of 4 Mbit/s send, takes
// less, or takes few writes as a disk that seeks does.
func TestSyncOnASlowDisk(t *testing.T) {
	if os.Getenv("NIGHTJAR_BENCH") == "" {
		t.Skip("SKIPPED: it measures for 8 minutes; set NIGHTJAR_BENCH=1")
	}
	for _, limit := range []struct {
		what string
		most int
	}{{writtenBytes, 2_400_000}, {writtenBytes, 2_000_000}, {writes, 20}} {
		for _, mode := range []recorder.Sync{recorder.SyncPart, recorder.SyncFile, recorder.SyncOff} {
			t.Run(fmt.Sprintf("%s/%d/%s", limit.what, limit.most, mode), func(t *testing.T) {
				dir := disk(t)
				r := start(t, plan{
					cameras: camerasOf(t, heavyClip(t), "one", "two", "three", "four"),
					volumes: library.VolumesOptions{Dirs: []string{dir}}, sync: mode, file: 30 * time.Second,
				})
				throttle(t, dir, limit.what, limit.most)
				worst := r.watchFor(50 * time.Second)
				throttle(t, dir, limit.what, 0)
				r.report(worst)
			})
		}
	}
}

// watchFor watches for a while how far behind the streams are, and returns the worst.
func (r *rig) watchFor(long time.Duration) (worst time.Duration) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(long); time.Now().Before(end); <-tick.C {
		for _, id := range r.streams {
			if runs := r.coverage(id).Exact; len(runs) > 0 {
				worst = max(worst, time.Since(runs[len(runs)-1].End))
			}
		}
	}
	return worst
}

// report counts, and logs what was lost.
func (r *rig) report(worst time.Duration) {
	r.t.Helper()
	var dropped, syncs float64
	for _, id := range r.streams {
		r.waitRecorded(id, 2*time.Second)
	}
	var holes, gaps int
	var missing time.Duration
	all := r.count()
	for id, a := range all {
		dropped += r.dropped(id.Camera)
		syncs += r.counted("nvr_recorder_syncs_total", id.Camera)
		holes += len(a.holes(tellFrom))
		missing += a.length() - total(a.runs)
		for _, g := range a.gaps {
			if g.Start.Before(a.runs[len(a.runs)-1].End) {
				gaps++
			}
		}
	}
	long := all[r.streams[0]].length()
	r.t.Logf("worst behind %v, %.0f units dropped, %d holes, %d gap rows, %v missing of %d x %v, %.0f syncs per camera-minute",
		worst.Round(100*time.Millisecond), dropped, holes, gaps, missing.Round(100*time.Millisecond), len(all), long.Round(time.Second),
		syncs/float64(len(all))/long.Minutes())
}
