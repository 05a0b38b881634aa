// Package jobs brings deliveries from the outbox to the notifier plugins.
//
// The outbox row, in PostgreSQL, is the truth; a job is only a reminder to look at it, kept by a Queue: River in the same
// database, or asynq on Redis. A sweep makes jobs for pending rows that have none; a job claims its row before it does
// anything, and one that finds its row settled does nothing. So an alert is delivered at least once, or visibly failed,
// expired or suppressed, whatever is killed or wiped when; it is delivered twice only when a crash falls between the
// plugin's answer and its note in the row, and then under the same id.
//
// The package also owns how alerts are told (quiet hours, snoozes, rates, digests, escalation, texts) and what people answer
// (acknowledge, snooze, commands). Which alerts are told to whom is core/event/route's to decide.
package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	attemptTimeout     = 30 * time.Second                // of one call of a plugin
	claimFor           = attemptTimeout + 15*time.Second // a row claimed longer was lost with its worker
	stopDeadline       = 20 * time.Second
	workersPerNotifier = 4
)

// Handler looks at one row. A pause says that it is still pending and when to look again; an error, that it could not look.
type Handler func(ctx context.Context, deliveryID string) (pause time.Duration, err error)

// Queue reminds workers of deliveries. It may forget and repeat: the rows are the truth. Enqueueing works without Work.
type Queue interface {
	// Migrate makes what the queue needs in the database. Several nodes may call it at once.
	Migrate(ctx context.Context) error
	// EnqueueTx is called in the transaction that writes the rows, Committed right after it; Committed must not wait.
	EnqueueTx(ctx context.Context, tx pgx.Tx, deliveries []nvr.Delivery) error
	Committed(deliveries []nvr.Delivery)
	// Enqueue makes jobs for rows that may have one; then nothing happens. again, where it is not empty, says that jobs
	// of an earlier run may be stuck: each row gets one under this mark, too.
	Enqueue(ctx context.Context, deliveries []nvr.Delivery, again string) error
	// Work calls h for the jobs of the named notifiers, a few at a time for each, until ctx ends; attempts under way may
	// outlive it by 20 s. An error says that the queue is away.
	Work(ctx context.Context, node string, notifiers []string, h Handler) error
	// Ping reports whether the queue's own server answers.
	Ping(ctx context.Context) error
}

var plainName = regexp.MustCompile(`^[a-z0-9]+([_-][a-z0-9]+)*$`)

// queueName is the queue of one notifier: one that is stuck holds up nobody else's alerts. Ids that River does not take as
// names are hashed.
func queueName(notifier string) string {
	if name := "notify_" + notifier; plainName.MatchString(name) && len(name) <= 64 {
		return name
	}
	sum := sha256.Sum256([]byte(notifier))
	return "notify_" + hex.EncodeToString(sum[:12])
}
