package retention

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 20, 12, 30, 0, 0, time.UTC)

// slow reports whether a test may take its time.
func slow() bool { return os.Getenv("NIGHTJAR_SLOW") != "" }

const day = 24 * time.Hour

func streamOf(camera string) nvr.StreamID {
	return nvr.StreamID{Camera: nvr.CameraID(camera), Role: nvr.Main}
}

// fact is one recording of the worlds that the tests make.
type fact struct {
	camera string
	volume int
	back   time.Duration // before now
	length time.Duration // 30 s where 0
	bytes  int64
	class  Class
	remote bool
}

func (f fact) start() time.Time { return now.Add(-f.back) }

func (f fact) duration() time.Duration {
	if f.length == 0 {
		return 30 * time.Second
	}
	return f.length
}

func world(facts []fact, volumes ...Volume) Facts {
	if len(volumes) == 0 {
		volumes = []Volume{{}}
	}
	days := make([]map[library.Day]*Day, len(volumes))
	for _, x := range facts {
		id := streamOf(x.camera)
		name := library.DayOf(id, x.start())
		if days[x.volume] == nil {
			days[x.volume] = make(map[library.Day]*Day)
		}
		d := days[x.volume][name]
		if d == nil {
			n := NewDay(name)
			d = &n
			days[x.volume][name] = d
			volumes[x.volume].Days = append(volumes[x.volume].Days, d)
		}
		d.Add(index.Recording{
			Stream: id, Start: x.start(), Duration: x.duration(), Bytes: x.bytes, Remote: x.remote, Path: library.FilePath(id, x.start().UnixMilli()),
		})
		i, _ := d.find(x.start().UnixMilli())
		d.Recs[i] = d.Recs[i].withClass(x.class)
	}
	return Facts{Now: now, ClockTrusted: true, OpenFor: 30 * time.Second, Volumes: volumes}
}

// told writes a plan as "camera-age:reason", ages in whole hours or minutes.
func told(plan []Deletion) string {
	var out []string
	for _, d := range plan {
		age := now.Sub(time.UnixMilli(d.Day.name(d.Index)))
		s := fmt.Sprintf("%.0fh", age.Hours())
		if age.Abs() < time.Hour {
			s = fmt.Sprintf("%.0fm", age.Minutes())
		}
		out = append(out, fmt.Sprintf("%s-%s:%s", d.Day.Stream.Camera, s, d.Reason))
	}
	return strings.Join(out, " ")
}

