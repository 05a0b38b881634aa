package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	jobTimeout       = 30 * time.Second
	rescueAfter      = jobTimeout + 15*time.Second // a job running longer was lost with its worker
	stopDeadline     = 20 * time.Second
	workersPerPlugin = 4
	downPause        = 10 * time.Second // before a plugin that does not run is asked again
	sweepPage        = 500
	maxSnapshotBytes = 1 << 20
	maxErrorBytes    = 1000 // of LastError
)

// deliveryStore is what the dispatcher needs of the database; core/store implements it over the table deliveries.
type deliveryStore interface {
	// Delivery returns one delivery with its event as it stands now and the display name of its camera (the id where
	// none is known). nvr.CodeNotFound: the row is gone, with its event.
	Delivery(ctx context.Context, id string) (nvr.Delivery, nvr.Event, string, error)
	// UpdateDelivery writes State, Attempts, LastError and DeliveredAt (zero: null) of d by d.ID, and only while the
	// stored state is pending: a settled row never changes again. That it was not pending is no error.
	UpdateDelivery(ctx context.Context, d nvr.Delivery) error
	// PendingDeliveries returns up to limit pending deliveries whose id is greater than after ("" for the first
	// page), in the order of their ids. Only ID, Plugin, Attempts, LastError, ExpiresAt and State need to be set.
	PendingDeliveries(ctx context.Context, after string, limit int) ([]nvr.Delivery, error)
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

// Options are the parts of a Dispatcher. All are required but Snapshots, Node and Schedule.
type Options struct {
	Store     deliveryStore
	Notifier  notifier
	Snapshots snapshotOpener // nil: alerts go without pictures
	Plugins   []string       // ids of the plugins whose alerts this node delivers
	// Node names this process among those that share the database; default "nightjar". A restart must keep it:
	// jobs that an earlier run of the same node held are taken back at once.
	Node string
	// Schedule holds the pauses before attempt 2, 3, …; the last repeats. Default 5 s, 15 s, 1 m, 5 m, 15 m, 1 h.
	Schedule []time.Duration
	// SweepEvery is the pause between two searches for pending rows without a job; default 1 m.
	SweepEvery time.Duration
}

// Dispatcher works the jobs of deliveries.
type Dispatcher struct {
	queue *Queue
	opts  Options
	log   *slog.Logger
	done  *prometheus.CounterVec
}

// NewDispatcher checks its parts.
func NewDispatcher(q *Queue, opts Options, log *slog.Logger, reg prometheus.Registerer) (*Dispatcher, error) {
	if q == nil || opts.Store == nil || opts.Notifier == nil || log == nil {
		return nil, errors.New("dispatcher: queue, store, notifier and logger are required")
	}
	if opts.Node == "" {
		opts.Node = "nightjar"
	}
	if len(opts.Schedule) == 0 {
		opts.Schedule = []time.Duration{
			5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour,
		}
	}
	if opts.SweepEvery <= 0 {
		opts.SweepEvery = time.Minute
	}
	return &Dispatcher{
		queue: q, opts: opts, log: log,
		done: promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
			Name: "nvr_jobs_deliveries_total", Help: "Deliveries by what became of them in one attempt.",
		}, []string{"plugin", "reason"}),
	}, nil
}

// Run delivers until ctx ends, then lets the attempts under way finish for at most 20 s. While the database is away
// it waits for it.
func (d *Dispatcher) Run(ctx context.Context) error {
	backoff := lifecycle.Backoff{Min: time.Second, Max: 15 * time.Second, Factor: 2, Jitter: 0.2, Reset: time.Minute}
	return lifecycle.Keepalive(ctx, backoff, d.work, func(f lifecycle.Failure) {
		if f.Attempt == 1 {
			d.log.Warn("deliveries wait, trying again", "err", f.Err)
		}
	})
}

// work is one attempt at working the queues, until ctx ends or the queue gives up.
func (d *Dispatcher) work(ctx context.Context) error {
	if err := d.takeBack(ctx); err != nil {
		return err
	}
	stopped := make(<-chan struct{})
	if len(d.opts.Plugins) > 0 {
		client, err := d.client()
		if err != nil {
			return err
		}
		// The context bounds the attempts under way, which may outlive ctx a little.
		jobsCtx, cancelJobs := context.WithCancel(context.WithoutCancel(ctx))
		defer cancelJobs()
		if err := client.Start(jobsCtx); err != nil {
			return fmt.Errorf("start job queue: %w", err)
		}
		defer stop(client, cancelJobs)
		stopped = client.Stopped()
	}
	sweep := time.NewTicker(d.opts.SweepEvery)
	defer sweep.Stop()
	for {
		if err := d.sweep(ctx); err != nil && ctx.Err() == nil {
			d.log.Warn("cannot look for forgotten deliveries", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-stopped:
			return errors.New("the job queue stopped")
		case <-sweep.C:
		}
	}
}

func (d *Dispatcher) client() (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{d: d}); err != nil {
		return nil, fmt.Errorf("make job worker: %w", err)
	}
	queues := map[string]river.QueueConfig{}
	for _, p := range d.opts.Plugins {
		queues[queueName(p)] = river.QueueConfig{MaxWorkers: workersPerPlugin}
	}
	client, err := river.NewClient(riverpgxv5.New(d.queue.pool), &river.Config{
		ID: d.opts.Node, Logger: riverLogger(d.log), Queues: queues, Workers: workers,
		JobTimeout: jobTimeout, RescueStuckJobsAfter: rescueAfter, FetchCooldown: 20 * time.Millisecond,
	})
	if err != nil {
		return nil, fmt.Errorf("make job client: %w", err)
	}
	return client, nil
}

