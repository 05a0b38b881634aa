package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

const (
	digestListed = 50  // events of a digest that are handed to the notifier
	digestMost   = 500 // deliveries that one digest tells
	keptAttempts = 50  // per delivery
)

// addDeliveries stores deliveries and returns those that were not known.
func addDeliveries(ctx context.Context, q *dbsqlc.Queries, deliveries []nvr.Delivery) ([]nvr.Delivery, error) {
	var fresh []nvr.Delivery
	for _, d := range deliveries {
		did, err1 := uuid.Parse(d.ID)
		eid, err2 := uuid.Parse(d.EventID)
		if err := errors.Join(err1, err2); err != nil {
			return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: "delivery has an id that is not a UUID", Err: err}
		}
		if d.NextAt.IsZero() {
			d.NextAt = time.Now()
		}
		n, err := q.AddDelivery(ctx, dbsqlc.AddDeliveryParams{
			ID: did, EventID: eid, Plugin: d.Plugin, Recipient: d.Recipient, Route: d.Route, Level: int32(d.Level), Revision: int32(d.Revision),
			Phase: string(d.Phase), Hold: string(d.Hold), NextAt: d.NextAt, ExpiresAt: d.ExpiresAt,
		})
		if err != nil {
			return nil, err
		}
		if n > 0 {
			fresh = append(fresh, d)
		}
	}
	return fresh, nil
}

// Delivery returns one delivery with its event as it stands now and the display name of its camera (the id where none
// is known). CodeNotFound: the row is gone, with its event.
func (s *Store) Delivery(ctx context.Context, id string) (nvr.Delivery, nvr.Event, string, error) {
	u, err := uuid.Parse(id)
	if err != nil {
		return nvr.Delivery{}, nvr.Event{}, "", &nvr.Error{Code: nvr.CodeNotFound, Message: "delivery does not exist"}
	}
	row, err := s.q.DeliveryByID(ctx, u)
	if err != nil {
		return nvr.Delivery{}, nvr.Event{}, "", notFound(err, "delivery "+id)
	}
	e, err := eventOf(row.Event)
	return deliveryOf(row.Delivery), e, row.CameraName, err
}

// ClaimDelivery makes a delivery this node's own for d, if it is due. ok is false where there is nothing to do now; wait is
// then how long until there may be, 0 for never: the row is settled, gone, or told by another.
func (s *Store) ClaimDelivery(ctx context.Context, id, node string, d time.Duration) (ok bool, wait time.Duration, err error) {
	u, err := uuid.Parse(id)
	if err != nil {
		return false, 0, nil //nolint:nilerr // a job of nobody's row
	}
	n, err := s.q.ClaimDelivery(ctx, dbsqlc.ClaimDeliveryParams{Node: node, Seconds: d.Seconds(), ID: u})
	if err != nil {
		return false, 0, fmt.Errorf("claim delivery %s: %w", id, err)
	}
	if n > 0 {
		return true, 0, nil
	}
	row, err := s.q.DeliveryWait(ctx, u)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, 0, nil
	}
	if err != nil {
		return false, 0, fmt.Errorf("read delivery %s: %w", id, err)
	}
	if !row.Waits {
		return false, 0, nil
	}
	return false, max(10*time.Millisecond, time.Duration(row.Seconds*float64(time.Second))), nil
}

// ReleaseClaims gives back what an earlier run of the node had claimed.
func (s *Store) ReleaseClaims(ctx context.Context, node string) error {
	if _, err := s.q.ReleaseClaims(ctx, node); err != nil {
		return fmt.Errorf("release claimed deliveries: %w", err)
	}
	return nil
}

// DeliveryTurn returns all that decides whether and how a delivery is told.
func (s *Store) DeliveryTurn(ctx context.Context, id string) (t nvr.DeliveryTurn, err error) {
	if t.Delivery, t.Event, t.Camera, err = s.Delivery(ctx, id); err != nil {
		return t, err
	}
	u := uuid.MustParse(t.ID)
	row, err := s.q.DeliveryContext(ctx, u)
	if err != nil {
		return t, notFound(err, "delivery "+id)
	}
	t.Previous, t.Earlier, t.EarlierAt, t.Collected, t.Superseded = row.Previous, row.Earlier, row.EarlierAt.UTC(), row.Collected, row.Superseded
	t.Acknowledged, t.AcknowledgedBy, t.Snoozed, t.Members = row.Acknowledged, row.AcknowledgedBy, row.Snoozed, int(row.Members)
	t.Total = 1
	if row.Snoozed {
		t.SnoozedUntil = row.SnoozedUntil.UTC()
	}
	if t.Members == 0 {
		return t, nil
	}
	return t, s.digestOf(ctx, u, &t)
}

