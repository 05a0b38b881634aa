package crash

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func TestMain(m *testing.M) {
	if os.Getenv(childStreams) != "" {
		if err := measuredMain(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(childDir) != "" {
		fmt.Fprintln(os.Stderr, childMain())
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// inFlight is what may be lost when the power goes or a write fails with each part synced: a part that is being filled, and
// the one that is being written.
const inFlight = 2 * time.Second

// TestEveryOperationFailsOnce runs the scenario with its first file operation failing, then its second, and so on until it
// passes without a failure. After each, the next start must find everything in order and nothing older than the failure
// lost.
func TestEveryOperationFailsOnce(t *testing.T) {
	t.Parallel()
	clip := small(t)
	modes := []recorder.Sync{recorder.SyncPart}
	if slow() {
		modes = append(modes, recorder.SyncFile, recorder.SyncOff)
	}
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			n := 0
			for again := true; again; n++ {
				synctest.Test(t, func(t *testing.T) { again = failAt(t, newWorld(t, clip, mode, memindex.New()), n) })
			}
			t.Logf("%d operations failed once each", n-1)
		})
	}
}

// failAt reports whether operation n was reached.
func failAt(t *testing.T, w *world, n int) bool {
	mem := faultfs.NewMem()
	what, at := faultfs.Op{}, time.Time{}
	failure := []error{syscall.EIO, syscall.ENOSPC}[n%2]
	w.run(faultfs.Wrap(mem, func(op faultfs.Op) error {
		if op.N != n {
			return nil
		}
		what, at = op, time.Now()
		return failure
	}))
	reached := !at.IsZero()
	if !reached {
		at = time.Now()
	}
	lib := restart(t, mem, w.idx)
	rep := checkAll(t, []*library.Library{lib}, w.idx)
	checkBoxes(t, lib)
	recs := recordings(t, lib)
	for _, id := range cams {
		before := at
		if reached {
			before = at.Add(-inFlight)
		}
		if lost := w.lost(id, recs[id], before); lost > frame {
			t.Errorf("%s lost %v from before the failure", id, lost)
		}
	}
	for i, p := range files(t, lib) {
		if n%50 == 0 && i%4 == 0 {
			probe(t, lib, p)
		}
	}
	if !reached && (len(rep.Findings) > 0 || rep.Files < 8) {
		t.Errorf("without a failure: %+v", rep)
	}
	if t.Failed() {
		t.Fatalf("operation %d failing: %s %s with %v", n, what.Kind, what.Name, failure)
	}
	return reached
}

// frame is the distance of the clip's pictures, the last of which lasts beyond what was sent.
const frame = 100 * time.Millisecond