func TestPlan(t *testing.T) {
	keep := func(days int) Rule { return Rule{Continuous: true, RetainDays: days} }
	a := func(back time.Duration, class Class) fact {
		return fact{camera: "a", back: back, bytes: 10, class: class}
	}
	b := func(back time.Duration, class Class) fact {
		return fact{camera: "b", back: back, bytes: 10, class: class}
	}
	quiet := []fact{a(2*day, Quiet), b(5*day, Quiet), a(10*day, Quiet), b(10*day, Quiet), a(time.Hour+time.Minute, Quiet)}
	mixed := []fact{a(9*day, Event), a(8*day, Motion), a(7*day, Unknown), a(6*day, Quiet), a(5*day, Motion), a(4*day, Quiet)}
	archived := func(f fact) fact { f.remote = true; return f }
	for name, c := range map[string]struct {
		facts  []fact
		policy Policy
		change func(*Facts)
		want   string
		short  int64
	}{
		"nothing asked":       {facts: quiet, policy: Policy{Default: keep(0)}},
		"by age":              {facts: quiet, policy: Policy{Default: keep(7)}, want: "a-240h:age b-240h:age"},
		"by age of a camera":  {facts: quiet, policy: Policy{Default: keep(7), Cameras: map[nvr.CameraID]Rule{"a": keep(1), "b": keep(0)}}, want: "a-240h:age a-48h:age"},
		"clock not trusted":   {facts: quiet, policy: Policy{Default: keep(1), Evict: true}, change: func(f *Facts) { f.ClockTrusted = false }},
		"full days only":      {facts: []fact{a(10*day+29*time.Minute, Quiet)}, policy: Policy{Default: keep(10)}},
		"whole hours at once": {facts: []fact{a(10*day+31*time.Minute, Quiet), a(10*day+89*time.Minute, Quiet)}, policy: Policy{Default: keep(10)}, want: "a-241h:age a-241h:age"},
		"a file that lasts into the next hour": {
			facts: []fact{{camera: "a", back: 10*day + 35*time.Minute, length: 40 * time.Minute, bytes: 1, class: Quiet}}, policy: Policy{Default: keep(10)},
		},
		"motion and events longer": {
			facts:  []fact{a(3*day, Quiet), a(3*day+time.Hour, Motion), a(3*day+2*time.Hour, Event), a(6*day, Motion), a(6*day+time.Hour, Event), a(9*day, Event)},
			policy: Policy{Default: Rule{Continuous: true, RetainDays: 1, MotionDays: 5, EventDays: 8}},
			want:   "a-216h:age a-144h:age a-72h:age",
		},
		"motion days shorter than all days": {facts: []fact{a(3*day, Motion)}, policy: Policy{Default: Rule{Continuous: true, RetainDays: 7, MotionDays: 1}}},
		"event days at least motion days": {
			facts: []fact{a(3*day, Event), a(9*day, Event)}, policy: Policy{Default: Rule{MotionDays: 8}}, want: "a-216h:age",
		},
		"unknown counts as event": {
			facts: []fact{a(3*day, Unknown), a(9*day, Unknown)}, policy: Policy{Default: Rule{Continuous: true, RetainDays: 1, EventDays: 8}}, want: "a-216h:age",
		},
		"discard what is quiet": {
			facts: []fact{a(30*time.Minute, Quiet), a(31*time.Minute, Motion), a(32*time.Minute, Unknown), a(9*time.Minute, Quiet)},
			// 10 min 30 s and 11 min: end and post-capture make the difference
			policy: Policy{Default: Rule{PostCapture: 10 * time.Second}}, want: "a-30m:age",
		},
		"discard waits for the post-capture": {
			facts:  []fact{a(10*time.Minute+40*time.Second, Quiet), a(10*time.Minute+39*time.Second, Quiet)},
			policy: Policy{Default: Rule{PostCapture: 10 * time.Second}}, want: "a-11m:age",
		},
		"discard and keep the rest until space is needed": {facts: []fact{a(900*day, Motion), a(900*day+time.Hour, Quiet)}, want: "a-21601h:age"},
		"space":                   {facts: quiet, policy: Policy{Default: keep(0)}, change: free(85, 100), want: "a-240h:space b-240h:space"},
		"space in order of class": {facts: mixed, policy: Policy{Default: keep(0)}, change: free(50, 100), want: "a-144h:space a-96h:space a-192h:space a-120h:space a-216h:space"},
		"unknown goes with events": {
			facts: mixed, policy: Policy{Default: keep(0)}, change: free(45, 100),
			want: "a-144h:space a-96h:space a-192h:space a-120h:space a-216h:space a-168h:space",
		},
		"nobody knows anything: oldest first": {
			facts: []fact{a(2*day, Unknown), b(5*day, Unknown), a(9*day, Unknown)}, policy: Policy{Default: Rule{EventDays: 30}}, change: free(0, 15), want: "a-216h:space b-120h:space",
		},
		"what the archive has goes first": {
			facts: []fact{a(9*day, Quiet), archived(a(2*day, Event)), archived(a(3*day, Quiet))}, policy: Policy{Default: keep(0)}, change: free(0, 21), want: "a-72h:space a-48h:space a-216h:space",
		},
		"cap":             {facts: quiet, policy: Policy{Default: keep(0), MaxBytes: 25}, want: "a-240h:cap b-240h:cap b-120h:cap"},
		"cap met by age":  {facts: quiet, policy: Policy{Default: keep(7), MaxBytes: 30}, want: "a-240h:age b-240h:age"},
		"cap of a camera": {facts: quiet, policy: Policy{Default: keep(0), Cameras: map[nvr.CameraID]Rule{"a": {Continuous: true, MaxBytes: 15}}}, want: "a-240h:camera_cap a-48h:camera_cap"},
		"eviction": {
			facts:  []fact{archived(a(3*day, Event)), archived(a(20*time.Hour, Event)), a(4*day, Event)},
			policy: Policy{Default: keep(0), Evict: true, EvictAfter: day}, want: "a-72h:evict",
		},
		"age before eviction": {facts: []fact{archived(a(9*day, Quiet))}, policy: Policy{Default: keep(7), Evict: true, EvictAfter: day}, want: "a-216h:age"},
		"never the newest":    {facts: []fact{a(time.Minute, Quiet), a(-5*time.Second, Quiet)}, policy: Policy{Default: keep(0)}, change: free(0, 100), short: 100},
		"what a wrong clock dated far ahead": {
			facts: []fact{a(-3*day, Quiet), a(day, Quiet)}, policy: Policy{Default: keep(0)}, change: free(0, 20), want: "a-24h:space a--72h:space",
		},
		"held": {
			facts: quiet, policy: Policy{Default: keep(1), MaxBytes: 1}, want: "b-240h:age b-120h:age", short: 29,
			change: func(f *Facts) {
				f.Held = func(s nvr.StreamID, _, end time.Time) bool { return s.Camera == "a" && end.Before(now) }
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := world(c.facts)
			if c.change != nil {
				c.change(&f)
			}
			plan, shortages := Plan(c.policy, f)
			if got := told(plan); got != c.want {
				t.Errorf("plan %q, want %q", got, c.want)
			}
			short := int64(0)
			for _, s := range shortages {
				short += s.Bytes
			}
			if short != c.short {
				t.Errorf("%d bytes short, want %d", short, c.short)
			}
		})
	}
}

