package indextest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
)

// testRandom does random things to x and to the reference and asks both the same questions.
func testRandom(t *testing.T, x index.Index) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := &generator{rng: rand.New(rand.NewPCG(seed, 1)), edges: []time.Time{evening(), evening().Add(2 * time.Hour)}}
	for _, c := range []string{"random_a", "random_b"} {
		s := stream(c)
		g.streams = append(g.streams, s, nvr.StreamID{Camera: s.Camera, Role: nvr.Sub})
	}
	ref := memindex.New()
	for step := range 80 {
		what, f := g.step()
		both(t, ref, f, x)
		for range 3 {
			if r := g.span(); !compare(t, ref, x, g.streams, r) {
				t.Fatalf("after step %d (%s), in %s to %s", step, what, r.Start, r.End)
			}
		}
	}
	compare(t, ref, x, g.streams, nvr.TimeRange{Start: evening().Add(-48 * time.Hour), End: evening().Add(48 * time.Hour)})
}

// generator makes what is likely to hurt: times that meet, miss each other by a microsecond, or lie on an hour or a day.
type generator struct {
	rng     *rand.Rand
	streams []nvr.StreamID
	edges   []time.Time // where something begins or ends
	told    []index.Recording
}

func (g *generator) step() (string, func(context.Context, index.Index) error) {
	s := g.streams[g.rng.IntN(len(g.streams))]
	switch g.rng.IntN(8) {
	case 0:
		at := g.some(s)
		return fmt.Sprintf("remove %d of %s", len(at), s), func(ctx context.Context, y index.Index) error { return y.RemoveRecordings(ctx, s, at) }
	case 1:
		at, remote, evicted := g.some(s), g.rng.IntN(3) > 0, g.rng.IntN(2) > 0
		return fmt.Sprintf("place %d of %s", len(at), s), func(ctx context.Context, y index.Index) error {
			return y.Place(ctx, s, at, remote, evicted)
		}
	case 2:
		gaps := g.gaps()
		return fmt.Sprintf("%d gaps", len(gaps)), func(ctx context.Context, y index.Index) error { return y.AddGaps(ctx, gaps) }
	default:
		recs := g.recordings()
		return fmt.Sprintf("%d recordings", len(recs)), func(ctx context.Context, y index.Index) error { return y.AddRecordings(ctx, recs) }
	}
}

func (g *generator) some(s nvr.StreamID) []time.Time {
	at := []time.Time{g.moment()} // hardly ever known
	for _, r := range g.told {
		if r.Stream == s && g.rng.IntN(4) == 0 {
			at = append(at, r.Start)
		}
	}
	return at
}

func (g *generator) recordings() []index.Recording {
	s := g.streams[g.rng.IntN(len(g.streams))]
	var out []index.Recording
	for range 1 + g.rng.IntN(12) {
		if g.rng.IntN(4) == 0 {
			s = g.streams[g.rng.IntN(len(g.streams))]
		}
		r := recording(s, g.moment(), g.length())
		r.Remote = g.rng.IntN(8) == 0
		r.Evicted = r.Remote && g.rng.IntN(2) == 0
		out = append(out, r)
		g.edges = append(g.edges, r.Start, r.End())
	}
	g.told = append(g.told, out...)
	return out
}

func (g *generator) gaps() []index.Gap {
	var out []index.Gap
	for range 1 + g.rng.IntN(5) {
		start := g.moment()
		out = append(out, index.Gap{
			Stream: g.streams[g.rng.IntN(len(g.streams))], Start: start, End: start.Add(g.length() * time.Duration(g.rng.IntN(3))),
			Reason: index.GapLoss, Detail: strconv.Itoa(g.rng.IntN(100)),
		})
	}
	return out
}

// length is at most the 2 h that a recording may last.
func (g *generator) length() time.Duration {
	choice := []time.Duration{time.Microsecond, 30 * time.Second, 10 * time.Minute, time.Hour, 2 * time.Hour, time.Duration(1+g.rng.Int64N(7_200_000_000)) * time.Microsecond}
	return choice[g.rng.IntN(len(choice))]
}

func (g *generator) moment() time.Time {
	if g.rng.IntN(3) == 0 {
		return evening().Add(time.Duration(g.rng.Int64N(6*3600*1_000_000)) * time.Microsecond)
	}
	const us = time.Microsecond
	near := []time.Duration{0, 0, us, -us, 2 * us, time.Second}
	return g.edges[g.rng.IntN(len(g.edges))].Add(near[g.rng.IntN(len(near))])
}

func (g *generator) span() nvr.TimeRange {
	a, b := g.moment(), g.moment()
	if b.Before(a) {
		a, b = b, a
	}
	return nvr.TimeRange{Start: a, End: b}
}

// compare asks both for everything in r and reports whether they agree.
func compare(t *testing.T, ref, x index.Index, streams []nvr.StreamID, r nvr.TimeRange) bool {
	t.Helper()
	ctx, ok := t.Context(), true
	wantRuns, err1 := ref.Runs(ctx, streams, r)
	gotRuns, err2 := x.Runs(ctx, streams, r)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	allGaps, err := x.GapsOf(ctx, streams, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		if !slices.EqualFunc(gotRuns[s], wantRuns[s], sameRange) {
			t.Errorf("%s: runs\n%v, want\n%v", s, gotRuns[s], wantRuns[s])
			ok = false
		}
		want, err1 := ref.Recordings(ctx, s, r)
		got, err2 := x.Recordings(ctx, s, r)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s: recordings\n%+v, want\n%+v", s, got, want)
			ok = false
		}
		wantGaps, err1 := ref.Gaps(ctx, s, r)
		gotGaps, err2 := x.Gaps(ctx, s, r)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if !slices.Equal(gotGaps, wantGaps) || !slices.Equal(allGaps[s], wantGaps) {
			t.Errorf("%s: gaps\n%v, among others\n%v, want\n%v", s, gotGaps, allGaps[s], wantGaps)
			ok = false
		}
	}
	return ok
}
