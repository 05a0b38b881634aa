package index_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/index"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// run is recordings of 30 s that continue each other, named a1, a2 and so on.
func run(name string, from time.Duration, files int) []index.Recording {
	var out []index.Recording
	for n := range files {
		out = append(out, index.Recording{
			Path: name + string(rune('1'+n)), Start: noon.Add(from + time.Duration(n)*30*time.Second), Duration: 30 * time.Second,
		})
	}
	return out
}

// inOrder merges runs by start, as the index returns them.
func inOrder(runs ...[]index.Recording) []index.Recording {
	var out []index.Recording
	for _, one := range runs {
		for _, r := range one {
			i := 0
			for i < len(out) && !r.Start.Before(out[i].Start) {
				i++
			}
			out = append(out[:i:i], append([]index.Recording{r}, out[i:]...)...)
		}
	}
	return out
}

func TestOncePlaysOneRunAtATime(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		recs  []index.Recording
		until time.Duration
		want  string
	}{
		"nothing twice":            {inOrder(run("a", 0, 3), run("b", 95*s, 2)), time.Hour, "a1 a2 a3 b1 b2"},
		"nothing at all":           {nil, time.Hour, ""},
		"files a second apart":     {inOrder(run("a", 0, 3), run("b", s, 6)), time.Hour, "a1 a2 a3 b3 b4 b5 b6"},
		"files half a file apart":  {inOrder(run("a", 0, 3), run("b", 17*s, 5)), time.Hour, "a1 a2 a3 b3 b4 b5"},
		"one within the other":     {inOrder(run("a", 0, 6), run("b", 17*s, 2)), time.Hour, "a1 a2 a3 a4 a5 a6"},
		"back to before the first": {inOrder(run("a", 100*s, 3), run("b", 0, 8)), time.Hour, "b1 b2 b3 b4 b5 b6 b7 b8"},
		"a hole in the first":      {inOrder(run("a", 0, 2), run("b", 17*s, 4), run("c", 70*s, 4)), time.Hour, "a1 a2 b2 b3 b4 c3 c4"},
		"the range ends in it":     {inOrder(run("a", 0, 2), run("b", 17*s, 2)), 55 * s, "a1 a2"},
		"a millisecond":            {inOrder(run("a", 0, 1), run("b", 30*s-time.Millisecond, 2)), time.Hour, "a1 b1 b2"},
		"three times":              {inOrder(run("a", 0, 3), run("b", 5*s, 3), run("c", 10*s, 3)), time.Hour, "a1 a2 a3 b3 c3"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range index.Once(c.recs, noon.Add(c.until)) {
				got = append(got, r.Path)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("plays %q, want %q", s, c.want)
			}
		})
	}
}
