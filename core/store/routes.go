package store

import (
	"context"
	"encoding/json"
	"fmt"

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

// PutRoute adds a route or replaces the one with its id.
func (s *Store) PutRoute(ctx context.Context, r nvr.Route) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write route %s: %w", r.ID, err)
	}
	if err := s.q.PutRoute(ctx, dbsqlc.PutRouteParams{ID: r.ID, Spec: b}); err != nil {
		return fmt.Errorf("store route %s: %w", r.ID, err)
	}
	return nil
}

// DeleteRoute removes a route. CodeNotFound: there is none with this id.
func (s *Store) DeleteRoute(ctx context.Context, id string) error {
	n, err := s.q.DeleteRoute(ctx, id)
	if err != nil {
		return fmt.Errorf("remove route %s: %w", id, err)
	}
	if n == 0 {
		return &nvr.Error{Code: nvr.CodeNotFound, Message: "route " + id + " does not exist, or it is in the configuration file"}
	}
	return nil
}
