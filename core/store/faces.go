package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

// MaxFaceJPEG is the largest crop of a face in bytes.
const MaxFaceJPEG = 32 << 10

var errNoFace = &nvr.Error{Code: nvr.CodeNotFound, Message: "this face does not exist, it may have been removed or have expired"}

// AddFace stores a face and returns its id: that of the event's earlier face where there was one. Of an event only the best
// face is kept, and none after a person was told whose it is: the id is empty for a face that was not stored.
func (s *Store) AddFace(ctx context.Context, f nvr.FaceSample) (string, error) {
	row := dbsqlc.AddFaceParams{
		Source: string(f.Source), Camera: string(f.Camera), SeenAt: f.Seen, Embedding: packEmbedding(&f.Embedding),
		Quality: f.Quality, Size: int32(min(f.Size, math.MaxInt32)), Crop: append([]byte{}, f.JPEG...),
	}
	var err error
	if row.ID, err = uuid.NewV7(); err != nil {
		return "", fmt.Errorf("make face id: %w", err)
	}
	for _, ref := range []struct {
		to   **uuid.UUID
		text string
	}{{&row.PersonID, f.PersonID}, {&row.MatchedID, f.MatchedID}, {&row.DuplicateOf, f.DuplicateOf}, {&row.EventID, f.EventID}} {
		if ref.text == "" {
			continue
		}
		u, err := uuid.Parse(ref.text)
		if err != nil {
			return "", &nvr.Error{Code: nvr.CodeInvalid, Message: "face refers to " + ref.text + ", which is not an id"}
		}
		*ref.to = &u
	}
	ids, err := s.q.AddFace(ctx, row)
	if err != nil {
		return "", gone(fmt.Errorf("store face: %w", err))
	}
	if len(ids) == 0 {
		return "", nil
	}
	return ids[0].String(), nil
}

// gone tells a reference to somebody who was removed meanwhile from other refusals.
func gone(err error) error {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == "23503" {
		return errNoPerson
	}
	return refused(err)
}

// KnownFaces returns the faces of everybody.
func (s *Store) KnownFaces(ctx context.Context) ([]nvr.KnownFace, error) {
	rows, err := s.q.LibraryFaces(ctx)
	if err != nil {
		return nil, fmt.Errorf("read face library: %w", err)
	}
	out := make([]nvr.KnownFace, len(rows))
	for i, r := range rows {
		out[i] = nvr.KnownFace{PersonID: r.PersonID.String(), Name: r.Name, Embedding: unpackEmbedding(r.Embedding)}
	}
	return out, nil
}

// PersonFaces returns the faces of one person without embeddings and pictures, the best first.
func (s *Store) PersonFaces(ctx context.Context, person string) ([]nvr.FaceSample, error) {
	u, err := uuid.Parse(person)
	if err != nil {
		return nil, errNoPerson
	}
	rows, err := s.q.PersonFaces(ctx, &u)
	if err != nil {
		return nil, fmt.Errorf("list faces of a person: %w", err)
	}
	out := make([]nvr.FaceSample, len(rows))
	for i, r := range rows {
		out[i] = nvr.FaceSample{
			ID: r.ID.String(), PersonID: person, Source: nvr.FaceSource(r.Source), Camera: nvr.CameraID(r.Camera), EventID: idText(r.EventID),
			Seen: r.SeenAt.UTC(), Quality: r.Quality, Size: int(r.Size),
		}
	}
	return out, nil
}

// Inbox returns at most n faces that no person was given, the newest first, without their pictures. Those with MatchedID or
// DuplicateOf are not to be shown.
func (s *Store) Inbox(ctx context.Context, n int) ([]nvr.FaceSample, error) {
	rows, err := s.q.InboxFaces(ctx, int32(min(n, math.MaxInt32)))
	if err != nil {
		return nil, fmt.Errorf("list unknown faces: %w", err)
	}
	out := make([]nvr.FaceSample, len(rows))
	for i, r := range rows {
		out[i] = nvr.FaceSample{
			ID: r.ID.String(), MatchedID: idText(r.MatchedID), DuplicateOf: idText(r.DuplicateOf), Source: nvr.FaceEvent,
			Camera: nvr.CameraID(r.Camera), EventID: idText(r.EventID), Seen: r.SeenAt.UTC(), Embedding: unpackEmbedding(r.Embedding),
			Quality: r.Quality, Size: int(r.Size),
		}
	}
	return out, nil
}

