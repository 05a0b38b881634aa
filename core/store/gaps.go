package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// AddGaps implements index.Index.
func (s *Store) AddGaps(ctx context.Context, gaps []index.Gap) error {
	rows := make([]dbsqlc.AddGapParams, len(gaps))
	for i, g := range gaps {
		rows[i] = dbsqlc.AddGapParams{
			Camera: string(g.Stream.Camera), Role: string(g.Stream.Role),
			StartUs: g.Start.UnixMicro(), EndUs: g.End.UnixMicro(), Reason: string(g.Reason), Detail: g.Detail,
		}
	}
	err := s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		var first error
		q.AddGap(ctx, rows).Exec(func(_ int, err error) { first = errors.Join(first, err) })
		return first
	})
	if err != nil {
		return fmt.Errorf("add gaps: %w", err)
	}
	return nil
}

// Gaps implements index.Index.
func (s *Store) Gaps(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]index.Gap, error) {
	rows, err := s.q.GapsInRange(ctx, dbsqlc.GapsInRangeParams{
		Camera: string(stream.Camera), Role: string(stream.Role), StartUs: r.Start.UnixMicro(), EndUs: r.End.UnixMicro(),
	})
	if err != nil {
		return nil, fmt.Errorf("find gaps of %s: %w", stream, err)
	}
	out := make([]index.Gap, len(rows))
	for i, g := range rows {
		out[i] = index.Gap{
			Stream: stream, Start: micros(g.StartUs), End: micros(g.EndUs), Reason: index.GapReason(g.Reason), Detail: g.Detail,
		}
	}
	return out, nil
}
