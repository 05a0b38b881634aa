package face

import (
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
)

// at returns an embedding d away from the origin along one axis.
func at(axis int, d float32) Embedding {
	var e Embedding
	e[axis] = d
	return e
}

func TestDistance(t *testing.T) {
	a, b := at(0, 3), at(1, 4)
	if d := a.Distance(&b); math.Abs(d-5) > 1e-9 {
		t.Fatalf("%v, want the Euclidean distance 5, not its square", d)
	}
}

func TestMatch(t *testing.T) {
	ann := Person{ID: "a", Name: "Ann", Samples: []Embedding{at(0, 0.2), at(0, 5)}}
	bob := Person{ID: "b", Name: "Bob", Samples: []Embedding{at(1, 1)}}
	for _, c := range []struct {
		name     string
		people   []Person
		face     Embedding
		want     Judgement
		id       string
		distance float64
	}{
		{"nobody there", nil, at(0, 0), Unknown, "", math.Inf(1)},
		{"no samples", []Person{{ID: "x"}}, at(0, 0), Unknown, "", math.Inf(1)},
		{"near", []Person{ann, bob}, at(0, 0), Known, "a", 0.2},
		{"the nearest sample counts", []Person{bob, ann}, at(0, 4.7), Known, "a", 0.3},
		{"too far", []Person{ann, bob}, at(0, 1), Unknown, "a", 0.8},
		{"just near enough", []Person{bob}, at(1, 1.5), Known, "b", 0.5},
		{"between two", []Person{ann, {ID: "b", Samples: []Embedding{at(0, -0.22)}}}, at(0, 0), Ambiguous, "a", 0.2},
		{"two alike, the order does not matter", []Person{{ID: "z", Samples: ann.Samples}, {ID: "c", Samples: ann.Samples}}, at(0, 0), Ambiguous, "c", 0.2},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := NewGallery(GalleryOptions{})
			g.Replace(c.people)
			m := g.Match(&c.face)
			if m.Judgement != c.want || m.ID != c.id || (m.Distance != c.distance && math.Abs(m.Distance-c.distance) > 1e-6) {
				t.Fatalf("%+v", m)
			}
		})
	}
}

// More samples of somebody else never make a face theirs, as go-face's own classifier would.
func TestManySamplesDoNotOutvote(t *testing.T) {
	g := NewGallery(GalleryOptions{})
	crowd := Person{ID: "crowd"}
	for i := range 50 {
		crowd.Samples = append(crowd.Samples, at(2+i, 0.5))
	}
	g.Replace([]Person{crowd, {ID: "one", Samples: []Embedding{at(1, 0.1)}}})
	if m := g.Match(&Embedding{}); m.ID != "one" || m.Judgement != Known {
		t.Fatalf("%+v", m)
	}
}

func random(r *rand.Rand, center Embedding, spread float64) Embedding {
	for i := range center {
		center[i] += float32(r.NormFloat64() * spread / math.Sqrt(float64(len(center))))
	}
	return center
}

// Whatever the people and their order: who is known is nearest, near enough and clearly nearer than the next.
func TestMatchProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		people := make([]Person, 1+r.IntN(6))
		for i := range people {
			people[i].ID = strconv.Itoa(i)
			for range r.IntN(4) {
				people[i].Samples = append(people[i].Samples, random(r, Embedding{}, 0.6))
			}
		}
		e := random(r, Embedding{}, 0.4)
		g := NewGallery(GalleryOptions{})
		g.Replace(append([]Person(nil), people...))
		m := g.Match(&e)
		for i := range people {
			if d := people[i].distance(&e); d < m.Distance || (people[i].ID != m.ID && d < m.Second) {
				t.Fatalf("%s at %v is nearer than %+v", people[i].ID, d, m)
			}
		}
		if (m.Judgement == Known) != (m.Distance <= 0.55 && m.Second-m.Distance >= 0.05) {
			t.Fatalf("%+v", m)
		}
		r.Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
		g.Replace(people)
		if again := g.Match(&e); again != m {
			t.Fatalf("other order: %+v, %+v", again, m)
		}
	}
}

func TestMatchWhileReplaced(t *testing.T) {
	g := NewGallery(GalleryOptions{})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for range 200 {
				g.Replace([]Person{{ID: "a", Samples: []Embedding{{}}}})
				if m := g.Match(&Embedding{}); m.ID != "a" && m.ID != "" {
					t.Errorf("%+v", m)
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkMatch1000(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	people := make([]Person, 100)
	for i := range people {
		for range 10 {
			people[i].Samples = append(people[i].Samples, random(r, Embedding{}, 1))
		}
	}
	g := NewGallery(GalleryOptions{})
	g.Replace(people)
	b.ReportAllocs()
	for b.Loop() {
		g.Match(&people[0].Samples[0])
	}
}
