package httpapi

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// maxTimelineSpan bounds one timeline request.
const maxTimelineSpan = 32 * 24 * time.Hour

var eventKinds = []nvr.EventKind{nvr.EventObject, nvr.EventMotion, nvr.EventCamera, nvr.EventManual, nvr.EventSound}

// Timeline is a time range as columns. Every start is in milliseconds, delta coded: the first relative to from, each
// further one to the one before it. A day of 16 busy cameras is about 300 KB, a twentieth of rows of objects.
type Timeline struct {
	From   int64    `json:"from" doc:"UTC milliseconds"`
	To     int64    `json:"to" doc:"UTC milliseconds"`
	Labels []string `json:"labels" nullable:"false"`
	Kinds  []string `json:"kinds" nullable:"false"`
	// Severities is the same in every answer.
	Severities []string         `json:"severities" nullable:"false" doc:"Of alerts, least first; the first is empty: no alert"`
	Cameras    []TimelineCamera `json:"cameras" nullable:"false"`
}

// TimelineCamera is one row of the timeline.
type TimelineCamera struct {
	ID         string         `json:"id"`
	Recordings TimelineRuns   `json:"recordings"`
	Gaps       TimelineGaps   `json:"gaps"`
	Events     TimelineEvents `json:"events"`
	// Density replaces Events where buckets were asked for.
	Density *TimelineDensity `json:"density,omitempty"`
}

// TimelineDensity is how many events began per bucket.
type TimelineDensity struct {
	Start []int64 `json:"start" nullable:"false"`
	Count []int   `json:"count" nullable:"false"`
	Label []int   `json:"label" nullable:"false" doc:"Index into labels"`
}

// TimelineRuns are recorded runs.
type TimelineRuns struct {
	Start    []int64 `json:"start" nullable:"false"`
	Duration []int64 `json:"duration" nullable:"false" doc:"Milliseconds"`
}

// TimelineGaps are intervals without recording.
type TimelineGaps struct {
	Start    []int64  `json:"start" nullable:"false"`
	Duration []int64  `json:"duration" nullable:"false"`
	Reason   []string `json:"reason" nullable:"false"`
	Detail   []string `json:"detail" nullable:"false" doc:"One sentence for a person each, may be empty"`
}

// TimelineEvents are events.
type TimelineEvents struct {
	ID       []string `json:"id" nullable:"false"`
	Start    []int64  `json:"start" nullable:"false"`
	Duration []int64  `json:"duration" nullable:"false" doc:"Milliseconds, -1 while it goes on"`
	Label    []int    `json:"label" nullable:"false" doc:"Index into labels"`
	Kind     []int    `json:"kind" nullable:"false" doc:"Index into kinds"`
	Score    []int    `json:"score" nullable:"false" doc:"0 to 100"`
	Severity []int    `json:"severity" nullable:"false" doc:"Index into severities: 0 where the event is no alert"`
}

// delta codes a column of UTC milliseconds.
type delta struct{ last int64 }

func (d *delta) next(t time.Time) int64 {
	ms := t.UnixMilli()
	v := ms - d.last
	d.last = ms
	return v
}

func (s *Server) registerTimeline() {
	type input struct {
		Cameras []string `query:"cameras" doc:"All when absent" maxItems:"256"`
		From    int64    `query:"from" required:"true" doc:"UTC milliseconds"`
		To      int64    `query:"to" required:"true" doc:"UTC milliseconds"`
		Bucket  int64    `query:"bucket" minimum:"1000" maximum:"86400000" doc:"Milliseconds: count events per bucket instead of listing them, for wide ranges"`
	}
	type output struct{ Body Timeline }
	register(s, operation{method: "GET", path: "/timeline", id: "getTimeline", tag: "timeline", summary: "Recordings, gaps and events of a time range, as columns", access: accessViewer},
		func(ctx context.Context, in *input) (*output, error) {
			r, err := spanOf(in.From, in.To, maxTimelineSpan)
			if err != nil {
				return nil, err
			}
			ids, err := s.timelineCameras(in.Cameras)
			if err != nil {
				return nil, err
			}
			t, err := s.timeline(ctx, ids, r, time.Duration(in.Bucket)*time.Millisecond)
			return &output{Body: t}, err
		})
}

func (s *Server) timelineCameras(names []string) ([]nvr.CameraID, error) {
	var ids []nvr.CameraID
	for _, c := range s.cameras() {
		if len(names) == 0 || slices.Contains(names, c.ID) {
			ids = append(ids, nvr.CameraID(c.ID))
		}
	}
	if len(names) > 0 && len(ids) == 0 {
		return nil, &nvr.Error{Code: nvr.CodeNotFound, Message: "none of these cameras exists"}
	}
	return ids, nil
}

