package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// maxAttempts counts only crashes and database faults: a plugin's "not now" postpones a job without counting.
const maxAttempts = 100

// deliveryArgs is a job: look at this row.
type deliveryArgs struct {
	DeliveryID string `json:"delivery_id"`
}

// Kind implements river.JobArgs.
func (deliveryArgs) Kind() string { return "delivery" }

// Postgres is the queue in the database itself, on River: a job is inserted in the transaction that writes its row.
type Postgres struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
	log    *slog.Logger
}

var _ Queue = (*Postgres)(nil)

// NewPostgres prepares inserting through pool. It connects to nothing.
func NewPostgres(pool *pgxpool.Pool, log *slog.Logger) (*Postgres, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: riverLogger(log)})
	if err != nil {
		return nil, fmt.Errorf("make job queue: %w", err)
	}
	return &Postgres{pool: pool, client: client, log: log}, nil
}

// Migrate creates or updates River's tables. Several nodes may call it at once.
func (q *Postgres) Migrate(ctx context.Context) error {
	m, err := rivermigrate.New(riverpgxv5.New(q.pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("migrate job tables: %w", err)
	}
	// Migrations must not meet each other, and cannot share one transaction (PostgreSQL 55P04): a lock of the session
	// goes around them. The number is this package's own.
	conn, err := q.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("migrate job tables: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(7233019441)"); err != nil {
		return fmt.Errorf("lock job tables: %w", err)
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if _, unlockErr := conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(7233019441)"); unlockErr != nil {
		_ = conn.Conn().Close(ctx) // the lock ends with its connection
	}
	if err != nil {
		return fmt.Errorf("migrate job tables: %w", err)
	}
	return nil
}

// EnqueueTx implements Queue: both rows and jobs are there, or neither.
func (q *Postgres) EnqueueTx(ctx context.Context, tx pgx.Tx, deliveries []nvr.Delivery) error {
	if len(deliveries) == 0 {
		return nil
	}
	if _, err := q.client.InsertManyTx(ctx, tx, params(deliveries)); err != nil {
		return fmt.Errorf("enqueue deliveries: %w", err)
	}
	return nil
}

// Committed implements Queue: the jobs were in the transaction.
func (q *Postgres) Committed([]nvr.Delivery) {}

// Enqueue implements Queue. Jobs that an earlier run held are taken back by Work.
func (q *Postgres) Enqueue(ctx context.Context, deliveries []nvr.Delivery, _ string) error {
	if len(deliveries) == 0 {
		return nil
	}
	if _, err := q.client.InsertMany(ctx, params(deliveries)); err != nil {
		return fmt.Errorf("enqueue deliveries: %w", err)
	}
	return nil
}

// Ping implements Queue.
func (q *Postgres) Ping(ctx context.Context) error { return q.pool.Ping(ctx) }

func params(deliveries []nvr.Delivery) []river.InsertManyParams {
	out := make([]river.InsertManyParams, len(deliveries))
	for i, d := range deliveries {
		out[i] = river.InsertManyParams{
			Args: deliveryArgs{DeliveryID: d.ID},
			InsertOpts: &river.InsertOpts{
				Queue: queueName(d.Plugin), MaxAttempts: maxAttempts,
				UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
					rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
					rivertype.JobStateRetryable, rivertype.JobStateScheduled,
				}},
			},
		}
		if time.Until(d.NextAt) > time.Second {
			out[i].InsertOpts.ScheduledAt = d.NextAt
		}
	}
	return out
}

// Work implements Queue.
func (q *Postgres) Work(ctx context.Context, node string, notifiers []string, h Handler) error {
	if err := q.takeBack(ctx, node); err != nil {
		return err
	}
	if len(notifiers) == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	workers, queues := river.NewWorkers(), map[string]river.QueueConfig{}
	if err := river.AddWorkerSafely(workers, &riverWorker{handle: h}); err != nil {
		return fmt.Errorf("make job worker: %w", err)
	}
	for _, id := range notifiers {
		queues[queueName(id)] = river.QueueConfig{MaxWorkers: workersPerNotifier}
	}
	client, err := river.NewClient(riverpgxv5.New(q.pool), &river.Config{
		ID: node, Logger: riverLogger(q.log), Queues: queues, Workers: workers,
		JobTimeout: claimFor, RescueStuckJobsAfter: claimFor + 5*time.Second, FetchCooldown: 20 * time.Millisecond,
	})
	if err != nil {
		return fmt.Errorf("make job client: %w", err)
	}
	// The context bounds the attempts under way, which may outlive ctx a little.
	jobsCtx, cancelJobs := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelJobs()
	if err := client.Start(jobsCtx); err != nil {
		return fmt.Errorf("start job queue: %w", err)
	}
	defer stopRiver(client, cancelJobs)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-client.Stopped():
		return errors.New("the job queue stopped")
	}
}

// stopRiver lets attempts finish, then cancels them, and waits in both cases.
func stopRiver(client *river.Client[pgx.Tx], cancelJobs func()) {
	ctx, cancel := context.WithTimeout(context.Background(), stopDeadline)
	defer cancel()
	if client.Stop(ctx) == nil {
		return
	}
	cancelJobs()
	<-client.Stopped()
}

// takeBack frees the jobs that an earlier run of this node held when it was killed; River itself would do so only after a
// while.
func (q *Postgres) takeBack(ctx context.Context, node string) error {
	tag, err := q.pool.Exec(ctx, `UPDATE river_job SET state = 'available', scheduled_at = now()
		WHERE state = 'running' AND kind = $1 AND attempted_by[array_upper(attempted_by, 1)] = $2`,
		deliveryArgs{}.Kind(), node)
	if err != nil {
		return fmt.Errorf("take back jobs: %w", err)
	}
	if n := tag.RowsAffected(); n > 0 {
		q.log.Info("took back deliveries of an earlier run", "deliveries", n)
	}
	return nil
}

// riverWorker is River's side of a handler.
type riverWorker struct {
	river.WorkerDefaults[deliveryArgs]
	handle Handler
}

// Work implements river.Worker.
func (w *riverWorker) Work(ctx context.Context, job *river.Job[deliveryArgs]) error {
	pause, err := w.handle(ctx, job.Args.DeliveryID)
	if err != nil {
		return err
	}
	if pause > 0 {
		return river.JobSnooze(pause)
	}
	return nil
}

// NextRetry implements river.Worker, for errors of the database.
func (w *riverWorker) NextRetry(*river.Job[deliveryArgs]) time.Time { return time.Now().Add(downPause) }

// riverLogger keeps River's warnings; its counts and greetings are no news.
func riverLogger(log *slog.Logger) *slog.Logger {
	return slog.New(warnings{log.With("part", "river").Handler()})
}

type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(a []slog.Attr) slog.Handler { return warnings{w.Handler.WithAttrs(a)} }

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(g string) slog.Handler { return warnings{w.Handler.WithGroup(g)} }
