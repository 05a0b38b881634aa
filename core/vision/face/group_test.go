package face

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

func TestGroup(t *testing.T) {
	for _, c := range []struct {
		name  string
		faces []Embedding
		want  [][]int
	}{
		{"none", nil, nil},
		{"one", []Embedding{at(0, 0)}, [][]int{{0}}},
		{"two alike", []Embedding{at(0, 0), at(0, 0.3)}, [][]int{{0, 1}}},
		{"two apart", []Embedding{at(0, 0), at(0, 0.7)}, [][]int{{0}, {1}}},
		{"the same picture three times", []Embedding{at(0, 1), at(0, 1), at(0, 1)}, [][]int{{0, 1, 2}}},
		{"the larger group first", []Embedding{at(0, 9), at(0, 0), at(0, 0.1)}, [][]int{{1, 2}, {0}}},
		// Each is near the next, but the ends are far apart: one between two people must not make them one.
		{"a chain is not a group", []Embedding{at(0, 0), at(0, 0.1), at(0, 0.5), at(0, 0.9), at(0, 1)}, [][]int{{0, 1, 2}, {3, 4}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Group(c.faces, 0.5); !reflect.DeepEqual(got, c.want) {
				t.Fatalf("%v, want %v", got, c.want)
			}
		})
	}
}

// Clouds around people come out as they went in, whatever the order; and each face is in exactly one group.
func TestGroupProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		var faces []Embedding
		var who []int
		for p := range 1 + r.IntN(6) {
			for range 1 + r.IntN(10) {
				faces = append(faces, random(r, at(p, 1), 0.25))
				who = append(who, p)
			}
		}
		r.Shuffle(len(faces), func(i, j int) {
			faces[i], faces[j] = faces[j], faces[i]
			who[i], who[j] = who[j], who[i]
		})
		groups := Group(faces, 0.5)
		var all []int
		for _, g := range groups {
			all = append(all, g...)
			for _, i := range g {
				if who[i] != who[g[0]] {
					t.Fatalf("%d and %d share a group", who[i], who[g[0]])
				}
			}
		}
		slices.Sort(all)
		slices.Sort(who)
		if people := len(slices.Compact(who)); len(groups) != people {
			t.Fatalf("%d groups of %d people", len(groups), people)
		}
		for i, n := range all {
			if i != n {
				t.Fatalf("not a partition: %v", groups)
			}
		}
	}
}

// Of faces in no order at all, the groups are still a partition and two runs agree, in whatever order they are given.
func TestGroupOfNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 30 {
		faces := make([]Embedding, 1+r.IntN(60))
		for i := range faces {
			faces[i] = random(r, Embedding{}, 0.37)
		}
		order := r.Perm(len(faces))
		shuffled := make([]Embedding, len(faces))
		for i, at := range order {
			shuffled[i] = faces[at]
		}
		back := Group(shuffled, 0.5)
		for _, g := range back {
			for i := range g {
				g[i] = order[g[i]]
			}
			slices.Sort(g)
		}
		byFirst := func(a, b []int) int { return a[0] - b[0] }
		straight := Group(faces, 0.5)
		slices.SortFunc(back, byFirst)
		slices.SortFunc(straight, byFirst)
		if !reflect.DeepEqual(back, straight) {
			t.Fatalf("%v, in another order %v", straight, back)
		}
	}
}

func BenchmarkGroup1000(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	faces := make([]Embedding, 1000)
	for i := range faces {
		faces[i] = random(r, at(i%100, 1), 0.3)
	}
	for b.Loop() {
		Group(faces, 0.5)
	}
}
