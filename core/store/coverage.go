package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

const (
	hourUS  = 3_600_000_000
	maxHour = 1 << 30 // far beyond the year 9999, and fits the column
)

// hourOf returns the hour since 1970 that holds a time in microseconds.
func hourOf(us int64) int64 {
	h := us / hourUS
	if us%hourUS < 0 {
		h--
	}
	return min(max(h, -maxHour), maxHour)
}

// Runs implements index.Index. It reads one short row per hour instead of a row per recording.
func (s *Store) Runs(ctx context.Context, streams []nvr.StreamID, r nvr.TimeRange) (map[nvr.StreamID][]nvr.TimeRange, error) {
	out := make(map[nvr.StreamID][]nvr.TimeRange, len(streams))
	if !r.Start.Before(r.End) {
		return out, nil
	}
	arg := dbsqlc.CoverageInRangeParams{FirstHour: int32(hourOf(r.Start.UnixMicro())), LastHour: int32(hourOf(r.End.UnixMicro()))}
	for _, id := range streams {
		arg.Cameras, arg.Roles = append(arg.Cameras, string(id.Camera)), append(arg.Roles, string(id.Role))
	}
	rows, err := s.q.CoverageInRange(ctx, arg)
	if err != nil {
		return nil, fmt.Errorf("find recorded runs: %w", err)
	}
	for _, row := range rows {
		id := nvr.StreamID{Camera: nvr.CameraID(row.Camera), Role: nvr.Role(row.Role)}
		runs := out[id]
		err := unpackRuns(row.Runs, int64(row.Hour)*hourUS, func(start, end int64) {
			runs = index.AppendRun(runs, index.Recording{Start: micros(start), Duration: micros(end).Sub(micros(start))}, r)
		})
		if err != nil {
			return nil, fmt.Errorf("read coverage of %s at %s: %w", id, micros(int64(row.Hour)*hourUS), err)
		}
		if len(runs) > 0 {
			out[id] = runs
		}
	}
	return out, nil
}

// touched notes the hours of streams that a change may have altered.
type touched map[nvr.StreamID]map[int64]struct{}

// add notes the hours of a recording; start and duration are microseconds.
func (t touched) add(stream nvr.StreamID, start, duration int64) {
	hours := t[stream]
	if hours == nil {
		hours = make(map[int64]struct{})
		t[stream] = hours
	}
	for h := hourOf(start); h <= hourOf(start+duration-1); h++ {
		hours[h] = struct{}{}
	}
}

func (t touched) streams() []nvr.StreamID { return slices.Collect(maps.Keys(t)) }

// hourRange is a run of consecutive hours.
type hourRange struct {
	stream      nvr.StreamID
	first, last int64
}

// ranges returns the hours, consecutive ones together.
func (t touched) ranges() []hourRange {
	var out []hourRange
	for stream, hours := range t {
		for i, h := range slices.Sorted(maps.Keys(hours)) {
			if n := len(out); i > 0 && h == out[n-1].last+1 {
				out[n-1].last = h
				continue
			}
			out = append(out, hourRange{stream: stream, first: h, last: h})
		}
	}
	// In the order of the key, so that rows are written where their neighbours are.
	slices.SortFunc(out, func(a, b hourRange) int {
		if c := strings.Compare(a.stream.String(), b.stream.String()); c != 0 {
			return c
		}
		return int(a.first - b.first)
	})
	return out
}

// change lets f alter recordings of streams while nobody else does, and makes the summary of the hours it touched anew,
// in one transaction.
func (s *Store) change(ctx context.Context, streams []nvr.StreamID, f func(*dbsqlc.Queries) (touched, error)) error {
	names := make([]string, len(streams))
	for i, id := range streams {
		names[i] = id.String()
	}
	slices.Sort(names)
	return s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		if err := q.LockStreams(ctx, names); err != nil {
			return fmt.Errorf("lock streams: %w", err)
		}
		t, err := f(q)
		if err != nil || len(t) == 0 {
			return err
		}
		if err := summarize(ctx, q, t.ranges()); err != nil {
			return fmt.Errorf("summarize recordings: %w", err)
		}
		return nil
	})
}

