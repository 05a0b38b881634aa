package retention

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/hold"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// rig is a Keeper on real directories, with a clock and a disk size of the test's choice.
type rig struct {
	*Keeper
	t    testing.TB
	libs []*library.Library
	wall time.Time
	mono time.Duration
	size int64 // of each volume; what is not recordings is free
}

func newRig(t testing.TB, p Policy, change func(*rig, *Options)) *rig {
	t.Helper()
	r := &rig{t: t, wall: now, mono: time.Hour, size: 1 << 40}
	o := Options{Policy: p, OpenFor: 30 * time.Second, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Metrics: prometheus.NewRegistry()}
	o.Space = func(l *library.Library) (int64, int64, error) { return r.size - r.stored(l), r.size, nil }
	if change != nil {
		change(r, &o)
	}
	if r.libs == nil {
		r.libs = []*library.Library{openLib(t)}
	}
	if o.Libraries == nil {
		o.Libraries = func() []*library.Library { return r.libs }
	}
	k, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	k.clock = func() (time.Time, time.Duration) { return r.wall, r.mono }
	k.pause = func(ctx context.Context) error { return ctx.Err() }
	k.lastWall, k.lastMono, k.evenly = now, r.mono, 0
	r.Keeper = k
	return r
}

func openLib(t testing.TB) *library.Library {
	t.Helper()
	lib, err := library.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lib.Close() })
	return lib
}

func memLib(t testing.TB, fsys library.FS) *library.Library {
	t.Helper()
	lib, err := library.OpenFS(fsys, "mem")
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

func (r *rig) pass(full bool) {
	r.t.Helper()
	for {
		more, err := r.Keeper.pass(r.t.Context(), full)
		if err != nil {
			r.t.Fatal(err)
		}
		if !more {
			return
		}
	}
}

func (r *rig) later(d time.Duration) {
	r.wall, r.mono = r.wall.Add(d), r.mono+d
}

// put makes a file without content of the right size, and its journal line unless silent.
func put(t testing.TB, lib *library.Library, camera string, back time.Duration, bytes int64, silent bool) index.Recording {
	t.Helper()
	id := streamOf(camera)
	at := now.Add(-back)
	f, path, err := lib.Create(library.DayOf(id, at), at.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(bytes), f.Close()); err != nil {
		t.Fatal(err)
	}
	rec := index.Recording{
		Stream: id, Start: at, Duration: 30 * time.Second, Path: path, Bytes: bytes, InitBytes: 1,
		Segments: []index.Segment{{Offset: 1, Bytes: bytes - 1, Duration: 30 * time.Second}},
	}
	if silent {
		return rec
	}
	if err := lib.Append(library.DayOf(id, at), library.Line{Recording: &rec}); err != nil {
		t.Fatal(err)
	}
	return rec
}

func (r *rig) put(camera string, back time.Duration, bytes int64) index.Recording {
	r.t.Helper()
	return put(r.t, r.libs[0], camera, back, bytes, false)
}

func (r *rig) archive(lib *library.Library, recs ...index.Recording) {
	r.t.Helper()
	for _, rec := range recs {
		line := library.Line{Files: &library.Files{Change: library.Archived, MS: []int64{rec.Start.UnixMilli()}}}
		if err := lib.Append(library.DayOf(rec.Stream, rec.Start), line); err != nil {
			r.t.Fatal(err)
		}
	}
}

// files returns the sizes of the recordings that are on disk, by path.
func files(t testing.TB, lib *library.Library) map[string]int64 {
	t.Helper()
	days, err := lib.Days()
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]int64)
	for _, d := range days {
		paths, err := lib.Files(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			info, err := lib.FS().Stat(p)
			if err != nil {
				t.Fatal(err)
			}
			out[p] = info.Size()
		}
	}
	return out
}

func (r *rig) stored(l *library.Library) (n int64) {
	for _, size := range files(r.t, l) {
		n += size
	}
	return n
}

