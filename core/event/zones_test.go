package event

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// TestZonesAreToldSoon: a change of zones and a crossing are told after a second, not after a minute; a longer path and
// another speed alone are no news, but are there at the end.
func TestZonesAreToldSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, &fakeStore{})
		first := time.Now()
		in := func(zones ...string) func(*nvr.TrackedObject) {
			return func(o *nvr.TrackedObject) { o.Zones, o.EnteredZones = zones, []string{"street", "porch"} }
		}
		crossed := func(o *nvr.TrackedObject) {
			o.Crossings = []nvr.Crossing{{Line: "gate", Direction: nvr.AToB, Time: first}}
		}
		fast := func(o *nvr.TrackedObject) {
			o.Speed, o.MaxSpeed, o.Path = 4, 9, []nvr.PathPoint{{After: time.Second}}
		}
		r.see(0, person(first, .9, in("street")))
		if c := r.changes(); len(c) != 1 || !slices.Equal(c[0].After.Zones, []string{"street"}) {
			t.Fatalf("new: %+v", c)
		}
		r.see(200*time.Millisecond, person(first, .9, in("street", "porch")))
		if c := r.changes(); len(c) != 0 {
			t.Fatalf("told within a second: %+v", c)
		}
		r.see(time.Second, person(first, .9, in("street", "porch")))
		if c := r.changes(); len(c) != 1 || len(c[0].Before.Zones) != 1 || len(c[0].After.Zones) != 2 {
			t.Fatalf("zone: %+v", c)
		}
		r.see(2*time.Second, person(first, .9, in("street", "porch"), fast))
		if c := r.changes(); len(c) != 0 {
			t.Fatalf("a path is no news: %+v", c)
		}
		r.see(2*time.Second, person(first, .9, in("street", "porch"), fast, crossed))
		if c := r.changes(); len(c) != 1 || len(c[0].After.Crossings) != 1 || c[0].After.MaxSpeed != 9 {
			t.Fatalf("crossing: %+v", c)
		}
		r.see(2*time.Second, person(first, .9, in(), fast, crossed))
		r.stop()
		c := r.changes()
		last := c[len(c)-1].After
		rows, _ := r.store.snapshot()
		if stored := rows[last.ID]; len(last.Zones) != 0 || !slices.Equal(last.EnteredZones, []string{"street", "porch"}) ||
			len(stored.Path) != 1 || len(stored.Crossings) != 1 || stored.Speed != 4 {
			t.Fatalf("end %+v, stored %+v", last, stored)
		}
	})
}
