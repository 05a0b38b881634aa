// Package jobs brings deliveries from the outbox to the notifier plugins, on River, a job queue in PostgreSQL.
//
// The outbox row is the truth; a job is only a reminder to look at it. A job is inserted in the transaction that
// writes its row, a sweep makes jobs for pending rows that have none, and a job that finds its row settled does
// nothing. So an alert is delivered at least once or visibly failed or expired, whatever is killed when; it is
// delivered twice only when a crash falls between the plugin's answer and its note in the row, and then under the
// same id.
package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"regexp"

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

// Queue inserts jobs. It works without a Dispatcher and before one runs.
type Queue struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
}

// NewQueue prepares inserting through pool. It connects to nothing.
func NewQueue(pool *pgxpool.Pool, log *slog.Logger) (*Queue, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: riverLogger(log)})
	if err != nil {
		return nil, fmt.Errorf("make job queue: %w", err)
	}
	return &Queue{pool: pool, client: client}, nil
}

// Migrate creates or updates River's tables. Several nodes may call it at once.
func (q *Queue) Migrate(ctx context.Context) error {
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

// EnqueueTx inserts the jobs of deliveries in tx, which is the one that writes their rows: both are there, or neither.
func (q *Queue) EnqueueTx(ctx context.Context, tx pgx.Tx, deliveries []nvr.Delivery) error {
	if len(deliveries) == 0 {
		return nil
	}
	if _, err := q.client.InsertManyTx(ctx, tx, params(deliveries)); err != nil {
		return fmt.Errorf("enqueue deliveries: %w", err)
	}
	return nil
}

// enqueue inserts jobs for rows that may have one; then nothing happens.
func (q *Queue) enqueue(ctx context.Context, deliveries []nvr.Delivery) error {
	if len(deliveries) == 0 {
		return nil
	}
	if _, err := q.client.InsertMany(ctx, params(deliveries)); err != nil {
		return fmt.Errorf("enqueue deliveries: %w", err)
	}
	return nil
}

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
	}
	return out
}

var riverNameRE = regexp.MustCompile(`^[a-z0-9]+([_-][a-z0-9]+)*$`)

// queueName is the queue of one plugin: a plugin that is stuck holds up nobody else's alerts. Ids that River does not
// take as names are hashed.
func queueName(plugin string) string {
	if name := "notify_" + plugin; riverNameRE.MatchString(name) && len(name) <= 64 {
		return name
	}
	sum := sha256.Sum256([]byte(plugin))
	return "notify_" + hex.EncodeToString(sum[:12])
}

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
