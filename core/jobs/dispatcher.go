package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	downPause  = 10 * time.Second // before a plugin that does not run is asked again
	countEvery = 10 * time.Second // how old the metrics of depth may be
	sweepPage  = 100
	noteFor    = 12 * time.Second // claimFor - attemptTimeout, and some reserve
	notePause  = 500 * time.Millisecond
)

// deliveryStore is what the dispatcher needs of the database; core/store implements it over the table deliveries and says
// what each method promises.
type deliveryStore interface {
	ClaimDelivery(ctx context.Context, id, node string, d time.Duration) (ok bool, wait time.Duration, err error)
	ReleaseClaims(ctx context.Context, node string) error
	DeliveryTurn(ctx context.Context, id string) (nvr.DeliveryTurn, error)
	CollectDelivery(ctx context.Context, d nvr.Delivery, why nvr.HoldReason, until time.Time) (joined bool, err error)
	AdmitDelivery(ctx context.Context, d nvr.Delivery, r nvr.Rate) (ok bool, wait time.Duration, err error)
	SettleDelivery(ctx context.Context, d nvr.Delivery, a *nvr.DeliveryAttempt) error
	PendingDeliveries(ctx context.Context, after string, limit int) ([]nvr.Delivery, error)
	QueueDepths(ctx context.Context) ([]nvr.QueueDepth, error)
}

// notifier asks a plugin to deliver one alert, once; core/pluginhost implements it. nvr.CodeUnavailable says that the
// plugin does not run and nothing was sent.
type notifier interface {
	Notify(ctx context.Context, pluginID string, a nvr.Alert) (nvr.DeliveryResult, error)
}

// snapshotOpener opens the picture of an event; core/event implements it.
type snapshotOpener interface {
	OpenSnapshot(camera nvr.CameraID, start time.Time, id string) (*os.File, error)
}

// Options are the parts of a Dispatcher. Store and Notifier are required.
type Options struct {
	Store     deliveryStore
	Notifier  notifier
	Snapshots snapshotOpener // nil: alerts go without pictures
	Notifiers []string       // ids of the notifiers whose alerts this node delivers; SetNotifiers changes them
	// Routes returns all routes as they are now; a delivery whose route is gone is told as ever. Nil: there are none.
	Routes func() []nvr.Route
	// Zone is the site's time zone, for quiet hours and texts. Nil: the machine's.
	Zone *time.Location
	// CameraName returns the display name of a camera. Nil: its id.
	CameraName func(nvr.CameraID) string
	// Link returns where a person sees an event, empty where that is not known. Nil: it is not.
	Link func(nvr.Event) string
	// Node names this process among those that share the database; default "nightjar". A restart must keep it:
	// rows that an earlier run of the same node held are taken back at once.
	Node string
	// Schedule holds the pauses before attempt 2, 3, …; the last repeats. Default 5 s, 15 s, 1 m, 5 m, 15 m, 1 h.
	Schedule []time.Duration
	// SweepEvery is the pause between two searches for pending rows without a job; default 1 m.
	SweepEvery time.Duration
}

func (o *Options) defaults() {
	if o.Node == "" {
		o.Node = "nightjar"
	}
	if len(o.Schedule) == 0 {
		o.Schedule = []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
	}
	if o.SweepEvery <= 0 {
		o.SweepEvery = time.Minute
	}
	if o.Routes == nil {
		o.Routes = func() []nvr.Route { return nil }
	}
	if o.Zone == nil {
		o.Zone = time.Local //nolint:gosmopolitan // quiet hours are about the people at this place
	}
	if o.CameraName == nil {
		o.CameraName = func(id nvr.CameraID) string { return string(id) }
	}
	if o.Link == nil {
		o.Link = func(nvr.Event) string { return "" }
	}
}

// Dispatcher works the jobs of deliveries.
type Dispatcher struct {
	queue Queue
	opts  Options
	log   *slog.Logger
	met   *metrics
	order *order

	mu        sync.Mutex
	notifiers []string
	changed   chan struct{}
}

// NewDispatcher checks its parts.
func NewDispatcher(q Queue, opts Options, log *slog.Logger, reg prometheus.Registerer) (*Dispatcher, error) {
	if q == nil || opts.Store == nil || opts.Notifier == nil || log == nil {
		return nil, errors.New("dispatcher: queue, store, notifier and logger are required")
	}
	opts.defaults()
	return &Dispatcher{
		queue: q, opts: opts, log: log, met: newMetrics(reg), order: newOrder(), notifiers: opts.Notifiers, changed: make(chan struct{}, 1),
	}, nil
}

// SetNotifiers changes whose alerts this node delivers, while it runs or before. Attempts under way are not cut off.
func (d *Dispatcher) SetNotifiers(ids []string) {
	d.mu.Lock()
	same := slices.Equal(d.notifiers, ids)
	d.notifiers = slices.Clone(ids)
	d.mu.Unlock()
	if same {
		return
	}
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func (d *Dispatcher) current() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.notifiers
}

