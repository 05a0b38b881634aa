package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

// Event returns one event.
func (s *Store) Event(ctx context.Context, id string) (nvr.Event, error) {
	u, err := uuid.Parse(id)
	if err != nil {
		return nvr.Event{}, &nvr.Error{Code: nvr.CodeNotFound, Message: "event does not exist"}
	}
	row, err := s.q.EventByID(ctx, u)
	if err != nil {
		return nvr.Event{}, notFound(err, "event "+id)
	}
	return eventOf(row)
}

// SaveEvent writes an event, the deliveries it causes and their jobs in one transaction. A stored revision that is not
// smaller stays; a delivery that is known already is skipped with its job. CodeInvalid: the row will never be accepted.
func (s *Store) SaveEvent(ctx context.Context, e nvr.Event, deliveries []nvr.Delivery) error {
	id, err := uuid.Parse(e.ID)
	if err != nil {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: "event id " + e.ID + " is not a UUID"}
	}
	row := dbsqlc.SaveEventParams{
		ID: id, Camera: string(e.Camera), Kind: string(e.Kind), Label: e.Label, StartAt: e.Start, EndAt: timeOrNil(e.End),
		Score: e.Score, TopScore: e.TopScore, BoxX: e.Box.X, BoxY: e.Box.Y, BoxW: e.Box.W, BoxH: e.Box.H,
		Stationary: e.Stationary, HasSnapshot: e.HasSnapshot, Revision: int32(e.Revision),
		Severity: string(e.Severity), Rules: append([]string{}, e.Rules...), Mode: string(e.Mode),
		Identity: string(e.Identity.State), Person: e.Identity.Name, Similarity: e.Identity.Similarity,
	}
	if p, err := uuid.Parse(e.Identity.PersonID); err == nil {
		row.PersonID = &p
	}
	if err := setWhereabouts(&row, e); err != nil {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: "event " + e.ID + " cannot be written", Err: err}
	}
	var fresh []nvr.Delivery
	err = s.inTx(ctx, func(tx pgx.Tx, q *dbsqlc.Queries) error {
		if err := stillKnown(ctx, q, &row); err != nil {
			return err
		}
		if err := q.SaveEvent(ctx, row); err != nil {
			return err
		}
		var err error
		fresh, err = addDeliveries(ctx, q, deliveries)
		if err != nil || len(fresh) == 0 || s.queue == nil {
			return err
		}
		return s.queue.EnqueueTx(ctx, tx, fresh)
	})
	if err != nil {
		return refused(fmt.Errorf("save event %s: %w", e.ID, err))
	}
	s.committed(fresh)
	return nil
}

// refused marks errors that will come again for the same row: PostgreSQL's classes 22 (data) and 23 (constraint).
func refused(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23")) {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: "the database refuses this row", Err: err}
	}
	return err
}

// CloseOngoing ends events that a killed process left open at their last sign of life, and returns how many.
func (s *Store) CloseOngoing(ctx context.Context) (int64, error) {
	n, err := s.q.CloseOngoingEvents(ctx)
	if err != nil {
		return 0, fmt.Errorf("close ongoing events: %w", err)
	}
	return n, nil
}

