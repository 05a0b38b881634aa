package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

// uniqueViolation is PostgreSQL's code for a key that is taken.
const uniqueViolation = "23505"

// Notifiers returns all configured notifiers, by id.
func (s *Store) Notifiers(ctx context.Context) ([]nvr.Notifier, error) {
	rows, err := s.q.Notifiers(ctx)
	if err != nil {
		return nil, fmt.Errorf("list notifiers: %w", err)
	}
	out := make([]nvr.Notifier, len(rows))
	for i, r := range rows {
		out[i] = notifierOf(r)
	}
	return out, nil
}

// Notifier returns one notifier; CodeNotFound when there is none of the id.
func (s *Store) Notifier(ctx context.Context, id string) (nvr.Notifier, error) {
	row, err := s.q.NotifierByID(ctx, id)
	if err != nil {
		return nvr.Notifier{}, notFound(err, "notifier "+id)
	}
	return notifierOf(row), nil
}

// AddNotifier stores a new notifier; CodeConflict when the id is taken.
func (s *Store) AddNotifier(ctx context.Context, n nvr.Notifier) (nvr.Notifier, error) {
	row, err := s.q.AddNotifier(ctx, dbsqlc.AddNotifierParams{ID: n.ID, Name: n.Name, Plugin: n.Plugin, Enabled: n.Enabled, Settings: n.Settings})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == uniqueViolation {
		return nvr.Notifier{}, &nvr.Error{Code: nvr.CodeConflict, Message: "notifier " + n.ID + " exists already: choose another id"}
	}
	if err != nil {
		return nvr.Notifier{}, fmt.Errorf("add notifier %s: %w", n.ID, err)
	}
	return notifierOf(row), nil
}

// UpdateNotifier replaces name, switch and settings of a notifier; CodeNotFound when there is none of the id. Its plugin
// never changes: settings of one, secrets among them, must not reach another.
func (s *Store) UpdateNotifier(ctx context.Context, n nvr.Notifier) (nvr.Notifier, error) {
	row, err := s.q.UpdateNotifier(ctx, dbsqlc.UpdateNotifierParams{ID: n.ID, Name: n.Name, Enabled: n.Enabled, Settings: n.Settings})
	if err != nil {
		return nvr.Notifier{}, notFound(err, "notifier "+n.ID)
	}
	return notifierOf(row), nil
}

// DeleteNotifier removes a notifier, what it kept for itself and the snoozes of its recipients, and suppresses what it was
// to tell; CodeNotFound when there is none of the id.
func (s *Store) DeleteNotifier(ctx context.Context, id string) error {
	n := int64(0)
	err := s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) (err error) {
		if n, err = q.DeleteNotifier(ctx, id); err != nil || n == 0 {
			return err
		}
		if _, err = q.DropDeliveries(ctx, dbsqlc.DropDeliveriesParams{Plugin: id, Keep: []string{}, Reason: "notifier " + id + " was removed"}); err != nil {
			return err
		}
		return errors.Join(q.DeletePluginValues(ctx, id), q.DeleteSnoozesOf(ctx, id))
	})
	if err != nil {
		return fmt.Errorf("delete notifier %s: %w", id, err)
	}
	if n == 0 {
		return &nvr.Error{Code: nvr.CodeNotFound, Message: "notifier " + id + " does not exist"}
	}
	return nil
}

func notifierOf(r dbsqlc.Notifier) nvr.Notifier {
	return nvr.Notifier{
		ID: r.ID, Name: r.Name, Plugin: r.Plugin, Enabled: r.Enabled, Settings: r.Settings, Created: r.CreatedAt.UTC(), Updated: r.UpdatedAt.UTC(),
	}
}
