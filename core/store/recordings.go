package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

var _ index.Index = (*Store)(nil)

// AddRecordings implements index.Index.
func (s *Store) AddRecordings(ctx context.Context, recs []index.Recording) error {
	rows := make([]dbsqlc.AddRecordingParams, len(recs))
	for i, r := range recs {
		rows[i] = dbsqlc.AddRecordingParams{
			Camera: string(r.Stream.Camera), Role: string(r.Stream.Role),
			StartUs: r.Start.UnixMicro(), DurationUs: r.Duration.Microseconds(),
			Path: r.Path, Bytes: r.Bytes, InitBytes: r.InitBytes, Crc: int64(r.CRC), Codecs: r.Codecs,
			Width: int32(r.Width), Height: int32(r.Height), Segments: encodeSegments(r.Segments),
		}
	}
	err := s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		var first error
		q.AddRecording(ctx, rows).Exec(func(_ int, err error) { first = errors.Join(first, err) })
		return first
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
	return recordingsOf(rows)
}

// RemoveRecordings implements index.Index.
func (s *Store) RemoveRecordings(ctx context.Context, stream nvr.StreamID, starts []time.Time) error {
	us := make([]int64, len(starts))
	for i, t := range starts {
		us[i] = t.UnixMicro()
	}
	err := s.q.RemoveRecordings(ctx, dbsqlc.RemoveRecordingsParams{Camera: string(stream.Camera), Role: string(stream.Role), Starts: us})
	if err != nil {
		return fmt.Errorf("remove recordings of %s: %w", stream, err)
	}
	return nil
}

// RecordedBytes returns how many bytes of recordings are indexed, per camera.
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

func recordingsOf(rows []dbsqlc.Recording) ([]index.Recording, error) {
	out := make([]index.Recording, len(rows))
	for i, r := range rows {
		segs, err := decodeSegments(r.Segments)
		if err != nil {
			return nil, fmt.Errorf("read recording %s: %w", r.Path, err)
		}
		out[i] = index.Recording{
			Stream: nvr.StreamID{Camera: nvr.CameraID(r.Camera), Role: nvr.Role(r.Role)},
			Start:  micros(r.StartUs), Duration: time.Duration(r.DurationUs) * time.Microsecond,
			Path: r.Path, Bytes: r.Bytes, InitBytes: r.InitBytes, CRC: uint32(r.Crc), Codecs: r.Codecs,
			Width: int(r.Width), Height: int(r.Height), Segments: segs,
		}
	}
	return out, nil
}

func micros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// encodeSegments packs segments as uvarints: count, first offset, first start in µs, then per segment bytes and
// duration in µs. Segments are contiguous in bytes and time, so nothing else is needed; one that is not starts a new
// run, marked by a count of its own. 10 segments take about 60 bytes.
func encodeSegments(segs []index.Segment) []byte {
	var b []byte
	for i := 0; i < len(segs); {
		n := 1
		for i+n < len(segs) && follows(segs[i+n-1], segs[i+n]) {
			n++
		}
		b = binary.AppendUvarint(b, uint64(n))
		b = binary.AppendUvarint(b, uint64(segs[i].Offset))
		b = binary.AppendUvarint(b, uint64(segs[i].Start.Microseconds()))
		for _, s := range segs[i : i+n] {
			b = binary.AppendUvarint(b, uint64(s.Bytes))
			b = binary.AppendUvarint(b, uint64(s.Duration.Microseconds()))
		}
		i += n
	}
	return b
}

func follows(a, b index.Segment) bool {
	return b.Offset == a.Offset+a.Bytes && b.Start.Microseconds() == a.Start.Microseconds()+a.Duration.Microseconds()
}

var errSegments = errors.New("segment table is damaged")

func decodeSegments(b []byte) ([]index.Segment, error) {
	next := func() int64 {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > 1<<62 {
			b = nil
			return -1
		}
		b = b[n:]
		return int64(v)
	}
	var segs []index.Segment
	for len(b) > 0 {
		n, offset, start := next(), next(), next()
		if n <= 0 || offset < 0 || start < 0 || n > int64(len(b)) {
			return nil, errSegments
		}
		for range n {
			bytes, dur := next(), next()
			if bytes < 0 || dur < 0 {
				return nil, errSegments
			}
			segs = append(segs, index.Segment{
				Offset: offset, Bytes: bytes,
				Start: time.Duration(start) * time.Microsecond, Duration: time.Duration(dur) * time.Microsecond,
			})
			offset, start = offset+bytes, start+dur
		}
	}
	return segs, nil
}
