package event

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// saver writes events, and keeps them in memory while the database is away. One row per event waits there: a newer
// revision replaces the older and the deliveries of both are kept, so the spool grows with events, not with changes.
//
// It begins "away": the first thing written in a run is the end of what an earlier run left open.
type saver struct {
	store eventStore
	limit int
	log   *slog.Logger
	met   *metrics
	wake  chan struct{}

	mu    sync.Mutex
	away  bool
	order []string // ids in the order they came; an id whose row is gone is skipped
	rows  map[string]*spooled
}

type spooled struct {
	event      nvr.Event
	deliveries []nvr.Delivery
}

func newSaver(store eventStore, limit int, log *slog.Logger, met *metrics) *saver {
	return &saver{
		store: store, limit: limit, log: log, met: met,
		wake: make(chan struct{}, 1), away: true, rows: map[string]*spooled{},
	}
}

// save writes one event, or spools it. It takes at most saveDeadline, and no time while the database is known away.
func (s *saver) save(e nvr.Event, ds []nvr.Delivery) {
	s.mu.Lock()
	if s.away {
		s.spool(e, ds)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), saveDeadline)
	defer cancel()
	err := s.store.SaveEvent(ctx, e, ds)
	if err == nil {
		return
	}
	if s.hopeless(e, err) {
		return
	}
	s.mu.Lock()
	first := !s.away
	s.away = true
	s.spool(e, ds)
	s.mu.Unlock()
	if first {
		s.log.Warn("database unavailable, events are kept in memory", "err", err)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// hopeless reports, and logs, that the database will never take this row.
func (s *saver) hopeless(e nvr.Event, err error) bool {
	if nvr.ErrorCode(err) != nvr.CodeInvalid {
		return false
	}
	s.met.rejected.Inc()
	s.log.Error("database refused an event", "event_id", e.ID, "camera_id", e.Camera, "err", err)
	return true
}

// spool must be called with mu held.
func (s *saver) spool(e nvr.Event, ds []nvr.Delivery) {
	if row := s.rows[e.ID]; row != nil {
		if e.Revision > row.event.Revision {
			row.event = e
		}
		row.deliveries = append(row.deliveries, ds...)
		return
	}
	for len(s.rows) >= s.limit && len(s.order) > 0 {
		if _, waiting := s.rows[s.order[0]]; waiting {
			delete(s.rows, s.order[0])
			s.met.spoolDropped.Inc()
		}
		s.order = s.order[1:]
	}
	s.rows[e.ID] = &spooled{event: e, deliveries: ds}
	s.order = append(s.order, e.ID)
	s.met.spooled.Set(float64(len(s.rows)))
}

// run writes the spool whenever the database is back, until ctx ends.
func (s *saver) run(ctx context.Context) {
	backoff := lifecycle.Backoff{Min: 250 * time.Millisecond, Max: 10 * time.Second, Factor: 2, Jitter: 0.2}
	opened, failures := false, 0
	for {
		pause := time.Hour
		if err := s.drain(ctx, &opened); err != nil {
			if failures == 0 && ctx.Err() == nil {
				s.log.Debug("events wait for the database", "err", err)
			}
			pause = backoff.Pause(failures)
			failures++
		} else {
			failures = 0
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// drain closes what an earlier run left open, once per run, and writes the spool until it is empty or a write fails.
func (s *saver) drain(ctx context.Context, opened *bool) error {
	if !*opened {
		c, cancel := context.WithTimeout(ctx, 5*saveDeadline)
		n, err := s.store.CloseOngoing(c)
		cancel()
		if err != nil {
			return err
		}
		*opened = true
		if n > 0 {
			s.log.Info("closed events of an earlier run", "events", n)
		}
	}
	written := 0
	for {
		row := s.oldest(&written)
		if row == nil {
			return nil
		}
		c, cancel := context.WithTimeout(ctx, saveDeadline)
		err := s.store.SaveEvent(c, row.event, row.deliveries)
		cancel()
		if err != nil && !s.hopeless(row.event, err) {
			s.putBack(row)
			return err
		}
		written++
	}
}

// oldest takes the oldest row out of the spool. When there is none the database is no longer away.
func (s *saver) oldest(written *int) *spooled {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.order) > 0 {
		id := s.order[0]
		s.order = s.order[1:]
		if row := s.rows[id]; row != nil {
			delete(s.rows, id)
			s.met.spooled.Set(float64(len(s.rows)))
			return row
		}
	}
	s.order = nil
	if s.away && *written > 0 {
		s.log.Info("events in memory were written", "events", *written)
	}
	s.away = false
	return nil
}

// putBack returns a row that could not be written, beneath what came for the same event meanwhile.
func (s *saver) putBack(row *spooled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if newer := s.rows[row.event.ID]; newer != nil {
		newer.deliveries = append(row.deliveries, newer.deliveries...)
		return
	}
	s.rows[row.event.ID] = row
	s.order = append([]string{row.event.ID}, s.order...)
	s.met.spooled.Set(float64(len(s.rows)))
}

// flush writes what it can before ctx ends; the rest is lost with the process, and said.
func (s *saver) flush(ctx context.Context) {
	opened := true // events of this run only; the next run closes the rest
	err := s.drain(ctx, &opened)
	s.mu.Lock()
	left := len(s.rows)
	s.mu.Unlock()
	if left > 0 {
		s.log.Error("events lost, the database stayed away until the end", "events", left, "err", err)
	}
}
