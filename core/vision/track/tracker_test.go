package track

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	start = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	whole = []nvr.Box{{W: 1, H: 1}}
)

const frame = 200 * time.Millisecond

func box(cx, cy, w, h float64) nvr.Box {
	return nvr.Box{X: float32(cx - w/2), Y: float32(cy - h/2), W: float32(w), H: float32(h)}
}

func person(score float32, b nvr.Box) nvr.Detection {
	return nvr.Detection{Label: "person", Score: score, Box: b}
}

type run struct {
	t   *testing.T
	tr  *Tracker
	now time.Time
	all map[uint64]nvr.TrackedObject
	end []uint64
}

func newRun(t *testing.T, cfg Config) *run {
	t.Helper()
	tr, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &run{t: t, tr: tr, now: start, all: make(map[uint64]nvr.TrackedObject)}
}

// see feeds one frame, looked at whole.
func (r *run) see(found ...nvr.Detection) []nvr.TrackedObject { return r.seeIn(whole, found...) }

func (r *run) seeIn(searched []nvr.Box, found ...nvr.Detection) []nvr.TrackedObject {
	objects, ended := r.tr.Update(r.now, found, searched)
	r.now = r.now.Add(frame)
	for _, o := range objects {
		r.all[o.TrackID] = o
	}
	r.end = append(r.end, ended...)
	return objects
}

func (r *run) confirmed() (n int) {
	for _, o := range r.all {
		if o.Confirmed {
			n++
		}
	}
	return n
}

func TestConfirmation(t *testing.T) {
	still := box(0.5, 0.5, 0.1, 0.3)
	for _, c := range []struct {
		name   string
		cfg    Config
		scores []float32 // 0: not found
		want   int       // frame in which it is confirmed, from 1; 0: never
	}{
		{"two sure frames", Config{}, []float32{0.8, 0.8}, 2},
		{"one lucky frame", Config{}, []float32{0.95, 0, 0, 0}, 0},
		{"just below", Config{}, []float32{0.59, 0.59, 0.59, 0.59, 0.59, 0.59}, 0},
		{"grows sure", Config{}, []float32{0.5, 0.5, 0.65, 0.8, 0.8}, 5},
		{"flickers", Config{}, []float32{0.8, 0, 0.8, 0.8}, 3},
		{"too weak to begin", Config{}, []float32{0.39, 0.39, 0.39, 0.39}, 0},
		{"label threshold", Config{Thresholds: map[string]float32{"person": 0.5}}, []float32{0.55, 0.55}, 2},
		{"other label's threshold", Config{Thresholds: map[string]float32{"car": 0.1}}, []float32{0.55, 0.55, 0.55}, 0},
		{"not wanted", Config{Labels: []string{"car"}}, []float32{0.9, 0.9, 0.9}, 0},
		{"three hits wanted", Config{MinHits: 3}, []float32{0.9, 0.9, 0.9}, 3},
		{"weak ones keep it", Config{Threshold: 0.3}, []float32{0.5, 0.5, 0.25, 0.25, 0.25}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRun(t, c.cfg)
			got := 0
			for i, s := range c.scores {
				var found []nvr.Detection
				if s > 0 {
					found = append(found, person(s, still))
				}
				r.see(found...)
				if got == 0 && r.confirmed() > 0 {
					got = i + 1
				}
			}
			if got != c.want {
				t.Fatalf("confirmed in frame %d, want %d", got, c.want)
			}
			if len(r.all) > 1 {
				t.Fatalf("%d tracks for one object", len(r.all))
			}
		})
	}
}

func TestTrackWalksThroughAndEnds(t *testing.T) {
	r := newRun(t, Config{})
	for i := range 20 {
		r.see(person(0.8, box(0.05+float64(i)*0.045, 0.5, 0.06, 0.3)))
	}
	last := r.now.Add(-frame)
	for range 40 {
		r.see()
	}
	if len(r.all) != 1 || !slices.Equal(r.end, []uint64{1}) || r.tr.Len() != 0 {
		t.Fatalf("%d tracks, ended %v, %d left", len(r.all), r.end, r.tr.Len())
	}
	if o := r.all[1]; !o.LastSeen.Equal(last) || !o.FirstSeen.Equal(start) || o.Score != 0 || o.Stationary {
		t.Fatalf("%+v", o)
	}
}

func TestTrackSurvivesOcclusionAndIsPredicted(t *testing.T) {
	r := newRun(t, Config{})
	at := func(i int) nvr.Box { return box(0.1+float64(i)*0.02, 0.5, 0.08, 0.3) }
	for i := range 10 {
		r.see(person(0.8, at(i)))
	}
	for i := 10; i < 15; i++ { // 1 s behind a tree
		o := r.see()
		if len(o) != 1 || o[0].Score != 0 {
			t.Fatalf("hidden: %+v", o)
		}
		if i == 10 && o[0].Box.IoU(at(10)) < 0.6 {
			t.Fatalf("predicted %v, want about %v", o[0].Box, at(10))
		}
	}
	if o := r.see(person(0.8, at(15))); len(o) != 1 || o[0].TrackID != 1 || o[0].Score == 0 {
		t.Fatalf("back: %+v", o)
	}
}

