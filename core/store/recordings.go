package store

import (
	"context"
	"fmt"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

var _ index.Index = (*Store)(nil)

// AddRecordings implements index.Index.
func (s *Store) AddRecordings(ctx context.Context, recs []index.Recording) error {
	if len(recs) == 0 {
		return nil
	}
	var a dbsqlc.AddRecordingsParams
	var days []int64
	changed := make(touched)
	for _, r := range recs {
		us := r.Start.UnixMicro()
		a.Cameras, a.Roles = append(a.Cameras, string(r.Stream.Camera)), append(a.Roles, string(r.Stream.Role))
		a.Starts, a.Durations = append(a.Starts, us), append(a.Durations, r.Duration.Microseconds())
		a.Paths, a.Bytes, a.InitBytes = append(a.Paths, r.Path), append(a.Bytes, r.Bytes), append(a.InitBytes, r.InitBytes)
		a.Crcs, a.Codecs = append(a.Crcs, int64(r.CRC)), append(a.Codecs, r.Codecs)
		a.Widths, a.Heights = append(a.Widths, int32(r.Width)), append(a.Heights, int32(r.Height))
		a.Segments = append(a.Segments, encodeSegments(r.Segments))
		a.Remotes, a.Evicteds = append(a.Remotes, r.Remote), append(a.Evicteds, r.Evicted)
		changed.add(r.Stream, us, r.Duration.Microseconds())
		days = append(days, dayOf(us))
	}
	err := s.withPartitions(ctx, days, func() error {
		return s.change(ctx, changed.streams(), func(q *dbsqlc.Queries) (touched, error) {
			return changed, q.AddRecordings(ctx, a)
		})
	})
	if err != nil {
		return fmt.Errorf("add recordings: %w", err)
	}
	return nil
}

// Recordings implements index.Index.
func (s *Store) Recordings(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]index.Recording, error) {
	rows, err := s.q.RecordingsInRange(ctx, dbsqlc.RecordingsInRangeParams{
		Camera: string(stream.Camera), Role: string(stream.Role), StartUs: r.Start.UnixMicro(), EndUs: r.End.UnixMicro(),
	})
	if err != nil {
		return nil, fmt.Errorf("find recordings of %s: %w", stream, err)
	}
	return recordingsOf(stream, rows)
}

// RemoveRecordings implements index.Index.
func (s *Store) RemoveRecordings(ctx context.Context, stream nvr.StreamID, starts []time.Time) error {
	err := s.change(ctx, []nvr.StreamID{stream}, func(q *dbsqlc.Queries) (touched, error) {
		rows, err := q.RemoveRecordings(ctx, dbsqlc.RemoveRecordingsParams{
			Camera: string(stream.Camera), Role: string(stream.Role), Starts: allMicros(starts),
		})
		gone := make(touched)
		for _, r := range rows {
			gone.add(stream, r.StartUs, r.DurationUs)
		}
		return gone, err
	})
	if err != nil {
		return fmt.Errorf("remove recordings of %s: %w", stream, err)
	}
	return nil
}

// Place implements index.Index.
func (s *Store) Place(ctx context.Context, stream nvr.StreamID, starts []time.Time, remote, evicted bool) error {
	if evicted && !remote {
		return s.RemoveRecordings(ctx, stream, starts)
	}
	err := s.change(ctx, []nvr.StreamID{stream}, func(q *dbsqlc.Queries) (touched, error) {
		rows, err := q.PlaceRecordings(ctx, dbsqlc.PlaceRecordingsParams{
			Camera: string(stream.Camera), Role: string(stream.Role), Starts: allMicros(starts), Remote: remote, Evicted: evicted,
		})
		moved := make(touched)
		for _, r := range rows {
			moved.add(stream, r.StartUs, r.DurationUs)
		}
		return moved, err
	})
	if err != nil {
		return fmt.Errorf("place recordings of %s: %w", stream, err)
	}
	return nil
}

// RecordedBytes returns how many bytes of recordings lie on local disks, per camera.
func (s *Store) RecordedBytes(ctx context.Context) (map[nvr.CameraID]int64, error) {
	rows, err := s.q.RecordedBytes(ctx)
	if err != nil {
		return nil, fmt.Errorf("sum recordings: %w", err)
	}
	out := make(map[nvr.CameraID]int64, len(rows))
	for _, r := range rows {
		out[nvr.CameraID(r.Camera)] = r.Bytes
	}
	return out, nil
}

func recordingsOf(stream nvr.StreamID, rows []dbsqlc.RecordingsInRangeRow) ([]index.Recording, error) {
	out := make([]index.Recording, len(rows))
	var shared []index.Segment // a day has thousands of short lists: an allocation for each costs more than reading it
	for i, r := range rows {
		if n := 1 + len(r.Segments)/packedSegment; cap(shared)-len(shared) < n {
			shared = make([]index.Segment, 0, max(n, min(1024, n*(len(rows)-i))))
		}
		all, err := appendSegments(shared, r.Segments)
		if err != nil {
			return nil, fmt.Errorf("read recording %s: %w", r.Path, err)
		}
		segs := all[len(shared):len(all):len(all)]
		shared = all
		out[i] = index.Recording{
			Stream: stream, Start: micros(r.StartUs), Duration: time.Duration(r.DurationUs) * time.Microsecond,
			Path: r.Path, Bytes: r.Bytes, InitBytes: r.InitBytes, CRC: uint32(r.Crc), Codecs: r.Codecs,
			Width: int(r.Width), Height: int(r.Height), Segments: segs,
			Remote: r.Remote, Evicted: r.Evicted,
		}
	}
	return out, nil
}

func micros(us int64) time.Time { return time.UnixMicro(us).UTC() }

func allMicros(ts []time.Time) []int64 {
	out := make([]int64, len(ts))
	for i, t := range ts {
		out[i] = t.UnixMicro()
	}
	return out
}
