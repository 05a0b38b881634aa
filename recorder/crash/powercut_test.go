package crash

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// cut is the world at a power cut.
type cut struct {
	seed    uint64
	op      faultfs.Op
	at      time.Time
	disk    *faultfs.Mem
	index   *memindex.Index // the database keeps what it committed
	sent    map[nvr.StreamID][]nvr.TimeRange
	dropped map[nvr.StreamID][]nvr.TimeRange
}

// promise is what a power cut may cost at most: with part what is in flight; with file the open file, which ends at the
// first key picture 5 s after its start on a grid, with its own quarter and what is in flight on top.
func promise(mode recorder.Sync) time.Duration {
	switch mode {
	case recorder.SyncPart:
		return inFlight
	case recorder.SyncFile:
		return 5*time.Second*5/4 + 2*time.Second + inFlight
	default:
		return time.Hour
	}
}

// TestPowerCuts cuts the power at random operations of the scenario: of what was not synced, a random part is left.
func TestPowerCuts(t *testing.T) {
	t.Parallel()
	clip := small(t)
	cuts := 120
	if slow() {
		cuts = 1500
	}
	for _, mode := range []recorder.Sync{recorder.SyncPart, recorder.SyncFile, recorder.SyncOff} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			ops := 0
			synctest.Test(t, func(t *testing.T) { ops = len(cutAt(t, clip, mode, func(int) uint64 { return 0 })) })
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 0))
			at := make(map[int]uint64)
			for len(at) < min(cuts, ops) {
				at[rng.IntN(ops)] = rng.Uint64() | 1
			}
			var lost []time.Duration
			synctest.Test(t, func(t *testing.T) {
				for _, c := range cutAt(t, clip, mode, func(n int) uint64 { return at[n] }) {
					if c.seed != 0 && !t.Failed() {
						lost = append(lost, c.check(t, mode)...)
					}
				}
			})
			report(t, string(mode), lost)
		})
	}
}

// cutAt runs the scenario once and takes a clone of the file system before each operation for which seed is not 0.
func cutAt(t *testing.T, clip *fmp4test.Clip, mode recorder.Sync, seed func(n int) uint64) []*cut {
	mem := faultfs.NewMem()
	idx := &gated{Index: memindex.New()}
	w := newWorld(t, clip, mode, idx)
	var out []*cut
	w.run(faultfs.Wrap(mem, func(op faultfs.Op) error {
		idx.mu.Lock() // disk and database lose their power in the same moment
		defer idx.mu.Unlock()
		c := &cut{seed: seed(op.N), op: op, at: time.Now()}
		if c.seed != 0 {
			var err error
			if c.index, err = copyIndex(idx.Index); err != nil {
				t.Error(err)
			}
			c.disk = mem.CrashClone(rand.New(rand.NewPCG(c.seed, 0)))
		}
		out = append(out, c)
		return nil
	}))
	for _, c := range out {
		c.sent, c.dropped = w.sent, w.dropped
	}
	return out
}

// gated is an index that does not change while mu is held.
type gated struct {
	index.Index
	mu sync.Mutex
}

func (g *gated) AddRecordings(ctx context.Context, recs []index.Recording) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Index.AddRecordings(ctx, recs)
}

func (g *gated) RemoveRecordings(ctx context.Context, id nvr.StreamID, starts []time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Index.RemoveRecordings(ctx, id, starts)
}

func (g *gated) Place(ctx context.Context, id nvr.StreamID, starts []time.Time, remote, evicted bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Index.Place(ctx, id, starts, remote, evicted)
}

func (g *gated) AddGaps(ctx context.Context, gaps []index.Gap) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Index.AddGaps(ctx, gaps)
}

// check starts the next process on what is left and returns what each stream lost.
func (c *cut) check(t *testing.T, mode recorder.Sync) (lost []time.Duration) {
	failed := t.Failed()
	lib := restart(t, c.disk, c.index)
	checkAll(t, []*library.Library{lib}, c.index)
	checkBoxes(t, lib)
	recs := recordings(t, lib)
	w := &world{sent: c.sent, dropped: c.dropped}
	for _, id := range cams {
		lost = append(lost, w.lost(id, recs[id], c.at))
		if most := promise(mode); lost[len(lost)-1] > most {
			t.Errorf("%s lost %v, the promise is %v", id, lost[len(lost)-1], most)
		}
	}
	if all := files(t, lib); c.seed%16 == 1 && len(all) > 0 && mode != recorder.SyncOff {
		probe(t, lib, all[len(all)-1])
	}
	if t.Failed() && !failed {
		t.Errorf("at operation %d (%s %s), %v, seed %d", c.op.N, c.op.Kind, c.op.Name, c.at, c.seed)
		dump(t, lib, c.index)
	}
	return lost
}

// report prints what was lost.
func report(t testing.TB, what string, lost []time.Duration) {
	t.Helper()
	if len(lost) == 0 {
		t.Error("nothing was cut")
		return
	}
	slices.Sort(lost)
	sum := time.Duration(0)
	for _, l := range lost {
		sum += l
	}
	t.Logf("%s: %d losses, %v on average, median %v, worst %v", what, len(lost), (sum / time.Duration(len(lost))).Round(time.Millisecond),
		lost[len(lost)/2].Round(time.Millisecond), lost[len(lost)-1].Round(time.Millisecond))
}
