package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

// PluginValue returns what a notifier has stored under a key, nil where there is nothing.
func (s *Store) PluginValue(ctx context.Context, notifier, key string) ([]byte, error) {
	v, err := s.q.PluginValue(ctx, dbsqlc.PluginValueParams{Notifier: notifier, Key: key})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read value of notifier %s: %w", notifier, err)
	}
	return v, nil
}

// SetPluginValue stores a value for a notifier; an empty one deletes. CodeTooMany: its keys and values, and 64 bytes for
// each pair, would be more than quota bytes.
func (s *Store) SetPluginValue(ctx context.Context, notifier, key string, value []byte, quota int64) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		q := s.q.WithTx(tx)
		if len(value) == 0 {
			return q.DeletePluginValue(ctx, dbsqlc.DeletePluginValueParams{Notifier: notifier, Key: key})
		}
		if err := q.LockPluginValues(ctx, notifier); err != nil {
			return err
		}
		others, err := q.PluginValueBytes(ctx, dbsqlc.PluginValueBytesParams{Notifier: notifier, Key: key})
		if err != nil {
			return err
		}
		if n := others + int64(len(key)+len(value)+64); n > quota {
			return &nvr.Error{Code: nvr.CodeTooMany, Message: fmt.Sprintf("the notifier's values would have %d bytes, it may keep %d: delete some first", n, quota)}
		}
		return q.PutPluginValue(ctx, dbsqlc.PutPluginValueParams{Notifier: notifier, Key: key, Value: value})
	})
	if err != nil {
		return fmt.Errorf("store value of notifier %s: %w", notifier, err)
	}
	return nil
}

// DeletePluginValues forgets all values of a notifier.
func (s *Store) DeletePluginValues(ctx context.Context, notifier string) error {
	if err := s.q.DeletePluginValues(ctx, notifier); err != nil {
		return fmt.Errorf("delete values of notifier %s: %w", notifier, err)
	}
	return nil
}