func (s *Store) digestOf(ctx context.Context, id uuid.UUID, t *nvr.DeliveryTurn) error {
	total, err := s.q.DigestSize(ctx, id)
	if err != nil {
		return fmt.Errorf("count digest %s: %w", id, err)
	}
	rows, err := s.q.DigestEvents(ctx, dbsqlc.DigestEventsParams{DigestID: &id, Limit: digestListed - 1})
	if err != nil {
		return fmt.Errorf("read digest %s: %w", id, err)
	}
	t.Total, t.Digest = int(total), []nvr.Event{t.Event}
	for _, r := range rows {
		e, err := eventOf(r.Event)
		if err != nil {
			return err
		}
		if e.ID != t.Event.ID {
			t.Digest = append(t.Digest, e)
		}
	}
	return nil
}

// CollectDelivery makes a claimed delivery wait until a time for a reason: as part of a digest that is open already
// (joined), or as the first of one. A digest is worth telling for at least an hour after it is due.
func (s *Store) CollectDelivery(ctx context.Context, d nvr.Delivery, why nvr.HoldReason, until time.Time) (joined bool, err error) {
	id, err := uuid.Parse(d.ID)
	if err != nil {
		return false, &nvr.Error{Code: nvr.CodeInvalid, Message: "delivery id " + d.ID + " is not a UUID"}
	}
	err = s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		joined = false
		if err := q.LockRecipient(ctx, dbsqlc.LockRecipientParams{Plugin: d.Plugin, Recipient: d.Recipient}); err != nil {
			return err
		}
		leads, err := q.LeadsDigest(ctx, &id)
		if err != nil {
			return err
		}
		if !leads && (d.Hold == nvr.HoldNone || d.Hold == nvr.HoldEscalation) { // else it leads a digest, and waits longer
			head, err := q.OpenDigest(ctx, dbsqlc.OpenDigestParams{
				Plugin: d.Plugin, Recipient: d.Recipient, Route: d.Route, Level: int32(d.Level), ID: id, Most: digestMost,
			})
			if err == nil {
				joined = true
				if err := q.JoinDigest(ctx, dbsqlc.JoinDigestParams{Head: head, Hold: string(why), ID: id}); err != nil {
					return err
				}
				return q.ExtendDigest(ctx, dbsqlc.ExtendDigestParams{Until: d.ExpiresAt, ID: head})
			}
			if !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
		}
		return q.HoldDelivery(ctx, dbsqlc.HoldDeliveryParams{Hold: string(why), NextAt: until, Until: until.Add(time.Hour), ID: id})
	})
	if err != nil {
		return false, fmt.Errorf("hold delivery %s: %w", d.ID, err)
	}
	return joined, nil
}

// AdmitDelivery counts a delivery against what its recipient may be told, once. ok is false where that is used up; wait is
// then how long until it is not.
func (s *Store) AdmitDelivery(ctx context.Context, d nvr.Delivery, r nvr.Rate) (ok bool, wait time.Duration, err error) {
	id, err := uuid.Parse(d.ID)
	if err != nil {
		return false, 0, &nvr.Error{Code: nvr.CodeInvalid, Message: "delivery id " + d.ID + " is not a UUID"}
	}
	burst, perSecond := float64(r.Burst), float64(r.Burst)/r.Per.Seconds()
	err = s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		n, err := q.TakeToken(ctx, dbsqlc.TakeTokenParams{Plugin: d.Plugin, Recipient: d.Recipient, Burst: burst, PerSecond: perSecond})
		if err != nil {
			return err
		}
		if ok = n > 0; ok {
			return q.AdmitDelivery(ctx, id)
		}
		left, err := q.TokensLeft(ctx, dbsqlc.TokensLeftParams{Plugin: d.Plugin, Recipient: d.Recipient, Burst: burst, PerSecond: perSecond})
		wait = time.Duration((1 - left) / perSecond * float64(time.Second))
		return err
	})
	if err != nil {
		return false, 0, fmt.Errorf("count delivery %s: %w", d.ID, err)
	}
	return ok, max(wait, time.Millisecond), nil
}