// stop lets attempts finish, then cancels them, and waits in both cases.
func stop(client *river.Client[pgx.Tx], cancelJobs func()) {
	ctx, cancel := context.WithTimeout(context.Background(), stopDeadline)
	defer cancel()
	if client.Stop(ctx) == nil {
		return
	}
	cancelJobs()
	<-client.Stopped()
}

// takeBack frees the jobs that an earlier run of this node held when it was killed; River itself would do so only
// after rescueAfter.
func (d *Dispatcher) takeBack(ctx context.Context) error {
	tag, err := d.queue.pool.Exec(ctx, `UPDATE river_job SET state = 'available', scheduled_at = now()
		WHERE state = 'running' AND kind = $1 AND attempted_by[array_upper(attempted_by, 1)] = $2`,
		deliveryArgs{}.Kind(), d.opts.Node)
	if err != nil {
		return fmt.Errorf("take back jobs: %w", err)
	}
	if n := tag.RowsAffected(); n > 0 {
		d.log.Info("took back deliveries of an earlier run", "deliveries", n)
	}
	return nil
}

// sweep settles pending rows that expired while nobody asked for their plugin, and makes sure that the others have a
// job.
func (d *Dispatcher) sweep(ctx context.Context) error {
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
			} else if err := d.expire(ctx, row); err != nil {
				return err
			}
		}
		if err := d.queue.enqueue(ctx, alive); err != nil {
			return err
		}
		if len(page) < sweepPage {
			return nil
		}
	}
}

// worker is River's side of deliver.
type worker struct {
	river.WorkerDefaults[deliveryArgs]
	d *Dispatcher
}

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, job *river.Job[deliveryArgs]) error {
	pause, err := w.d.deliver(ctx, job.Args.DeliveryID)
	if err != nil {
		return err
	}
	if pause > 0 {
		return river.JobSnooze(pause)
	}
	return nil
}

// NextRetry implements river.Worker, for errors of the database.
func (w *worker) NextRetry(*river.Job[deliveryArgs]) time.Time { return time.Now().Add(downPause) }

// deliver makes one attempt at one row and notes what became of it. A pause says that the row is still pending.
func (d *Dispatcher) deliver(ctx context.Context, id string) (pause time.Duration, err error) {
	row, event, camera, err := d.opts.Store.Delivery(ctx, id)
	switch {
	case nvr.ErrorCode(err) == nvr.CodeNotFound:
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("read delivery: %w", err)
	case row.State != nvr.DeliveryPending:
		return 0, nil
	case !time.Now().Before(row.ExpiresAt):
		return 0, d.expire(ctx, row)
	}
	result, err := d.opts.Notifier.Notify(ctx, row.Plugin, nvr.Alert{
		DeliveryID: row.ID, Attempt: row.Attempts + 1, Recipient: row.Recipient, Phase: row.Phase,
		Event: event, CameraName: camera, Snapshot: d.snapshot(event),
	})
	pause = d.settle(&row, result, err)
	if err := d.update(ctx, row); err != nil {
		return 0, err
	}
	return pause, nil
}

// settle writes the outcome of an attempt into row and returns the pause before the next, zero for none.
func (d *Dispatcher) settle(row *nvr.Delivery, r nvr.DeliveryResult, err error) time.Duration {
	count := func(reason string) { d.done.WithLabelValues(row.Plugin, reason).Inc() }
	if nvr.ErrorCode(err) == nvr.CodeUnavailable { // nothing was sent: not an attempt
		row.LastError = clip(err.Error())
		count("unavailable")
		return d.until(row, downPause)
	}
	row.Attempts++
	switch {
	case err != nil:
		row.LastError = clip(err.Error())
		count("error")
		return d.until(row, d.backoff(row.Attempts))
	case r.Class == nvr.DeliveryOK:
		row.State, row.LastError, row.DeliveredAt = nvr.DeliveryDelivered, "", time.Now()
		count("delivered")
		return 0
	case r.Class == nvr.DeliveryPermanent, r.Class == nvr.DeliveryBadConfig:
		row.State, row.LastError = nvr.DeliveryFailed, clip(r.Detail)
		count("failed")
		d.log.Warn("alert was refused", "plugin", row.Plugin, "delivery_id", row.ID, "class", r.Class, "detail", row.LastError)
		return 0
	default:
		row.LastError = clip(r.Detail)
		count("retry")
		if r.RetryAfter > 0 {
			return d.until(row, r.RetryAfter)
		}
		return d.until(row, d.backoff(row.Attempts))
	}
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
	d.done.WithLabelValues(row.Plugin, "expired").Inc()
	d.log.Warn("alert expired before it could be delivered", "plugin", row.Plugin, "delivery_id", row.ID,
		"attempts", row.Attempts, "last_error", row.LastError)
	return d.update(ctx, row)
}

// update writes the row, also when the attempt used up the job's time.
func (d *Dispatcher) update(ctx context.Context, row nvr.Delivery) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := d.opts.Store.UpdateDelivery(ctx, row); err != nil {
		return fmt.Errorf("note delivery: %w", err)
	}
	return nil
}

// snapshot reads the event's picture, where there is one that fits.
func (d *Dispatcher) snapshot(e nvr.Event) []byte {
	if d.opts.Snapshots == nil || !e.HasSnapshot {
		return nil
	}
	f, err := d.opts.Snapshots.OpenSnapshot(e.Camera, e.Start, e.ID)
	if err != nil {
		return nil // swept with its day, perhaps
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSnapshotBytes+1))
	if err != nil || len(b) > maxSnapshotBytes {
		return nil
	}
	return b
}

// clip makes a text of a plugin's one that PostgreSQL takes.
func clip(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s[:min(len(s), maxErrorBytes)], ""), "\x00", "")
}
