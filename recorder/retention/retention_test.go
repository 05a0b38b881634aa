package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 20, 12, 30, 0, 0, time.UTC)

func hour(camera string, back time.Duration, bytes int64) Hour {
	t := now.Add(-back).Truncate(time.Hour)
	id := nvr.StreamID{Camera: nvr.CameraID(camera), Role: nvr.Main}
	return Hour{Hour: library.Hour{Day: library.DayOf(id, t), Hour: t.Hour()}, Bytes: bytes}
}

func TestPlan(t *testing.T) {
	const d = 24 * time.Hour
	hours := []Hour{hour("a", 0, 10), hour("b", 5*d, 10), hour("a", 10*d, 10), hour("b", 10*d, 10), hour("a", time.Hour, 10), hour("a", 2*d, 10)}
	for name, c := range map[string]struct {
		p    Policy
		f    Facts
		want string
	}{
		"nothing asked":            {Policy{}, Facts{ClockTrusted: true}, ""},
		"by age":                   {Policy{Days: 7}, Facts{ClockTrusted: true}, "a-240h:age b-240h:age "},
		"by age of a camera":       {Policy{Days: 7, Camera: map[nvr.CameraID]int{"a": 1, "b": 0}}, Facts{ClockTrusted: true}, "a-240h:age a-48h:age "},
		"clock not trusted":        {Policy{Days: 7}, Facts{}, ""},
		"cap":                      {Policy{TotalBytes: 35}, Facts{}, "a-240h:cap b-240h:cap b-120h:cap "},
		"cap met by age":           {Policy{Days: 7, TotalBytes: 40}, Facts{ClockTrusted: true}, "a-240h:age b-240h:age "},
		"space":                    {Policy{}, Facts{Free: 85, MinFree: 100}, "a-240h:space b-240h:space "},
		"never the hour under way": {Policy{TotalBytes: 1}, Facts{OpenFor: time.Hour}, "a-240h:cap b-240h:cap b-120h:cap a-48h:cap "},
		"full days only":           {Policy{Days: 10}, Facts{ClockTrusted: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.f.Now, c.f.Hours = now, hours
			got := ""
			for _, d := range Plan(c.p, c.f) {
				got += fmt.Sprintf("%s-%.0fh:%s ", d.Day.Stream.Camera, now.Truncate(time.Hour).Sub(d.Start()).Hours(), d.Reason)
			}
			if got != c.want {
				t.Errorf("plan %q, want %q", got, c.want)
			}
		})
	}
}

// TestPlanProperties tries many worlds: what must be true of every plan.
func TestPlanProperties(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		var f Facts
		f.Now, f.ClockTrusted, f.OpenFor = now, rng.IntN(2) == 0, time.Minute
		f.Free, f.MinFree = rng.Int64N(1000), rng.Int64N(1000)-300
		total := int64(0)
		for i := range rng.IntN(40) {
			h := hour(string(rune('a'+i%3)), time.Duration(rng.IntN(40*24))*time.Hour, rng.Int64N(100))
			f.Hours = append(f.Hours, h)
			total += h.Bytes
		}
		p := Policy{Days: rng.IntN(30), TotalBytes: rng.Int64N(1500)}
		plan := Plan(p, f)
		freed := int64(0)
		for i, d := range plan {
			if i > 0 && d.Start().Before(plan[i-1].Start()) {
				t.Fatalf("seed %d: not oldest first", seed)
			}
			if now.Sub(d.Start()) < time.Hour {
				t.Fatalf("seed %d: the running hour is given up", seed)
			}
			if d.Reason == ByAge && now.Sub(d.Start()) < time.Duration(p.Days)*24*time.Hour {
				t.Fatalf("seed %d: %v old is given up by age of %d days", seed, now.Sub(d.Start()), p.Days)
			}
			freed += d.Bytes
		}
		left := slices.DeleteFunc(slices.Clone(f.Hours), func(h Hour) bool { return now.Sub(h.Start()) < 62*time.Minute })
		if done := len(plan) == len(left); !done && (p.TotalBytes > 0 && total-freed > p.TotalBytes || f.MinFree > 0 && f.Free+freed < f.MinFree) {
			t.Fatalf("seed %d: space is still short and deletable hours are left", seed)
		}
	}
}