// Run delivers until ctx ends, then lets the attempts under way finish for at most 20 s. While the database or the queue is
// away it waits for it.
func (d *Dispatcher) Run(ctx context.Context) error {
	backoff := lifecycle.Backoff{Min: time.Second, Max: 15 * time.Second, Factor: 2, Jitter: 0.2, Reset: time.Minute}
	again := strconv.FormatInt(time.Now().UnixMilli(), 36) // what the run before left in the queue is done anew, once
	return lifecycle.Keepalive(ctx, backoff, func(ctx context.Context) error { return d.work(ctx, &again) }, func(f lifecycle.Failure) {
		if f.Attempt == 1 {
			d.log.Warn("deliveries wait, trying again", "err", f.Err)
		}
	})
}

// errChanged ends a round of work because other notifiers are to be served.
var errChanged = errors.New("notifiers changed")

// work is one attempt at working the queues, until ctx ends or the queue gives up.
func (d *Dispatcher) work(ctx context.Context, again *string) error {
	if *again != "" {
		if err := d.opts.Store.ReleaseClaims(ctx, d.opts.Node); err != nil {
			return err
		}
	}
	for {
		err := d.round(ctx, again)
		if !errors.Is(err, errChanged) {
			return err
		}
	}
}

func (d *Dispatcher) round(ctx context.Context, again *string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.queue.Work(ctx, d.opts.Node, d.current(), d.deliver) })
	g.Go(func() error { return d.keepHouse(ctx, again) })
	return g.Wait()
}

// keepHouse sweeps and counts until ctx ends or the notifiers change.
func (d *Dispatcher) keepHouse(ctx context.Context, again *string) error {
	sweep, count := time.NewTicker(d.opts.SweepEvery), time.NewTicker(countEvery)
	defer sweep.Stop()
	defer count.Stop()
	d.sweepAndCount(ctx, again)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-d.changed:
			return errChanged
		case <-count.C:
			d.count(ctx)
		case <-sweep.C:
			d.sweepAndCount(ctx, again)
		}
	}
}

func (d *Dispatcher) sweepAndCount(ctx context.Context, again *string) {
	err := d.sweep(ctx, *again)
	switch {
	case err == nil:
		*again = ""
	case ctx.Err() == nil:
		d.log.Warn("cannot look for forgotten deliveries", "err", err)
	}
	d.count(ctx)
}

func (d *Dispatcher) count(ctx context.Context) {
	depths, err := d.opts.Store.QueueDepths(ctx)
	if err == nil {
		d.met.setDepths(depths, time.Now())
	}
}

// sweep settles pending rows that expired while nobody asked for their plugin, and makes sure that the others have a
// job.
func (d *Dispatcher) sweep(ctx context.Context, again string) error {
	after := ""
	for {
		page, err := d.opts.Store.PendingDeliveries(ctx, after, sweepPage)
		if err != nil {
			return fmt.Errorf("list pending deliveries: %w", err)
		}
		var alive []nvr.Delivery
		for _, row := range page {
			after = row.ID
			if time.Now().Before(row.ExpiresAt) {
				alive = append(alive, row)
			} else if err := d.bury(ctx, row); err != nil {
				return err
			}
		}
		if err := d.queue.Enqueue(ctx, alive, again); err != nil {
			return err
		}
		if len(page) < sweepPage {
			return nil
		}
	}
}

// bury expires a row that nobody works on: one that is being told this moment is settled by what comes of it.
func (d *Dispatcher) bury(ctx context.Context, row nvr.Delivery) error {
	ok, _, err := d.opts.Store.ClaimDelivery(ctx, row.ID, d.opts.Node, claimFor)
	if err != nil || !ok {
		return err
	}
	return d.expire(ctx, row)
}

// deliver is the Handler: it makes one attempt at one row and notes what became of it.
func (d *Dispatcher) deliver(ctx context.Context, id string) (time.Duration, error) {
	pause, err := d.look(ctx, id)
	if err != nil && ctx.Err() == nil {
		d.log.Warn("a delivery could not be worked on, trying again", "delivery_id", id, "err", err)
	}
	return pause, err
}