func free(has, want int64) func(*Facts) {
	return func(f *Facts) { f.Volumes[0].Free, f.Volumes[0].MinFree = has, want }
}

func TestEachVolumeMakesItsOwnSpace(t *testing.T) {
	f := world([]fact{
		{camera: "a", volume: 0, back: 9 * day, bytes: 10, class: Quiet},
		{camera: "a", volume: 1, back: 8 * day, bytes: 10, class: Quiet},
		{camera: "a", volume: 1, back: 7 * day, bytes: 10, class: Quiet},
		{camera: "b", volume: 1, back: 6 * day, bytes: 10, class: Event},
	}, Volume{Free: 100, MinFree: 50}, Volume{Free: 35, MinFree: 50})
	plan, short := Plan(Policy{Default: Rule{Continuous: true}}, f)
	if got := told(plan); got != "a-192h:space a-168h:space" || len(short) > 0 {
		t.Errorf("plan %q, short %v", got, short)
	}
	f.Volumes[1].MinFree = 100
	_, short = Plan(Policy{Default: Rule{Continuous: true}}, f)
	if len(short) != 1 || short[0] != (Shortage{Reason: BySpace, Volume: 1, Bytes: 35}) {
		t.Errorf("short %v", short)
	}
}

func TestARecordingIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Rec{}); n != 16 {
		t.Errorf("a recording takes %d bytes of memory, want 16", n)
	}
	d := NewDay(library.DayOf(streamOf("a"), now))
	rec := index.Recording{
		Stream: streamOf("a"), Start: now.Add(-1500 * time.Microsecond), Duration: time.Hour + time.Microsecond, Bytes: 5 << 40, Remote: true,
		Path: library.FilePath(streamOf("a"), now.UnixMilli()+10),
	}
	d.Add(rec)
	rec.Remote = false
	d.Add(rec) // journaled again
	if len(d.Recs) != 1 || d.Recs[0].Bytes() != 5<<40 || !d.Recs[0].Remote() || d.Recs[0].Class() != Unknown || d.name(0) != now.UnixMilli()+10 {
		t.Fatalf("recordings %+v", d.Recs)
	}
	if s, e := time.UnixMilli(d.start(0)), time.UnixMilli(d.end(0)); s.After(rec.Start) || rec.Start.Sub(s) > 5*time.Millisecond ||
		e.Before(rec.End()) || e.Sub(rec.End()) > time.Millisecond {
		t.Errorf("from %v to %v, want %v to %v", s, e, rec.Start, rec.End())
	}
	rec.Path = library.FilePath(streamOf("a"), now.Add(-day).UnixMilli())
	d.Add(rec)
	if len(d.Recs) != 1 {
		t.Error("took a recording of another day")
	}
}

