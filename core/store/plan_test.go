package store

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

const (
	planCameras = 8
	planDays    = 6 // of recordings and events; the summaries cover more, as they do where they matter
)

func planStart() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }

// planFill makes a database of which the planner's statistics look like those of a real one: about 140,000 recordings,
// 120,000 events, 85,000 hours of events, 57,000 hours of coverage.
var planFill = []string{
	`INSERT INTO recordings SELECT 'cam' || c, 'main', $1::bigint + i::bigint * 30000000, 30000000, 'cam' || c || '/main/2026-03-01/00/' || i || '.mp4', 15000000, 900, i,
		'avc1.640028', 1920, 1080, '\x0100006464', false, false FROM generate_series(0, $3::int * 2880 - 1) AS i, generate_series(1, $2::int) AS c`,
	`INSERT INTO coverage SELECT 'cam' || c, r, $1::bigint / 3600000000 + h, 1800000000, '\x0064' FROM generate_series(0, 74 * 24 - 1) AS h, generate_series(1, 2 * $2::int) AS c,
		unnest(ARRAY['main', 'sub']) AS r WHERE $3::int > 0`,
	`INSERT INTO gaps SELECT 'cam' || c, 'main', $1::bigint + i::bigint * 600000000, $1::bigint + i::bigint * 600000000 + 5000000, 'loss' FROM generate_series(0, 74 * 144) AS i, generate_series(1, $2::int) AS c WHERE $3::int > 0`,
	`INSERT INTO motion_spans SELECT 'cam' || c, t, t + interval '20 s' FROM generate_series(0, $3::int * 288) AS i, generate_series(1, $2::int) AS c,
		LATERAL (SELECT to_timestamp($1::bigint / 1000000 + i * 300) AS t) AS x`,
	`INSERT INTO motion_maps SELECT 'cam' || c, t, t + interval '599 s', '\x' FROM generate_series(0, $3::int * 144) AS i, generate_series(1, $2::int) AS c,
		LATERAL (SELECT to_timestamp($1::bigint / 1000000 + i * 600) AS t) AS x`,
	`ALTER TABLE events DISABLE TRIGGER events_added`,
	`INSERT INTO events (id, camera, kind, label, start_at, end_at) SELECT gen_random_uuid(), 'cam' || (i % $2::int + 1), 'object', (ARRAY['person', 'car', 'dog'])[1 + i % 3], t,
		CASE WHEN i % 40000 > 0 THEN t + CASE WHEN i % 5000 = 1 THEN interval '2 days' WHEN i % 100 = 1 THEN interval '20 min' ELSE interval '15 s' END END
		FROM generate_series(0, $3::int * 20000) AS i, LATERAL (SELECT to_timestamp($1::bigint / 1000000 + i * 4.32) AS t) AS x`,
	`ALTER TABLE events ENABLE TRIGGER events_added`,
	`INSERT INTO event_hours SELECT 'cam' || c, $1::bigint / 3600000000 + h, l, 120, decode(repeat('00000002', 60), 'hex') FROM generate_series(0, 74 * 24 - 1) AS h, generate_series(1, 2 * $2::int) AS c,
		unnest(ARRAY['person', 'car', 'dog']) AS l WHERE $3::int > 0`,
	`ANALYZE`,
}

