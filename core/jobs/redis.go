package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	redisDeadline = 2 * time.Second
	relayed       = 1000               // rows on their way to Redis after a transaction; more wait for the sweep
	overdueStep   = 2 * attemptTimeout // a row that nobody looked at for so long has lost its task
	taskType      = "delivery"
)

// Redis is the queue on a Redis server, on asynq. It holds reminders only: a wiped or stopped Redis costs delay, of at most
// a sweep once it answers again, and no alert.
type Redis struct {
	client *redis.Client
	tasks  *asynq.Client
	log    *slog.Logger
	relay  chan nvr.Delivery
}

var _ Queue = (*Redis)(nil)

// NewRedis prepares a client for a redis://, rediss:// or unix:// URL. It connects to nothing. The error never holds the
// password.
func NewRedis(url string, log *slog.Logger) (*Redis, error) {
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("redis.url cannot be read: want redis://user:password@host:6379/0")
	}
	opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout = redisDeadline, redisDeadline, redisDeadline
	opts.DisableIdentity = true
	client := redis.NewClient(opts)
	return &Redis{client: client, tasks: asynq.NewClientFromRedisClient(client), log: log, relay: make(chan nvr.Delivery, relayed)}, nil
}

// Close ends the connections.
func (q *Redis) Close() error { return q.client.Close() }

// Ping implements Queue.
func (q *Redis) Ping(ctx context.Context) error {
	if err := q.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("reach Redis: %w", err)
	}
	return nil
}

// Migrate implements Queue: Redis has no tables.
func (q *Redis) Migrate(context.Context) error { return nil }

// EnqueueTx implements Queue: Redis takes no part in the transaction, and a worker must not look before it is over.
func (q *Redis) EnqueueTx(context.Context, pgx.Tx, []nvr.Delivery) error { return nil }

// Committed implements Queue. What does not fit waits for the sweep.
func (q *Redis) Committed(deliveries []nvr.Delivery) {
	for _, d := range deliveries {
		select {
		case q.relay <- d:
		default:
			return
		}
	}
}

// Enqueue implements Queue. The task's id is the row's, so that a second one is refused; a row that nobody has looked at for
// long gets another, because asynq can lose a task in a fault of Redis and never run it again
// (https://github.com/hibiken/asynq/issues/1144).
func (q *Redis) Enqueue(ctx context.Context, deliveries []nvr.Delivery, again string) error {
	for _, d := range deliveries {
		ids := []string{d.ID}
		if again != "" {
			ids = append(ids, d.ID+"~"+again)
		}
		if late := time.Since(d.NextAt) / overdueStep; late > 0 && !d.NextAt.IsZero() {
			ids = append(ids, d.ID+"~"+strconv.Itoa(bits.Len64(uint64(late))))
		}
		for _, id := range ids {
			if err := q.enqueue(ctx, id, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (q *Redis) enqueue(ctx context.Context, id string, d nvr.Delivery) error {
	opts := []asynq.Option{asynq.TaskID(id), asynq.Queue(queueName(d.Plugin)), asynq.MaxRetry(1 << 30), asynq.Timeout(claimFor)}
	if time.Until(d.NextAt) > time.Second {
		opts = append(opts, asynq.ProcessAt(d.NextAt))
	}
	_, err := q.tasks.EnqueueContext(ctx, asynq.NewTask(taskType, []byte(d.ID)), opts...)
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return fmt.Errorf("enqueue delivery in Redis: %w", err)
	}
	return nil
}

// Work implements Queue. Each notifier has a server of its own, so that a stuck one takes no worker of another.
func (q *Redis) Work(ctx context.Context, _ string, notifiers []string, h Handler) error {
	if err := q.Ping(ctx); err != nil {
		return err
	}
	quiet := &asynqLog{log: q.log}
	var servers []*asynq.Server
	var stopping errgroup.Group
	defer func() {
		for _, s := range servers {
			stopping.Go(func() error { s.Shutdown(); return nil })
		}
		_ = stopping.Wait() // the functions above return nil
	}()
	for _, id := range notifiers {
		s := asynq.NewServerFromRedisClient(q.client, asynq.Config{
			Concurrency: workersPerNotifier, Queues: map[string]int{queueName(id): 1},
			BaseContext:    func() context.Context { return context.WithoutCancel(ctx) },
			RetryDelayFunc: pauseOf, IsFailure: func(err error) bool { return !errors.As(err, new(paused)) },
			ShutdownTimeout: stopDeadline, TaskCheckInterval: 100 * time.Millisecond, DelayedTaskCheckInterval: 500 * time.Millisecond,
			Logger: quiet, LogLevel: asynq.WarnLevel,
		})
		err := s.Start(asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
			pause, err := h(ctx, string(t.Payload()))
			if err == nil && pause > 0 {
				return paused{pause}
			}
			return err
		}))
		if err != nil {
			return fmt.Errorf("start Redis queue: %w", err)
		}
		servers = append(servers, s)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case d := <-q.relay:
			if err := q.hurry(ctx, d); err != nil && ctx.Err() == nil {
				return err // the sweep brings this one
			}
		}
	}
}

func (q *Redis) hurry(ctx context.Context, d nvr.Delivery) error {
	ctx, cancel := context.WithTimeout(ctx, redisDeadline)
	defer cancel()
	return q.enqueue(ctx, d.ID, d)
}

// paused is a handler's wish to be asked again, which asynq must not count as a failure.
type paused struct{ d time.Duration }

// Error implements error.
func (p paused) Error() string { return "postponed by " + p.d.String() }

func pauseOf(_ int, err error, _ *asynq.Task) time.Duration {
	var p paused
	if errors.As(err, &p) {
		return p.d
	}
	return downPause
}

// asynqLog passes asynq's warnings on, at most one a minute: while Redis is away each of its loops has many.
type asynqLog struct {
	log  *slog.Logger
	last atomic.Int64
}

func (l *asynqLog) warn(args []any) {
	now := time.Now().Unix()
	if last := l.last.Load(); now-last >= 60 && l.last.CompareAndSwap(last, now) {
		l.log.Warn("Redis queue", "err", fmt.Sprint(args...))
	}
}

// Debug implements asynq.Logger.
func (l *asynqLog) Debug(...any) {}

// Info implements asynq.Logger.
func (l *asynqLog) Info(...any) {}

// Warn implements asynq.Logger.
func (l *asynqLog) Warn(args ...any) { l.warn(args) }

// Error implements asynq.Logger.
func (l *asynqLog) Error(args ...any) { l.warn(args) }

// Fatal implements asynq.Logger. It does not end the process.
func (l *asynqLog) Fatal(args ...any) { l.warn(args) }