// TestPlanProperties tries many worlds: what must be true of every plan.
func TestPlanProperties(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	worlds := 500
	if slow() {
		worlds = 20_000
	}
	for range worlds {
		f, facts := randomWorld(rng)
		p := randomPolicy(rng)
		plan, shortages := Plan(p, f)
		again, _ := Plan(p, f)
		if !slices.Equal(plan, again) {
			t.Fatal("the same facts gave two plans")
		}
		checkPlan(t, p, f, plan)
		after := without(f, facts, plan)
		rest, still := Plan(p, after)
		if len(rest) > 0 {
			t.Fatalf("after the plan %q there is more to do: %q", told(plan), told(rest))
		}
		if !slices.Equal(shortages, still) {
			t.Fatalf("short %v, then %v", shortages, still)
		}
		checkLimits(t, p, after, shortages)
		checkNeeded(t, p, f, facts, plan)
	}
}

func randomWorld(rng *rand.Rand) (Facts, []fact) {
	var facts []fact
	volumes := make([]Volume, 1+rng.IntN(2))
	used := make(map[string]bool)
	for range rng.IntN(60) {
		x := fact{
			camera: string(rune('a' + rng.IntN(3))), volume: rng.IntN(len(volumes)), back: time.Duration(rng.IntN(40*24*60)-60) * time.Minute,
			length: time.Duration(1+rng.IntN(3600)) * time.Second, bytes: 1 + rng.Int64N(100), class: Class(rng.IntN(4)), remote: rng.IntN(4) == 0,
		}
		if rng.IntN(4) == 0 {
			x.back = time.Duration(rng.IntN(3600)) * time.Second
		}
		if key := fmt.Sprint(x.camera, x.back); !used[key] { // one file has one name
			used[key] = true
			facts = append(facts, x)
		}
	}
	for i := range volumes {
		volumes[i].Free, volumes[i].MinFree = rng.Int64N(1000), rng.Int64N(2000)-700
	}
	f := world(facts, volumes...)
	f.ClockTrusted, f.OpenFor = rng.IntN(3) > 0, time.Duration(rng.IntN(3600))*time.Second
	held := nvr.TimeRange{Start: now.Add(-time.Duration(rng.IntN(40*24)) * time.Hour)}
	held.End = held.Start.Add(time.Duration(rng.IntN(20*24)) * time.Hour)
	f.Held = func(s nvr.StreamID, start, end time.Time) bool {
		return s.Camera == "a" && held.Overlaps(nvr.TimeRange{Start: start, End: end})
	}
	return f, facts
}

func randomPolicy(rng *rand.Rand) Policy {
	rule := func() Rule {
		r := Rule{
			Continuous: rng.IntN(3) > 0, RetainDays: rng.IntN(20), MotionDays: rng.IntN(30), EventDays: rng.IntN(40),
			PostCapture: time.Duration(rng.IntN(60)) * time.Second,
		}
		if rng.IntN(3) == 0 {
			r.MaxBytes = rng.Int64N(1000)
		}
		return r
	}
	p := Policy{Default: rule(), Cameras: map[nvr.CameraID]Rule{"b": rule()}, Evict: rng.IntN(2) == 0, EvictAfter: time.Duration(rng.IntN(72)) * time.Hour}
	if rng.IntN(2) == 0 {
		p.MaxBytes = rng.Int64N(3000)
	}
	return p
}

