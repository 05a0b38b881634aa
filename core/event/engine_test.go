package event

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errAway = errors.New("database away")

// fakeStore is a database of two methods that can be away.
type fakeStore struct {
	mu         sync.Mutex
	away       bool
	refuse     string // event id that is refused for good
	closed     int
	rows       map[string]nvr.Event
	deliveries []nvr.Delivery
	calls      []string
}

func (s *fakeStore) SaveEvent(_ context.Context, e nvr.Event, ds []nvr.Delivery) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, "save")
	switch {
	case s.away:
		return errAway
	case e.ID == s.refuse:
		return &nvr.Error{Code: nvr.CodeInvalid, Message: "refused"}
	}
	if s.rows == nil {
		s.rows = map[string]nvr.Event{}
	}
	if old, ok := s.rows[e.ID]; !ok || e.Revision > old.Revision {
		s.rows[e.ID] = e
	}
	s.deliveries = append(s.deliveries, ds...)
	return nil
}

func (s *fakeStore) CloseOngoing(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, "close")
	if s.away {
		return 0, errAway
	}
	s.closed++
	return 0, nil
}

func (s *fakeStore) setAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

func (s *fakeStore) snapshot() (map[string]nvr.Event, []nvr.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := map[string]nvr.Event{}
	maps.Copy(rows, s.rows)
	return rows, append([]nvr.Delivery(nil), s.deliveries...)
}

// rig is a running engine inside a synctest bubble.
type rig struct {
	t      *testing.T
	e      *Engine
	store  *fakeStore
	bus    *bus.Bus
	events *bus.Subscription[nvr.EventChange]
	counts *bus.Subscription[nvr.ObjectCounts]
	motion *bus.Subscription[nvr.MotionChange]
	stop   func()
	reg    *prometheus.Registry
}

func start(t *testing.T, cfg Config, store *fakeStore) *rig {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	cfg.Cameras = []nvr.CameraID{"front"}
	r := &rig{t: t, store: store, bus: &bus.Bus{}, reg: prometheus.NewRegistry()}
	e, err := New(cfg, store, r.bus, slog.New(slog.DiscardHandler), r.reg)
	if err != nil {
		t.Fatal(err)
	}
	r.e = e
	r.events, r.counts, r.motion = r.bus.Events.Subscribe(100), r.bus.Counts.Subscribe(100), r.bus.Motion.Subscribe(100)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
	t.Cleanup(r.stop)
	<-e.Ready()
	synctest.Wait()
	return r
}

// see lets one frame pass: d later, with these objects.
func (r *rig) see(d time.Duration, objs ...nvr.TrackedObject) {
	time.Sleep(d) // in a bubble: moves its clock, waits for nothing
	for i := range objs {
		objs[i].LastSeen = time.Now()
		if objs[i].FirstSeen.IsZero() {
			objs[i].FirstSeen = time.Now()
		}
	}
	r.e.Observe(nvr.Observation{Camera: "front", Time: time.Now(), Motion: len(objs) > 0, Objects: objs})
	synctest.Wait()
}

func (r *rig) changes() []nvr.EventChange { return all(r.events) }

func all[T any](s *bus.Subscription[T]) (out []T) {
	synctest.Wait()
	for {
		select {
		case v := <-s.C():
			out = append(out, v)
		default:
			return out
		}
	}
}

var jpegBytes = []byte{0xff, 0xd8, 0xff, 0xe0, 1, 2, 3}

func person(first time.Time, confidence float32, more ...func(*nvr.TrackedObject)) nvr.TrackedObject {
	o := nvr.TrackedObject{
		TrackID: 1, Label: "person", Score: confidence, Confidence: confidence, TopScore: confidence,
		Box: nvr.Box{X: .1, Y: .1, W: .2, H: .4}, FirstSeen: first, Confirmed: confidence > .6,
	}
	for _, f := range more {
		f(&o)
	}
	return o
}

func routes(rs ...nvr.Route) func() []nvr.Route { return func() []nvr.Route { return rs } }

func withBest(o *nvr.TrackedObject) { o.Best = &nvr.Snapshot{JPEG: jpegBytes, Time: time.Now()} }
func still(o *nvr.TrackedObject)    { o.Stationary = true }

func TestObjectEventLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := start(t, Config{Dir: dir, Routes: routes(nvr.Route{ID: "hook", Notifier: "hook", Updates: true}, nvr.Route{ID: "cars", Notifier: "cars", Labels: []string{"car"}})}, &fakeStore{})
		first := time.Now()
		r.see(0, person(first, .5, withBest))
		if c := r.changes(); len(c) != 0 {
			t.Fatalf("an unconfirmed track was told: %+v", c)
		}
		time.Sleep(200 * time.Millisecond)
		r.see(0, person(first, .7))
		c := r.changes()
		if len(c) != 1 || c[0].Phase != nvr.PhaseNew || !c[0].After.HasSnapshot || len(c[0].Snapshot) == 0 ||
			c[0].After.Revision != 1 || !reflect.DeepEqual(c[0].Before, c[0].After) || !c[0].After.Start.Equal(first) {
			t.Fatalf("new: %+v", c)
		}
		id := c[0].After.ID
		path := filepath.Join(dir, "snapshots", "front", first.UTC().Format("2006-01-02"), id+".jpg")
		if b, err := os.ReadFile(path); err != nil || string(b) != string(jpegBytes) {
			t.Fatalf("snapshot file: %v", err)
		}
		f, err := r.e.OpenSnapshot("front", first, id)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()

		r.see(200*time.Millisecond, person(first, .9, still))
		if c := r.changes(); len(c) != 0 {
			t.Fatalf("a second change within a second: %+v", c)
		}
		r.see(time.Second, person(first, .9, still, withBest))
		if c := r.changes(); len(c) != 1 || c[0].Phase != nvr.PhaseUpdate || !c[0].After.Stationary || c[0].Before.Stationary ||
			c[0].After.TopScore != .9 {
			t.Fatalf("stationary: %+v", c)
		}
		r.see(2*time.Second, person(first, .9, still, withBest))
		if c := r.changes(); len(c) != 0 {
			t.Fatalf("snapshot after 2 s: %+v", c)
		}
		r.see(3*time.Second, person(first, .8, still))
		if c := r.changes(); len(c) != 1 || c[0].Snapshot == nil || c[0].After.TopScore != .9 || c[0].After.Score != .8 {
			t.Fatalf("snapshot after 5 s: %+v", c)
		}
		lastSeen := time.Now()
		time.Sleep(time.Second)
		r.e.Observe(nvr.Observation{Camera: "front", Time: time.Now(), Ended: []uint64{1}})
		c = r.changes()
		if len(c) != 1 || c[0].Phase != nvr.PhaseEnd || !c[0].After.End.Equal(lastSeen) || c[0].After.Ongoing() {
			t.Fatalf("end: %+v", c)
		}
		rows, deliveries := r.store.snapshot()
		if len(rows) != 1 || !reflect.DeepEqual(rows[id], c[0].After) {
			t.Fatalf("stored %+v, told %+v", rows, c[0].After)
		}
		if len(deliveries) != 4 || deliveries[0].Phase != nvr.PhaseNew || deliveries[1].Phase != nvr.PhaseUpdate || deliveries[3].Phase != nvr.PhaseEnd ||
			deliveries[0].Plugin != "hook" || deliveries[0].ExpiresAt.Sub(deliveries[0].CreatedAt) != 6*time.Hour {
			t.Fatalf("deliveries %+v", deliveries)
		}
		if _, err := r.e.OpenSnapshot("front", first, "../../etc/passwd"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("hostile id: %v", err)
		}
		counts := all(r.counts)
		if len(counts) != 3 || counts[0].Total["person"] != 1 || counts[0].Active["person"] != 1 ||
			counts[1].Active["person"] != 0 || counts[2].Total["person"] != 0 {
			t.Fatalf("counts %+v", counts)
		}
		if _, present := counts[2].Total["person"]; !present {
			t.Fatal("a label that fell to zero must stay in the map")
		}
		if m := all(r.motion); len(m) != 2 || !m[0].Active || m[1].Active {
			t.Fatalf("motion %+v", m)
		}
	})
}

func TestTracksThatNobodyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, &fakeStore{})
		first := time.Now()
		r.see(0, person(first, .7))
		r.see(time.Second, person(time.Time{}, .8)) // same id, another first sight: a new pipeline
		c := r.changes()
		if len(c) != 3 || c[1].Phase != nvr.PhaseEnd || c[2].Phase != nvr.PhaseNew {
			t.Fatalf("reused track id: %+v", c)
		}
		time.Sleep(silence + time.Second) // the pictures stop
		c = r.changes()
		if len(c) != 1 || c[0].Phase != nvr.PhaseEnd {
			t.Fatalf("silence: %+v", c)
		}
		r.see(time.Second, person(time.Time{}, .8))
		r.changes()
		r.stop()
		if c := all(r.events); len(c) != 1 || c[0].Phase != nvr.PhaseEnd {
			t.Fatalf("stop: %+v", c)
		}
		for id, row := range r.store.rows {
			if row.Ongoing() {
				t.Errorf("event %s left open", id)
			}
		}
	})
}

