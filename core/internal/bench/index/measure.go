package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

const (
	rounds = 200
	goal   = 20 * time.Millisecond
	floor  = "the floor: SELECT 1" // what a round trip costs, to compare the others with
)

// question is what a screen or a planner asks. ask returns how many rows the answer had.
type question struct {
	name string
	goal bool // p99 is to stay within the goal
	ask  func(ctx context.Context, rng *rand.Rand) (int, error)
}

func (b *bench) questions(s *seeker) []question {
	var streams []nvr.StreamID
	var ids []nvr.CameraID
	for c := range cameras {
		streams, ids = append(streams, stream(c)), append(ids, stream(c).Camera)
	}
	one := func(rng *rand.Rand) nvr.StreamID { return streams[rng.IntN(cameras)] }
	runs := func(ctx context.Context, s []nvr.StreamID, r nvr.TimeRange) (n int, err error) {
		all, err := b.store.Runs(ctx, s, r)
		for _, runs := range all {
			n += len(runs)
		}
		return n, err
	}
	gaps := func(ctx context.Context, r nvr.TimeRange) (n int, err error) {
		all, err := b.store.GapsOf(ctx, streams, r)
		for _, gaps := range all {
			n += len(gaps)
		}
		return n, err
	}
	density := func(r nvr.TimeRange, width time.Duration) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			found, err := b.store.EventDensity(ctx, ids, r, width)
			return len(found), err
		}
	}
	singles := func(ctx context.Context, r nvr.TimeRange) (int, error) {
		found, err := b.store.TimelineEvents(ctx, ids, r)
		return len(found), err
	}
	recordings := func(ctx context.Context, s nvr.StreamID, r nvr.TimeRange) (int, error) {
		found, err := b.store.Recordings(ctx, s, r)
		return len(found), err
	}
	month := nvr.TimeRange{Start: b.start.AddDate(0, 0, max(0, b.days-31)), End: b.start.AddDate(0, 0, b.days)}
	return []question{
		{floor, false, func(ctx context.Context, _ *rand.Rand) (n int, err error) {
			return n, b.store.Pool().QueryRow(ctx, "SELECT 1").Scan(&n)
		}},
		{"timeline of a day, 16 cameras: runs, gaps, density per 5 min", true, func(ctx context.Context, rng *rand.Rand) (int, error) {
			day := b.span(rng, 24*time.Hour)
			return together(ctx, func(ctx context.Context) (int, error) { return runs(ctx, streams, day) },
				func(ctx context.Context) (int, error) { return gaps(ctx, day) }, density(day, 5*time.Minute))
		}},
		{"timeline of a day, 16 cameras: runs, gaps, single events", true, func(ctx context.Context, rng *rand.Rand) (int, error) {
			day := b.span(rng, 24*time.Hour)
			return together(ctx, func(ctx context.Context) (int, error) { return runs(ctx, streams, day) },
				func(ctx context.Context) (int, error) { return gaps(ctx, day) }, func(ctx context.Context) (int, error) { return singles(ctx, day) })
		}},
		{"- runs", true, func(ctx context.Context, rng *rand.Rand) (int, error) {
			return runs(ctx, streams, b.span(rng, 24*time.Hour))
		}},
		{"- gaps", true, func(ctx context.Context, rng *rand.Rand) (int, error) { return gaps(ctx, b.span(rng, 24*time.Hour)) }},
		{"- single events", true, func(ctx context.Context, rng *rand.Rand) (int, error) { return singles(ctx, b.span(rng, 24*time.Hour)) }},
		{"- density per 5 min", true, func(ctx context.Context, rng *rand.Rand) (int, error) {
			return density(b.span(rng, 24*time.Hour), 5*time.Minute)(ctx)
		}},
		{"- density per hour", true, func(ctx context.Context, rng *rand.Rand) (int, error) {
			return density(b.span(rng, 24*time.Hour), time.Hour)(ctx)
		}},
		{"single events of an hour, 16 cameras", true, func(ctx context.Context, rng *rand.Rand) (int, error) { return singles(ctx, b.span(rng, time.Hour)) }},
		{"density of a month per day, 16 cameras", false, func(ctx context.Context, _ *rand.Rand) (int, error) { return density(month, 24*time.Hour)(ctx) }},
		{"coverage of a month, 1 camera", true, func(ctx context.Context, rng *rand.Rand) (int, error) {
			return runs(ctx, []nvr.StreamID{one(rng)}, month)
		}},
		{"coverage of a month, 16 cameras", false, func(ctx context.Context, _ *rand.Rand) (int, error) { return runs(ctx, streams, month) }},
		{"playlist rows of an hour", true, func(ctx context.Context, rng *rand.Rand) (int, error) {
			return recordings(ctx, one(rng), b.span(rng, time.Hour))
		}},
		{"playlist rows of 24 hours", true, func(ctx context.Context, rng *rand.Rand) (int, error) {
			return recordings(ctx, one(rng), b.span(rng, 24*time.Hour))
		}},
		{"seek: playlist of 10 minutes, init and one segment read (rows: bytes)", true, s.seek},
		{"interest of a day, 1 camera", true, func(ctx context.Context, rng *rand.Rand) (int, error) {
			found, err := b.store.Interest(ctx, one(rng).Camera, b.span(rng, 24*time.Hour))
			return len(found), err
		}},
		{"newest 50 events", true, func(ctx context.Context, _ *rand.Rand) (int, error) {
			found, _, err := b.store.Events(ctx, nvr.EventFilter{Limit: 50})
			return len(found), err
		}},
		{"labels", true, func(ctx context.Context, _ *rand.Rand) (int, error) {
			found, err := b.store.Labels(ctx)
			return len(found), err
		}},
		{"bytes per camera", true, func(ctx context.Context, _ *rand.Rand) (int, error) {
			found, err := b.store.RecordedBytes(ctx)
			return len(found), err
		}},
	}
}

