package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

const (
	// maxTimelineEvents bounds a timeline of single events: more are a smear on any screen, and what EventDensity is for.
	maxTimelineEvents = 3000
	// maxBuckets bounds how finely a range may be divided: more than the pixels of a wide screen.
	maxBuckets = 4000
	minBucket  = time.Second
)

// TimelineEvents returns the events of the cameras that overlap r, ordered by camera and start. Of each camera at most
// its share of 3,000 is returned, the newest.
func (s *Store) TimelineEvents(ctx context.Context, cameras []nvr.CameraID, r nvr.TimeRange) ([]nvr.TimelineEvent, error) {
	if len(cameras) == 0 {
		return nil, nil
	}
	backwards := camerasText(cameras)
	slices.SortFunc(backwards, func(a, b string) int { return strings.Compare(b, a) })
	rows, err := s.q.EventsForTimeline(ctx, dbsqlc.EventsForTimelineParams{
		Cameras: backwards, Since: r.Start, Until: r.End, PerCamera: int32(max(1, maxTimelineEvents/len(cameras))),
	})
	if err != nil {
		return nil, fmt.Errorf("find events for the timeline: %w", err)
	}
	out := make([]nvr.TimelineEvent, len(rows))
	for i, e := range rows {
		out[i] = nvr.TimelineEvent{
			ID: e.ID, Camera: nvr.CameraID(e.Camera), Kind: nvr.EventKind(e.Kind), Label: e.Label,
			Start: e.StartAt.UTC(), End: timeOrZero(e.EndAt), TopScore: e.TopScore, Severity: nvr.Severity(e.Severity),
		}
	}
	slices.Reverse(out) // in order now, as PostgreSQL goes through the cameras one by one; the next line does not rely on it
	slices.SortFunc(out, func(a, b nvr.TimelineEvent) int {
		if c := strings.Compare(string(a.Camera), string(b.Camera)); c != 0 {
			return c
		}
		return a.Start.Compare(b.Start)
	})
	return out, nil
}

// EventDensity counts the events of the cameras that begin in r, per bucket and label, ordered by camera, start and
// label; empty buckets are left out. Buckets begin at multiples of their width since 1970 UTC, and r is widened to whole
// ones, so that the same moment is counted the same whatever the range. Whole hours are the cheapest, then whole minutes.
// CodeInvalid: r holds more than 4,000 buckets, or a bucket is shorter than a second.
func (s *Store) EventDensity(ctx context.Context, cameras []nvr.CameraID, r nvr.TimeRange, bucket time.Duration) ([]nvr.EventBucket, error) {
	if bucket < minBucket || bucket%time.Millisecond != 0 {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("a bucket of %s is not possible, want at least a second and whole milliseconds", bucket)}
	}
	if n := int64(r.Duration() / bucket); n > maxBuckets {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("the range holds %d buckets, want at most %d: ask for wider ones", n, maxBuckets)}
	}
	d := density{
		cameras: camerasText(cameras), width: bucket, counts: make(map[nvr.CameraID]map[string][]int),
		first: max(0, floorDiv(r.Start.UnixMilli(), bucket.Milliseconds())), end: max(0, -floorDiv(-r.End.UnixMilli(), bucket.Milliseconds())),
	}
	var err error
	switch {
	case bucket%time.Hour == 0:
		err = d.fromHours(ctx, s.q)
	case bucket%time.Minute == 0:
		err = d.fromMinutes(ctx, s.q)
	default:
		err = d.fromEvents(ctx, s.q)
	}
	if err != nil {
		return nil, fmt.Errorf("count events: %w", err)
	}
	return d.buckets(), nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// density is one answer in the making.
type density struct {
	cameras    []string
	width      time.Duration
	first, end int64 // number of the first bucket and of the one after the last
	counts     map[nvr.CameraID]map[string][]int
}

// of returns the counts of one label of a camera, a number per bucket.
func (d *density) of(camera, label string) []int {
	labels := d.counts[nvr.CameraID(camera)]
	if labels == nil {
		labels = make(map[string][]int)
		d.counts[nvr.CameraID(camera)] = labels
	}
	if labels[label] == nil {
		labels[label] = make([]int, max(0, d.end-d.first))
	}
	return labels[label]
}

func (d *density) hours() (first, end int32) {
	us := d.width.Microseconds()
	return int32(hourOf(d.first * us)), int32(hourOf(d.end*us-1) + 1)
}

func (d *density) fromHours(ctx context.Context, q *dbsqlc.Queries) error {
	width := int32(min(d.width/time.Hour, maxHour))
	first, end := d.hours()
	rows, err := q.EventsPerHours(ctx, dbsqlc.EventsPerHoursParams{Cameras: d.cameras, Width: width, FirstHour: first, EndHour: end})
	for _, r := range rows {
		d.of(r.Camera, r.Label)[int64(r.Bucket/width)-d.first] = int(r.N)
	}
	return err
}

func (d *density) fromMinutes(ctx context.Context, q *dbsqlc.Queries) error {
	width := int64(d.width / time.Minute)
	first, end := d.hours()
	rows, err := q.EventsPerMinute(ctx, dbsqlc.EventsPerMinuteParams{Cameras: d.cameras, FirstHour: first, EndHour: end})
	for _, r := range rows {
		counts := d.of(r.Camera, r.Label)
		for m := range int64(len(r.Minutes) / 4) {
			if b := (int64(r.Hour)*60+m)/width - d.first; b >= 0 && b < int64(len(counts)) {
				counts[b] += int(binary.BigEndian.Uint32(r.Minutes[4*m:]))
			}
		}
	}
	return err
}

func (d *density) fromEvents(ctx context.Context, q *dbsqlc.Queries) error {
	ms := d.width.Milliseconds()
	rows, err := q.EventsPerBucket(ctx, dbsqlc.EventsPerBucketParams{
		Cameras: d.cameras, WidthMs: ms, Since: time.UnixMilli(d.first * ms), Until: time.UnixMilli(d.end * ms),
	})
	for _, r := range rows {
		d.of(r.Camera, r.Label)[r.Bucket-d.first] = int(r.N)
	}
	return err
}

func (d *density) buckets() []nvr.EventBucket {
	size := 0
	for _, labels := range d.counts {
		for _, counts := range labels {
			for _, n := range counts {
				size += min(n, 1)
			}
		}
	}
	out := make([]nvr.EventBucket, 0, size)
	for _, camera := range slices.Sorted(maps.Keys(d.counts)) {
		labels := slices.Sorted(maps.Keys(d.counts[camera]))
		counts := make([][]int, len(labels))
		for i, label := range labels {
			counts[i] = d.counts[camera][label]
		}
		for b := range int(d.end - d.first) {
			start := time.UnixMilli((d.first + int64(b)) * d.width.Milliseconds()).UTC()
			for i, label := range labels {
				if n := counts[i][b]; n > 0 {
					out = append(out, nvr.EventBucket{Camera: camera, Label: label, Start: start, Count: n})
				}
			}
		}
	}
	return out
}

// Labels returns every label that a stored event has, in order.
func (s *Store) Labels(ctx context.Context) ([]string, error) {
	out, err := s.q.EventLabels(ctx)
	if err != nil {
		return nil, fmt.Errorf("list labels: %w", err)
	}
	return out, nil
}