func TestMotionEventsWithoutDetector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		only := true
		r := start(t, Config{MotionOnly: func(nvr.CameraID) bool { return only }}, &fakeStore{})
		frame := func(d time.Duration, moving bool) {
			time.Sleep(d)
			o := nvr.Observation{Camera: "front", Time: time.Now(), Motion: moving}
			if moving {
				o.Still = &nvr.Snapshot{JPEG: jpegBytes}
			}
			r.e.Observe(o)
			synctest.Wait()
		}
		begin := time.Now()
		frame(0, true)
		frame(500*time.Millisecond, true)
		if c := r.changes(); len(c) != 0 {
			t.Fatalf("short motion made an event: %+v", c)
		}
		frame(600*time.Millisecond, true)
		c := r.changes()
		if len(c) != 1 || c[0].After.Kind != nvr.EventMotion || !c[0].After.Start.Equal(begin) || !c[0].After.HasSnapshot {
			t.Fatalf("motion: %+v", c)
		}
		last := time.Now()
		frame(time.Second, false)
		frame(time.Second, false)
		if c := r.changes(); len(c) != 0 {
			t.Fatalf("ended too early: %+v", c)
		}
		frame(4*time.Second, false)
		if c := r.changes(); len(c) != 1 || c[0].Phase != nvr.PhaseEnd || !c[0].After.End.Equal(last) {
			t.Fatalf("end: %+v", c)
		}
		frame(time.Second, true)
		frame(2*time.Second, true)
		only = false // a detector has come
		frame(time.Second, true)
		if c := r.changes(); len(c) != 2 || c[1].Phase != nvr.PhaseEnd {
			t.Fatalf("detector: %+v", c)
		}
	})
}

func TestCameraOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, &fakeStore{})
		say := func(s nvr.State) {
			r.bus.Cameras.Publish(nvr.CameraStatus{Camera: "front", State: s, Since: time.Now()})
			synctest.Wait()
		}
		say(nvr.StateOffline)
		time.Sleep(9 * time.Second)
		say(nvr.StateOnline)
		time.Sleep(20 * time.Second)
		if c := r.changes(); len(c) != 0 {
			t.Fatalf("a short absence made an event: %+v", c)
		}
		gone := time.Now()
		say(nvr.StateOffline)
		time.Sleep(6 * time.Second)
		say(nvr.StateStarting) // an attempt in between does not end it
		say(nvr.StateOffline)
		time.Sleep(5 * time.Second)
		c := r.changes()
		if len(c) != 1 || c[0].After.Kind != nvr.EventCamera || c[0].After.Label != "offline" || !c[0].After.Start.Equal(gone) {
			t.Fatalf("offline: %+v", c)
		}
		say(nvr.StateOnline)
		if c := r.changes(); len(c) != 1 || c[0].Phase != nvr.PhaseEnd {
			t.Fatalf("online: %+v", c)
		}
	})
}

func TestDatabaseAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{away: true}
		r := start(t, Config{Routes: routes(nvr.Route{ID: "hook", Notifier: "hook", Updates: true})}, store)
		first := time.Now()
		r.see(0, person(first, .7))
		r.see(2*time.Second, person(first, .7, still))
		if c := r.changes(); len(c) != 2 {
			t.Fatalf("events must reach the bus without a database: %+v", c)
		}
		if n := value(t, r.e.met.spooled); n != 1 {
			t.Fatalf("spooled rows %v, want 1: one per event", n)
		}
		r.see(2*time.Second, person(first, .7, still))
		r.e.Observe(nvr.Observation{Camera: "front", Time: time.Now(), Ended: []uint64{1}})
		synctest.Wait()
		store.setAway(false)
		time.Sleep(15 * time.Second)
		rows, deliveries := store.snapshot()
		if len(rows) != 1 || len(deliveries) != 3 || store.closed != 1 {
			t.Fatalf("after the outage: %d rows, %d deliveries, closed %d times", len(rows), len(deliveries), store.closed)
		}
		for _, row := range rows {
			if row.Ongoing() || row.Revision != 3 {
				t.Fatalf("row %+v", row)
			}
		}
		lastClose := 0
		for i, c := range store.calls {
			if c == "close" {
				lastClose = i
			}
		}
		for _, c := range store.calls[:lastClose] {
			if c == "save" {
				t.Fatal("wrote an event before the earlier run's were closed")
			}
		}

		store.setAway(true) // and again, in the middle of things
		r.see(time.Second, person(time.Time{}, .9))
		store.setAway(false)
		time.Sleep(15 * time.Second)
		if rows, _ := store.snapshot(); len(rows) != 2 {
			t.Fatalf("%d rows after the second outage", len(rows))
		}
	})
}