func checkPlan(t *testing.T, p Policy, f Facts, plan []Deletion) {
	t.Helper()
	seen := make(map[string]bool)
	for _, d := range plan {
		start, end := time.UnixMilli(d.Day.start(d.Index)), time.UnixMilli(d.Day.end(d.Index))
		rec := d.Day.Recs[d.Index]
		what := fmt.Sprintf("%s/%d of volume %d by %s", d.Day.Day, d.Day.name(d.Index), d.Volume, d.Reason)
		if seen[fmt.Sprint(d.Volume, d.Day.Day, d.Index)] {
			t.Fatalf("%s goes twice", what)
		}
		seen[fmt.Sprint(d.Volume, d.Day.Day, d.Index)] = true
		if f.Held(d.Day.Stream, start, end) {
			t.Fatalf("%s is held", what)
		}
		if age := now.Sub(start); age.Abs() < f.OpenFor {
			t.Fatalf("%s may still be written: it is %v old", what, age)
		}
		if (d.Reason == ByAge || d.Reason == ByEviction) && !f.ClockTrusted {
			t.Fatalf("%s although the clock is not trusted", what)
		}
		rule := p.rule(d.Day.Stream.Camera)
		if d.Reason == ByAge && (rec.Class() != Quiet || rule.Continuous) {
			if rule.Continuous && rule.RetainDays == 0 || now.Sub(end) < time.Duration(rule.RetainDays)*day {
				t.Fatalf("%s is only %v old", what, now.Sub(end))
			}
		}
		if d.Reason == ByEviction && !rec.Remote() {
			t.Fatalf("%s is not in the archive", what)
		}
	}
}

// without returns the world after the plan was executed.
func without(f Facts, facts []fact, plan []Deletion) Facts {
	gone := make(map[string]bool)
	volumes := make([]Volume, len(f.Volumes))
	for i, v := range f.Volumes {
		volumes[i] = Volume{Free: v.Free, MinFree: v.MinFree}
	}
	for _, d := range plan {
		gone[fmt.Sprint(d.Day.Stream.Camera, d.Day.name(d.Index))] = true
		volumes[d.Volume].Free += d.Day.Recs[d.Index].Bytes()
	}
	left := slices.DeleteFunc(slices.Clone(facts), func(x fact) bool { return gone[fmt.Sprint(x.camera, x.start().UnixMilli())] })
	after := world(left, volumes...)
	after.ClockTrusted, after.OpenFor, after.Held = f.ClockTrusted, f.OpenFor, f.Held
	return after
}

// checkLimits demands that each limit holds, or that the plan says what is missing and all that is left is protected.
func checkLimits(t *testing.T, p Policy, f Facts, shortages []Shortage) {
	t.Helper()
	missing := make(map[string]int64)
	for _, s := range shortages {
		missing[fmt.Sprint(s.Reason, s.Volume, s.Camera)] = s.Bytes
	}
	var total int64
	cameras := make(map[nvr.CameraID]int64)
	for v, vol := range f.Volumes {
		open := int64(0)
		for _, d := range vol.Days {
			for i, r := range d.Recs {
				cameras[d.Stream.Camera] += r.Bytes()
				total += r.Bytes()
				start := time.UnixMilli(d.start(i))
				if !f.Held(d.Stream, start, time.UnixMilli(d.end(i))) && now.Sub(start).Abs() > f.OpenFor+time.Minute {
					open += r.Bytes()
				}
			}
		}
		short := missing[fmt.Sprint(BySpace, v, "")]
		if vol.MinFree > 0 && vol.Free+short < vol.MinFree || short > 0 && open > 0 {
			t.Fatalf("volume %d has %d of %d bytes free, says that %d are missing, and could free %d", v, vol.Free, vol.MinFree, short, open)
		}
	}
	for id, n := range cameras {
		if limit := p.rule(id).MaxBytes; limit > 0 && n > limit+missing[fmt.Sprint(ByCameraCap, 0, id)] {
			t.Fatalf("camera %s has %d of %d bytes", id, n, limit)
		}
	}
	if p.MaxBytes > 0 && total > p.MaxBytes+missing[fmt.Sprint(ByCap, 0, "")] {
		t.Fatalf("%d of %d bytes", total, p.MaxBytes)
	}
}

// checkNeeded demands that the last deletion was needed: without it a limit is broken that holds with it.
func checkNeeded(t *testing.T, p Policy, f Facts, facts []fact, plan []Deletion) {
	t.Helper()
	if len(plan) == 0 {
		return
	}
	last := plan[len(plan)-1]
	rest, _ := Plan(p, without(f, facts, plan[:len(plan)-1]))
	if len(rest) != 1 || rest[0].Day.Day != last.Day.Day || rest[0].Day.name(rest[0].Index) != last.Day.name(last.Index) {
		t.Fatalf("without the last deletion of %q the plan is %q", told(plan), told(rest))
	}
}