// Two people who cross keep their identities.
func TestTrackCrossing(t *testing.T) {
	r := newRun(t, Config{})
	for i := range 31 {
		a := box(0.1+float64(i)*0.025, 0.50, 0.06, 0.3)
		b := box(0.9-float64(i)*0.025, 0.55, 0.06, 0.3)
		found := []nvr.Detection{person(0.8, a), person(0.75, b)}
		if i%2 == 1 {
			slices.Reverse(found)
		}
		r.see(found...)
	}
	if len(r.all) != 2 {
		t.Fatalf("%d tracks", len(r.all))
	}
	if a, b := r.all[1], r.all[2]; a.Box.X < 0.7 || b.Box.X > 0.3 {
		t.Fatalf("identities swapped: %+v %+v", a.Box, b.Box)
	}
}

// A small fast object does not overlap with itself from frame to frame.
func TestTrackSmallAndFast(t *testing.T) {
	r := newRun(t, Config{})
	for i := range 12 {
		r.see(person(0.7, box(0.05+float64(i)*0.07, 0.5, 0.06, 0.1)))
	}
	if len(r.all) != 1 {
		t.Fatalf("%d tracks for one object", len(r.all))
	}
}

func TestTrackStationary(t *testing.T) {
	r := newRun(t, Config{})
	rnd := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // reproducible
	jitter := func() nvr.Box {
		return box(0.5+rnd.NormFloat64()*0.002, 0.5+rnd.NormFloat64()*0.003, 0.2, 0.15)
	}
	for r.now.Sub(start) < 12*time.Second {
		r.see(person(0.8, jitter()))
	}
	if o := r.all[1]; !o.Stationary {
		t.Fatalf("not stationary after 12 s: %+v", o)
	}
	if got := r.tr.Regions(r.now, nil); len(got) != 0 {
		t.Fatalf("a stationary object is looked for at once: %v", got)
	}
	// Nobody looks for 9 s: the track neither ages nor ends.
	for range 45 {
		if o := r.seeIn(nil); len(o) != 1 {
			t.Fatalf("%v", o)
		}
	}
	for range 6 {
		r.seeIn(nil)
	}
	if got := r.tr.Regions(r.now, nil); len(got) != 1 {
		t.Fatal("not verified after 10 s")
	}
	// Looked for and not there: it is looked for in each frame, and ends after 5 s.
	gone := r.now
	for len(r.end) == 0 {
		r.see()
		if len(r.end) == 0 && len(r.tr.Regions(r.now, nil)) != 1 {
			t.Fatal("missing, but not looked for")
		}
		if r.now.Sub(gone) > 6*time.Second {
			t.Fatal("does not end")
		}
	}
	if r.now.Sub(gone) < 5*time.Second {
		t.Fatalf("ended after %v", r.now.Sub(gone))
	}
}

func TestTrackMovesOffAfterStanding(t *testing.T) {
	r := newRun(t, Config{})
	for range 60 {
		r.see(person(0.8, box(0.3, 0.5, 0.1, 0.3)))
	}
	if !r.all[1].Stationary {
		t.Fatal("not stationary")
	}
	for i := range 10 {
		r.see(person(0.8, box(0.3+float64(i)*0.03, 0.5, 0.1, 0.3)))
	}
	if o := r.all[1]; o.Stationary || len(r.all) != 1 {
		t.Fatalf("%+v, %d tracks", o, len(r.all))
	}
}

func TestTrackNoDuplicatesAndNoOtherLabel(t *testing.T) {
	r := newRun(t, Config{})
	b := box(0.5, 0.5, 0.2, 0.4)
	for range 5 {
		r.see(person(0.8, b), person(0.6, box(0.51, 0.5, 0.2, 0.4)), nvr.Detection{Label: "dog", Score: 0.8, Box: b})
	}
	if r.tr.Len() != 2 {
		t.Fatalf("%d tracks, want a person and a dog", r.tr.Len())
	}
}

func TestFlushEndsAll(t *testing.T) {
	r := newRun(t, Config{})
	r.see(person(0.8, box(0.2, 0.5, 0.1, 0.2)), person(0.8, box(0.7, 0.5, 0.1, 0.2)))
	if got := r.tr.Flush(); len(got) != 2 || r.tr.Len() != 0 {
		t.Fatalf("%v", got)
	}
	if o := r.see(person(0.8, box(0.2, 0.5, 0.1, 0.2))); o[0].TrackID != 3 {
		t.Fatalf("id %d used again", o[0].TrackID)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{{MinScore: 2}, {MinScore: -1}, {LowScore: 0.9}, {Threshold: 1.5}, {MaxMissing: -1}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v accepted", c)
		}
	}
}

