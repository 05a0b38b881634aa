package face

import "cmp"

// State is what a vote has come to.
type State string

// The states of a vote.
const (
	Undecided State = "undecided"
	Named     State = "known"
	Stranger  State = "unknown"
)

// Verdict is the present result of a vote.
type Verdict struct {
	State      State
	ID, Name   string  // of the person, for Named
	Confidence float64 // 0..1; 0 when undecided
	Tries      int     // faces that counted
}

// One very good face names a person. Saying that somebody is nobody we know takes twice as much: a known person in a bad
// picture looks like a stranger, a stranger seldom looks like a known person.
const (
	enoughToName   = 0.5
	enoughToDeny   = 1
	leastShare     = 2.0 / 3
	plentyEvidence = 2
	// A distance this far from the threshold, to either side, is full evidence; at the threshold a face says next to nothing.
	clearDistance = 0.15
	leastEvidence = 0.1
)

// Vote gathers the faces of one track. The zero value is ready; it is not for several goroutines.
type Vote struct {
	people map[string]*tally
	nobody float64
	total  float64
	tries  int
}

type tally struct {
	name   string
	weight float64
}

// Add counts one match of a face with the quality score 0..1. An unfit face (score 0) does not count. An ambiguous match
// counts against all.
func (v *Vote) Add(m *Match, score float32) {
	weight := min(float64(score), 1) * evidence(m)
	if !(weight > 0) {
		return
	}
	v.tries++
	v.total += weight
	switch m.Judgement {
	case Unknown:
		v.nobody += weight
	case Known:
		if v.people == nil {
			v.people = make(map[string]*tally)
		}
		t := v.people[m.ID]
		if t == nil {
			t = &tally{}
			v.people[m.ID] = t
		}
		t.name = m.Name
		t.weight += weight
	case Ambiguous:
	}
}

// evidence says how much a match is worth by how far it is from the threshold.
func evidence(m *Match) float64 {
	off := m.Threshold - m.Distance
	if m.Judgement == Unknown {
		off = -off
	}
	return max(leastEvidence, min(1, off/clearDistance))
}

// Verdict returns what all faces so far say.
func (v *Vote) Verdict() Verdict {
	id, best := v.leader()
	out := Verdict{State: Undecided, Tries: v.tries}
	switch {
	case v.total == 0:
	case best.weight >= enoughToName && best.weight >= leastShare*v.total:
		out.State, out.ID, out.Name = Named, id, best.name
		out.Confidence = v.confidence(best.weight)
	case v.nobody >= enoughToDeny && v.nobody >= leastShare*v.total:
		out.State, out.Confidence = Stranger, v.confidence(v.nobody)
	}
	return out
}

// leader returns the person with the most weight; of equals the one with the smaller ID.
func (v *Vote) leader() (string, tally) {
	var id string
	var best tally
	for i, t := range v.people {
		if c := cmp.Compare(t.weight, best.weight); c > 0 || (c == 0 && i < id) {
			id, best = i, *t
		}
	}
	return id, best
}

// confidence is the share of the evidence, less while there is little of it.
func (v *Vote) confidence(weight float64) float64 {
	return weight / v.total * (0.5 + 0.5*min(1, weight/plentyEvidence))
}
