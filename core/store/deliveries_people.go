package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

func tokenText(u uuid.UUID) string { return hex.EncodeToString(u[:]) }

// DeliveryByToken returns the delivery of a notifier that an action's token belongs to, and its camera. CodeNotFound: it
// belongs to none.
func (s *Store) DeliveryByToken(ctx context.Context, notifier, token string) (nvr.Delivery, nvr.CameraID, error) {
	unknown := &nvr.Error{Code: nvr.CodeNotFound, Message: "this alert is no longer known"}
	b, err := hex.DecodeString(token)
	if err != nil || len(b) != 16 {
		return nvr.Delivery{}, "", unknown
	}
	row, err := s.q.DeliveryByToken(ctx, uuid.UUID(b))
	if errors.Is(err, pgx.ErrNoRows) || (err == nil && row.Delivery.Plugin != notifier) {
		return nvr.Delivery{}, "", unknown
	}
	if err != nil {
		return nvr.Delivery{}, "", fmt.Errorf("find delivery of an action: %w", err)
	}
	return deliveryOf(row.Delivery), nvr.CameraID(row.Camera), nil
}

// Acknowledge notes that somebody has seen the alert of a delivery, and those of its digest; escalations that wait are
// suppressed. It reports whether nobody had before.
func (s *Store) Acknowledge(ctx context.Context, id, by string) (first bool, err error) {
	u, err := uuid.Parse(id)
	if err != nil {
		return false, &nvr.Error{Code: nvr.CodeNotFound, Message: "delivery does not exist"}
	}
	ids, err := s.q.AcknowledgeEvents(ctx, dbsqlc.AcknowledgeEventsParams{ID: u, By: by, Reason: "acknowledged by " + by})
	if err != nil {
		return false, fmt.Errorf("acknowledge delivery %s: %w", id, err)
	}
	return len(ids) > 0, nil
}

// RetryDelivery makes a delivery that was not told pending again, with all that it tells, until to tell it in, and its job.
func (s *Store) RetryDelivery(ctx context.Context, id string, until time.Time) error {
	d, _, _, err := s.Delivery(ctx, id)
	if err != nil {
		return err
	}
	err = s.inTx(ctx, func(tx pgx.Tx, q *dbsqlc.Queries) error {
		n, err := q.RetryDelivery(ctx, dbsqlc.RetryDeliveryParams{ID: uuid.MustParse(d.ID), ExpiresAt: until})
		if err != nil {
			return err
		}
		if n == 0 {
			return &nvr.Error{Code: nvr.CodeConflict, Message: "this delivery is " + string(d.State) + "; only failed, expired and suppressed ones can be tried again"}
		}
		head := uuid.MustParse(d.ID)
		if err := q.RetryMembers(ctx, head); err != nil || s.queue == nil {
			return err
		}
		d.NextAt = time.Now()
		return s.queue.EnqueueTx(ctx, tx, []nvr.Delivery{d})
	})
	if nvr.ErrorCode(err) == nvr.CodeConflict {
		return err
	}
	if err != nil {
		return fmt.Errorf("retry delivery %s: %w", id, err)
	}
	s.committed([]nvr.Delivery{d})
	return nil
}

// PutSnooze adds a snooze, or changes the end of the one for the same notifier, recipient and camera.
func (s *Store) PutSnooze(ctx context.Context, z nvr.Snooze) error {
	err := s.q.PutSnooze(ctx, dbsqlc.PutSnoozeParams{Plugin: z.Notifier, Recipient: z.Recipient, Camera: string(z.Camera), Until: z.Until, By: z.By})
	if err != nil {
		return fmt.Errorf("store snooze: %w", err)
	}
	return nil
}

// Snoozes returns those that have not ended, by their end, and forgets the others.
func (s *Store) Snoozes(ctx context.Context) ([]nvr.Snooze, error) {
	if err := s.q.DeletePastSnoozes(ctx); err != nil {
		return nil, fmt.Errorf("forget past snoozes: %w", err)
	}
	rows, err := s.q.Snoozes(ctx)
	if err != nil {
		return nil, fmt.Errorf("list snoozes: %w", err)
	}
	out := make([]nvr.Snooze, len(rows))
	for i, r := range rows {
		out[i] = nvr.Snooze{Notifier: r.Plugin, Recipient: r.Recipient, Camera: nvr.CameraID(r.Camera), Until: r.Until.UTC(), By: r.By, CreatedAt: r.CreatedAt.UTC()}
	}
	return out, nil
}

// DeleteSnooze ends a snooze. CodeNotFound: there is none.
func (s *Store) DeleteSnooze(ctx context.Context, notifier, recipient string, camera nvr.CameraID) error {
	n, err := s.q.DeleteSnooze(ctx, dbsqlc.DeleteSnoozeParams{Plugin: notifier, Recipient: recipient, Camera: string(camera)})
	if err != nil {
		return fmt.Errorf("end snooze: %w", err)
	}
	if n == 0 {
		return &nvr.Error{Code: nvr.CodeNotFound, Message: "there is no such snooze, it may have ended"}
	}
	return nil
}

