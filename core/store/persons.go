package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

var errNoPerson = &nvr.Error{Code: nvr.CodeNotFound, Message: "this person does not exist, they may have been removed or merged"}

// AddPerson adds somebody without faces. CodeConflict: the name is taken, upper and lower case alike.
func (s *Store) AddPerson(ctx context.Context, name string) (nvr.Person, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nvr.Person{}, fmt.Errorf("make person id: %w", err)
	}
	at, err := s.q.AddPerson(ctx, dbsqlc.AddPersonParams{ID: id, Name: name})
	if err != nil {
		return nvr.Person{}, taken(fmt.Errorf("add person: %w", err), name)
	}
	return nvr.Person{ID: id.String(), Name: name, CreatedAt: at.UTC()}, nil
}

// taken tells a person that a name is in use.
func taken(err error, name string) error {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == "23505" {
		return &nvr.Error{Code: nvr.CodeConflict, Err: err, Message: "there is a person called " + name + " already; choose another name, or merge the two"}
	}
	return refused(err)
}

// Persons returns everybody, by name.
func (s *Store) Persons(ctx context.Context) ([]nvr.Person, error) {
	rows, err := s.q.Persons(ctx)
	if err != nil {
		return nil, fmt.Errorf("list persons: %w", err)
	}
	out := make([]nvr.Person, len(rows))
	for i, r := range rows {
		out[i] = nvr.Person{ID: r.ID.String(), Name: r.Name, CreatedAt: r.CreatedAt.UTC(), Samples: int(r.Samples), Cover: r.Cover, Events: r.Events}
		if r.Events > 0 {
			out[i].LastSeen = r.LastSeen.UTC()
		}
	}
	return out, nil
}

// RenamePerson renames a person, in their events too. It returns the newest of those.
func (s *Store) RenamePerson(ctx context.Context, id, name string) (changes []nvr.EventChange, err error) {
	u, err := uuid.Parse(id)
	if err != nil {
		return nil, errNoPerson
	}
	err = s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		n, err := q.RenamePerson(ctx, dbsqlc.RenamePersonParams{ID: u, Name: name})
		if err != nil {
			return err
		}
		if n == 0 {
			return errNoPerson
		}
		changes, err = correcting(ctx, q, ofPersons(ctx, q, u), func() error {
			return q.RenamePersonInEvents(ctx, dbsqlc.RenamePersonInEventsParams{PersonID: &u, Person: name})
		})
		return err
	})
	if err != nil {
		return nil, taken(fmt.Errorf("rename person: %w", err), name)
	}
	return changes, nil
}

// MergePersons makes the faces and events of others those of one person; the others are gone then. It returns the newest of
// those events.
func (s *Store) MergePersons(ctx context.Context, into string, others []string) (changes []nvr.EventChange, err error) {
	all, err := parseIDs(append([]string{into}, others...), errNoPerson)
	if err != nil {
		return nil, err
	}
	err = s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		found, err := q.LockPersons(ctx, all)
		if err != nil {
			return err
		}
		if len(found) != len(all) {
			return errNoPerson
		}
		name := ""
		for _, f := range found {
			if f.ID == all[0] {
				name = f.Name
			}
		}
		to, from := all[0], all[1:]
		if err := q.MoveSamples(ctx, dbsqlc.MoveSamplesParams{IntoID: to, Ids: from}); err != nil {
			return err
		}
		if err := q.MoveMatches(ctx, dbsqlc.MoveMatchesParams{IntoID: to, Ids: from}); err != nil {
			return err
		}
		if changes, err = correcting(ctx, q, ofPersons(ctx, q, from...), func() error {
			return q.MoveEvents(ctx, dbsqlc.MoveEventsParams{IntoID: to, Person: name, Ids: from})
		}); err != nil {
			return err
		}
		_, err = q.DeletePersons(ctx, from)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("merge persons: %w", err)
	}
	return changes, nil
}

// DeletePerson forgets somebody: embeddings and pictures, also those of the inbox that turned out to be theirs, and the
// name in events, whose people are strangers from then on. It returns the newest of those.
func (s *Store) DeletePerson(ctx context.Context, id string) (changes []nvr.EventChange, err error) {
	u, err := uuid.Parse(id)
	if err != nil {
		return nil, errNoPerson
	}
	err = s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		if _, err := q.LockPersons(ctx, []uuid.UUID{u}); err != nil { // before events, as whoever saves one does
			return err
		}
		var err error
		if changes, err = correcting(ctx, q, ofPersons(ctx, q, u), func() error { return q.ForgetPersonInEvents(ctx, &u) }); err != nil {
			return err
		}
		n, err := q.DeletePersons(ctx, []uuid.UUID{u})
		if err == nil && n == 0 {
			err = errNoPerson
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("delete person: %w", err)
	}
	return changes, nil
}
