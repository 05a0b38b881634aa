package retention

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/hold"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	// spaceEvery is how often free space is looked at: a full disk records again within 10 s.
	spaceEvery = 5 * time.Second
	// ageEvery is how often ages and the caps are looked at.
	ageEvery = time.Minute
	// settle is how long the clock must run evenly, and the process at all, before it may delete by age.
	settle = 10 * time.Minute
	// maxJump is how far the wall clock may step against the monotonic one without being distrusted.
	maxJump = 5 * time.Minute
	// readPerPass bounds how much journal one pass reads, about a second's work.
	readPerPass = 64 << 20
	// asksPerPass bounds the questions of one pass.
	asksPerPass = 64
)

// Previews are small videos that go when no recording of their time is left.
type Previews interface {
	// Prune removes the previews of each camera that end at or before the time given for it. Others are left alone.
	Prune(ctx context.Context, before map[nvr.CameraID]time.Time) error
}

// Options is what a Keeper needs. Interest, Holds, Previews, Space and Changed may be nil.
type Options struct {
	Libraries func() []*library.Library // all volumes, also those that are not there
	Policy    Policy
	OpenFor   time.Duration // the recorder's file duration
	Interest  Interest      // nil: nobody knows what happened
	Holds     *hold.Set
	Previews  Previews
	// Space returns the bytes free and in total on a volume's file system; nil asks the operating system.
	Space   func(*library.Library) (free, total int64, err error)
	Changed func(Status) // called on every change of the Status; it must not block
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

// Keeper applies a Policy to the volumes. Its methods may be called from any goroutine.
type Keeper struct {
	opts    Options
	logger  *slog.Logger
	metrics *metrics
	clock   func() (wall time.Time, mono time.Duration)
	pause   func(context.Context) error // between two steps of deleting

	// lock guards what follows; it is a channel so that whoever waits can give up.
	lock     chan struct{}
	volumes  []*volume
	complete bool // all journals were read
	owed     []owed
	blind    bool // Interest failed
	pruned   map[nvr.CameraID]time.Time
	seen     map[nvr.CameraID]bool // cameras that ever had recordings

	lastWall         time.Time
	lastMono, evenly time.Duration // evenly: since when the wall clock was not set
	trusted          bool

	mu     sync.Mutex
	status Status
}

// New checks the options. It starts nothing.
func New(o Options) (*Keeper, error) {
	if o.Libraries == nil || o.Logger == nil || o.Metrics == nil {
		return nil, errors.New("retention: libraries, logger and metrics are required")
	}
	if err := o.Policy.validate(); err != nil {
		return nil, err
	}
	start := time.Now()
	return &Keeper{
		opts: o, logger: o.Logger, metrics: newMetrics(o.Metrics), pause: breathe,
		clock: func() (time.Time, time.Duration) { now := time.Now(); return now.Round(0), now.Sub(start) },
		lock:  make(chan struct{}, 1), seen: make(map[nvr.CameraID]bool), status: Status{State: StateOK},
	}, nil
}

func (k *Keeper) acquire(ctx context.Context) error {
	select {
	case k.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *Keeper) release() { <-k.lock }

// Run applies the policy until ctx is done.
func (k *Keeper) Run(ctx context.Context) error {
	ticker := time.NewTicker(spaceEvery)
	defer ticker.Stop()
	var lastAge time.Time
	failing := false
	for {
		full := lastAge.IsZero() || time.Since(lastAge) >= ageEvery
		if full {
			lastAge = time.Now()
		}
		more, err := k.pass(ctx, full)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !failing:
			k.logger.Error("retention failed, trying again", "err", err)
		}
		failing = err != nil
		if more && err == nil {
			continue // there is work, and it pauses by itself
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// pass looks once. A pass that is not full only acts when a volume is short of space or journals are still to be read. more
// says that there is work left that need not wait.
func (k *Keeper) pass(ctx context.Context, full bool) (more bool, err error) {
	if err := k.acquire(ctx); err != nil {
		return false, err
	}
	now := k.watchClock()
	if !full && k.complete && !k.isShort() {
		k.release()
		return false, nil
	}
	work, shortages, err := k.decide(ctx, now, full)
	complete := k.complete
	k.release()
	left, derr := k.carryOut(ctx, work)
	err = errors.Join(err, derr)
	k.setStatus(k.judge(shortages, err))
	if full && complete && ctx.Err() == nil {
		err = errors.Join(err, k.prune(ctx, now))
	}
	return left || !complete, err
}

// isShort reports whether a volume has too little space, by a look that costs nothing.
func (k *Keeper) isShort() bool {
	for _, lib := range k.opts.Libraries() {
		free, total, err := k.look(lib)
		if err == nil && k.volume(lib).err == nil && free < k.opts.Policy.minFree(total) {
			return true
		}
	}
	return false
}

// decide reads what is new and plans. It needs the lock.
func (k *Keeper) decide(ctx context.Context, now time.Time, full bool) ([]group, []Shortage, error) {
	if k.opts.Holds != nil {
		k.opts.Holds.Refresh()
	}
	complete, err := k.update(readPerPass)
	k.complete = complete
	if holds := k.holdsUnknown(); holds != nil {
		return nil, nil, errors.Join(holds, err)
	}
	err = errors.Join(err, k.settleDebts())
	k.gather()
	f := k.facts(now, k.trusted && full)
	if !complete {
		f.patient()
	}
	aerr := k.classifyFor(ctx, f, asksPerPass)
	if aerr != nil {
		k.metrics.unknown.Inc()
	}
	if aerr != nil && !k.blind {
		k.logger.Warn("nobody knows what happened in some footage, it counts as interesting", "err", aerr)
	}
	k.blind = aerr != nil
	if full {
		k.heldBytes()
	}
	plan, shortages := Plan(k.opts.Policy, f)
	return append(k.orphans(), k.groups(f, plan)...), shortages, err
}

// patient lets volumes wait that have some space left, because what is known is not all there is to choose from.
func (f *Facts) patient() {
	for i := range f.Volumes {
		f.Volumes[i].MinFree /= 4
	}
}

// classifyFor asks what happened where the plan needs to know.
func (k *Keeper) classifyFor(ctx context.Context, f Facts, budget int) error {
	if k.opts.Interest == nil {
		return nil
	}
	a := &asker{ctx: ctx, k: k, now: f.Now, budget: budget}
	if f.ClockTrusted {
		a.forAge()
	}
	for i, v := range k.volumes {
		if missing := f.Volumes[i].MinFree - f.Volumes[i].Free; missing > 0 {
			a.forSpace(missing, func(d *tracked) bool { return v.days[d.Day.Day] == d })
		}
	}
	total := int64(0)
	for camera, has := range k.perCamera() {
		total += has
		if limit := k.opts.Policy.rule(camera).MaxBytes; limit > 0 && has > limit {
			a.forSpace(has-limit, func(d *tracked) bool { return d.Stream.Camera == camera })
		}
	}
	if limit := k.opts.Policy.MaxBytes; limit > 0 && total > limit {
		a.forSpace(total-limit, func(*tracked) bool { return true })
	}
	return a.err
}

func (k *Keeper) perCamera() map[nvr.CameraID]int64 {
	out := make(map[nvr.CameraID]int64)
	for _, v := range k.volumes {
		for _, d := range v.days {
			out[d.Stream.Camera] += d.bytes()
		}
	}
	return out
}

// watchClock returns the wall time, and notes whether it ran evenly against the monotonic clock for long enough.
func (k *Keeper) watchClock() time.Time {
	wall, mono := k.clock()
	if k.lastWall.IsZero() {
		k.evenly = mono
	} else if jump := wall.Sub(k.lastWall) - (mono - k.lastMono); jump.Abs() > maxJump {
		k.logger.Warn("clock was set, deletion by age waits", "jump", jump.Round(time.Second), "wait", settle)
		k.evenly = mono
	}
	k.lastWall, k.lastMono = wall, mono
	k.trusted = mono-k.evenly >= settle
	return wall
}

// prune lets previews go that are older than everything else of their camera.
func (k *Keeper) prune(ctx context.Context, now time.Time) error {
	if k.opts.Previews == nil {
		return nil
	}
	if err := k.acquire(ctx); err != nil {
		return err
	}
	before := k.oldest(now)
	same := maps.Equal(before, k.pruned)
	for _, v := range k.volumes {
		same = same || v.err != nil // what it has would be missed
	}
	k.release()
	if same {
		return nil
	}
	if err := k.opts.Previews.Prune(ctx, before); err != nil {
		return err
	}
	if err := k.acquire(ctx); err != nil {
		return err
	}
	k.pruned = before
	k.release()
	return nil
}

// oldest returns since when each camera has anything, here or in the archive, in whole hours. Of a camera without
// recordings the hours before the last are gone: the first file may still be written.
func (k *Keeper) oldest(now time.Time) map[nvr.CameraID]time.Time {
	out := make(map[nvr.CameraID]time.Time)
	for id := range k.seen {
		out[id] = now.Add(-k.opts.OpenFor - time.Hour).Truncate(time.Hour).UTC()
	}
	for _, v := range k.volumes {
		for _, d := range v.days {
			first := never
			if len(d.Recs) > 0 {
				first = d.start(0)
			}
			for ms := range d.away {
				first = min(first, ms)
			}
			if at := time.UnixMilli(first).UTC().Truncate(time.Hour); first != never && at.Before(out[d.Stream.Camera]) {
				out[d.Stream.Camera] = at
			}
		}
	}
	return out
}

// gather notes which cameras there are.
func (k *Keeper) gather() {
	for id := range k.opts.Policy.Cameras {
		k.seen[id] = true
	}
	for _, v := range k.volumes {
		for _, d := range v.days {
			k.seen[d.Stream.Camera] = true
		}
	}
}

// orphans returns the files that were given up and may still be there.
func (k *Keeper) orphans() (out []group) {
	for _, v := range k.volumes {
		for _, d := range v.days {
			if len(d.left) == 0 {
				continue
			}
			names := slices.Sorted(maps.Keys(d.left))
			out = append(out, group{vol: v, day: d, reason: ByOrphan, names: names, bytes: make([]int64, len(names))})
		}
	}
	return out
}
