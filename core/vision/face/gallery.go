package face

import (
	"math"
	"sync/atomic"
)

// Person is someone the library knows.
type Person struct {
	ID      string
	Name    string
	Samples []Embedding // without any, a person matches nothing
}

// Judgement says what one comparison with the gallery found.
type Judgement string

// The judgements.
const (
	Known     Judgement = "known"
	Unknown   Judgement = "unknown"   // nobody is near enough
	Ambiguous Judgement = "ambiguous" // two people are about as near
)

// Match is the answer to whose face an embedding is.
type Match struct {
	Judgement Judgement
	ID, Name  string  // of the nearest person, whatever the judgement; empty in an empty gallery
	Distance  float64 // to that person's nearest sample; +Inf in an empty gallery
	Second    float64 // to the next nearest person; +Inf when there is none
	Threshold float64 // that was applied
}

// GalleryOptions configure a Gallery. Zero values mean the defaults given.
type GalleryOptions struct {
	Threshold float64 // the largest Euclidean distance of the same person; 0.55
	Margin    float64 // how much farther the second person must be; 0.05
}

// Gallery holds the known people and may be asked while it is replaced.
type Gallery struct {
	o          GalleryOptions
	people     atomic.Pointer[[]Person]
	generation atomic.Uint64
}

// NewGallery returns an empty gallery.
func NewGallery(o GalleryOptions) *Gallery {
	if o.Threshold <= 0 {
		o.Threshold = 0.55
	}
	if o.Margin <= 0 {
		o.Margin = 0.05
	}
	g := &Gallery{o: o}
	g.Replace(nil)
	return g
}

// Replace makes people the whole gallery. The slice belongs to the gallery from then on.
func (g *Gallery) Replace(people []Person) {
	g.people.Store(&people)
	g.generation.Add(1)
}

// Forget takes one person out. Replace must not run meanwhile.
func (g *Gallery) Forget(id string) {
	var left []Person
	for _, p := range *g.people.Load() {
		if p.ID != id {
			left = append(left, p)
		}
	}
	g.Replace(left)
}

// Generation changes after each Replace and Forget.
func (g *Gallery) Generation() uint64 { return g.generation.Load() }

// Match finds the person with the nearest sample. Each person counts once however many samples there are; that is why
// it is not go-face's own classifier, which lets the ten nearest samples vote. Of equally near people the smaller ID is named.
func (g *Gallery) Match(e *Embedding) Match {
	m := Match{Judgement: Unknown, Distance: math.Inf(1), Second: math.Inf(1), Threshold: g.o.Threshold}
	people := *g.people.Load()
	for i := range people {
		p := &people[i]
		d := p.distance(e)
		switch {
		case d < m.Distance || (d == m.Distance && !math.IsInf(d, 1) && p.ID < m.ID):
			m.Second = m.Distance
			m.ID, m.Name, m.Distance = p.ID, p.Name, d
		case d < m.Second:
			m.Second = d
		}
	}
	switch {
	case m.Distance > g.o.Threshold:
	case m.Second-m.Distance < g.o.Margin:
		m.Judgement = Ambiguous
	default:
		m.Judgement = Known
	}
	return m
}

func (p *Person) distance(e *Embedding) float64 {
	nearest := math.Inf(1)
	for i := range p.Samples {
		nearest = min(nearest, p.Samples[i].Distance(e))
	}
	return nearest
}
