// Package event owns the life of events: it turns what the vision pipeline observes, and what the cameras report,
// into events with a start, changes at a bearable rate, the best snapshot and an end; stores each change together
// with the deliveries it causes in one transaction; and then tells the bus.
//
// It promises that nothing here slows vision down: observations go into a bounded mailbox per camera, and a database
// that is away costs memory (a bounded spool, one row per event), never time. It does not decide what is an object
// (vision does) and it delivers nothing itself (core/jobs does).
package event

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/event/route"
	"github.com/nightjar-nvr/nightjar/core/event/rule"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	urgentInterval    = time.Second      // between two changes of one event
	snapshotInterval  = 5 * time.Second  // between two changes that bring only a better snapshot
	heartbeatInterval = 60 * time.Second // an ongoing event is written at least this often
	silence           = 30 * time.Second // without an observation: what was seen is taken to be gone
	saveDeadline      = 2 * time.Second
	flushDeadline     = 5 * time.Second
)

// eventStore is what the engine needs of the database; core/store implements it.
type eventStore interface {
	// SaveEvent writes one event and the deliveries it causes in one transaction, and enqueues the deliveries' jobs
	// in that same transaction.
	//
	// The event is inserted, or on conflict of id updated where the stored revision is smaller than e.Revision; a
	// smaller or equal revision leaves the row as it is and is no error. updated_at becomes now(). A delivery that
	// conflicts on (event_id, plugin, recipient, phase, revision) is skipped, job included. An error with
	// nvr.CodeInvalid says that this row will never be accepted: it is dropped; any other error means "try again".
	SaveEvent(ctx context.Context, e nvr.Event, deliveries []nvr.Delivery) error
	// CloseOngoing ends every event without an end at the greater of start_at and updated_at, adding one to its
	// revision, and returns how many there were. The engine calls it once per run, before its first SaveEvent.
	CloseOngoing(ctx context.Context) (int64, error)
}

// Config is what the engine needs to know.
type Config struct {
	// Dir is the data directory; snapshots lie in Dir/snapshots. Created where missing.
	Dir     string
	Cameras []nvr.CameraID
	// MotionOnly tells whether motion itself makes events for a camera, because nothing detects objects on it.
	// Nil means never. Asked per observation.
	MotionOnly func(nvr.CameraID) bool
	// Routes returns which alerts notifiers tell, as they are now. It is asked per alert. Nil: nobody is told.
	Routes func() []nvr.Route
	// Rules decide which events are alerts, and so what notifiers hear of. Nil: every event is one, of severity normal.
	Rules *rule.Set
	// Mode returns the arming mode; nil means home.
	Mode func() nvr.Mode
	// UnknownFace hears of the faces of strangers with the event they belong to. It must return at once. Nil: nobody keeps them.
	UnknownFace func(nvr.Event, nvr.FaceSample)
	// OfflineAfter is how long a camera must be offline for it to be an event; zero means 10 s.
	OfflineAfter time.Duration
	// SpoolRows bounds the events kept in memory while the database is away; zero means 50,000.
	SpoolRows int
	// NamesSounds says that a classifier names sounds: one noticed by its level waits a moment for its name.
	NamesSounds bool
}

// Engine makes events. Observe may be called from any goroutine, also before and after Run.
type Engine struct {
	cfg       Config
	bus       *bus.Bus
	log       *slog.Logger
	met       *metrics
	boxes     map[nvr.CameraID]*mailbox
	snapshots *Snapshots
	saver     *saver
	ongoing   ongoing
	ready     chan struct{}
	tellReady func() // closes ready, once
}

// New checks cfg and opens the snapshot directory; an unwritable one is an error that names it.
func New(cfg Config, store eventStore, b *bus.Bus, log *slog.Logger, reg prometheus.Registerer) (*Engine, error) {
	if store == nil || b == nil {
		return nil, errors.New("event engine: store and bus are required")
	}
	if cfg.Routes == nil {
		cfg.Routes = func() []nvr.Route { return nil }
	}
	if cfg.OfflineAfter <= 0 {
		cfg.OfflineAfter = 10 * time.Second
	}
	if cfg.SpoolRows <= 0 {
		cfg.SpoolRows = 50_000
	}
	if cfg.MotionOnly == nil {
		cfg.MotionOnly = func(nvr.CameraID) bool { return false }
	}
	if cfg.Mode == nil {
		cfg.Mode = func() nvr.Mode { return nvr.ModeHome }
	}
	if cfg.Rules == nil {
		all, err := rule.NewSet([]rule.Rule{Everything()}, time.UTC)
		if err != nil {
			return nil, err
		}
		cfg.Rules = all
	}
	snapshots, err := OpenSnapshots(cfg.Dir)
	if err != nil {
		return nil, err
	}
	met := newMetrics(reg)
	e := &Engine{
		cfg: cfg, bus: b, log: log, met: met, snapshots: snapshots,
		boxes: make(map[nvr.CameraID]*mailbox, len(cfg.Cameras)),
		saver: newSaver(store, cfg.SpoolRows, log, met), ongoing: ongoing{events: map[string]*ongoingEvent{}},
		ready: make(chan struct{}),
	}
	e.tellReady = sync.OnceFunc(func() { close(e.ready) })
	for _, id := range cfg.Cameras {
		e.boxes[id] = newMailbox()
	}
	return e, nil
}