// left checks that journals and directories agree, and returns how old what is left is, newest first.
func (r *rig) left() string {
	r.t.Helper()
	var out []string
	var ages []time.Duration
	for _, l := range r.libs {
		for p := range checkAgrees(r.t, l) {
			_, ms, err := library.ParseFilePath(p)
			if err != nil {
				r.t.Fatal(err)
			}
			ages = append(ages, now.Sub(time.UnixMilli(ms)))
		}
	}
	slices.Sort(ages)
	for _, a := range ages {
		out = append(out, strings.ReplaceAll(strings.ReplaceAll(a.String(), "m0s", "m"), "h0m", "h"))
	}
	return strings.Join(out, " ")
}

// checkAgrees demands that what journals call local is what is on disk, and returns it.
func checkAgrees(t testing.TB, lib *library.Library) map[string]int64 {
	t.Helper()
	disk := files(t, lib)
	said := make(map[string]int64)
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
			if !rec.Evicted {
				said[rec.Path] = rec.Bytes
			}
		}
		hours, err := lib.Hours(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hours {
			if entries, err := lib.FS().ReadDir(h.String()); err != nil || len(entries) == 0 {
				t.Errorf("%s is empty, error %v", h, err)
			}
		}
	}
	if !maps.Equal(disk, said) {
		t.Errorf("on disk are\n%v\nin the journals\n%v", disk, said)
	}
	return disk
}