// TestPlans looks at how PostgreSQL would answer the questions that a screen or a deletion waits for: no table that grows
// is read as a whole, and only the partitions of the days in question.
func TestPlans(t *testing.T) {
	s := open(t)
	var days []int64
	for d := range planDays {
		days = append(days, dayOf(planStart().AddDate(0, 0, d).UnixMicro()))
	}
	if err := s.addPartitions(t.Context(), days); err != nil {
		t.Fatal(err)
	}
	for _, sql := range planFill {
		var args []any
		if strings.Contains(sql, "$3") {
			args = []any{planStart().UnixMicro(), planCameras, planDays}
		}
		if _, err := s.pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	x := spyOn(t, s)

	cam, noon := front, planStart().AddDate(0, 0, 4).Add(12*time.Hour)
	cam.Camera = "cam3"
	var streams []nvr.StreamID
	var cameras []nvr.CameraID
	for _, c := range []nvr.CameraID{"cam1", "cam2", "cam3", "cam4", "cam5", "cam6", "cam7", "cam8"} {
		streams, cameras = append(streams, nvr.StreamID{Camera: c, Role: nvr.Main}), append(cameras, c)
	}
	hour := nvr.TimeRange{Start: noon, End: noon.Add(time.Hour)}
	day := nvr.TimeRange{Start: noon.Add(-12 * time.Hour), End: noon.Add(12 * time.Hour)}
	month := nvr.TimeRange{Start: planStart(), End: planStart().AddDate(0, 0, 31)}
	starts := []time.Time{noon, noon.Add(30 * time.Second), noon.Add(time.Minute)}
	for _, c := range []struct {
		name       string
		ask        func(context.Context) error
		partitions int      // at most
		indexes    []string // all of these
	}{
		{"an hour's recordings", func(ctx context.Context) error { _, err := x.Recordings(ctx, cam, hour); return err }, 1, nil},
		{"a day's recordings", func(ctx context.Context) error { _, err := x.Recordings(ctx, cam, day); return err }, 2, nil},
		{"placing", func(ctx context.Context) error { return x.Place(ctx, cam, starts, true, false) }, 1, nil},
		{"removing", func(ctx context.Context) error { return x.RemoveRecordings(ctx, cam, starts) }, 1, nil},
		{"an hour's summary", func(ctx context.Context) error {
			return summarizeOne(ctx, x, hourRange{cam, hourOf(noon.UnixMicro()), hourOf(noon.UnixMicro())})
		}, 1, nil},
		{"a day's runs", func(ctx context.Context) error { _, err := x.Runs(ctx, streams, day); return err }, 0, []string{"coverage_pkey"}},
		{"a month's runs", func(ctx context.Context) error { _, err := x.Runs(ctx, streams[:1], month); return err }, 0, []string{"coverage_pkey"}},
		{"gaps", func(ctx context.Context) error { _, err := x.Gaps(ctx, cam, day); return err }, 0, []string{"gaps_pkey", "gaps_long"}},
		{"gaps of all cameras", func(ctx context.Context) error { _, err := x.GapsOf(ctx, streams, day); return err }, 0, []string{"gaps_pkey", "gaps_long"}},
		{
			"a day's events", func(ctx context.Context) error { _, err := x.TimelineEvents(ctx, cameras, day); return err }, 0,
			[]string{"events_camera_start", "events_long", "events_endless", "events_ongoing"},
		},
		{"a day's density by 5 min", func(ctx context.Context) error {
			_, err := x.EventDensity(ctx, cameras, day, 5*time.Minute)
			return err
		}, 0, []string{"event_hours_pkey"}},
		{"a day's density by 1 h", func(ctx context.Context) error { _, err := x.EventDensity(ctx, cameras, day, time.Hour); return err }, 0, []string{"event_hours_pkey"}},
		{"an hour's density by 5 s", func(ctx context.Context) error {
			_, err := x.EventDensity(ctx, cameras[:1], hour, 5*time.Second)
			return err
		}, 0, []string{"events_camera_start"}},
		{"labels", func(ctx context.Context) error { _, err := x.Labels(ctx); return err }, 0, []string{"event_hours_label"}},
		{"a day's interest", func(ctx context.Context) error { _, err := x.Interest(ctx, "cam3", day); return err }, 0, []string{"motion_spans_pkey", "events_camera_start"}},
		{"forgetting events", func(ctx context.Context) error {
			_, err := x.DeleteEventsBefore(ctx, "cam3", planStart().Add(time.Hour))
			return err
		}, 0, []string{"events_camera_start", "events_pkey"}},
		{"forgetting motion", func(ctx context.Context) error {
			_, err := x.DeleteMotionBefore(ctx, "cam3", planStart().Add(time.Hour))
			return err
		}, 0, []string{"motion_spans_pkey", "motion_maps_pkey"}},
		{"a day's motion maps", func(ctx context.Context) error { _, err := x.MotionRecords(ctx, "cam3", day); return err }, 0, []string{"motion_maps_pkey"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			plans := x.plans(t, c.ask)
			var partitions, indexes []string
			for _, p := range plans {
				p.walk(func(n planNode) {
					if n.Type == "Seq Scan" && !strings.HasPrefix(n.Relation, "pg_") && n.Relation != "changed" {
						t.Errorf("reads all of %s", n.Relation)
					}
					if strings.HasPrefix(n.Relation, partitionPrefix) && !slices.Contains(partitions, n.Relation) {
						partitions = append(partitions, n.Relation)
					}
					indexes = append(indexes, n.Index)
				})
			}
			if len(partitions) > c.partitions {
				t.Errorf("reads partitions %v, want %d", partitions, c.partitions)
			}
			for _, want := range c.indexes {
				if !slices.Contains(indexes, want) {
					t.Errorf("does not use %s but %v", want, indexes)
				}
			}
			if t.Failed() {
				for _, p := range plans {
					b, _ := json.MarshalIndent(p, "", " ")
					t.Logf("%s", b)
				}
			}
		})
	}
}

func summarizeOne(ctx context.Context, x *spy, r hourRange) error {
	return summarize(ctx, x.q, []hourRange{r})
}

// spy is a store whose statements are noted.
type spy struct {
	*Store
	mu   sync.Mutex
	said []statement
}

type statement struct {
	sql  string
	args []any
}

func spyOn(t *testing.T, s *Store) *spy {
	t.Helper()
	x := &spy{}
	cfg := s.pool.Config()
	cfg.ConnConfig.Tracer = x
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	x.Store = &Store{pool: pool, q: dbsqlc.New(pool), days: make(map[int64]bool)}
	return x
}

func (x *spy) note(sql string, args []any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if strings.Contains(sql, "-- name: ") {
		x.said = append(x.said, statement{sql, args})
	}
}

func (x *spy) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	x.note(d.SQL, d.Args)
	return ctx
}

func (x *spy) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (x *spy) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (x *spy) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	x.note(d.SQL, d.Args)
}
func (x *spy) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// plans returns the plans of the statements that ask makes.
func (x *spy) plans(t *testing.T, ask func(context.Context) error) []planNode {
	t.Helper()
	x.said = nil
	if err := ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	said := x.said
	if len(said) == 0 {
		t.Fatal("no statement was noted")
	}
	var out []planNode
	for _, st := range said {
		var answer []struct {
			Plan planNode `json:"Plan"`
		}
		if err := x.pool.QueryRow(t.Context(), "EXPLAIN (FORMAT JSON) "+st.sql, st.args...).Scan(&answer); err != nil {
			t.Fatalf("explain %s: %v", st.sql, err)
		}
		out = append(out, answer[0].Plan)
	}
	return out
}

type planNode struct {
	Type     string     `json:"Node Type"`
	Relation string     `json:"Relation Name,omitempty"`
	Index    string     `json:"Index Name,omitempty"`
	Rows     float64    `json:"Plan Rows"`
	Plans    []planNode `json:"Plans,omitempty"`
}

func (n planNode) walk(f func(planNode)) {
	f(n)
	for _, p := range n.Plans {
		p.walk(f)
	}
}
