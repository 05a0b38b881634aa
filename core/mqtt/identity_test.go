package mqtt

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestEventTellsWhoItIs(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		is       nvr.Identity
		subLabel any
		identity any
	}{
		{nvr.Identity{}, nil, nil},
		{nvr.Identity{State: nvr.IdentityUnknown}, nil, map[string]any{"state": "unknown", "similarity": 0.0}},
		{
			nvr.Identity{State: nvr.IdentityKnown, PersonID: "p", Name: "Anna", Similarity: 0.93},
			[]any{"Anna", 0.93},
			map[string]any{"state": "known", "person_id": "p", "name": "Anna", "similarity": 0.93},
		},
	} {
		e := nvr.Event{ID: "e", Camera: "front", Kind: nvr.EventObject, Label: "person", Start: start, Identity: c.is}
		b, err := frigateEvent(nvr.EventChange{Phase: nvr.PhaseUpdate, After: e}, frameSize{}, true, start)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ After map[string]any }
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.After["sub_label"], c.subLabel) || !reflect.DeepEqual(got.After["identity"], c.identity) {
			t.Errorf("%+v: %v, %v", c.is, got.After["sub_label"], got.After["identity"])
		}
	}
}
