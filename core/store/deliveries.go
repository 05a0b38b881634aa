package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

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

// UpdateDelivery notes an attempt. Only a pending row changes: a settled one is never touched again, without an error.
func (s *Store) UpdateDelivery(ctx context.Context, d nvr.Delivery) error {
	u, err := uuid.Parse(d.ID)
	if err != nil {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: "delivery id " + d.ID + " is not a UUID"}
	}
	err = s.q.UpdateDelivery(ctx, dbsqlc.UpdateDeliveryParams{
		ID: u, State: string(d.State), Attempts: int32(d.Attempts), LastError: d.LastError, DeliveredAt: timeOrNil(d.DeliveredAt),
	})
	if err != nil {
		return fmt.Errorf("note attempt at delivery %s: %w", d.ID, err)
	}
	return nil
}

// PendingDeliveries returns up to limit pending deliveries with an id greater than after, in the order of their ids.
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
	return nvr.Delivery{
		ID: d.ID.String(), EventID: d.EventID.String(), Plugin: d.Plugin, Recipient: d.Recipient, Revision: int(d.Revision),
		Phase: nvr.Phase(d.Phase), State: nvr.DeliveryState(d.State), Attempts: int(d.Attempts), LastError: d.LastError,
		CreatedAt: d.CreatedAt.UTC(), DeliveredAt: timeOrZero(d.DeliveredAt), ExpiresAt: d.ExpiresAt.UTC(),
	}
}