// QueueDepths returns what waits for each notifier that something waits for.
func (s *Store) QueueDepths(ctx context.Context) ([]nvr.QueueDepth, error) {
	rows, err := s.q.QueueDepths(ctx)
	if err != nil {
		return nil, fmt.Errorf("count pending deliveries: %w", err)
	}
	out := make([]nvr.QueueDepth, len(rows))
	for i, r := range rows {
		out[i] = nvr.QueueDepth{Notifier: r.Plugin, Pending: int(r.Pending), Held: int(r.Held)}
		if r.Pending > 0 {
			out[i].Oldest = r.Oldest.UTC()
		}
	}
	return out, nil
}

// Attempts returns the attempts at deliveries, oldest first, by delivery.
func (s *Store) Attempts(ctx context.Context, ids []string) (map[string][]nvr.DeliveryAttempt, error) {
	us := make([]uuid.UUID, 0, len(ids))
	for _, id := range ids {
		u, err := uuid.Parse(id)
		if err != nil {
			return nil, &nvr.Error{Code: nvr.CodeNotFound, Message: "delivery does not exist"}
		}
		us = append(us, u)
	}
	rows, err := s.q.AttemptsOf(ctx, us)
	if err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	out := map[string][]nvr.DeliveryAttempt{}
	for _, r := range rows {
		id := r.DeliveryID.String()
		out[id] = append(out[id], nvr.DeliveryAttempt{
			At: r.At.UTC(), Outcome: r.Outcome, Detail: r.Detail, Duration: time.Duration(r.DurationMs) * time.Millisecond, Times: int(r.Times),
		})
	}
	return out, nil
}

const deliveryColumns = `d.id, d.event_id, d.plugin, d.recipient, d.route, d.level, d.revision, d.phase, d.state, d.hold, d.digest_id, d.attempts,
	d.last_error, d.message, d.admitted, d.created_at, d.next_at, d.delivered_at, d.expires_at, d.acknowledged_at, d.acknowledged_by,
	e.camera, e.label, e.severity, e.start_at, (SELECT count(*) FROM deliveries m WHERE m.digest_id = d.id)`

// Deliveries returns a page of deliveries, newest first, and the cursor of the next page or "".
//
// The statement is built by hand because its filters vary; values only ever travel as parameters.
func (s *Store) Deliveries(ctx context.Context, f nvr.DeliveryFilter) ([]nvr.DeliveryRecord, string, error) {
	limit := min(max(f.Limit, 1), 200)
	var where []string
	var args []any
	add := func(cond string, v any) {
		args = append(args, v)
		where = append(where, strings.Replace(cond, "?", fmt.Sprintf("$%d", len(args)), 1))
	}
	for cond, id := range map[string]string{"d.event_id = ?": f.EventID, "d.id < ?": f.Cursor} {
		if id == "" {
			continue
		}
		u, err := uuid.Parse(id)
		if err != nil {
			return nil, "", &nvr.Error{Code: nvr.CodeInvalid, Message: "cursor or event is not one this server gave; start again without it"}
		}
		add(cond, u)
	}
	if f.Notifier != "" {
		add("d.plugin = ?", f.Notifier)
	}
	if len(f.States) > 0 {
		states := make([]string, len(f.States))
		for i, st := range f.States {
			states[i] = string(st)
		}
		add("d.state = ANY(?)", states)
	}
	if f.Cameras != nil {
		add("e.camera = ANY(?)", camerasText(f.Cameras))
	}
	sql := "SELECT " + deliveryColumns + " FROM deliveries d JOIN events e ON e.id = d.event_id"
	if len(where) > 0 {
		sql += " WHERE " + strings.Join(where, " AND ")
	}
	args = append(args, limit+1)
	rows, err := s.pool.Query(ctx, sql+fmt.Sprintf(" ORDER BY d.id DESC LIMIT $%d", len(args)), args...)
	if err != nil {
		return nil, "", fmt.Errorf("find deliveries: %w", err)
	}
	out, err := pgx.CollectRows(rows, recordOf)
	if err != nil {
		return nil, "", fmt.Errorf("read deliveries: %w", err)
	}
	if len(out) <= limit {
		return out, "", nil
	}
	return out[:limit], out[limit-1].ID, nil
}

func recordOf(row pgx.CollectableRow) (nvr.DeliveryRecord, error) {
	var d dbsqlc.Delivery
	var r nvr.DeliveryRecord
	var camera, severity string
	err := row.Scan(&d.ID, &d.EventID, &d.Plugin, &d.Recipient, &d.Route, &d.Level, &d.Revision, &d.Phase, &d.State, &d.Hold, &d.DigestID, &d.Attempts,
		&d.LastError, &d.Message, &d.Admitted, &d.CreatedAt, &d.NextAt, &d.DeliveredAt, &d.ExpiresAt, &d.AcknowledgedAt, &d.AcknowledgedBy,
		&camera, &r.Label, &severity, &r.Start, &r.Members)
	r.Delivery, r.Camera, r.Severity, r.Start = deliveryOf(d), nvr.CameraID(camera), nvr.Severity(severity), r.Start.UTC()
	r.Token = "" // a secret that lists do not need
	return r, err
}