func TestSpoolIsBounded(t *testing.T) {
	store := &fakeStore{away: true}
	met := newMetrics(nil)
	s := newSaver(store, 10, slog.New(slog.DiscardHandler), met)
	for i := range 25 {
		s.save(nvr.Event{ID: NewID(time.UnixMilli(int64(i))), Revision: 1}, nil)
	}
	if len(s.rows) != 10 || len(s.order) != 10 || value(t, met.spoolDropped) != 15 {
		t.Fatalf("rows %d, order %d", len(s.rows), len(s.order))
	}
	refused := s.order[3]
	store.away, store.refuse = false, refused
	s.flush(t.Context())
	if len(store.rows) != 9 || len(s.rows) != 0 {
		t.Fatalf("a row that is refused for good must not stop the others: %d written", len(store.rows))
	}
}

func TestMailboxMergesAndLosesNoEnd(t *testing.T) {
	m := newMailbox()
	base := time.Unix(1000, 0)
	for i := range 500 {
		o := nvr.Observation{Camera: "front", Time: base.Add(time.Duration(i) * time.Second), Ended: []uint64{uint64(i)}}
		if i == 3 {
			o.Objects = []nvr.TrackedObject{{TrackID: 900, Confirmed: true, Best: &nvr.Snapshot{JPEG: jpegBytes}}}
		}
		m.put(o)
	}
	q := m.take()
	ends, object := 0, false
	for _, o := range q {
		ends += len(o.Ended)
		for _, obj := range o.Objects {
			object = object || obj.TrackID == 900 && obj.Best != nil
		}
	}
	if len(q) != mailboxSize || ends != 500 || !object {
		t.Fatalf("%d observations, %d ends, object %v", len(q), ends, object)
	}
}

func TestNewIDSortsByStart(t *testing.T) {
	a, b := NewID(time.UnixMilli(1_700_000_000_000)), NewID(time.UnixMilli(1_700_000_000_001))
	if a >= b {
		t.Errorf("%s must sort before %s", a, b)
	}
	if u := uuid.MustParse(a); u.Version() != 7 || u.Variant() != uuid.RFC4122 {
		t.Errorf("%s: version %v variant %v", a, u.Version(), u.Variant())
	}
}

func TestSnapshots(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenSnapshots(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	day := time.Date(2026, 3, 4, 23, 59, 0, 0, time.UTC)
	id := NewID(day)
	for _, bad := range []struct {
		camera nvr.CameraID
		id     string
		jpeg   []byte
	}{
		{"../x", id, jpegBytes},
		{"front", "../../x", jpegBytes},
		{"front", id, []byte("GIF89a")},
		{"front", id, append([]byte{0xff, 0xd8, 0xff}, make([]byte, maxSnapshotBytes)...)},
	} {
		if err := s.Save(bad.camera, day, bad.id, bad.jpeg); err == nil {
			t.Errorf("saved %q %q", bad.camera, bad.id)
		}
	}
	for _, at := range []time.Time{day, day.AddDate(0, 0, 1), day.AddDate(0, 0, 2)} {
		if err := s.Save("front", at, id, jpegBytes); err != nil {
			t.Fatal(err)
		}
	}
	n, err := s.RemoveBefore(day.AddDate(0, 0, 1).Add(-time.Hour)) // the second day has not ended
	if n != 1 || err != nil {
		t.Fatalf("removed %d, %v", n, err)
	}
	if _, err := s.Open("front", day, id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open removed: %v", err)
	}
	if f, err := s.Open("front", day.AddDate(0, 0, 1), id); err != nil {
		t.Error(err)
	} else {
		_ = f.Close()
	}
}

func TestUnwritableSnapshotDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "snapshots"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Dir: dir}, &fakeStore{}, &bus.Bus{}, slog.New(slog.DiscardHandler), nil); err == nil {
		t.Fatal("want an error that names the directory")
	}
}

func value(t *testing.T, m prometheus.Metric) float64 {
	t.Helper()
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		t.Fatal(err)
	}
	return d.GetGauge().GetValue() + d.GetCounter().GetValue()
}