type rig struct {
	*Keeper
	t    *testing.T
	lib  *library.Library
	wall time.Time
	mono time.Duration
	free int64
}

func newRig(t *testing.T, p Policy) *rig {
	t.Helper()
	lib, err := library.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lib.Close() })
	k, err := New(Options{Library: lib, Policy: p, OpenFor: 30 * time.Second, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Keeper: k, t: t, lib: lib, wall: now, free: 1 << 40}
	k.clock = func() (time.Time, time.Duration) { return r.wall, r.mono }
	k.disk = func() (int64, int64, error) { return r.free, 2 << 40, nil }
	return r
}

func (r *rig) record(camera string, back time.Duration, bytes int64) index.Recording {
	r.t.Helper()
	id := nvr.StreamID{Camera: nvr.CameraID(camera), Role: nvr.Main}
	at := now.Add(-back)
	f, path, err := r.lib.Create(library.DayOf(id, at), at.UnixMilli())
	if err != nil {
		r.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		r.t.Fatal(err)
	}
	rec := index.Recording{
		Stream: id, Start: at, Duration: time.Second, Path: path, Bytes: bytes, InitBytes: 1,
		Segments: []index.Segment{{Offset: 1, Bytes: bytes - 1, Duration: time.Second}},
	}
	if err := r.lib.Append(library.DayOf(id, at), library.Line{Recording: &rec}); err != nil {
		r.t.Fatal(err)
	}
	return rec
}

func (r *rig) left() (n int) {
	r.t.Helper()
	days, err := r.lib.Days()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, d := range days {
		files, err := r.lib.Files(d)
		if err != nil {
			r.t.Fatal(err)
		}
		recs, _, err := r.lib.Recordings(d, 0)
		if err != nil {
			r.t.Fatal(err)
		}
		if len(files) != len(recs) {
			r.t.Errorf("%s has %d files and %d recordings in its journal", d, len(files), len(recs))
		}
		n += len(files)
	}
	return n
}

func (r *rig) pass(full bool) {
	r.t.Helper()
	if err := r.Keeper.pass(context.Background(), full); err != nil {
		r.t.Fatal(err)
	}
}

func TestAgeWaitsForATrustedClock(t *testing.T) {
	r := newRig(t, Policy{Days: 7, MinFree: -1})
	r.record("a", 10*24*time.Hour, 100)
	r.record("a", 24*time.Hour, 100)
	step := func(wall, mono time.Duration, want int) {
		t.Helper()
		r.wall, r.mono = r.wall.Add(wall), r.mono+mono
		r.pass(true)
		if n := r.left(); n != want {
			t.Fatalf("%d recordings left after wall %v, want %d", n, r.wall, want)
		}
	}
	step(0, 0, 2)
	step(9*time.Minute, 9*time.Minute, 2)
	step(365*24*time.Hour, time.Minute, 2) // a jump ahead must not delete
	step(-365*24*time.Hour, time.Minute, 2)
	step(9*time.Minute, 9*time.Minute, 2)
	step(time.Minute, time.Minute, 1)
}

func TestSpaceIsMadeOldestFirst(t *testing.T) {
	r := newRig(t, Policy{MinFree: 1000})
	for n := range 6 {
		r.record(string(rune('a'+n%2)), time.Duration(n+2)*time.Hour, 100)
	}
	r.pass(false)
	if n := r.left(); n != 6 {
		t.Fatalf("%d left with enough space", n)
	}
	r.free = 750
	r.pass(false)
	if n := r.left(); n != 3 {
		t.Fatalf("%d left, want 3", n)
	}
	r.record("a", 30*time.Minute, 100) // the journal goes on after a deletion
	r.free = 1 << 40
	r.pass(true)
	if n := r.left(); n != 4 {
		t.Fatalf("%d left, want 4", n)
	}
}

func TestInterruptedDeletionIsFinished(t *testing.T) {
	r := newRig(t, Policy{})
	rec := r.record("a", 50*time.Hour, 100)
	r.record("a", 49*time.Hour, 100)
	h, err := library.HourOf(rec.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.lib.Append(h.Day, library.Line{Deleted: &h}); err != nil {
		t.Fatal(err)
	}
	r.pass(true)
	if n := r.left(); n != 1 {
		t.Errorf("%d left, want 1", n)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	r := newRig(t, Policy{Days: 1})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("empty options were taken")
	}
}