// Face returns one face with all there is.
func (s *Store) Face(ctx context.Context, id string) (nvr.FaceSample, error) {
	u, err := uuid.Parse(id)
	if err != nil {
		return nvr.FaceSample{}, errNoFace
	}
	return faceOf(s.q.FaceByID(ctx, u))
}

// FaceOfEvent returns the face that was kept of an event, CodeNotFound where there is none.
func (s *Store) FaceOfEvent(ctx context.Context, event string) (nvr.FaceSample, error) {
	u, err := uuid.Parse(event)
	if err != nil {
		return nvr.FaceSample{}, errNoFace
	}
	return faceOf(s.q.FaceByEvent(ctx, &u))
}

func faceOf(r dbsqlc.FaceSample, err error) (nvr.FaceSample, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return nvr.FaceSample{}, errNoFace
	}
	if err != nil {
		return nvr.FaceSample{}, fmt.Errorf("read face: %w", err)
	}
	return nvr.FaceSample{
		ID: r.ID.String(), PersonID: idText(r.PersonID), MatchedID: idText(r.MatchedID), DuplicateOf: idText(r.DuplicateOf),
		Source: nvr.FaceSource(r.Source), Camera: nvr.CameraID(r.Camera), EventID: idText(r.EventID), Seen: r.SeenAt.UTC(),
		Embedding: unpackEmbedding(r.Embedding), Quality: r.Quality, Size: int(r.Size), JPEG: r.Crop,
	}, nil
}

// AssignFaces gives faces to a person, and their events the person's name. It returns how many faces there were, and the newest
// of the events.
func (s *Store) AssignFaces(ctx context.Context, person string, ids []string) (n int, changes []nvr.EventChange, err error) {
	p, err := parseIDs([]string{person}, errNoPerson)
	if err != nil {
		return 0, nil, err
	}
	faces, err := parseIDs(ids, errNoFace)
	if err != nil {
		return 0, nil, err
	}
	err = s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		locked, err := q.LockPersons(ctx, p)
		if err != nil {
			return err
		}
		if len(locked) == 0 {
			return errNoPerson
		}
		events, err := q.AssignFaces(ctx, dbsqlc.AssignFacesParams{PersonID: p[0], Ids: faces})
		if err != nil {
			return err
		}
		n = len(events)
		var set dbsqlc.IdentifyEventsParams
		for _, e := range events {
			if e != nil {
				set.Ids, set.Persons, set.Similarities = append(set.Ids, *e), append(set.Persons, p[0]), append(set.Similarities, 1)
			}
		}
		changes, err = correcting(ctx, q, byIDs(ctx, q, set.Ids), func() error {
			_, err := q.IdentifyEvents(ctx, set)
			return err
		})
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("assign faces: %w", err)
	}
	return n, changes, nil
}

// IdentifyEvent gives one event a person, as somebody said. It returns the event if that is news.
func (s *Store) IdentifyEvent(ctx context.Context, event, person string) (changes []nvr.EventChange, err error) {
	ids, err := parseIDs([]string{event, person}, errNoPerson)
	if err != nil {
		return nil, err
	}
	err = s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		changes, err = correcting(ctx, q, byIDs(ctx, q, ids[:1]), func() error {
			_, err := q.IdentifyEvents(ctx, dbsqlc.IdentifyEventsParams{Ids: ids[:1], Persons: ids[1:], Similarities: []float32{1}})
			return err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("name the person of an event: %w", err)
	}
	return changes, nil
}

// Rematch notes whose faces of the inbox turned out to be, or no longer are, and tells their events. It returns how many
// events changed, and the newest of them.
func (s *Store) Rematch(ctx context.Context, matches []nvr.FaceMatch) (changed int64, changes []nvr.EventChange, err error) {
	var match dbsqlc.MatchFacesParams
	var known dbsqlc.IdentifyEventsParams
	var unmatch, unknown []uuid.UUID
	for _, m := range matches {
		id, err := uuid.Parse(m.SampleID)
		if err != nil {
			return 0, nil, errNoFace
		}
		event, eventErr := uuid.Parse(m.EventID)
		if m.PersonID == "" {
			unmatch = append(unmatch, id)
			if eventErr == nil {
				unknown = append(unknown, event)
			}
			continue
		}
		person, err := uuid.Parse(m.PersonID)
		if err != nil {
			return 0, nil, errNoPerson
		}
		match.Ids, match.Matched = append(match.Ids, id), append(match.Matched, person)
		if eventErr == nil {
			known.Ids, known.Persons, known.Similarities = append(known.Ids, event), append(known.Persons, person), append(known.Similarities, m.Similarity)
		}
	}
	err = s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		if err := errors.Join(q.MatchFaces(ctx, match), q.UnmatchFaces(ctx, unmatch)); err != nil {
			return err
		}
		var err error
		changes, err = correcting(ctx, q, byIDs(ctx, q, slices.Concat(known.Ids, unknown)), func() error {
			n, err := q.IdentifyEvents(ctx, known)
			if err != nil {
				return err
			}
			more, err := q.UnidentifyEvents(ctx, unknown)
			changed = n + more
			return err
		})
		return err
	})
	if err != nil {
		return 0, nil, gone(fmt.Errorf("note whose faces these are: %w", err))
	}
	return changed, changes, nil
}