func changes(t testing.TB, lib *library.Library, day library.Day) (out []string) {
	t.Helper()
	_, _, err := lib.Read(day, 0, func(l library.Line) error {
		switch {
		case l.Deleted != nil:
			out = append(out, "hour")
		case l.Files != nil:
			out = append(out, string(l.Files.Change))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var keepAll = Policy{Default: Rule{Continuous: true}, MinFree: -1}

func TestAgeWaitsForATrustedClock(t *testing.T) {
	r := newRig(t, Policy{Default: Rule{Continuous: true, RetainDays: 7}, MinFree: -1}, nil)
	r.lastWall, r.mono = time.Time{}, 0
	r.put("a", 10*day, 100)
	r.put("a", day, 100)
	step := func(wall, mono time.Duration, want string) {
		t.Helper()
		r.wall, r.mono = r.wall.Add(wall), r.mono+mono
		r.pass(true)
		if got := r.left(); got != want {
			t.Fatalf("left %q after wall %v, want %q", got, r.wall, want)
		}
	}
	both := "24h 240h"
	step(0, 0, both)
	step(9*time.Minute, 9*time.Minute, both)
	step(365*day, time.Minute, both) // a jump ahead must not delete
	step(-365*day, time.Minute, both)
	step(9*time.Minute, 9*time.Minute, both)
	step(time.Minute, time.Minute, "24h")
}

func TestSpaceIsMadeOldestFirst(t *testing.T) {
	r := newRig(t, Policy{Default: Rule{Continuous: true}, MinFree: 1000}, nil)
	for n := range 6 {
		r.put(string(rune('a'+n%2)), time.Duration(n+2)*time.Hour, 100)
	}
	r.size = 1600
	r.pass(false)
	if got := r.left(); got != "2h 3h 4h 5h 6h 7h" {
		t.Fatalf("left %q with enough space", got)
	}
	r.size = 1350
	r.pass(false)
	if got := r.left(); got != "2h 3h 4h" {
		t.Fatalf("left %q", got)
	}
	r.put("a", 30*time.Minute, 100) // the journal goes on after a deletion
	r.size = 1400
	r.pass(true)
	if got := r.left(); got != "30m 2h 3h 4h" {
		t.Fatalf("left %q", got)
	}
	r.size = 1399
	r.pass(true)
	if got := r.left(); got != "30m 2h 3h" || r.Status().State != StateOK {
		t.Fatalf("left %q, status %+v", got, r.Status())
	}
}

func TestJournalSaysHourOrFiles(t *testing.T) {
	r := newRig(t, Policy{Default: Rule{Continuous: true, RetainDays: 1}, MinFree: -1}, nil)
	var last index.Recording
	for i := range 40 {
		last = r.put("a", 50*time.Hour+time.Duration(i)*20*time.Second, 100)
	}
	whole := library.DayOf(last.Stream, last.Start)
	r.pass(true)
	if got := changes(t, r.libs[0], whole); !slices.Equal(got, []string{"hour"}) || r.left() != "" {
		t.Errorf("journal says %v, left %q", got, r.left())
	}
	stranger := put(t, r.libs[0], "a", 74*time.Hour, 100, true)
	r.put("a", 74*time.Hour+time.Minute, 100)
	r.pass(true)
	day := library.DayOf(stranger.Stream, stranger.Start)
	if got := changes(t, r.libs[0], day); !slices.Equal(got, []string{"evict"}) {
		t.Errorf("journal says %v", got)
	}
	if got := files(t, r.libs[0]); len(got) != 1 || got[stranger.Path] != 100 {
		t.Errorf("left %v, want what no journal names", got)
	}
}

func TestWhatTheArchiveHasKeepsItsRow(t *testing.T) {
	prev := &previews{}
	r := newRig(t, Policy{Default: Rule{Continuous: true}, MinFree: -1, Evict: true, EvictAfter: day}, func(_ *rig, o *Options) { o.Previews = prev })
	old, young := r.put("a", 30*time.Hour, 100), r.put("a", 20*time.Hour, 100)
	local := r.put("a", 31*time.Hour, 100)
	r.archive(r.libs[0], old, young)
	r.pass(true)
	if got := r.left(); got != "20h 31h" {
		t.Errorf("left %q", got)
	}
	led, err := r.libs[0].Ledger(library.DayOf(old.Stream, old.Start), 0)
	if err != nil {
		t.Fatal(err)
	}
	if rec, ok := led.Recording(old.Start.UnixMilli()); !ok || !rec.Remote || !rec.Evicted {
		t.Errorf("the journal says %+v", rec)
	}
	if got := prev.before["a"]; !got.Equal(local.Start.Truncate(time.Hour)) {
		t.Errorf("previews pruned before %v", got)
	}
	// The local one goes for space; previews of what is in the archive stay.
	r.opts.Policy.MinFree, r.size = 100, 210
	r.pass(true)
	r.size = 300
	r.pass(true)
	if got := prev.before["a"]; r.left() != "31h" || !got.Equal(local.Start.Truncate(time.Hour)) {
		t.Errorf("left %q, previews pruned before %v", r.left(), got)
	}
	r.size = 150
	r.pass(true)
	r.pass(true) // the first one finds what it deletes itself
	if got := prev.before["a"]; r.left() != "" || !got.Equal(old.Start.Truncate(time.Hour)) {
		t.Errorf("left %q, previews pruned before %v", r.left(), got)
	}
	day := library.DayOf(old.Stream, old.Start)
	for _, rec := range []index.Recording{old, young} {
		if err := r.libs[0].Append(library.DayOf(rec.Stream, rec.Start), library.Line{Files: &library.Files{Change: library.Expired, MS: []int64{rec.Start.UnixMilli()}}}); err != nil {
			t.Fatal(day, err)
		}
	}
	r.pass(true)
	if got := prev.before["a"]; !got.Equal(now.Add(-30*time.Second - time.Hour).Truncate(time.Hour)) {
		t.Errorf("previews pruned before %v with nothing left", got)
	}
}

// previews remembers what it was asked.
type previews struct {
	before map[nvr.CameraID]time.Time
	calls  int
}

func (p *previews) Prune(_ context.Context, before map[nvr.CameraID]time.Time) error {
	p.before, p.calls = before, p.calls+1
	return nil
}

// diary is an Interest with a memory of what happened, which can fail.
type diary struct {
	spans []nvr.InterestSpan
	err   error
	asked int
}

func (d *diary) Interest(_ context.Context, _ nvr.CameraID, r nvr.TimeRange) (out []nvr.InterestSpan, err error) {
	d.asked++
	for _, s := range d.spans {
		if s.Overlaps(r) {
			out = append(out, s)
		}
	}
	return out, d.err
}

func (d *diary) add(kind nvr.InterestKind, back, length time.Duration) {
	start := now.Add(-back)
	d.spans = append(d.spans, nvr.InterestSpan{Kind: kind, TimeRange: nvr.TimeRange{Start: start, End: start.Add(length)}})
}

func TestInterestKeepsFootage(t *testing.T) {
	d := &diary{}
	p := Policy{Default: Rule{MotionDays: 2, EventDays: 9, PreCapture: 5 * time.Second, PostCapture: 10 * time.Second}, MinFree: -1}
	r := newRig(t, p, func(_ *rig, o *Options) { o.Interest = d })
	for n := range 8 { // 30 s each
		r.put("a", time.Hour-time.Duration(n)*30*time.Second, 100)
	}
	r.put("a", 5*day, 100)
	r.put("a", 5*day+time.Hour, 100)
	d.add(nvr.InterestMotion, 5*day, time.Second)
	d.add(nvr.InterestMotion, 5*day+time.Hour, 10*time.Second)
	d.add(nvr.InterestEvent, 5*day+time.Hour-3*time.Second, time.Second)
	// 55 s after the first file began, with 5 s before and 10 s after: the 2nd and 3rd file
	d.add(nvr.InterestMotion, time.Hour-65*time.Second, time.Second)
	// exactly the pre-capture behind the 6th file
	d.add(nvr.InterestEvent, time.Hour-185*time.Second, time.Second)
	d.err = errors.New("the database is away")
	r.pass(true)
	all := "56m30s 57m 57m30s 58m 58m30s 59m 59m30s 1h 120h 121h"
	if got := r.left(); got != all {
		t.Fatalf("left %q while nobody knows", got)
	}
	d.err = nil
	d.add(InterestUnknown, time.Hour-215*time.Second, time.Second) // the 7th and 8th are not known
	r.pass(true)
	if got := r.left(); got != "56m30s 57m 57m30s 59m 59m30s 121h" {
		t.Fatalf("left %q", got)
	}
	kept := r.left()
	asked := d.asked
	d.spans = slices.DeleteFunc(d.spans, func(s nvr.InterestSpan) bool { return s.Kind == InterestUnknown })
	d.add(nvr.InterestEvent, time.Hour-215*time.Second, time.Second)
	r.pass(true)
	if got := r.left(); got != kept || d.asked == asked {
		t.Fatalf("left %q, want %q; asked %d times", got, kept, d.asked)
	}
	asked = d.asked
	r.pass(true)
	if d.asked != asked {
		t.Error("asked again what was answered")
	}
	// An event that is deleted is noticed after some hours; an outage then keeps everything again.
	d.spans = nil
	d.err = errors.New("away again")
	r.later(askAgain + time.Minute)
	r.pass(true)
	if got := r.left(); got != kept {
		t.Fatalf("left %q during an outage, want %q", got, kept)
	}
	d.err = nil
	r.pass(true)
	if got := r.left(); got != "" {
		t.Errorf("left %q", got)
	}
}

func TestSpaceTakesQuietFootageFirst(t *testing.T) {
	d := &diary{}
	r := newRig(t, Policy{Default: Rule{Continuous: true}, MinFree: 100}, func(_ *rig, o *Options) { o.Interest = d })
	for h := range 6 {
		r.put("a", time.Duration(h+2)*time.Hour, 100)
	}
	d.add(nvr.InterestEvent, 7*time.Hour, time.Second)
	d.add(nvr.InterestMotion, 6*time.Hour, time.Second)
	r.size = 500
	r.pass(false)
	if got := r.left(); got != "2h 3h 6h 7h" {
		t.Fatalf("left %q", got)
	}
	d.err = errors.New("the database is away")
	r.later(askAgain + time.Minute)
	r.size = 300
	r.pass(false)
	if got := r.left(); got != "2h 3h" {
		t.Fatalf("left %q of what nobody knows", got)
	}
}

func TestHoldsAreKeptOnAFullDisk(t *testing.T) {
	var states []State
	r := newRig(t, Policy{Default: Rule{Continuous: true, RetainDays: 3}, MinFree: 1000}, func(r *rig, o *Options) {
		r.libs = []*library.Library{openLib(t)}
		holds, err := hold.Open(hold.Options{Libraries: func() []*library.Library { return r.libs }, Logger: o.Logger})
		if err != nil {
			t.Fatal(err)
		}
		o.Holds = holds
		o.Changed = func(s Status) { states = append(states, s.State) }
	})
	for h := range 5 {
		r.put("a", 5*day+time.Duration(h)*time.Hour, 100)
	}
	r.put("b", 2*time.Hour, 100)
	held, err := r.opts.Holds.Add(hold.Hold{
		Kind: hold.Legal, Cameras: []nvr.CameraID{"a"},
		Range: nvr.TimeRange{Start: now.Add(-5*day - 2*time.Hour), End: now.Add(-5*day - time.Hour + time.Second)},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.size = 1000
	r.pass(true)
	if got := r.left(); got != "121h 122h" {
		t.Errorf("left %q", got)
	}
	if s := r.Status(); s.State != StateStuck || !strings.Contains(s.Reason, "lacks 200 bytes of free space") || !strings.Contains(s.Reason, "held") {
		t.Errorf("status %+v", s)
	}
	rep, err := r.Plan(t.Context())
	if err != nil || rep.HeldBytes != 200 || len(rep.Deletions) != 0 || len(rep.Notes) != 1 {
		t.Errorf("report %+v, error %v", rep, err)
	}
	if err := r.opts.Holds.Release(held.ID); err != nil {
		t.Fatal(err)
	}
	r.pass(true)
	if got := r.left(); got != "" || r.Status().State != StateOK || !slices.Equal(states, []State{StateStuck, StateOK}) {
		t.Errorf("left %q, status %+v, states %v", got, r.Status(), states)
	}
}

// TestAHoldAddedLateIsSeen adds a hold between the plan and its execution.
func TestAHoldAddedLateIsSeen(t *testing.T) {
	var holds *hold.Set
	r := newRig(t, Policy{Default: Rule{Continuous: true, RetainDays: 1}, MinFree: -1}, func(r *rig, o *Options) {
		r.libs = []*library.Library{openLib(t)}
		var err error
		if holds, err = hold.Open(hold.Options{Libraries: func() []*library.Library { return r.libs }, Logger: o.Logger}); err != nil {
			t.Fatal(err)
		}
		o.Holds = holds
	})
	r.put("a", 50*time.Hour, 100)
	r.put("a", 48*time.Hour, 100)
	r.pause = func(context.Context) error {
		_, err := holds.Add(hold.Hold{Kind: hold.Favourite, Cameras: []nvr.CameraID{"a"}, Range: nvr.TimeRange{Start: now.Add(-48 * time.Hour), End: now}})
		return err
	}
	r.pass(true)
	if got := r.left(); got != "48h" {
		t.Errorf("left %q", got)
	}
}

func TestNothingIsDeletedWhileHoldsAreUnknown(t *testing.T) {
	broken := true
	r := newRig(t, Policy{Default: Rule{Continuous: true, RetainDays: 1}, MinFree: -1}, func(r *rig, o *Options) {
		r.libs = []*library.Library{memLib(t, faultfs.Wrap(faultfs.NewMem(), func(op faultfs.Op) error {
			if broken && op.Name == ".holds.jsonl" {
				return syscall.EIO
			}
			return nil
		}))}
		var err error
		if o.Holds, err = hold.Open(hold.Options{Libraries: func() []*library.Library { return r.libs }, Logger: o.Logger}); err != nil {
			t.Fatal(err)
		}
	})
	r.put("a", 50*time.Hour, 100)
	if _, err := r.Keeper.pass(t.Context(), true); !errors.Is(err, syscall.EIO) || r.left() != "50h" || r.Status().State != StateFailing {
		t.Errorf("error %v, left %q, status %+v", err, r.left(), r.Status())
	}
	broken = false
	r.pass(true)
	if r.left() != "" || r.Status().State != StateOK {
		t.Errorf("left %q, status %+v", r.left(), r.Status())
	}
}

func TestVolumesAreKeptApart(t *testing.T) {
	away := false
	prev := &previews{}
	r := newRig(t, Policy{Default: Rule{Continuous: true}, MinFree: 100}, func(r *rig, o *Options) {
		second := faultfs.Wrap(faultfs.NewMem(), func(faultfs.Op) error {
			if away {
				return library.ErrMissing
			}
			return nil
		})
		r.libs = []*library.Library{openLib(t), memLib(t, second)}
		o.Previews = prev
		o.Space = func(l *library.Library) (int64, int64, error) {
			if l == r.libs[0] {
				return r.size - r.stored(l), r.size, nil
			}
			return 1000, 2000, nil
		}
	})
	put(t, r.libs[1], "a", 9*day, 100, false)
	for h := range 4 {
		r.put("a", time.Duration(h+2)*time.Hour, 100)
	}
	r.size = 400
	r.pass(true)
	if got := r.left(); got != "2h 3h 4h 216h" {
		t.Errorf("left %q", got)
	}
	calls := prev.calls
	away = true
	r.size = 300
	r.pass(true)
	st, err := r.Storage(t.Context())
	if err != nil || len(st.Volumes) != 2 || !errors.Is(st.Volumes[1].Err, library.ErrMissing) || st.Volumes[0].RecordingBytes != 200 {
		t.Errorf("storage %+v, error %v", st, err)
	}
	if prev.calls != calls || r.Status().State != StateOK {
		t.Errorf("previews were pruned, or status %+v", r.Status())
	}
	away = false
	r.pass(true)
	if got := r.left(); got != "2h 3h 216h" {
		t.Errorf("left %q", got)
	}
}

func TestAnotherJournalIsReadAnew(t *testing.T) {
	r := newRig(t, keepAll, nil)
	r.put("a", 30*time.Hour, 100)
	r.put("a", 30*time.Hour+time.Minute, 100)
	r.pass(true)
	name := library.DayOf(streamOf("a"), now.Add(-30*time.Hour))
	f, err := r.libs[0].FS().OpenFile(library.JournalPath(name), 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(0), f.Close()); err != nil {
		t.Fatal(err)
	}
	st, err := r.Storage(t.Context())
	if err != nil || st.Volumes[0].RecordingBytes != 0 {
		t.Errorf("storage %+v, error %v", st, err)
	}
	r.put("a", 30*time.Hour+2*time.Minute, 50)
	if st, err = r.Storage(t.Context()); err != nil || st.Volumes[0].RecordingBytes != 50 {
		t.Errorf("storage %+v, error %v", st, err)
	}
	if err := r.libs[0].FS().RemoveAll("a"); err != nil {
		t.Fatal(err)
	}
	if st, err = r.Storage(t.Context()); err != nil || st.Volumes[0].RecordingBytes != 0 || len(st.Cameras) != 1 || !st.Cameras[0].Oldest.IsZero() {
		t.Errorf("storage %+v, error %v", st, err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	r := newRig(t, Policy{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
	for _, p := range []Policy{{MaxBytes: -1}, {EvictAfter: -1}, {Default: Rule{EventDays: -1}}, {Cameras: map[nvr.CameraID]Rule{"a": {MaxBytes: -1}}}} {
		o := r.opts
		o.Policy, o.Metrics = p, prometheus.NewRegistry()
		if _, err := New(o); err == nil {
			t.Errorf("policy %+v was taken", p)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("empty options were taken")
	}
}

func isGone(lib *library.Library, p string) bool {
	_, err := lib.FS().Stat(p)
	return errors.Is(err, fs.ErrNotExist)
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
