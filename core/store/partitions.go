package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	dayUS           = 24 * hourUS
	partitionPrefix = "recordings_"
	partitionDate   = "20060102"

	// partitionLock serialises those who add and drop partitions, of whatever process. Any number will do.
	partitionLock = 0x6e696768746a6172

	// keepYoung is how long after a day its partition is left alone: recordings of today and yesterday come and go.
	keepYoung = 48 * time.Hour
	// patience is how long maintenance may wait for a table, because everyone who comes later waits behind it.
	patience = "500ms"
)

// dayOf returns the day since 1970 that holds a time in microseconds.
func dayOf(us int64) int64 {
	d := us / dayUS
	if us%dayUS < 0 {
		d--
	}
	return d
}

func partitionOf(day int64) string { return partitionPrefix + micros(day*dayUS).Format(partitionDate) }

// withPartitions makes sure that the days have partitions and calls f, once more if somebody dropped one in between.
func (s *Store) withPartitions(ctx context.Context, days []int64, f func() error) error {
	for again := true; ; again = false {
		if err := s.addPartitions(ctx, days); err != nil {
			return fmt.Errorf("add a day to the index: %w", err)
		}
		err := f()
		if !again || !noPartition(err) {
			return err
		}
		s.mu.Lock()
		clear(s.days)
		s.mu.Unlock()
	}
}

// noPartition reports whether a row found no partition: a check that has no name.
func noPartition(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23514" && pg.ConstraintName == ""
}

// addPartitions creates the partitions that are missing.
//
// A table is made first and attached then, which locks out neither readers nor writers of the others; CREATE TABLE …
// PARTITION OF would wait for all of them, a running backup included, and they for it.
func (s *Store) addPartitions(ctx context.Context, days []int64) error {
	s.mu.Lock()
	var missing []int64
	for _, d := range days {
		if !s.days[d] && !slices.Contains(missing, d) {
			missing = append(missing, d)
		}
	}
	s.mu.Unlock()
	if len(missing) == 0 {
		return nil
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(partitionLock)); err != nil {
			return err
		}
		for _, d := range missing {
			if err := addPartition(ctx, tx, d); err != nil {
				return fmt.Errorf("partition %s: %w", partitionOf(d), err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range missing {
		s.days[d] = true
	}
	return nil
}

func addPartition(ctx context.Context, tx pgx.Tx, day int64) error {
	var there bool
	name := partitionOf(day)
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'recordings'::regclass AND inhrelid = to_regclass($1))", name).Scan(&there)
	if err != nil || there {
		return err
	}
	table := pgx.Identifier{name}.Sanitize()
	if _, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+table+" (LIKE recordings INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, fmt.Sprintf("ALTER TABLE recordings ATTACH PARTITION %s FOR VALUES FROM (%d) TO (%d)", table, day*dayUS, (day+1)*dayUS))
	return err
}

// Maintain tidies days that are over: it drops the partitions that hold nothing any more, and sorts the others by camera,
// once. Recordings of all cameras come side by side, so a camera's day lies on every page of the day's partition; sorted it
// is fifteen times less to read. Call it about once an hour. A partition that is in use is left for the next call.
func (s *Store) Maintain(ctx context.Context) error {
	rows, err := s.pool.Query(ctx, `SELECT c.relname, i.relname, x.indisclustered FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
		JOIN pg_index x ON x.indrelid = c.oid AND x.indisprimary JOIN pg_class i ON i.oid = x.indexrelid WHERE h.inhparent = 'recordings'::regclass ORDER BY 1`)
	if err != nil {
		return fmt.Errorf("list the index's days: %w", err)
	}
	type partition struct {
		name, key string
		sorted    bool
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (p partition, err error) {
		return p, r.Scan(&p.name, &p.key, &p.sorted)
	})
	if err != nil {
		return fmt.Errorf("list the index's days: %w", err)
	}
	old := time.Now().Add(-24*time.Hour - keepYoung)
	for _, p := range all {
		start, err := time.Parse(partitionPrefix+partitionDate, p.name)
		if err != nil || start.After(old) {
			continue
		}
		gone, err := s.dropIfEmpty(ctx, p.name)
		if err != nil {
			return fmt.Errorf("drop the empty day %s of the index: %w", start.Format(time.DateOnly), err)
		}
		if gone {
			s.mu.Lock()
			delete(s.days, dayOf(start.UnixMicro()))
			s.mu.Unlock()
		} else if !p.sorted {
			if err := s.sort(ctx, p.name, p.key); err != nil {
				return fmt.Errorf("sort the day %s of the index: %w", start.Format(time.DateOnly), err)
			}
		}
	}
	return nil
}

// dropIfEmpty reports whether it dropped the partition.
func (s *Store) dropIfEmpty(ctx context.Context, name string) (bool, error) {
	empty := "SELECT NOT EXISTS (SELECT FROM " + pgx.Identifier{name}.Sanitize() + ")"
	var is bool
	if err := s.pool.QueryRow(ctx, empty).Scan(&is); err != nil || !is {
		return false, err
	}
	err := s.whenUnused(ctx, func(tx pgx.Tx) error {
		// The parent first, as everyone else does.
		if _, err := tx.Exec(ctx, "LOCK TABLE ONLY recordings IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, empty).Scan(&is); err != nil || !is {
			return err
		}
		_, err := tx.Exec(ctx, "DROP TABLE "+pgx.Identifier{name}.Sanitize())
		return err
	})
	return is && err == nil, unlessUsed(err)
}

// sort writes a partition anew in the order of its key; PostgreSQL remembers that it did.
func (s *Store) sort(ctx context.Context, name, key string) error {
	table := pgx.Identifier{name}.Sanitize()
	return unlessUsed(s.whenUnused(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "CLUSTER "+table+" USING "+pgx.Identifier{key}.Sanitize()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "ANALYZE "+table)
		return err
	}))
}

// whenUnused runs f in a transaction that waits for no lock for long.
func (s *Store) whenUnused(ctx context.Context, f func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SELECT set_config('lock_timeout', $1, true), pg_advisory_xact_lock($2)", patience, int64(partitionLock))
		if err != nil {
			return err
		}
		return f(tx)
	})
}

// unlessUsed forgives that somebody else uses the table: the next call of Maintain finds it again.
func unlessUsed(err error) error {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == "55P03" { // lock_not_available
		return nil
	}
	return err
}
