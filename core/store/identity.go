package store

import (
	"context"
	"errors"

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
