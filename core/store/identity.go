package store

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

// stillKnown holds who an event is said to show against the library: whoever wrote the event may not have heard yet that the
// person was renamed, merged or deleted. A name that was deleted must not come back, so the person is locked until the event
// is written; of one who is gone the event keeps what it was given then.
func stillKnown(ctx context.Context, q *dbsqlc.Queries, row *dbsqlc.SaveEventParams) error {
	if row.PersonID == nil {
		return nil
	}
	found, err := q.LockPersons(ctx, []uuid.UUID{*row.PersonID})
	if err != nil {
		return err
	}
	if len(found) == 1 {
		row.Person = found[0].Name
		return nil
	}
	row.Identity, row.PersonID, row.Person, row.Similarity = string(nvr.IdentityUnknown), nil, "", 0
	stored, err := q.EventByID(ctx, row.ID)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err == nil && stored.PersonID != nil {
		row.Identity, row.PersonID, row.Person, row.Similarity = stored.Identity, stored.PersonID, stored.Person, stored.Similarity
	}
	return err
}

// maxCorrections bounds how many events of one change of the face library are told: a person may be in ten thousands.
const maxCorrections = 200

// ofPersons returns what correcting asks for the newest events of people.
func ofPersons(ctx context.Context, q *dbsqlc.Queries, ids ...uuid.UUID) func() ([]dbsqlc.Event, error) {
	return func() ([]dbsqlc.Event, error) {
		return q.EventsOfPersons(ctx, dbsqlc.EventsOfPersonsParams{Ids: ids, N: maxCorrections})
	}
}

// byIDs returns what correcting asks for the newest of some events.
func byIDs(ctx context.Context, q *dbsqlc.Queries, ids []uuid.UUID) func() ([]dbsqlc.Event, error) {
	return func() ([]dbsqlc.Event, error) {
		return q.EventsByIDs(ctx, dbsqlc.EventsByIDsParams{Ids: ids, N: maxCorrections})
	}
}

// correcting changes whom events show and returns those that say something else afterwards, oldest first; events are what it
// may concern. It is for a transaction.
func correcting(ctx context.Context, q *dbsqlc.Queries, events func() ([]dbsqlc.Event, error), change func() error) ([]nvr.EventChange, error) {
	rows, err := events()
	if err != nil {
		return nil, err
	}
	if err := change(); err != nil || len(rows) == 0 {
		return nil, err
	}
	before, ids := make(map[uuid.UUID]dbsqlc.Event, len(rows)), make([]uuid.UUID, len(rows))
	for i, r := range rows {
		before[r.ID], ids[i] = r, r.ID
	}
	if rows, err = byIDs(ctx, q, ids)(); err != nil {
		return nil, err
	}
	var out []nvr.EventChange
	for _, r := range slices.Backward(rows) {
		c := nvr.EventChange{Phase: nvr.PhaseUpdate}
		if c.Before, err = eventOf(before[r.ID]); err != nil {
			return nil, err
		}
		if c.After, err = eventOf(r); err != nil {
			return nil, err
		}
		if c.Before.Identity != c.After.Identity {
			out = append(out, c)
		}
	}
	return out, nil
}