// A simulated street: walkers with noise, misses and false alarms. Most must be one track each.
func TestTrackSimulatedStreet(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // reproducible
	r := newRun(t, Config{})
	type walker struct{ x, y, v float64 }
	var walkers []walker
	for i := range 8 {
		walkers = append(walkers, walker{x: rnd.Float64(), y: 0.15 + 0.1*float64(i), v: (rnd.Float64() - 0.5) * 0.1})
	}
	for range 100 {
		var found []nvr.Detection
		for i := range walkers {
			w := &walkers[i]
			if w.x += w.v * frame.Seconds(); w.x < 0.1 || w.x > 0.9 {
				w.v = -w.v
			}
			if rnd.Float64() < 0.15 {
				continue
			}
			n := func() float64 { return rnd.NormFloat64() * 0.003 }
			found = append(found, person(0.5+rnd.Float32()*0.45, box(w.x+n(), w.y+n(), 0.05+n(), 0.09+n())))
		}
		if rnd.Float64() < 0.2 {
			found = append(found, person(0.45, box(rnd.Float64(), rnd.Float64(), 0.05, 0.09)))
		}
		rnd.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
		r.see(found...)
	}
	if n := r.confirmed(); n != 8 {
		t.Fatalf("%d confirmed tracks for 8 walkers", n)
	}
}

func TestTrackIsDeterministic(t *testing.T) {
	trace := func() string {
		rnd := rand.New(rand.NewPCG(3, 3)) //nolint:gosec // reproducible
		r := newRun(t, Config{})
		s := ""
		for range 60 {
			var found []nvr.Detection
			for range rnd.IntN(6) {
				found = append(found, person(rnd.Float32(), box(rnd.Float64(), rnd.Float64(), 0.1, 0.1)))
			}
			s += fmt.Sprintln(r.see(found...), r.end)
		}
		return s
	}
	if a, b := trace(), trace(); a != b {
		t.Fatal("the same frames gave different tracks")
	}
}

func TestTrackSurvivesNonsense(t *testing.T) {
	r := newRun(t, Config{})
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for i := range 400 {
		var found []nvr.Detection
		for _, v := range []float32{nan, inf, -inf, 0, -1, 1e30} {
			found = append(found, person(0.9, nvr.Box{X: v, Y: v, W: v, H: v}), person(v, box(0.5, 0.5, 0.1, 0.1)))
		}
		for j := range 20 {
			found = append(found, person(0.9, box(float64((i*7+j*13)%97)/97, float64((i*3+j*29)%89)/89, 0.01, 0.01)))
		}
		r.see(found...)
		if r.tr.Len() > maxObjects {
			t.Fatalf("%d tracks", r.tr.Len())
		}
	}
	r.now = r.now.Add(-time.Hour) // a clock that jumps back
	r.see()
}

func TestAssignIsOptimal(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5)) //nolint:gosec // reproducible
	var a assigner
	for range 300 {
		n, m := 1+rnd.IntN(5), 1+rnd.IntN(5)
		cost := make([][]float64, n)
		for i := range cost {
			cost[i] = make([]float64, m)
			for j := range cost[i] {
				cost[i][j] = rnd.Float64()
				if rnd.IntN(4) == 0 {
					cost[i][j] = impossible
				}
			}
		}
		total := func(pick []int) (sum float64) {
			for i, j := range pick {
				if j < 0 {
					sum += impossible
				} else {
					sum += cost[i][j]
				}
			}
			return sum
		}
		got := a.solve(n, m, func(r, c int) float64 { return cost[r][c] })
		best := math.Inf(1)
		var try func(i int, pick []int)
		try = func(i int, pick []int) {
			if i == n {
				best = min(best, total(pick))
				return
			}
			try(i+1, append(pick, -1))
			for j := range m {
				if !slices.Contains(pick, j) && cost[i][j] < impossible {
					try(i+1, append(pick, j))
				}
			}
		}
		try(0, nil)
		if math.Abs(total(got)-best) > 1e-6 {
			t.Fatalf("cost %v, best %v, for %v", total(got), best, cost)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	tr, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	now := start
	found := make([]nvr.Detection, 20)
	s := newScene(1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for j := range found {
			found[j] = person(0.8, box(0.05+0.045*float64(j)+0.002*math.Sin(float64(i)), 0.5, 0.04, 0.2))
		}
		tr.SetPicture(s.pix, s.w, s.h)
		tr.Update(now, found, whole)
		now = now.Add(frame)
	}
}