// Events returns a page of events without their paths, newest first, and the cursor of the next page or "".
//
// The statement is built by hand because its filters vary; values only ever travel as parameters.
func (s *Store) Events(ctx context.Context, f nvr.EventFilter) ([]nvr.Event, string, error) {
	limit := min(max(f.Limit, 1), 200)
	var where []string
	var args []any
	add := func(cond string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			cond = strings.Replace(cond, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		where = append(where, cond)
	}
	if len(f.Cameras) > 0 {
		add("camera = ANY(?)", camerasText(f.Cameras))
	}
	if len(f.Labels) > 0 {
		add("label = ANY(?)", f.Labels)
	}
	if len(f.Zones) > 0 {
		add("entered_zones && ? AND entered_zones <> '{}'", f.Zones) // the second half is what the index is for
	}
	if f.Alerts {
		add("severity <> ''")
	}
	if f.Kind != "" {
		add("kind = ?", string(f.Kind))
	}
	if len(f.Persons) > 0 {
		cond, values := personFilter(f.Persons)
		add(cond, values...)
	}
	if !f.Range.Start.IsZero() {
		add("start_at >= ?", f.Range.Start)
	}
	if !f.Range.End.IsZero() {
		add("start_at < ?", f.Range.End)
	}
	if f.Cursor != "" {
		at, id, err := decodeCursor(f.Cursor)
		if err != nil {
			return nil, "", err
		}
		add("(start_at, id) < (?, ?)", at, id)
	}
	sql := "SELECT id, camera, kind, label, start_at, end_at, score, top_score, box_x, box_y, box_w, box_h, stationary, has_snapshot, revision, zones, entered_zones, crossings, speed, max_speed, severity, rules, mode, identity, person_id, person, similarity FROM events"
	if len(where) > 0 {
		sql += " WHERE " + strings.Join(where, " AND ")
	}
	args = append(args, limit+1)
	sql += fmt.Sprintf(" ORDER BY start_at DESC, id DESC LIMIT $%d", len(args))
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, "", fmt.Errorf("find events: %w", err)
	}
	defer rows.Close()
	var out []nvr.Event
	for rows.Next() {
		var e dbsqlc.Event
		if err := rows.Scan(&e.ID, &e.Camera, &e.Kind, &e.Label, &e.StartAt, &e.EndAt, &e.Score, &e.TopScore,
			&e.BoxX, &e.BoxY, &e.BoxW, &e.BoxH, &e.Stationary, &e.HasSnapshot, &e.Revision, &e.Zones, &e.EnteredZones, &e.Crossings, &e.Speed, &e.MaxSpeed, &e.Severity, &e.Rules, &e.Mode,
			&e.Identity, &e.PersonID, &e.Person, &e.Similarity); err != nil {
			return nil, "", fmt.Errorf("read event: %w", err)
		}
		ev, err := eventOf(e)
		if err != nil {
			return nil, "", err
		}
		out = append(out, ev)
	}
	if err := rows.Err(); err != nil {
		return nil, "", fmt.Errorf("read events: %w", err)
	}
	if len(out) <= limit {
		return out, "", nil
	}
	out = out[:limit]
	last := out[limit-1]
	return out, encodeCursor(last.Start, last.ID), nil
}

// deleteBatch bounds one deleting transaction, so that none holds up those who write.
const deleteBatch = 2000

// DeleteEventsBefore deletes the events of a camera that ended before t, with their deliveries, and returns how many.
func (s *Store) DeleteEventsBefore(ctx context.Context, camera nvr.CameraID, t time.Time) (int64, error) {
	n, err := inBatches(func() (int64, error) {
		return s.q.DeleteEventsBefore(ctx, dbsqlc.DeleteEventsBeforeParams{Camera: string(camera), Before: t, N: deleteBatch})
	})
	if err != nil {
		return n, fmt.Errorf("delete old events of %s: %w", camera, err)
	}
	return n, nil
}

// inBatches calls f until it did less than a whole batch, and returns how much it did.
func inBatches(f func() (int64, error)) (int64, error) {
	var sum int64
	for {
		n, err := f()
		sum += n
		if err != nil || n < deleteBatch {
			return sum, err
		}
	}
}

func eventOf(e dbsqlc.Event) (nvr.Event, error) {
	out := nvr.Event{
		ID: e.ID.String(), Camera: nvr.CameraID(e.Camera), Kind: nvr.EventKind(e.Kind), Label: e.Label,
		Start: e.StartAt.UTC(), End: timeOrZero(e.EndAt), Score: e.Score, TopScore: e.TopScore,
		Box:        nvr.Box{X: e.BoxX, Y: e.BoxY, W: e.BoxW, H: e.BoxH},
		Stationary: e.Stationary, HasSnapshot: e.HasSnapshot, Revision: int(e.Revision),
		Severity: nvr.Severity(e.Severity), Mode: nvr.Mode(e.Mode),
		Identity: nvr.Identity{State: nvr.IdentityState(e.Identity), PersonID: idText(e.PersonID), Name: e.Person, Similarity: e.Similarity},
	}
	if len(e.Rules) > 0 {
		out.Rules = e.Rules
	}
	return out, whereaboutsOf(e, &out)
}

func timeOrZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func camerasText(ids []nvr.CameraID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}

func encodeCursor(at time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(at.Format(time.RFC3339Nano) + " " + id))
}

func decodeCursor(s string) (time.Time, uuid.UUID, error) {
	bad := &nvr.Error{Code: nvr.CodeInvalid, Message: "cursor is not one this server gave; start again without it"}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return time.Time{}, uuid.Nil, bad
	}
	at, id, _ := strings.Cut(string(b), " ")
	t, err1 := time.Parse(time.RFC3339Nano, at)
	u, err2 := uuid.Parse(id)
	if errors.Join(err1, err2) != nil {
		return time.Time{}, uuid.Nil, bad
	}
	return t, u, nil
}
