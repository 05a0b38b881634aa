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
	all, err := s.GapsOf(ctx, []nvr.StreamID{stream}, r)
	return all[stream], err
}

// GapsOf implements index.Index. It asks once, however many streams there are.
func (s *Store) GapsOf(ctx context.Context, streams []nvr.StreamID, r nvr.TimeRange) (map[nvr.StreamID][]index.Gap, error) {
	arg := dbsqlc.GapsInRangeParams{StartUs: r.Start.UnixMicro(), EndUs: r.End.UnixMicro()}
	for _, id := range streams {
		arg.Cameras, arg.Roles = append(arg.Cameras, string(id.Camera)), append(arg.Roles, string(id.Role))
	}
	rows, err := s.q.GapsInRange(ctx, arg)
	if err != nil {
		return nil, fmt.Errorf("find gaps: %w", err)
	}
	out := make(map[nvr.StreamID][]index.Gap, len(streams))
	for len(rows) > 0 { // the rows of one stream follow each other
		n := 1
		for n < len(rows) && rows[n].I == rows[0].I {
			n++
		}
		id := streams[rows[0].I-1]
		gaps := make([]index.Gap, n)
		for k, g := range rows[:n] {
			gaps[k] = index.Gap{
				Stream: id, Start: micros(g.StartUs), End: micros(g.EndUs), Reason: index.GapReason(g.Reason), Detail: g.Detail,
			}
		}
		out[id], rows = gaps, rows[n:]
	}
	return out, nil
}
