package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

// AddMotion notes that something moved in front of a camera from start to end. Telling it again changes nothing; a
// later end of the same start extends it. A moment counts as a microsecond. CodeInvalid: end is before start.
func (s *Store) AddMotion(ctx context.Context, camera nvr.CameraID, start, end time.Time) error {
	if end.Before(start) {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("motion of %s ends at %s, before it begins at %s", camera, end, start)}
	}
	arg := dbsqlc.AddMotionParams{Camera: string(camera)}
	start, end = start.Truncate(time.Microsecond), end.Truncate(time.Microsecond)
	if !start.Before(end) {
		end = start.Add(time.Microsecond)
	}
	for start.Before(end) {
		next := start.Truncate(time.Hour).Add(time.Hour)
		if next.After(end) {
			next = end
		}
		arg.Starts, arg.Ends = append(arg.Starts, start), append(arg.Ends, next)
		start = next
	}
	if err := s.q.AddMotion(ctx, arg); err != nil {
		return fmt.Errorf("note motion of %s: %w", camera, err)
	}
	return nil
}

// Interest returns when something happened in front of a camera: motion, and events other than the camera's own
// troubles, clipped to r. Spans of one kind that meet or overlap are one; they are ordered by start. An event that goes
// on counts until now. Ask for more than you keep, so that pre- and post-capture of a neighbour are not missed.
func (s *Store) Interest(ctx context.Context, camera nvr.CameraID, r nvr.TimeRange) ([]nvr.InterestSpan, error) {
	var motion []dbsqlc.MotionSpansRow
	var events []dbsqlc.EventSpansRow
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		if motion, err = s.q.MotionSpans(ctx, dbsqlc.MotionSpansParams{Camera: string(camera), Since: r.Start, Until: r.End}); err != nil {
			return fmt.Errorf("find motion of %s: %w", camera, err)
		}
		return nil
	})
	g.Go(func() (err error) {
		if events, err = s.q.EventSpans(ctx, dbsqlc.EventSpansParams{Camera: string(camera), Since: r.Start, Until: r.End}); err != nil {
			return fmt.Errorf("find when %s had events: %w", camera, err)
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var moved, happened []nvr.TimeRange
	for _, m := range motion {
		moved = appendSpan(moved, nvr.TimeRange{Start: m.StartAt, End: m.EndAt}, r)
	}
	for _, e := range events {
		happened = appendSpan(happened, nvr.TimeRange{Start: e.StartAt, End: e.EndAt}, r)
	}
	out := make([]nvr.InterestSpan, 0, len(moved)+len(happened))
	for _, m := range moved {
		out = append(out, nvr.InterestSpan{TimeRange: m, Kind: nvr.InterestMotion})
	}
	for _, e := range happened {
		out = append(out, nvr.InterestSpan{TimeRange: e, Kind: nvr.InterestEvent})
	}
	slices.SortStableFunc(out, func(a, b nvr.InterestSpan) int { return a.Start.Compare(b.Start) })
	return out, nil
}

// appendSpan adds span, clipped to r, to spans, which come ordered by start.
func appendSpan(spans []nvr.TimeRange, span, r nvr.TimeRange) []nvr.TimeRange {
	start, end := span.Start.UTC(), span.End.UTC()
	if start.Before(r.Start) {
		start = r.Start.UTC()
	}
	if end.After(r.End) {
		end = r.End.UTC()
	}
	if !start.Before(end) {
		return spans
	}
	if n := len(spans); n > 0 && !start.After(spans[n-1].End) {
		if end.After(spans[n-1].End) {
			spans[n-1].End = end
		}
		return spans
	}
	return append(spans, nvr.TimeRange{Start: start, End: end})
}

// DeleteMotionBefore forgets the motion of a camera that ended before t, where it was included, and returns how many rows
// that were.
func (s *Store) DeleteMotionBefore(ctx context.Context, camera nvr.CameraID, t time.Time) (int64, error) {
	spans, err := inBatches(func() (int64, error) {
		return s.q.DeleteMotionBefore(ctx, dbsqlc.DeleteMotionBeforeParams{Camera: string(camera), Before: t, N: deleteBatch})
	})
	if err != nil {
		return spans, fmt.Errorf("delete old motion of %s: %w", camera, err)
	}
	maps, err := inBatches(func() (int64, error) {
		return s.q.DeleteMotionMapsBefore(ctx, dbsqlc.DeleteMotionMapsBeforeParams{Camera: string(camera), Before: t, N: deleteBatch})
	})
	if err != nil {
		return spans + maps, fmt.Errorf("delete old motion maps of %s: %w", camera, err)
	}
	return spans + maps, nil
}
