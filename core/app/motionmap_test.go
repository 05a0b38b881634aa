package app

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestMapsAreNotedAlsoAfterAnOutage(t *testing.T) {
	db := &fakeMotion{}
	m := newMotionLog(db, &bus.Bus{}, slog.New(slog.DiscardHandler))
	t0 := time.Date(2026, 3, 1, 12, 7, 0, 0, time.UTC)
	at := func(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }
	var cell nvr.MotionMap
	cell.Set(5)
	see := func(from, to float64, moved nvr.MotionMap) {
		for s := from; s < to; s += 0.5 {
			sinks{m}.Observe(nvr.Observation{Camera: "front", Time: at(s), Searched: true, Moved: moved})
		}
	}
	search := func() (records []nvr.MotionRecord, slots int) {
		t.Helper()
		records, err := m.MotionRecords(t.Context(), "front", nvr.TimeRange{Start: t0, End: at(3600)})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			slots += len(r.Slots)
		}
		return records, slots
	}

	m.Observe(nvr.Observation{Camera: "front", Time: t0}) // while the background is being learned
	if got, _ := search(); len(got) != 0 {
		t.Fatalf("learning counts as searching: %v", got)
	}
	see(0, 30, nvr.MotionMap{})
	see(30, 45, cell)
	if got, slots := search(); len(got) != 1 || slots != 2 || !got[0].End.Equal(at(44.5)) {
		t.Errorf("what waits: %+v", got)
	}
	if err := m.maps.flush(t.Context(), at(60)); err != nil || len(db.maps) != 1 {
		t.Fatalf("%v, %+v", err, db.maps)
	}
	see(45, 50, cell)
	if err := m.maps.flush(t.Context(), at(70)); err != nil || !db.maps[0].End.Equal(at(44.5)) {
		t.Errorf("written before its minute is over: %v", err)
	}

	db.err = errors.New("away")
	see(50, 200, nvr.MotionMap{}) // through 12:10
	see(300, 310, cell)           // after a pause
	see(290, 295, cell)           // a clock that went back
	if err := m.maps.flush(t.Context(), at(400)); err == nil {
		t.Error("the outage is not told")
	}
	db.err = nil
	before, _ := search()
	if err := m.maps.flush(t.Context(), at(401)); err != nil {
		t.Fatal(err)
	}
	if len(m.maps.ended) != 0 || len(m.maps.changed) != 0 {
		t.Errorf("%d wait", len(m.maps.ended))
	}
	if len(db.maps) != 4 || len(before) < 4 {
		t.Errorf("noted %d records, %+v", len(db.maps), db.maps)
	}
	for _, r := range db.maps {
		if r.Duration() > maxRecord || r.Start.Truncate(maxRecord) != r.End.Truncate(maxRecord) {
			t.Errorf("not cut: %+v", r)
		}
	}
	all, _ := search()
	unknown := nvr.Unsearched(all, nvr.TimeRange{Start: t0, End: at(310)})
	if len(unknown) != 1 || !unknown[0].Start.Equal(at(199.5)) || !unknown[0].End.Equal(at(290)) {
		t.Errorf("unknown: %v", unknown)
	}
	hits := nvr.SearchMotion(all, nvr.TimeRange{Start: t0, End: at(310)}, cell)
	if len(hits) != 2 || !hits[0].Start.Equal(at(30)) || !hits[0].End.Equal(at(50)) || !hits[1].Start.Equal(at(290)) || hits[1].Share != 1 {
		t.Errorf("hits: %v", hits)
	}
}

func TestMapsThatWaitAreBounded(t *testing.T) {
	db := &fakeMotion{err: errors.New("away")}
	maps := newMotionMaps(db)
	t0 := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range maxMapRecords + 100 {
		maps.add("front", t0.Add(time.Duration(i)*time.Minute), &nvr.MotionMap{})
	}
	for range 2 {
		if err := maps.flush(t.Context(), t0); err == nil {
			t.Fatal("the outage is not told")
		}
	}
	if len(maps.ended) != maxMapRecords {
		t.Errorf("%d wait", len(maps.ended))
	}
	db.err = nil
	if err := maps.flush(t.Context(), t0); err != nil || len(db.maps) != maxMapRecords+1 {
		t.Errorf("%d noted, %v", len(db.maps), err)
	}
}