// span returns a random stretch of what is filled, not aligned to anything.
func (b *bench) span(rng *rand.Rand, d time.Duration) nvr.TimeRange {
	start := b.start.Add(time.Duration(rng.Int64N(int64(time.Duration(b.days)*24*time.Hour - d + 1))))
	return nvr.TimeRange{Start: start, End: start.Add(d)}
}

// together asks everything at the same time, as the timeline of the API does.
func together(ctx context.Context, parts ...func(context.Context) (int, error)) (int, error) {
	var total atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for _, f := range parts {
		g.Go(func() error {
			n, err := f(ctx)
			total.Add(int64(n))
			return err
		})
	}
	err := g.Wait()
	return int(total.Load()), err
}

func (b *bench) measure(ctx context.Context) error {
	var recs, events int64
	if err := b.store.Pool().QueryRow(ctx, "SELECT (SELECT count(*) FROM recordings), (SELECT count(*) FROM events)").Scan(&recs, &events); err != nil {
		return err
	}
	fmt.Printf("%d days, %d cameras: %d recordings, %d segments, %d events; %d rounds; load %s\n\n", b.days, cameras, recs, recs*fileSegments, events, rounds, load())
	fmt.Printf("| question | rows | p50 ms | p99 ms | worst ms | goal %d ms |\n|---|---:|---:|---:|---:|---|\n", goal.Milliseconds())
	dir, err := os.MkdirTemp("", "nightjar-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	seeker, err := b.newSeeker(ctx, dir)
	if err != nil {
		return fmt.Errorf("write files to seek in: %w", err)
	}
	for _, q := range b.questions(seeker) {
		rng := rand.New(rand.NewPCG(7, 11))
		var took []time.Duration
		rows := 0
		for range rounds {
			began := time.Now()
			n, err := q.ask(ctx, rng)
			if err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			took, rows = append(took, time.Since(began)), rows+n
		}
		slices.Sort(took)
		p99, verdict := took[rounds*99/100], ""
		if q.goal {
			verdict = "met"
			if p99 > goal {
				verdict = "missed"
			}
		}
		fmt.Printf("| %s | %d | %s | %s | %s | %s |\n", q.name, rows/rounds, ms(took[rounds/2]), ms(p99), ms(took[rounds-1]), verdict)
	}
	fmt.Printf("\nload afterwards %s\n", load())
	return nil
}

// load returns how busy the machine is: the averages of 1, 5 and 15 minutes.
func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("%.14s", b)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }

// inserts measures what a rebuild of the index and the running recorder cost.
func (b *bench) inserts(ctx context.Context) error {
	fmt.Println()
	for _, batch := range []int{500, 2000} {
		rows, began := 0, time.Now()
		for c := range 16 {
			s := nvr.StreamID{Camera: nvr.CameraID(fmt.Sprintf("rebuild_%d_%d", batch, c)), Role: nvr.Main}
			for at := 0; at < 2880; at += batch { // a day's journal, as the feeder reads it
				var recs []index.Recording
				for i := at; i < min(at+batch, 2880); i++ {
					recs = append(recs, recording(s, b.start.Add(time.Duration(i)*fileLength)))
				}
				if err := b.store.AddRecordings(ctx, recs); err != nil {
					return err
				}
				rows += len(recs)
			}
		}
		fmt.Printf("rebuild in batches of %d: %.0f recordings/s (goal 20000)\n", batch, float64(rows)/time.Since(began).Seconds())
	}
	var took []time.Duration
	for i := range rounds {
		var recs []index.Recording
		for c := range cameras {
			s := stream(c)
			s.Role = nvr.Sub
			recs = append(recs, recording(s, b.start.AddDate(0, 0, b.days-1).Add(time.Duration(i)*fileLength)))
		}
		began := time.Now()
		if err := b.store.AddRecordings(ctx, recs); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	fmt.Printf("one file of each of 16 cameras: p50 %s ms, p99 %s ms\n", ms(took[rounds/2]), ms(took[rounds*99/100]))
	took = took[:0]
	for i := range rounds {
		e := nvr.Event{
			ID: fmt.Sprintf("01900000-0000-7000-8000-%012x", i), Camera: stream(i % cameras).Camera, Kind: nvr.EventObject, Label: "person",
			Start: b.start.Add(time.Duration(i) * time.Second), Revision: 1,
		}
		began := time.Now()
		if err := b.store.SaveEvent(ctx, e, nil); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	fmt.Printf("saving a new event: p50 %s ms, p99 %s ms\n", ms(took[rounds/2]), ms(took[rounds*99/100]))
	began := time.Now()
	n, err := b.store.DeleteEventsBefore(ctx, stream(0).Camera, b.start.AddDate(0, 0, 1))
	if err != nil {
		return err
	}
	fmt.Printf("forgetting a day of a camera's events: %d in %s ms\n", n, ms(time.Since(began)))
	return nil
}

func (b *bench) sizes(ctx context.Context) error {
	fmt.Printf("\n| table | rows | MB of rows | MB of indexes |\n|---|---:|---:|---:|\n")
	rows, err := b.store.Pool().Query(ctx, `SELECT regexp_replace(relname, '_\d{8}$', ''), sum(greatest(reltuples, 0))::bigint, sum(pg_table_size(oid)) / 1e6, sum(pg_indexes_size(oid)) / 1e6
		FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace GROUP BY 1 HAVING sum(pg_table_size(oid)) > 1e6 ORDER BY 3 DESC`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var n int64
		var heap, indexes float64
		if err := rows.Scan(&name, &n, &heap, &indexes); err != nil {
			return err
		}
		fmt.Printf("| %s | %d | %.0f | %.0f |\n", name, n, heap, indexes)
	}
	return rows.Err()
}
