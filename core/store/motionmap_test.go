package store

import (
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// someRecord is a record of ten minutes with n slots of motion: walkers, and now and then noise all over.
func someRecord(rng *rand.Rand, camera nvr.CameraID, start time.Time, n int) nvr.MotionRecord {
	r := nvr.MotionRecord{Camera: camera, TimeRange: nvr.TimeRange{Start: start, End: start.Add(maxRecord - 200*time.Millisecond)}}
	first := nvr.MotionSlotOf(start)
	for i := range int64(n) {
		s := nvr.MotionSlot{Index: first + i*slotsPerRecord/int64(n)}
		for range 1 + rng.IntN(6) {
			s.Map.Mark(nvr.Box{X: rng.Float32(), Y: rng.Float32(), W: rng.Float32() / 4, H: rng.Float32() / 2})
		}
		if rng.IntN(30) == 0 {
			for w := range s.Map {
				s.Map[w] = rng.Uint64()
			}
		}
		if s.Map.Count() == 0 {
			s.Map.Set(rng.IntN(nvr.MotionCells))
		}
		r.Slots = append(r.Slots, s)
	}
	return r
}

func TestMapsArePackedAndUnpacked(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 500 {
		r := someRecord(rng, "front", time.Unix(rng.Int64N(1<<31), 0).Truncate(10*time.Second), rng.IntN(61))
		if i%50 == 0 && len(r.Slots) > 0 {
			r.Slots[0].Map = nvr.MotionMap{} // empty, and full
			for c := range nvr.MotionCells {
				r.Slots[len(r.Slots)-1].Map.Set(c)
			}
		}
		b, err := packSlots(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpackSlots(b, nvr.MotionSlotOf(r.Start))
		if err != nil || !slices.Equal(got, r.Slots) {
			t.Fatalf("%v, %v; want %v", got, err, r.Slots)
		}
		if most := len(r.Slots) * (1 + 1 + rawMap); len(b) > most {
			t.Errorf("%d bytes for %d slots", len(b), len(r.Slots))
		}
	}
}

func FuzzUnpackSlots(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 10 {
		b, _ := packSlots(someRecord(rng, "front", time.Unix(1e9, 0), rng.IntN(61)))
		f.Add(b)
	}
	f.Add([]byte{0, 72})
	f.Add([]byte{0, 2, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		slots, err := unpackSlots(b, 100_000_000)
		if err != nil {
			return
		}
		again, err := packSlots(nvr.MotionRecord{TimeRange: nvr.TimeRange{Start: time.Unix(1e9, 0)}, Slots: slots})
		if err != nil {
			t.Fatalf("what was unpacked cannot be packed: %v", err)
		}
		if got, err := unpackSlots(again, 100_000_000); err != nil || !slices.Equal(got, slots) {
			t.Fatalf("%v, %v; want %v", got, err, slots)
		}
	})
}

func testMotionMaps(t *testing.T, s *Store) {
	ctx, t0 := t.Context(), time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	rng := rand.New(rand.NewPCG(5, 6))
	var all []nvr.MotionRecord
	for i := range 6 {
		all = append(all, someRecord(rng, "yard", t0.Add(time.Duration(i)*10*time.Minute), 10*i))
	}
	early := all[2]
	early.End, early.Slots = early.Start.Add(time.Minute), early.Slots[:1]
	for _, batch := range [][]nvr.MotionRecord{nil, {early}, append([]nvr.MotionRecord{early}, all...), all[3:]} { // told again, and twice in one
		if err := s.SaveMotionRecords(ctx, batch); err != nil {
			t.Fatal(err)
		}
	}
	check := func(r nvr.TimeRange, want []nvr.MotionRecord) {
		t.Helper()
		got, err := s.MotionRecords(ctx, "yard", r)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d records, %v; want %d", len(got), err, len(want))
		}
		for i := range got {
			if !reflect.DeepEqual(got[i], want[i]) && len(want[i].Slots) > 0 {
				t.Errorf("record %d: %+v, want %+v", i, got[i], want[i])
			}
		}
	}
	check(nvr.TimeRange{Start: t0, End: t0.Add(time.Hour)}, all)
	check(nvr.TimeRange{Start: t0.Add(25 * time.Minute), End: t0.Add(26 * time.Minute)}, all[2:3])
	check(nvr.TimeRange{Start: t0.Add(-time.Hour), End: t0}, nil)
	if got, err := s.MotionRecords(ctx, "other", nvr.TimeRange{Start: t0, End: t0.Add(time.Hour)}); err != nil || len(got) != 0 {
		t.Errorf("another camera's: %v, %v", got, err)
	}
	for name, change := range map[string]func(*nvr.MotionRecord){
		"too long":            func(r *nvr.MotionRecord) { r.End = r.Start.Add(time.Hour) },
		"ends before":         func(r *nvr.MotionRecord) { r.End = r.Start.Add(-time.Second) },
		"slots out of order":  func(r *nvr.MotionRecord) { r.Slots = []nvr.MotionSlot{r.Slots[1], r.Slots[0]} },
		"slot of another day": func(r *nvr.MotionRecord) { r.Slots = []nvr.MotionSlot{{Index: r.Slots[0].Index + 8640}} },
	} {
		bad := all[4]
		change(&bad)
		if err := s.SaveMotionRecords(ctx, []nvr.MotionRecord{bad}); nvr.ErrorCode(err) != nvr.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := s.DeleteMotionBefore(ctx, "yard", t0.Add(15*time.Minute)); err != nil || n != 1 {
		t.Errorf("deleted %d, %v", n, err)
	}
	check(nvr.TimeRange{Start: t0, End: t0.Add(time.Hour)}, all[1:])
	if _, err := s.pool.Exec(ctx, `UPDATE motion_maps SET slots = '\x00ff' WHERE camera = 'yard'`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.MotionRecords(ctx, "yard", nvr.TimeRange{Start: t0, End: t0.Add(time.Hour)}); err == nil {
		t.Error("damage is not told")
	}
	if _, err := s.DeleteMotionBefore(ctx, "yard", t0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
}

// TestSpeedOfMotionSearch tells how long the search of a day takes and how much a day of motion weighs; NIGHTJAR_SLOW=1.
func TestSpeedOfMotionSearch(t *testing.T) {
	if os.Getenv("NIGHTJAR_SLOW") == "" {
		t.Skip("measures for a minute; set NIGHTJAR_SLOW=1")
	}
	const cameras, days = 8, 14
	s, rng, t0 := open(t), rand.New(rand.NewPCG(7, 8)), time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	for c := range cameras {
		var batch []nvr.MotionRecord
		for i := range days * 144 {
			batch = append(batch, someRecord(rng, nvr.CameraID("cam"+string(rune('a'+c))), t0.Add(time.Duration(i)*maxRecord), []int{60, 20, 5}[c%3]))
		}
		if err := s.SaveMotionRecords(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	var size int64
	if err := s.pool.QueryRow(t.Context(), "SELECT pg_total_relation_size('motion_maps')").Scan(&size); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cameras, %d days: %.1f MB, %.2f MB per camera and day", cameras, days, float64(size)/1e6, float64(size)/1e6/cameras/days)
	for _, span := range []int{1, 14} {
		for _, camera := range []nvr.CameraID{"cama", "camb"} {
			var took []time.Duration
			for i := range 200 {
				from := t0.AddDate(0, 0, i%(days-span+1))
				r := nvr.TimeRange{Start: from, End: from.AddDate(0, 0, span)}
				began := time.Now()
				records, err := s.MotionRecords(t.Context(), camera, r)
				if err != nil || len(records) < 144*span {
					t.Fatalf("%d, %v", len(records), err)
				}
				nvr.SearchMotion(records, r, nvr.MotionMask(nvr.Polygon{{X: 0.2, Y: 0.2}, {X: 0.4, Y: 0.2}, {X: 0.4, Y: 0.5}, {X: 0.2, Y: 0.5}}))
				nvr.Unsearched(records, r)
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			t.Logf("%s, %d days: median %v, p99 %v", camera, span, took[len(took)/2], took[len(took)*99/100])
		}
	}
}
