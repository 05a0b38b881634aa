package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// bench is a filled database.
type bench struct {
	store *store.Store
	start time.Time // of the first day
	days  int
}

const (
	fileLength     = 30 * time.Second
	fileSegments   = 15
	hourRecordings = int(time.Hour / fileLength)
)

func stream(i int) nvr.StreamID {
	return nvr.StreamID{Camera: nvr.CameraID(fmt.Sprintf("camera_%02d", i)), Role: nvr.Main}
}

// recording is what a file of a camera with a key frame each 2 s and 4 Mbit/s leaves in the journal.
func recording(s nvr.StreamID, start time.Time) index.Recording {
	r := index.Recording{
		Stream: s, Start: start, Duration: fileLength, Path: fmt.Sprintf("%s/%s/%d.mp4", s, start.Format("2006-01-02/15"), start.UnixMilli()),
		Bytes: 15_000_900, InitBytes: 900, CRC: uint32(start.Unix()), Codecs: "avc1.640028,mp4a.40.2", Width: 1920, Height: 1080,
	}
	at := r.InitBytes
	for i := range fileSegments {
		seg := index.Segment{Offset: at, Bytes: 1_000_000, Start: time.Duration(i) * 2 * time.Second, Duration: 2 * time.Second}
		r.Segments, at = append(r.Segments, seg), at+seg.Bytes
	}
	return r
}

// fill lets PostgreSQL make the rows; what of them is packed, it copies from an hour that the store itself wrote.
func (b *bench) fill(ctx context.Context) error {
	began := time.Now()
	model := nvr.StreamID{Camera: "model", Role: nvr.Main}
	for d := range b.days {
		day := b.start.AddDate(0, 0, d)
		var recs []index.Recording
		var starts []time.Time
		for i := range hourRecordings {
			at := day.Add(time.Duration(i) * fileLength)
			recs, starts = append(recs, recording(model, at)), append(starts, at)
		}
		if err := b.store.AddRecordings(ctx, recs); err != nil { // makes the day's partition, too
			return err
		}
		if err := b.fillDay(ctx, day); err != nil {
			return err
		}
		if err := b.store.RemoveRecordings(ctx, model, starts); err != nil {
			return err
		}
		if err := b.holes(ctx, day); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "\rfilled %d of %d days", d+1, b.days)
	}
	fmt.Fprintln(os.Stderr)
	sorting := time.Now()
	if err := b.store.Maintain(ctx); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "days sorted in %s\n", time.Since(sorting).Round(time.Second))
	for _, sql := range []string{
		"UPDATE events SET end_at = NULL WHERE id IN (SELECT id FROM events ORDER BY start_at DESC LIMIT 16)",
		"VACUUM ANALYZE", "CHECKPOINT",
	} {
		if _, err := b.store.Pool().Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	fmt.Fprintf(os.Stderr, "filled in %s\n", time.Since(began).Round(time.Second))
	return nil
}

// dayFill makes a day's rows. $1 is its start, $2 the number of cameras, $3 the number of events.
var dayFill = []string{
	`INSERT INTO recordings SELECT c, role, us, duration_us, c || '/main/' || to_char(to_timestamp(us / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD/HH24') || '/' || us / 1000 || '.mp4',
		bytes, init_bytes, i, codecs, width, height, segments, false, false
	FROM (SELECT * FROM recordings WHERE camera = 'model' ORDER BY start_us LIMIT 1) AS model, generate_series(0, 2879) AS i,
		LATERAL (SELECT 'camera_' || lpad(n::text, 2, '0') AS c FROM generate_series(0, $2::int - 1) AS n) AS cams,
		LATERAL (SELECT extract(epoch FROM $1::timestamptz)::bigint * 1000000 + i::bigint * 30000000 AS us) AS t WHERE $3::int > 0`,
	`INSERT INTO coverage SELECT 'camera_' || lpad(n::text, 2, '0'), role, hour + h, bytes, runs
	FROM (SELECT * FROM coverage WHERE camera = 'model') AS model, generate_series(0, 23) AS h, generate_series(0, $2::int - 1) AS n WHERE $3::int > 0 AND $1::timestamptz > to_timestamp(0)`,
	`INSERT INTO motion_spans SELECT 'camera_' || lpad(n::text, 2, '0'), t, t + least(interval '20 s', date_trunc('hour', t) + interval '1 hour' - t)
	FROM generate_series(0, 1439) AS i, generate_series(0, $2::int - 1) AS n,
		LATERAL (SELECT $1::timestamptz + i * interval '1 min' + n * interval '1 s' AS t) AS x WHERE $3::int > 0`,
	`INSERT INTO events (id, camera, kind, label, start_at, end_at, score, top_score, has_snapshot)
	SELECT (lpad(to_hex((extract(epoch FROM t) * 1000)::bigint), 12, '0') || '7' || substr(h, 1, 3) || '8' || substr(h, 4, 15))::uuid,
		'camera_' || lpad((hashtext(h) & 2147483647) % $2::int || '', 2, '0'), 'object',
		(ARRAY['person', 'person', 'person', 'person', 'car', 'car', 'car', 'dog', 'cat', 'bicycle'])[1 + i % 10], t,
		t + CASE WHEN i % 10000 = 7 THEN interval '30 hours' WHEN i % 100 = 7 THEN interval '20 min' ELSE (5 + i % 50) * interval '1 s' END, 0.7, 0.9, true
	FROM generate_series(0, $3::int - 1) AS i, LATERAL (SELECT $1::timestamptz + i * interval '1 day' / $3::int AS t, md5(i || $1::text) AS h) AS x`,
}

func (b *bench) fillDay(ctx context.Context, day time.Time) error {
	for _, sql := range dayFill {
		if _, err := b.store.Pool().Exec(ctx, sql, day, cameras, dayEvents); err != nil {
			return fmt.Errorf("%.60s: %w", sql, err)
		}
	}
	return nil
}

// holes takes four recordings out of each camera's day, and gives reasons for these and for 40 moments more.
func (b *bench) holes(ctx context.Context, day time.Time) error {
	for c := range cameras {
		s := stream(c)
		at := day.Add(time.Duration(c+3) * time.Hour)
		if err := b.store.RemoveRecordings(ctx, s, []time.Time{at, at.Add(fileLength), at.Add(time.Hour + 5*fileLength), at.Add(time.Hour + 7*fileLength)}); err != nil {
			return err
		}
		gaps := []index.Gap{{Stream: s, Start: at, End: at.Add(2 * fileLength), Reason: index.GapOffline, Detail: "connection refused"}}
		for i := range 40 {
			start := day.Add(time.Duration(i)*36*time.Minute + time.Duration(c)*time.Second)
			gaps = append(gaps, index.Gap{Stream: s, Start: start, End: start.Add(2 * time.Second), Reason: index.GapLoss})
		}
		if err := b.store.AddGaps(ctx, gaps); err != nil {
			return err
		}
	}
	return nil
}