// DeleteFaces deletes faces and those that were hidden behind them. Events that were named by a deleted face of the library are
// a stranger's again. It returns how many of the faces there were, and the newest of the events.
func (s *Store) DeleteFaces(ctx context.Context, ids []string) (n int, changes []nvr.EventChange, err error) {
	faces, err := parseIDs(ids, errNoFace)
	if err != nil {
		return 0, nil, err
	}
	err = s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		gone, err := q.DeleteFaces(ctx, faces)
		if err != nil {
			return err
		}
		n = len(gone)
		var events []uuid.UUID
		for _, g := range gone {
			if g.PersonID != nil && g.EventID != nil {
				events = append(events, *g.EventID)
			}
		}
		changes, err = correcting(ctx, q, byIDs(ctx, q, events), func() error {
			_, err := q.UnidentifyEvents(ctx, events)
			return err
		})
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("delete faces: %w", err)
	}
	return n, changes, nil
}

// ForgetUnknownFaces deletes the faces of the inbox that were seen before t, and the oldest beyond keep. It returns how many.
func (s *Store) ForgetUnknownFaces(ctx context.Context, t time.Time, keep int) (int64, error) {
	old, err := s.q.DeleteInboxBefore(ctx, t)
	if err != nil {
		return 0, fmt.Errorf("forget unknown faces: %w", err)
	}
	over, err := s.q.TrimInbox(ctx, int32(min(keep, math.MaxInt32)))
	if err != nil {
		return old, fmt.Errorf("forget unknown faces: %w", err)
	}
	return old + over, nil
}

// CountFaces counts.
func (s *Store) CountFaces(ctx context.Context) (nvr.FaceCounts, error) {
	c, err := s.q.CountFaces(ctx)
	if err != nil {
		return nvr.FaceCounts{}, fmt.Errorf("count faces: %w", err)
	}
	return nvr.FaceCounts{Persons: int(c.Persons), Samples: int(c.Samples), Inbox: int(c.Inbox)}, nil
}

func parseIDs(ids []string, missing error) ([]uuid.UUID, error) {
	out := make([]uuid.UUID, len(ids))
	for i, id := range ids {
		u, err := uuid.Parse(id)
		if err != nil {
			return nil, missing
		}
		out[i] = u
	}
	return out, nil
}

func idText(u *uuid.UUID) string {
	if u == nil {
		return ""
	}
	return u.String()
}

func packEmbedding(e *nvr.Embedding) []byte {
	b := make([]byte, 0, 4*len(e))
	for _, v := range e {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// unpackEmbedding takes what the table's check lets in: all of it.
func unpackEmbedding(b []byte) (e nvr.Embedding) {
	for i := range e {
		if len(b) >= 4*(i+1) {
			e[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	}
	return e
}

// personFilter is the condition for events of any of these persons, of anybody known, or of strangers.
func personFilter(persons []string) (cond string, values []any) {
	var ids []uuid.UUID
	var parts []string
	for _, p := range persons {
		if u, err := uuid.Parse(p); err == nil {
			ids = append(ids, u)
		}
	}
	if len(ids) > 0 {
		parts, values = append(parts, "person_id = ANY(?)"), append(values, ids)
	}
	if slices.Contains(persons, string(nvr.IdentityKnown)) {
		parts = append(parts, "person_id IS NOT NULL")
	}
	if slices.Contains(persons, string(nvr.IdentityUnknown)) {
		parts = append(parts, "identity = 'unknown'")
	}
	if len(parts) == 0 {
		return "false", nil
	}
	return "(" + strings.Join(parts, " OR ") + ")", values
}
