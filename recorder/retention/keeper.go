package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	// spaceEvery is how often free space is looked at: a full disk records again within 10 s.
	spaceEvery = 5 * time.Second
	// ageEvery is how often ages and the cap are looked at.
	ageEvery = time.Minute
	// settle is how long the clock must run evenly, and the process at all, before it may delete by age.
	settle = 10 * time.Minute
	// maxJump is how far the wall clock may step against the monotonic one without being distrusted.
	maxJump = 5 * time.Minute
	// breath is the pause after each hour, so that freeing gigabytes does not hold up those who write.
	breath = 50 * time.Millisecond
)

// Options is what a Keeper needs. Policy may be zero: then only free space is kept.
type Options struct {
	Library *library.Library
	Policy  Policy
	OpenFor time.Duration // the recorder's file duration
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

// Keeper applies a Policy to a Library.
type Keeper struct {
	opts   Options
	logger *slog.Logger
	bytes  *prometheus.CounterVec
	hours  *prometheus.CounterVec
	usage  map[library.Day]*usage
	clock  func() (wall time.Time, mono time.Duration)
	disk   func() (free, total int64, err error)
	healed bool // interrupted deletions were finished

	lastWall         time.Time
	lastMono, evenly time.Duration // evenly: since when the wall clock was not set
}

// usage is what a day's journal says of its hours, up to offset.
type usage struct {
	offset int64
	hours  [24]int64
	gone   [24]bool // given up, and nothing recorded since
}

// New checks the options. It starts nothing.
func New(o Options) (*Keeper, error) {
	if o.Library == nil || o.Logger == nil || o.Metrics == nil {
		return nil, errors.New("retention: library, logger and metrics are required")
	}
	if o.Policy.Days < 0 || o.Policy.TotalBytes < 0 {
		return nil, errors.New("retention: days and total bytes must not be negative")
	}
	vec := func(name, help string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "nvr", Subsystem: "retention", Name: name, Help: help},
			[]string{"camera", "stream", "reason"})
		o.Metrics.MustRegister(c)
		return c
	}
	k := &Keeper{
		opts: o, logger: o.Logger, usage: make(map[library.Day]*usage),
		bytes: vec("deleted_bytes_total", "Bytes of recordings deleted."), hours: vec("deleted_hours_total", "Hours of recordings deleted."),
	}
	start := time.Now()
	k.clock = func() (time.Time, time.Duration) { now := time.Now(); return now.Round(0), now.Sub(start) }
	k.disk = func() (int64, int64, error) { return diskSpace(o.Library.Dir()) }
	return k, nil
}

func diskSpace(dir string) (free, total int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, fmt.Errorf("ask free space of %s: %w", dir, err)
	}
	return int64(s.Bavail) * s.Bsize, int64(s.Blocks) * s.Bsize, nil //nolint:gosec // disks are far below 8 EiB
}