// SettleDelivery notes what became of a claimed delivery: its state, attempts, error, message and when it is tried next,
// and the same of those it tells. a, which may be nil, goes into its history. A settled row is never touched again, without
// an error.
func (s *Store) SettleDelivery(ctx context.Context, d nvr.Delivery, a *nvr.DeliveryAttempt) error {
	id, err := uuid.Parse(d.ID)
	if err != nil {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: "delivery id " + d.ID + " is not a UUID"}
	}
	if d.NextAt.IsZero() {
		d.NextAt = time.Now()
	}
	err = s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		n, err := q.SettleDelivery(ctx, dbsqlc.SettleDeliveryParams{
			ID: id, State: string(d.State), Attempts: int32(d.Attempts), LastError: d.LastError, DeliveredAt: timeOrNil(d.DeliveredAt),
			Message: d.Message, NextAt: d.NextAt,
		})
		if err != nil || n == 0 {
			return err
		}
		if a != nil {
			if err := addAttempt(ctx, q, id, *a); err != nil {
				return err
			}
		}
		if d.State == nvr.DeliveryPending {
			return nil
		}
		return q.SettleMembers(ctx, dbsqlc.SettleMembersParams{Head: id, State: string(d.State), LastError: d.LastError, DeliveredAt: timeOrNil(d.DeliveredAt)})
	})
	if err != nil {
		return fmt.Errorf("note attempt at delivery %s: %w", d.ID, err)
	}
	return nil
}

func addAttempt(ctx context.Context, q *dbsqlc.Queries, id uuid.UUID, a nvr.DeliveryAttempt) error {
	ms := int32(min(a.Duration.Milliseconds(), 1<<30))
	n, err := q.RepeatAttempt(ctx, dbsqlc.RepeatAttemptParams{DeliveryID: id, Outcome: a.Outcome, Detail: a.Detail, DurationMs: ms})
	if err != nil || n > 0 {
		return err
	}
	if err := q.AddAttempt(ctx, dbsqlc.AddAttemptParams{DeliveryID: id, Outcome: a.Outcome, Detail: a.Detail, DurationMs: ms}); err != nil {
		return err
	}
	return q.TrimAttempts(ctx, dbsqlc.TrimAttemptsParams{DeliveryID: id, Keep: keptAttempts})
}

// PendingDeliveries returns up to limit pending deliveries that speak for themselves with an id greater than after, in the
// order of their ids.
func (s *Store) PendingDeliveries(ctx context.Context, after string, limit int) ([]nvr.Delivery, error) {
	from := uuid.Nil
	if after != "" {
		var err error
		if from, err = uuid.Parse(after); err != nil {
			return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: "delivery id " + after + " is not a UUID"}
		}
	}
	rows, err := s.q.PendingDeliveries(ctx, dbsqlc.PendingDeliveriesParams{After: from, N: int32(limit)})
	if err != nil {
		return nil, fmt.Errorf("find pending deliveries: %w", err)
	}
	out := make([]nvr.Delivery, len(rows))
	for i, r := range rows {
		out[i] = deliveryOf(r)
	}
	return out, nil
}

func deliveryOf(d dbsqlc.Delivery) nvr.Delivery {
	out := nvr.Delivery{
		ID: d.ID.String(), EventID: d.EventID.String(), Plugin: d.Plugin, Recipient: d.Recipient, Route: d.Route, Level: int(d.Level),
		Revision: int(d.Revision), Phase: nvr.Phase(d.Phase), State: nvr.DeliveryState(d.State), Attempts: int(d.Attempts), LastError: d.LastError,
		CreatedAt: d.CreatedAt.UTC(), DeliveredAt: timeOrZero(d.DeliveredAt), ExpiresAt: d.ExpiresAt.UTC(),
		Hold: nvr.HoldReason(d.Hold), NextAt: d.NextAt.UTC(), Admitted: d.Admitted, Message: d.Message, Token: tokenText(d.Token),
		AcknowledgedAt: timeOrZero(d.AcknowledgedAt), AcknowledgedBy: d.AcknowledgedBy,
	}
	if d.DigestID != nil {
		out.DigestID = d.DigestID.String()
	}
	return out
}