// Observe hands over what was seen in one frame. It copies o and returns at once; when the camera's mailbox is full
// the two oldest observations become one, so that no end of a track is lost.
func (e *Engine) Observe(o nvr.Observation) {
	box, ok := e.boxes[o.Camera]
	if !ok {
		return
	}
	if box.put(o) {
		e.met.merged.WithLabelValues(string(o.Camera)).Inc()
	}
}

// Ready is closed once Run listens to the bus: a camera state published before that is not seen.
func (e *Engine) Ready() <-chan struct{} { return e.ready }

// OpenSnapshot opens the best picture of an event. The error wraps fs.ErrNotExist where there is none.
func (e *Engine) OpenSnapshot(camera nvr.CameraID, start time.Time, id string) (*os.File, error) {
	return e.snapshots.Open(camera, start, id)
}

// RemoveSnapshotsBefore deletes the snapshots of all days that ended before t and returns how many days that were.
func (e *Engine) RemoveSnapshotsBefore(t time.Time) (int, error) { return e.snapshots.RemoveBefore(t) }

// Run makes events until ctx ends, then ends the ongoing ones, writes what is unwritten for at most 5 s, and joins.
// Snapshots can be opened after it too: the last deliveries need them.
func (e *Engine) Run(ctx context.Context) error {
	sub := e.bus.Cameras.Subscribe(256)
	defer sub.Close()
	health, sounds := e.bus.Health.Subscribe(256), e.bus.Sounds.Subscribe(256)
	defer health.Close()
	defer sounds.Close()
	e.tellReady()

	saveCtx, stopSaver := context.WithCancel(context.WithoutCancel(ctx))
	var saving errgroup.Group
	saving.Go(func() error { e.saver.run(saveCtx); return nil })

	var making errgroup.Group
	for id, box := range e.boxes {
		making.Go(func() error { newWatcher(e, id).run(ctx, box); return nil })
	}
	making.Go(func() error { newOfflineWatch(e).run(ctx, sub); return nil })
	making.Go(func() error { newSpells(e).run(ctx, health, sounds); return nil })
	_ = making.Wait() // the functions above return nil

	stopSaver()
	_ = saving.Wait()
	flushCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushDeadline)
	defer cancel()
	e.saver.flush(flushCtx)
	return ctx.Err()
}

// emit stores one change and tells the bus. after gets the next revision and knows from then on whether it has a
// snapshot; the caller keeps it.
func (e *Engine) emit(phase nvr.Phase, before nvr.Event, after *nvr.Event, jpeg []byte) {
	after.Revision = before.Revision + 1
	switch phase {
	case nvr.PhaseNew:
		e.ongoing.begin(after.ID)
	case nvr.PhaseEnd:
		after.Identity = e.ongoing.last(after.ID, after.Identity)
	case nvr.PhaseUpdate:
	}
	if jpeg != nil {
		if e.storeSnapshot(*after, jpeg) {
			after.HasSnapshot = true
		}
	}
	e.judge(after)
	if phase == nvr.PhaseNew {
		before = *after
	}
	e.saver.save(*after, e.deliveries(phase, before, *after))
	if phase == nvr.PhaseEnd {
		e.ongoing.end(after.ID)
	}
	e.met.changes.WithLabelValues(string(after.Camera), string(phase)).Inc()
	e.bus.Events.Publish(nvr.EventChange{Phase: phase, Before: before, After: *after, Snapshot: jpeg})
}

func (e *Engine) storeSnapshot(ev nvr.Event, jpeg []byte) bool {
	err := e.snapshots.Save(ev.Camera, ev.Start, ev.ID, jpeg)
	if err == nil {
		if e.met.snapshotsFailing.CompareAndSwap(true, false) {
			e.log.Info("snapshots are written again")
		}
		return true
	}
	e.met.snapshotFailures.Inc()
	if e.met.snapshotsFailing.CompareAndSwap(false, true) {
		e.log.Error("cannot write snapshots, events go on without them", "camera_id", ev.Camera, "err", err)
	}
	return false
}

// deliveries returns what notifiers are told. They hear of alerts only; an event that becomes one late is new to them then.
func (e *Engine) deliveries(phase nvr.Phase, before, ev nvr.Event) []nvr.Delivery {
	told := func(notifier, address string) bool { return e.ongoing.told(ev.ID, recipient{notifier, address}) }
	ds := route.Deliver(e.cfg.Routes(), route.Change{Phase: phase, Before: before, After: ev, Told: told}, time.Now(), NewID)
	e.ongoing.noteTold(ev.ID, ds)
	return ds
}

// NewID returns a UUIDv7 of time t (RFC 9562 §5.7): 48 bits of Unix milliseconds, the rest random, so that ids sort
// by start also when an event is only known some time after it.
func NewID(t time.Time) string {
	var u uuid.UUID
	_, _ = rand.Read(u[:]) // crypto/rand.Read never fails since Go 1.24
	ms := uint64(max(0, t.UnixMilli()))
	for i := range 6 {
		u[i] = byte(ms >> (8 * (5 - i)))
	}
	u[6] = 0x70 | u[6]&0x0f
	u[8] = 0x80 | u[8]&0x3f
	return u.String()
}