// Run applies the policy until ctx is done.
func (k *Keeper) Run(ctx context.Context) error {
	ticker := time.NewTicker(spaceEvery)
	defer ticker.Stop()
	var lastAge time.Time
	failing := false
	for {
		full := time.Since(lastAge) >= ageEvery
		if full {
			lastAge = time.Now()
		}
		err := k.pass(ctx, full)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !failing:
			k.logger.Error("retention failed, trying again", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// pass looks once. A pass that is not full only acts when space is short.
func (k *Keeper) pass(ctx context.Context, full bool) error {
	now, trusted := k.watchClock()
	free, total, err := k.disk()
	if err != nil {
		return err
	}
	minFree := k.opts.Policy.MinFree
	if minFree == 0 {
		minFree = DefaultMinFree(total)
	}
	short := minFree > 0 && free < minFree
	if !full && !short {
		return nil
	}
	if !k.healed {
		if err := k.heal(); err != nil {
			return err
		}
		k.healed = true
	}
	hours, err := k.facts(short || k.opts.Policy.TotalBytes > 0)
	if err != nil {
		return err
	}
	for _, d := range Plan(k.opts.Policy, Facts{
		Now: now, ClockTrusted: trusted, Hours: hours, Free: free, MinFree: minFree, OpenFor: k.opts.OpenFor + time.Minute,
	}) {
		if err := k.delete(d); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(breath):
		}
	}
	return nil
}

// watchClock returns the wall time, and whether it ran evenly against the monotonic clock for long enough.
func (k *Keeper) watchClock() (now time.Time, trusted bool) {
	wall, mono := k.clock()
	if k.lastWall.IsZero() {
		k.evenly = mono
	} else if jump := wall.Sub(k.lastWall) - (mono - k.lastMono); jump.Abs() > maxJump {
		k.logger.Warn("clock was set, deletion by age waits", "jump", jump.Round(time.Second), "wait", settle)
		k.evenly = mono
	}
	k.lastWall, k.lastMono = wall, mono
	return wall, mono-k.evenly >= settle
}

// facts lists all hour directories, with their sizes when those matter.
func (k *Keeper) facts(sizes bool) ([]Hour, error) {
	days, err := k.opts.Library.Days()
	if err != nil {
		return nil, err
	}
	var out []Hour
	for _, d := range days {
		hours, err := k.opts.Library.Hours(d)
		if err != nil {
			return nil, err
		}
		if len(hours) == 0 {
			delete(k.usage, d)
			continue
		}
		var u *usage
		if sizes {
			if u, err = k.read(d); err != nil {
				return nil, err
			}
		}
		for _, h := range hours {
			fact := Hour{Hour: h}
			if u != nil {
				fact.Bytes = u.hours[h.Hour]
			}
			out = append(out, fact)
		}
	}
	return out, nil
}

// read brings the usage of day up to date from the journal's new lines.
func (k *Keeper) read(day library.Day) (*usage, error) {
	u := k.usage[day]
	if u == nil {
		u = &usage{}
		k.usage[day] = u
	}
	next, _, err := k.opts.Library.Read(day, u.offset, func(l library.Line) error {
		switch {
		case l.Recording != nil:
			if h, err := library.HourOf(l.Recording.Path); err == nil && h.Day == day {
				u.hours[h.Hour] += l.Recording.Bytes
				u.gone[h.Hour] = false
			}
		case l.Deleted != nil:
			u.hours[l.Deleted.Hour] = 0
			u.gone[l.Deleted.Hour] = true
		}
		return nil
	})
	u.offset = next
	return u, err
}

// delete gives up one hour: first the journal says so, then the files go, then the index hears of it through the
// journal. A crash in between leaves an hour that is given up and still there, which heal finishes. On a disk without
// room for the line the files go first.
func (k *Keeper) delete(d Deletion) error {
	line := library.Line{Deleted: &d.Hour.Hour}
	full := k.opts.Library.Append(d.Day, line)
	if full != nil && !errors.Is(full, unix.ENOSPC) && !errors.Is(full, unix.EDQUOT) {
		return fmt.Errorf("give up %s: %w", d.Hour, full)
	}
	if err := k.opts.Library.RemoveHour(d.Hour.Hour); err != nil {
		return err
	}
	if full != nil {
		if err := k.opts.Library.Append(d.Day, line); err != nil {
			return fmt.Errorf("give up %s: %w", d.Hour, err)
		}
	}
	stream := d.Day.Stream
	k.bytes.WithLabelValues(string(stream.Camera), string(stream.Role), string(d.Reason)).Add(float64(d.Bytes))
	k.hours.WithLabelValues(string(stream.Camera), string(stream.Role), string(d.Reason)).Inc()
	k.logger.Info("deleted recordings", "camera_id", string(stream.Camera), "stream", string(stream.Role),
		"hour", d.Hour.String(), "bytes", d.Bytes, "reason", string(d.Reason))
	return nil
}

// heal finishes deletions that a crash interrupted. They can only be in each stream's oldest days.
func (k *Keeper) heal() error {
	days, err := k.opts.Library.Days()
	if err != nil {
		return err
	}
	seen := make(map[nvr.StreamID]int)
	for _, d := range days { // sorted by date within a stream
		if seen[d.Stream]++; seen[d.Stream] > 2 {
			continue
		}
		hours, err := k.opts.Library.Hours(d)
		if err != nil || len(hours) == 0 {
			continue
		}
		u, err := k.read(d)
		if err != nil {
			return err
		}
		for _, h := range hours {
			if u.gone[h.Hour] {
				if err := k.opts.Library.RemoveHour(h); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
