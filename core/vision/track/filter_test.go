package track

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestFilters(t *testing.T) {
	area := nvr.Polygon{{X: 0, Y: 0.5}, {X: 1, Y: 0.5}, {X: 1, Y: 1}, {X: 0, Y: 1}} // the lower half
	b := box(0.5, 0.4, 0.1, 0.4)                                                    // foot at 0.6
	for _, c := range []struct {
		name   string
		cfg    Config
		score  float32
		tracks int
		real   bool
	}{
		{"none", Config{}, 0.7, 1, true},
		{"min score", Config{Filters: map[string]Filter{"person": {MinScore: 0.75}}}, 0.7, 0, false},
		{"another's min score", Config{Filters: map[string]Filter{"car": {MinScore: 0.75}}}, 0.7, 1, true},
		{"lower min score", Config{Filters: map[string]Filter{"person": {MinScore: 0.2, Threshold: 0.2}}}, 0.3, 1, true},
		{"threshold", Config{Filters: map[string]Filter{"person": {Threshold: 0.8}}}, 0.7, 1, false},
		{"too small", Config{Filters: map[string]Filter{"person": {MinArea: 0.05}}}, 0.7, 0, false},
		{"too large", Config{Filters: map[string]Filter{"person": {MaxArea: 0.03}}}, 0.7, 0, false},
		{"right size", Config{Filters: map[string]Filter{"person": {MinArea: 0.03, MaxArea: 0.05}}}, 0.7, 1, true},
		{"too narrow", Config{Filters: map[string]Filter{"person": {MinRatio: 0.55}}}, 0.7, 0, false},
		{"too wide", Config{Filters: map[string]Filter{"person": {MaxRatio: 0.45}}}, 0.7, 0, false},
		{"right shape", Config{Filters: map[string]Filter{"person": {MinRatio: 0.45, MaxRatio: 0.55}}}, 0.7, 1, true},
		{"masked", Config{Masks: []Mask{{Area: area}}}, 0.7, 0, false},
		{"masked by label", Config{Masks: []Mask{{Labels: []string{"person"}, Area: area}}}, 0.7, 0, false},
		{"another's mask", Config{Masks: []Mask{{Labels: []string{"car"}, Area: area}}}, 0.7, 1, true},
	} {
		r := newRun(t, c.cfg)
		r.tr.SetPicture(nil, 640, 320) // 0.1 by 0.4 are 64 by 128 pixels
		for range 5 {
			r.see(person(c.score, b))
		}
		if len(r.all) != c.tracks || (r.confirmed() > 0) != c.real {
			t.Errorf("%s: %d tracks, %d real, want %d, %v", c.name, len(r.all), r.confirmed(), c.tracks, c.real)
		}
	}
	for want, cfg := range map[string]Config{
		"filter of dog": {Filters: map[string]Filter{"dog": {MinArea: 0.5, MaxArea: 0.1}}},
		"object mask 1": {Masks: []Mask{{}}},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want something about %q", err, want)
		}
	}
}

func TestPathFollowsTheObject(t *testing.T) {
	r := newRun(t, Config{})
	var first []nvr.PathPoint
	for i := range 60 {
		r.see(person(0.8, box(0.05+0.012*float64(i), 0.5, 0.1, 0.3)))
		if i == 20 {
			first = r.all[1].Path
		}
	}
	got := r.all[1].Path
	if n := len(got); n < 25 || n > 35 { // 0.7 of the picture in steps of 0.024
		t.Errorf("%d points", n)
	}
	if !slices.Equal(first, got[:len(first)]) {
		t.Error("a path that was told changed")
	}
	for i, p := range got {
		if want := 0.05 + 0.012*p.After.Seconds()*5; p.X < float32(want)-0.001 || p.X > float32(want)+0.001 || p.Y < 0.64 || p.Y > 0.66 {
			t.Fatalf("point %d: %+v, want x %.3f", i, p, want)
		}
	}
}

// TestPathIsBounded: however long and wild the way, the path is at most maxPath points in the order of time, from the
// first to about the last.
func TestPathIsBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var p path
	now := time.Duration(0)
	for range 20_000 {
		p.add(now, nvr.Point{X: r.Float32(), Y: r.Float32()}, r.IntN(2) == 0)
		now += time.Duration(r.IntN(400)) * time.Millisecond
		if len(p.points) > maxPath {
			t.Fatalf("%d points", len(p.points))
		}
	}
	for i := 1; i < len(p.points); i++ {
		if p.points[i].After <= p.points[i-1].After {
			t.Fatalf("point %d is not later: %v, %v", i, p.points[i-1], p.points[i])
		}
	}
	if last := p.points[len(p.points)-1]; p.points[0].After != 0 || now-last.After > now/50 || len(p.points) < maxPath/3 {
		t.Errorf("%d points from %v to %v of %v", len(p.points), p.points[0].After, last.After, now)
	}
	var parked path
	for i := range 1000 {
		parked.add(time.Duration(i)*time.Second, nvr.Point{X: 0.5, Y: 0.5}, i > 10)
	}
	if len(parked.points) > 12 {
		t.Errorf("%d points of a parked car", len(parked.points))
	}
}
