// Package store keeps what must outlive the process in PostgreSQL: the index of recordings, events with their outbox,
// users and small facts. It owns the connection pool, the migrations and every SQL statement. Rows become the nouns of
// core/nvr and recorder/index here and nowhere else.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
	"github.com/nightjar-nvr/nightjar/migrations"
)

// Store is the database behind its pool. It is safe for concurrent use.
type Store struct {
	pool  *pgxpool.Pool
	q     *dbsqlc.Queries
	queue jobQueue // nil: deliveries are stored and wait for a sweep

	mu   sync.Mutex
	days map[int64]bool // partitions of recordings that are known to exist, by day since 1970
}

// jobQueue enqueues the jobs of deliveries in the transaction that stores them. Committed is called after it was; a queue
// outside of the database does it then, without waiting.
type jobQueue interface {
	EnqueueTx(ctx context.Context, tx pgx.Tx, deliveries []nvr.Delivery) error
	Committed(deliveries []nvr.Delivery)
}

func (s *Store) committed(deliveries []nvr.Delivery) {
	if s.queue != nil && len(deliveries) > 0 {
		s.queue.Committed(deliveries)
	}
}

// UseQueue makes SaveEvent enqueue the jobs of its deliveries. Call it before anything else uses the store.
func (s *Store) UseQueue(q jobQueue) { s.queue = q }

// New prepares a pool for dsn and connects to nothing yet: until the database is there and Migrate has run, every
// method fails and recording goes on. The error never holds the password.
func New(dsn string) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("database.url cannot be read: want postgres://user:password@host/database")
	}
	cfg.MaxConns = 16
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	cfg.AfterConnect = tune
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare database pool: %w", err)
	}
	return &Store{pool: pool, q: dbsqlc.New(pool), days: make(map[int64]bool)}, nil
}

// tune makes the planner see the values: only then it leaves out the partitions of other days. A plan made once for all
// values would lock every partition each time. Compiling plans never pays for queries of a few milliseconds. And what we
// read again and again is in memory, where a jump costs what a step does: the index of a camera beats reading all of them.
func tune(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, "SET plan_cache_mode = force_custom_plan; SET jit = off; SET random_page_cost = 1.1", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return fmt.Errorf("prepare database connection: %w", err)
	}
	return nil
}

// Migrate brings the schema up to date. Several nodes may call it at once.
func (s *Store) Migrate(ctx context.Context, log *slog.Logger) error {
	db := stdlib.OpenDBFromPool(s.pool)
	defer db.Close()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithSessionLocker(locker), goose.WithVerbose(false))
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	done, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	if len(done) > 0 {
		log.Info("database schema is up to date", "applied", len(done))
	}
	return nil
}

// Pool returns the connection pool, for the job queue that shares our transactions.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// Close closes all connections.
func (s *Store) Close() { s.pool.Close() }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// inTx runs f in a transaction that is rolled back when f fails.
func (s *Store) inTx(ctx context.Context, f func(pgx.Tx, *dbsqlc.Queries) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return f(tx, s.q.WithTx(tx)) })
}

// notFound turns "no rows" into a domain error that names what was looked for.
func notFound(err error, what string) error {
	if errors.Is(err, pgx.ErrNoRows) || errors.Is(err, sql.ErrNoRows) {
		return &nvr.Error{Code: nvr.CodeNotFound, Message: what + " does not exist"}
	}
	return err
}
