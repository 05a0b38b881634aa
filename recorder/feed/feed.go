// Package feed brings the journals into the index: in batches, at least once, in the order of each journal. It keeps a
// cursor per journal beside the recordings, so an outage of the database, however long, is caught up from there, and
// throwing the cursor away rebuilds the index. The writing side never waits for it.
package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	cursorName = ".cursor"
	batchLines = 500
	// sweep is how often all journals are looked at, whether or not the library told of a change.
	sweep = 5 * time.Minute
	// callTimeout bounds one call of the index: a database that hangs must not hang the shutdown.
	callTimeout = 10 * time.Second
)

var retry = lifecycle.Backoff{Min: time.Second, Max: 15 * time.Second, Factor: 2, Jitter: 0.2}

// Options is what a Feeder needs; all fields are required. With several volumes, each has a Feeder and a registerer that
// labels its metrics.
type Options struct {
	Library *library.Library
	Index   index.Index
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

// Feeder copies journal lines to the index.
type Feeder struct {
	lib    *library.Library
	index  index.Index
	logger *slog.Logger

	lines  prometheus.Counter
	errors prometheus.Counter

	mu      sync.Mutex
	loaded  bool // the cursor was read
	offsets map[library.Day]int64
	kept    map[library.Day]int64    // journals of days without files that are kept for what the archive has, by length
	behind  map[library.Day]struct{} // not known to be fed to the end
	swept   bool                     // all journals were fed to their end once
	saved   bool                     // offsets are on disk

	books map[library.Day]*book // of the goroutine of Run
}

// New reads the cursor, if there is one and its volume is there. It starts nothing.
func New(o Options) (*Feeder, error) {
	if o.Library == nil || o.Index == nil || o.Logger == nil || o.Metrics == nil {
		return nil, errors.New("feeder: library, index, logger and metrics are required")
	}
	f := &Feeder{
		lib: o.Library, index: o.Index, logger: o.Logger,
		lines: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "nvr", Subsystem: "recorder", Name: "indexed_lines_total", Help: "Journal lines that reached the index.",
		}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "nvr", Subsystem: "recorder", Name: "index_errors_total", Help: "Batches that the index refused.",
		}),
		offsets: make(map[library.Day]int64), kept: make(map[library.Day]int64), behind: make(map[library.Day]struct{}),
		saved: true, books: make(map[library.Day]*book),
	}
	o.Metrics.MustRegister(f.lines, f.errors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "nvr", Subsystem: "recorder", Name: "index_lagging_journals", Help: "Journals with lines that are not in the index yet.",
	}, func() float64 {
		f.mu.Lock()
		defer f.mu.Unlock()
		return float64(len(f.behind))
	}))
	_ = f.load() // again by Run
	return f, nil
}

// cursor is the file's content: how many bytes of each journal are in the index.
type cursor struct {
	Offsets map[string]int64 `json:"offsets"`
	Kept    map[string]int64 `json:"kept,omitempty"`
}

// load is forgiving: without a usable cursor everything is fed again, which changes nothing in the index. It fails only
// while the volume is not there.
func (f *Feeder) load() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.loaded {
		return nil
	}
	b, err := library.ReadFile(f.lib.FS(), cursorName)
	if errors.Is(err, library.ErrMissing) {
		return fmt.Errorf("read index cursor: %w", err)
	}
	f.loaded = true
	if err != nil {
		return nil // as good as no cursor
	}
	var c cursor
	if err := json.Unmarshal(b, &c); err != nil {
		f.logger.Warn("index cursor is damaged, feeding all journals again", "err", err)
		return nil
	}
	take(f.offsets, c.Offsets)
	take(f.kept, c.Kept)
	return nil
}

func take(to map[library.Day]int64, from map[string]int64) {
	for name, n := range from {
		if day, err := library.ParseDay(name); err == nil && n >= 0 {
			to[day] = n
		}
	}
}

func (f *Feeder) save() error {
	f.mu.Lock()
	if f.saved {
		f.mu.Unlock()
		return nil
	}
	c := cursor{Offsets: make(map[string]int64, len(f.offsets)), Kept: make(map[string]int64, len(f.kept))}
	for d, o := range f.offsets {
		c.Offsets[d.String()] = o
	}
	for d, n := range f.kept {
		c.Kept[d.String()] = n
	}
	f.saved = true
	f.mu.Unlock()
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("marshal index cursor: %w", err)
	}
	if err := library.ReplaceFile(f.lib.FS(), cursorName, b); err != nil {
		return fmt.Errorf("write index cursor: %w", err)
	}
	return nil
}

