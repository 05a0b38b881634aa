package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

// Routes returns the routes people made in the UI, by id.
func (s *Store) Routes(ctx context.Context) ([]nvr.Route, error) {
	rows, err := s.q.Routes(ctx)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	out := make([]nvr.Route, len(rows))
	for i, r := range rows {
		if err := json.Unmarshal(r.Spec, &out[i]); err != nil {
			return nil, fmt.Errorf("read route %s: %w", r.ID, err)
		}
	}
	return out, nil
}

// PutRoute adds a route or replaces the one with its id. What still waits for people whom it does not tell any more is
// suppressed, but for those of others, whom other routes tell.
func (s *Store) PutRoute(ctx context.Context, r nvr.Route, others []string) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write route %s: %w", r.ID, err)
	}
	keep, reason := append([]string{}, others...), "route "+r.ID+" was switched off"
	if !r.Disabled {
		reason = "route " + r.ID + " does not tell this recipient any more"
		if keep = append(keep, r.Recipients...); len(r.Recipients) == 0 {
			keep = append(keep, "") // the notifier's default
		}
	}
	err = s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		if err := q.PutRoute(ctx, dbsqlc.PutRouteParams{ID: r.ID, Spec: b}); err != nil {
			return err
		}
		_, err := q.DropDeliveries(ctx, dbsqlc.DropDeliveriesParams{Route: r.ID, Keep: keep, Reason: reason})
		return err
	})
	if err != nil {
		return fmt.Errorf("store route %s: %w", r.ID, err)
	}
	return nil
}

// DeleteRoute removes a route, and suppresses what still waits to be told by it, but for those of others, whom other routes
// tell. CodeNotFound: there is none with this id.
func (s *Store) DeleteRoute(ctx context.Context, id string, others []string) error {
	n := int64(0)
	err := s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) (err error) {
		if n, err = q.DeleteRoute(ctx, id); err != nil || n == 0 {
			return err
		}
		_, err = q.DropDeliveries(ctx, dbsqlc.DropDeliveriesParams{Route: id, Keep: append([]string{}, others...), Reason: "route " + id + " was removed"})
		return err
	})
	if err != nil {
		return fmt.Errorf("remove route %s: %w", id, err)
	}
	if n == 0 {
		return &nvr.Error{Code: nvr.CodeNotFound, Message: "route " + id + " does not exist, or it is in the configuration file"}
	}
	return nil
}