func (s *Server) timeline(ctx context.Context, ids []nvr.CameraID, r nvr.TimeRange, bucket time.Duration) (Timeline, error) {
	t := Timeline{From: r.Start.UnixMilli(), To: r.End.UnixMilli(), Labels: []string{}, Cameras: make([]TimelineCamera, 0, len(ids))}
	t.Severities = []string{"", string(nvr.SeverityLow), string(nvr.SeverityNormal), string(nvr.SeverityHigh)} // by rank
	for _, k := range eventKinds {
		t.Kinds = append(t.Kinds, string(k))
	}
	streams := make([]nvr.StreamID, len(ids))
	for i, id := range ids {
		streams[i] = nvr.StreamID{Camera: id, Role: nvr.Main}
	}
	// What is recorded and what happened come from different tables: who waits for the first waits for the second as well.
	var covered map[nvr.StreamID]Coverage
	var addHappened func(*Timeline)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		covered, err = s.deps.Playback.Coverage(ctx, streams, r)
		return err
	})
	g.Go(func() (err error) {
		if bucket > 0 {
			addHappened, err = s.density(ctx, ids, r, bucket)
		} else {
			addHappened, err = s.events(ctx, ids, r)
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return Timeline{}, err
	}
	for _, st := range streams {
		c := covered[st]
		t.Cameras = append(t.Cameras, TimelineCamera{
			ID: string(st.Camera), Recordings: runColumns(r.Start, c.Runs), Gaps: gapColumns(r.Start, c.Gaps), Events: eventColumns(r.Start, nil, nil),
		})
	}
	addHappened(&t)
	return t, nil
}

// labelIndex returns a function that numbers labels in t.
func (t *Timeline) labelIndex() func(string) int {
	known := map[string]int{}
	return func(label string) int {
		i, ok := known[label]
		if !ok {
			i = len(t.Labels)
			known[label], t.Labels = i, append(t.Labels, label)
		}
		return i
	}
}

// events asks for single events and returns what adds them to a timeline.
func (s *Server) events(ctx context.Context, ids []nvr.CameraID, r nvr.TimeRange) (func(*Timeline), error) {
	events, err := s.deps.Events.TimelineEvents(ctx, ids, r)
	if err != nil {
		return nil, err
	}
	return func(t *Timeline) {
		mine := make(map[nvr.CameraID][]nvr.TimelineEvent, len(ids))
		for _, e := range events {
			mine[e.Camera] = append(mine[e.Camera], e)
		}
		label := t.labelIndex()
		for i := range t.Cameras {
			t.Cameras[i].Events = eventColumns(r.Start, mine[nvr.CameraID(t.Cameras[i].ID)], label)
		}
	}, nil
}

// density asks how many events begin per bucket and returns what adds that to a timeline.
func (s *Server) density(ctx context.Context, ids []nvr.CameraID, r nvr.TimeRange, bucket time.Duration) (func(*Timeline), error) {
	buckets, err := s.deps.Events.EventDensity(ctx, ids, r, bucket)
	if err != nil {
		return nil, err
	}
	return func(t *Timeline) {
		label := t.labelIndex()
		rows := make(map[nvr.CameraID]*TimelineDensity, len(ids))
		last := make(map[nvr.CameraID]*delta, len(ids))
		for i := range t.Cameras {
			id := nvr.CameraID(t.Cameras[i].ID)
			rows[id], last[id] = &TimelineDensity{Start: []int64{}, Count: []int{}, Label: []int{}}, &delta{r.Start.UnixMilli()}
			t.Cameras[i].Density = rows[id]
		}
		for _, b := range buckets {
			if d := rows[b.Camera]; d != nil {
				d.Start = append(d.Start, last[b.Camera].next(b.Start))
				d.Count = append(d.Count, b.Count)
				d.Label = append(d.Label, label(b.Label))
			}
		}
	}, nil
}

func runColumns(from time.Time, runs []nvr.TimeRange) TimelineRuns {
	out := TimelineRuns{Start: make([]int64, len(runs)), Duration: make([]int64, len(runs))}
	d := delta{from.UnixMilli()}
	for i, r := range runs {
		out.Start[i], out.Duration[i] = d.next(r.Start), r.Duration().Milliseconds()
	}
	return out
}

func gapColumns(from time.Time, gaps []Gap) TimelineGaps {
	out := TimelineGaps{Start: make([]int64, len(gaps)), Duration: make([]int64, len(gaps)), Reason: make([]string, len(gaps)), Detail: make([]string, len(gaps))}
	d := delta{from.UnixMilli()}
	for i, g := range gaps {
		out.Start[i], out.Duration[i], out.Reason[i], out.Detail[i] = d.next(g.Start), g.Duration().Milliseconds(), g.Reason, g.Detail
	}
	return out
}

func eventColumns(from time.Time, events []nvr.TimelineEvent, label func(string) int) TimelineEvents {
	n := len(events)
	out := TimelineEvents{
		ID: make([]string, n), Start: make([]int64, n), Duration: make([]int64, n),
		Label: make([]int, n), Kind: make([]int, n), Score: make([]int, n), Severity: make([]int, n),
	}
	d := delta{from.UnixMilli()}
	for i, e := range events {
		out.ID[i], out.Start[i], out.Duration[i] = e.ID, d.next(e.Start), -1
		if !e.End.IsZero() {
			out.Duration[i] = e.End.Sub(e.Start).Milliseconds()
		}
		out.Label[i], out.Kind[i] = label(e.Label), max(0, slices.Index(eventKinds, e.Kind))
		out.Score[i], out.Severity[i] = int(e.TopScore*100+0.5), e.Severity.Rank()
	}
	return out
}