// Offset returns how many bytes of day's journal are in the index.
func (f *Feeder) Offset(day library.Day) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.offsets[day]
}

// Complete reports whether all journals were fed to their end since the start: from then on only those that this
// process appended to can have lines that are not in the index.
func (f *Feeder) Complete() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.swept
}

// Run feeds until ctx is done.
func (f *Feeder) Run(ctx context.Context) error {
	checked := false
	failures := 0
	ticker := time.NewTicker(sweep)
	defer ticker.Stop()
	all := true
	for {
		err := f.pass(ctx, all, &checked)
		if serr := f.save(); serr != nil && err == nil {
			err = serr
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		all = all && err != nil
		var wait <-chan time.Time
		away := errors.Is(err, library.ErrMissing) // the volumes tell
		if err != nil {
			if !away {
				f.errors.Inc()
			}
			if failures == 0 && !away {
				f.logger.Warn("index does not take recordings, they stay in the journal until it does", "err", err)
			}
			wait = time.After(retry.Pause(failures))
			failures++
		} else if failures > 0 {
			f.logger.Info("index caught up", "failures", failures)
			failures = 0
		}
		if wait != nil {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-wait:
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.lib.Wake():
		case <-ticker.C:
			all = true
		}
	}
}

// pass feeds every journal that is behind. The first one checks that the index still has what the cursor says.
func (f *Feeder) pass(ctx context.Context, all bool, checked *bool) error {
	if err := f.load(); err != nil {
		return err
	}
	days := f.lib.Changed()
	if all {
		var err error
		if days, err = f.lib.Days(); err != nil {
			return err
		}
	}
	f.mu.Lock()
	for _, d := range days {
		f.behind[d] = struct{}{}
	}
	todo := make([]library.Day, 0, len(f.behind))
	for d := range f.behind {
		todo = append(todo, d)
	}
	f.mu.Unlock()
	if !*checked {
		if err := f.check(ctx, todo); err != nil {
			return err
		}
		*checked = true
	}
	for _, d := range todo {
		if err := f.day(ctx, d); err != nil {
			return fmt.Errorf("feed journal of %s: %w", d, err)
		}
		f.mu.Lock()
		delete(f.behind, d)
		f.mu.Unlock()
	}
	f.closeBooks()
	if all {
		f.mu.Lock()
		f.swept = true
		f.mu.Unlock()
	}
	return nil
}

// check compares the cursor with the index, which may have been replaced by an empty one: where the latest recording
// that the cursor claims is missing, the stream is fed from the beginning.
func (f *Feeder) check(ctx context.Context, days []library.Day) error {
	latest := make(map[nvr.StreamID]library.Day)
	for _, d := range days {
		if f.Offset(d) > 0 && d.Date > latest[d.Stream].Date {
			latest[d.Stream] = d
		}
	}
	for stream, d := range latest {
		last, err := f.lastClaimed(d)
		if err != nil {
			return err
		}
		if last == nil {
			continue
		}
		call, cancel := context.WithTimeout(ctx, callTimeout)
		got, err := f.index.Recordings(call, stream, nvr.TimeRange{Start: last.Start, End: last.End()})
		cancel()
		if err != nil {
			return fmt.Errorf("look for %s: %w", last.Path, err)
		}
		if len(got) == 0 {
			f.logger.Warn("index lost recordings that it had, feeding it again", "camera_id", string(stream.Camera), "stream", string(stream.Role))
			f.forget(stream)
		}
	}
	return nil
}

// lastClaimed returns the latest recording of day that should be in the index, or nil.
func (f *Feeder) lastClaimed(day library.Day) (*index.Recording, error) {
	claimed := f.Offset(day)
	var led library.Ledger
	_, _, err := f.lib.Read(day, 0, func(l library.Line) error {
		if l.Next <= claimed {
			led.Apply(l)
		}
		return nil
	})
	if recs := led.Recordings(); err == nil && len(recs) > 0 {
		return &recs[len(recs)-1], nil
	}
	return nil, err
}

func (f *Feeder) forget(stream nvr.StreamID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.saved = false
	for d := range f.offsets {
		if d.Stream == stream {
			delete(f.offsets, d)
			f.behind[d] = struct{}{}
		}
	}
}