func (d *Dispatcher) look(ctx context.Context, id string) (pause time.Duration, err error) {
	ok, wait, err := d.opts.Store.ClaimDelivery(ctx, id, d.opts.Node, claimFor)
	if err != nil || !ok {
		return wait, err
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	turn, err := d.opts.Store.DeliveryTurn(ctx, id)
	if nvr.ErrorCode(err) == nvr.CodeNotFound {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read delivery: %w", err)
	}
	waited, leave := d.order.enter(ctx, turn.Plugin, turn.Recipient, string(turn.Event.Camera))
	defer leave()
	if waited { // those before may have changed what is known
		if turn, err = d.opts.Store.DeliveryTurn(ctx, id); err != nil {
			return 0, fmt.Errorf("read delivery: %w", err)
		}
	}
	if turn.State != nvr.DeliveryPending || turn.DigestID != "" {
		return 0, nil
	}
	return d.turn(ctx, turn)
}

// turn decides about a claimed row and asks the plugin.
func (d *Dispatcher) turn(ctx context.Context, t nvr.DeliveryTurn) (pause time.Duration, err error) {
	now := time.Now()
	if !now.Before(t.ExpiresAt) {
		return 0, d.expire(ctx, t.Delivery)
	}
	r := d.route(t.Route)
	v, err := d.consider(ctx, t, r, now.In(d.opts.Zone))
	switch {
	case err != nil:
		return 0, err
	case v.reason != "":
		return 0, d.suppress(ctx, t.Delivery, v.reason)
	case v.hold != nvr.HoldNone:
		joined, err := d.opts.Store.CollectDelivery(ctx, t.Delivery, v.hold, v.until)
		if err != nil || joined {
			return 0, err
		}
		return max(time.Millisecond, time.Until(v.until)), nil
	case v.pause > 0:
		return v.pause, d.postpone(ctx, t.Delivery, v.pause)
	}
	began := time.Now()
	result, err := d.opts.Notifier.Notify(ctx, t.Plugin, d.alert(t, r, v.silent))
	pause, attempt := d.settle(&t.Delivery, result, err)
	attempt.Duration = time.Since(began)
	t.NextAt = time.Now().Add(pause)
	return pause, d.update(ctx, t.Delivery, &attempt)
}

// settle writes the outcome of an attempt into row and returns the pause before the next, zero for none.
func (d *Dispatcher) settle(row *nvr.Delivery, r nvr.DeliveryResult, err error) (time.Duration, nvr.DeliveryAttempt) {
	note := func(outcome, detail string) nvr.DeliveryAttempt {
		d.met.done.WithLabelValues(row.Plugin, outcome).Inc()
		row.LastError = clip(detail, maxErrorBytes)
		return nvr.DeliveryAttempt{Outcome: outcome, Detail: row.LastError}
	}
	if nvr.ErrorCode(err) == nvr.CodeUnavailable { // nothing was sent: not an attempt
		return d.until(row, downPause), note("unavailable", err.Error())
	}
	row.Attempts++
	switch {
	case err != nil:
		return d.until(row, d.backoff(row.Attempts)), note("error", err.Error())
	case r.Class == nvr.DeliveryOK:
		row.State, row.DeliveredAt, row.Message = nvr.DeliveryDelivered, time.Now(), clip(r.Message, maxMessageBytes)
		return 0, note("delivered", "")
	case r.Class == nvr.DeliveryPermanent, r.Class == nvr.DeliveryBadConfig:
		row.State = nvr.DeliveryFailed
		a := note("failed", r.Detail)
		d.log.Warn("alert was refused", "plugin", row.Plugin, "delivery_id", row.ID, "class", r.Class, "detail", row.LastError)
		return 0, a
	}
	a := note("retry", r.Detail)
	if r.RetryAfter > 0 {
		return d.until(row, r.RetryAfter), a
	}
	return d.until(row, d.backoff(row.Attempts)), a
}

// until bounds a pause by the row's end, so that it is seen to expire in time.
func (d *Dispatcher) until(row *nvr.Delivery, pause time.Duration) time.Duration {
	return max(time.Millisecond, min(pause, time.Until(row.ExpiresAt)))
}

// backoff is the pause after the n-th attempt, spread by ±10 %.
func (d *Dispatcher) backoff(n int) time.Duration {
	s := d.opts.Schedule
	p := s[min(max(n, 1), len(s))-1]
	return time.Duration(float64(p) * (0.9 + 0.2*rand.Float64()))
}

func (d *Dispatcher) expire(ctx context.Context, row nvr.Delivery) error {
	row.State = nvr.DeliveryExpired
	if row.LastError == "" && !slices.Contains(d.current(), row.Plugin) {
		row.LastError = "notifier " + row.Plugin + " is switched off or not configured, nobody asked it"
	}
	d.met.done.WithLabelValues(row.Plugin, "expired").Inc()
	d.log.Warn("alert expired before it could be delivered", "plugin", row.Plugin, "delivery_id", row.ID,
		"attempts", row.Attempts, "last_error", row.LastError)
	return d.update(ctx, row, nil)
}

func (d *Dispatcher) suppress(ctx context.Context, row nvr.Delivery, reason string) error {
	row.State, row.LastError = nvr.DeliverySuppressed, reason
	d.met.done.WithLabelValues(row.Plugin, "suppressed").Inc()
	return d.update(ctx, row, nil)
}

func (d *Dispatcher) postpone(ctx context.Context, row nvr.Delivery, pause time.Duration) error {
	row.NextAt = time.Now().Add(pause)
	return d.update(ctx, row, nil)
}

// update writes the row, also when the attempt used up the job's time. What was told and cannot be noted would be told twice,
// so a database that is away for a moment is waited for, as long as the claim holds.
func (d *Dispatcher) update(ctx context.Context, row nvr.Delivery, a *nvr.DeliveryAttempt) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteFor)
	defer cancel()
	for {
		err := d.opts.Store.SettleDelivery(ctx, row, a)
		if err == nil {
			return nil
		}
		pause := time.NewTimer(notePause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("note delivery: %w", err)
		case <-pause.C:
		}
	}
}