// summarize makes the rows of coverage from those of recordings. Doing it again changes nothing.
func summarize(ctx context.Context, q *dbsqlc.Queries, ranges []hourRange) error {
	args := make([]dbsqlc.RecordedSpansParams, len(ranges))
	for i, r := range ranges {
		args[i] = dbsqlc.RecordedSpansParams{
			Camera: string(r.stream.Camera), Role: string(r.stream.Role), StartUs: r.first * hourUS, EndUs: (r.last + 1) * hourUS,
		}
	}
	var save dbsqlc.SaveCoverageParams
	var drop dbsqlc.DropCoverageParams
	var first error
	q.RecordedSpans(ctx, args).Query(func(i int, spans []dbsqlc.RecordedSpansRow, err error) {
		first = errors.Join(first, err)
		r := ranges[i]
		for k, sum := range sumHours(spans, r.first, r.last) {
			camera, role, hour := string(r.stream.Camera), string(r.stream.Role), int32(r.first+int64(k))
			if len(sum.runs) == 0 {
				drop.Cameras, drop.Roles, drop.Hours = append(drop.Cameras, camera), append(drop.Roles, role), append(drop.Hours, hour)
				continue
			}
			save.Cameras, save.Roles, save.Hours = append(save.Cameras, camera), append(save.Roles, role), append(save.Hours, hour)
			save.Bytes, save.Runs = append(save.Bytes, sum.bytes), append(save.Runs, sum.runs)
		}
	})
	if first != nil {
		return first
	}
	if len(save.Hours) > 0 {
		if err := q.SaveCoverage(ctx, save); err != nil {
			return err
		}
	}
	if len(drop.Hours) > 0 {
		return q.DropCoverage(ctx, drop)
	}
	return nil
}

// sumHours returns the summary of each hour from first to last. The spans come ordered by start.
func sumHours(spans []dbsqlc.RecordedSpansRow, first, last int64) []hourSum {
	out := make([]hourSum, last-first+1)
	for _, s := range spans {
		start, end := s.StartUs, s.StartUs+s.DurationUs
		begin := hourOf(start)
		if begin >= first && begin <= last && !s.Evicted {
			out[begin-first].bytes += s.Bytes
		}
		for h := max(begin, first); h <= min(hourOf(end-1), last); h++ {
			base := h * hourUS
			out[h-first].add(max(start, base)-base, min(end, base+hourUS)-base)
		}
	}
	for i := range out {
		out[i].flush()
	}
	return out
}

// hourSum collects what is recorded in one hour. Runs are packed as uvarints: microseconds since the end of the run
// before, or since the hour began, and microseconds of the run. Only what truly meets is one run: whoever reads them
// decides what small holes mean, after clipping.
type hourSum struct {
	bytes int64
	runs  []byte

	packed     int64 // microseconds of the hour that runs describes
	start, end int64 // the run that still grows, in microseconds of the hour
}

func (h *hourSum) add(start, end int64) {
	if start > h.end || h.start == h.end {
		h.flush()
		h.start, h.end = start, end
		return
	}
	h.end = max(h.end, end)
}

func (h *hourSum) flush() {
	if h.start < h.end {
		h.runs = binary.AppendUvarint(h.runs, uint64(h.start-h.packed))
		h.runs = binary.AppendUvarint(h.runs, uint64(h.end-h.start))
		h.packed, h.start = h.end, h.end
	}
}

var errRuns = errors.New("the packed runs are damaged; delete the recordings' .cursor to have the index made anew")

// unpackRuns calls f for each run of an hour that begins at base, in microseconds.
func unpackRuns(b []byte, base int64, f func(start, end int64)) error {
	at := base
	for len(b) > 0 {
		skip, n := binary.Uvarint(b)
		if n <= 0 || skip > hourUS {
			return errRuns
		}
		length, m := binary.Uvarint(b[n:])
		if m <= 0 || length > hourUS {
			return errRuns
		}
		start := at + int64(skip)
		at = start + int64(length)
		if at > base+hourUS {
			return errRuns
		}
		f(start, at)
		b = b[n+m:]
	}
	return nil
}
