package face

import (
	"math"
	"math/rand/v2"
	"testing"
)

func known(id string, d float64) Match {
	return Match{Judgement: Known, ID: id, Name: "N" + id, Distance: d, Second: 1, Threshold: 0.55}
}

func unknown(d float64) Match {
	return Match{Judgement: Unknown, ID: "a", Distance: d, Second: 2, Threshold: 0.55}
}

func TestVote(t *testing.T) {
	type try struct {
		m     Match
		score float32
	}
	ambiguous := Match{Judgement: Ambiguous, ID: "a", Distance: 0.3, Second: 0.31, Threshold: 0.55}
	for _, c := range []struct {
		name  string
		tries []try
		state State
		id    string
	}{
		{"nothing seen", nil, Undecided, ""},
		{"one good face", []try{{known("a", 0.35), 1}}, Named, "a"},
		{"one unfit face", []try{{known("a", 0.1), 0}}, Undecided, ""},
		{"one at the threshold", []try{{known("a", 0.54), 1}}, Undecided, ""},
		{"some middling ones", []try{{known("a", 0.48), 0.7}, {known("a", 0.49), 0.6}, {known("a", 0.47), 0.5}}, Named, "a"},
		{"one stranger's face is not enough", []try{{unknown(0.8), 0.9}}, Undecided, ""},
		{"a stranger", []try{{unknown(0.8), 0.9}, {unknown(0.75), 0.9}}, Stranger, ""},
		{"a stranger in an empty gallery", []try{{unknown(math.Inf(1)), 1}}, Stranger, ""},
		{"two people in one track", []try{{known("a", 0.3), 1}, {known("b", 0.3), 1}}, Undecided, ""},
		{"one slip among many", []try{{known("a", 0.3), 1}, {known("b", 0.5), 1}, {known("a", 0.3), 1}}, Named, "a"},
		{"bad pictures of a known person", []try{{unknown(0.6), 0.3}, {unknown(0.6), 0.3}, {known("a", 0.35), 1}}, Named, "a"},
		{"twins", []try{{ambiguous, 1}, {ambiguous, 1}}, Undecided, ""},
		{"not a number", []try{{known("a", 0.3), float32(math.NaN())}}, Undecided, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v Vote
			for _, x := range c.tries {
				v.Add(&x.m, x.score)
			}
			got := v.Verdict()
			if got.State != c.state || got.ID != c.id || (got.State == Undecided) != (got.Confidence == 0) {
				t.Fatalf("%+v", got)
			}
			if got.ID != "" && got.Name != "N"+got.ID {
				t.Fatalf("%+v", got)
			}
		})
	}
}

// The order of tries does not matter, confidence is a share, and another good face of the named person never hurts.
func TestVoteProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		var tries []Match
		for range 1 + r.IntN(8) {
			m := known(string(rune('a'+r.IntN(3))), 0.55*r.Float64())
			if r.IntN(3) == 0 {
				m = unknown(0.55 + r.Float64())
			}
			tries = append(tries, m)
		}
		vote := func() (Vote, Verdict) {
			var v Vote
			for i := range tries {
				v.Add(&tries[i], 0.5)
			}
			return v, v.Verdict()
		}
		v, first := vote()
		if first.Confidence < 0 || first.Confidence > 1+1e-9 || first.Tries != len(tries) {
			t.Fatalf("%+v", first)
		}
		r.Shuffle(len(tries), func(i, j int) { tries[i], tries[j] = tries[j], tries[i] })
		if _, again := vote(); again.State != first.State || again.ID != first.ID || math.Abs(again.Confidence-first.Confidence) > 1e-9 {
			t.Fatalf("%+v in another order: %+v", first, again)
		}
		if first.State == Named {
			m := known(first.ID, 0.2)
			v.Add(&m, 1)
			if more := v.Verdict(); more.State != Named || more.ID != first.ID || more.Confidence < first.Confidence-1e-9 {
				t.Fatalf("%+v after one more: %+v", first, more)
			}
		}
	}
}
