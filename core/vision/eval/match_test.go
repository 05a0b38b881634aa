package eval

import (
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/vision/offline"
)

func event(label string, from, to float64) offline.Event {
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	return offline.Event{Label: label, From: seconds(from), To: seconds(to)}
}

// One event to one object: the second is a duplicate, one of nothing is wrong, and one of an optional object counts
// neither way.
func TestJudge(t *testing.T) {
	l := &Labels{Clip: "a.mp4", Count: []string{"person", "car"}, Empty: [][2]float64{{20, 30}}, Objects: []Object{
		{Label: "person", From: 1, To: 9}, {Label: "car", From: 1, To: 9}, {Label: "person", From: 40, To: 45, Optional: true},
	}}
	r := &offline.Result{Events: []offline.Event{
		event("person", 1, 7), event("person", 8, 9), event("person", 22, 24), event("person", 40, 44), event("dog", 1, 2),
	}}
	s := Sum("m", []*Clip{Judge(l, r)})
	want := Score{Objects: 2, Hits: 1, Misses: 1, False: 2, Duplicates: 1, Empty: 1, Precision: 1. / 3, Recall: 0.5, F1: 0.4, Identity: Identity{Recall: 1}}
	if s.Total != want || len(s.Faults) != 3 {
		t.Errorf("%+v and %d faults, want %+v and 3", s.Total, len(s.Faults), want)
	}
}

func TestLabelsCanBeRead(t *testing.T) {
	for folder, want := range map[string]int{"testdata/labels": 5, "testdata/heldout": 1} {
		if all, err := Load(folder); err != nil || len(all) != want {
			t.Errorf("%s: %d label files, %v, want %d", folder, len(all), err, want)
		}
	}
}
