-- name: SaveEvent :exec
-- Whom a person has named (similarity 1) stays named, whatever recognition thinks.
INSERT INTO events (id, camera, kind, label, start_at, end_at, score, top_score, box_x, box_y, box_w, box_h, stationary, has_snapshot, revision,
    zones, entered_zones, crossings, path, speed, max_speed, severity, rules, mode, identity, person_id, person, similarity, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, now())
ON CONFLICT (id) DO UPDATE SET end_at = excluded.end_at, score = excluded.score, top_score = excluded.top_score,
    box_x = excluded.box_x, box_y = excluded.box_y, box_w = excluded.box_w, box_h = excluded.box_h,
    stationary = excluded.stationary, has_snapshot = excluded.has_snapshot, revision = excluded.revision,
    zones = excluded.zones, entered_zones = excluded.entered_zones, crossings = excluded.crossings, path = excluded.path,
    speed = excluded.speed, max_speed = excluded.max_speed, severity = excluded.severity, rules = excluded.rules,
    identity = CASE WHEN events.similarity = 1 AND excluded.similarity < 1 THEN events.identity ELSE excluded.identity END,
    person_id = CASE WHEN events.similarity = 1 AND excluded.similarity < 1 THEN events.person_id ELSE excluded.person_id END,
    person = CASE WHEN events.similarity = 1 AND excluded.similarity < 1 THEN events.person ELSE excluded.person END,
    similarity = CASE WHEN events.similarity = 1 THEN 1 ELSE excluded.similarity END, updated_at = now()
WHERE events.revision < excluded.revision;

-- name: EventByID :one
SELECT * FROM events WHERE id = $1;

-- name: CloseOngoingEvents :execrows
-- Events that a killed process left open end at their last sign of life.
UPDATE events SET end_at = greatest(start_at, updated_at), revision = revision + 1 WHERE end_at IS NULL;

-- name: EventsForTimeline :many
-- Per camera the newest. Each branch looks back as far as its events can last, on an index of its own. Columns are named so that paths and
-- zones do not travel through the sort.
SELECT e.id::text AS id, e.camera, e.kind, e.label, e.start_at, e.end_at, e.top_score, e.severity
FROM unnest(@cameras::text[]) AS wanted(camera) CROSS JOIN LATERAL (
    SELECT x.id, x.camera, x.kind, x.label, x.start_at, x.end_at, x.top_score, x.severity FROM (
        (SELECT a.id, a.camera, a.kind, a.label, a.start_at, a.end_at, a.top_score, a.severity FROM events a WHERE a.camera = wanted.camera AND a.start_at < sqlc.arg(until)::timestamptz
            AND a.start_at > sqlc.arg(since)::timestamptz - interval '5 minutes' AND (a.end_at IS NULL OR a.end_at > sqlc.arg(since)::timestamptz)
            ORDER BY a.start_at DESC LIMIT sqlc.arg(per_camera))
        UNION ALL
        SELECT b.id, b.camera, b.kind, b.label, b.start_at, b.end_at, b.top_score, b.severity FROM events b WHERE b.camera = wanted.camera AND b.end_at > sqlc.arg(since)::timestamptz
            AND b.end_at <= sqlc.arg(since)::timestamptz + interval '1 day' AND b.start_at <= sqlc.arg(since)::timestamptz - interval '5 minutes'
            AND b.end_at - b.start_at > interval '5 minutes' AND b.end_at - b.start_at <= interval '1 day'
        UNION ALL
        SELECT c.id, c.camera, c.kind, c.label, c.start_at, c.end_at, c.top_score, c.severity FROM events c WHERE c.camera = wanted.camera AND c.start_at <= sqlc.arg(since)::timestamptz - interval '5 minutes'
            AND c.end_at - c.start_at > interval '1 day' AND c.end_at > sqlc.arg(since)::timestamptz
        UNION ALL
        SELECT d.id, d.camera, d.kind, d.label, d.start_at, d.end_at, d.top_score, d.severity FROM events d WHERE d.camera = wanted.camera AND d.start_at <= sqlc.arg(since)::timestamptz - interval '5 minutes' AND d.end_at IS NULL
    ) x ORDER BY x.start_at DESC LIMIT sqlc.arg(per_camera)
) e;

-- name: EventSpans :many
-- As EventsForTimeline, of one camera and only when, joined where they meet. A moment counts as a microsecond.
SELECT lower(span)::timestamptz AS start_at, upper(span)::timestamptz AS end_at FROM (
    SELECT unnest(range_agg(tstzrange(x.start_at, greatest(coalesce(x.end_at, now()), x.start_at + interval '1 microsecond')))) AS span FROM (
        SELECT a.start_at, a.end_at FROM events a WHERE a.camera = @camera AND a.kind <> 'camera' AND a.start_at < sqlc.arg(until)::timestamptz
            AND a.start_at > sqlc.arg(since)::timestamptz - interval '5 minutes' AND (a.end_at IS NULL OR a.end_at > sqlc.arg(since)::timestamptz)
        UNION ALL
        SELECT b.start_at, b.end_at FROM events b WHERE b.camera = @camera AND b.kind <> 'camera' AND b.end_at > sqlc.arg(since)::timestamptz
            AND b.end_at <= sqlc.arg(since)::timestamptz + interval '1 day' AND b.start_at <= sqlc.arg(since)::timestamptz - interval '5 minutes'
            AND b.end_at - b.start_at > interval '5 minutes' AND b.end_at - b.start_at <= interval '1 day'
        UNION ALL
        SELECT c.start_at, c.end_at FROM events c WHERE c.camera = @camera AND c.kind <> 'camera' AND c.start_at <= sqlc.arg(since)::timestamptz - interval '5 minutes'
            AND c.end_at - c.start_at > interval '1 day' AND c.end_at > sqlc.arg(since)::timestamptz
        UNION ALL
        SELECT d.start_at, d.end_at FROM events d WHERE d.camera = @camera AND d.kind <> 'camera' AND d.start_at <= sqlc.arg(since)::timestamptz - interval '5 minutes' AND d.end_at IS NULL
    ) x
) y ORDER BY 1;

-- name: EventsPerHours :many
SELECT camera, label, (hour - hour % sqlc.arg(width)::integer)::integer AS bucket, sum(total)::bigint AS n FROM event_hours
WHERE camera = ANY(@cameras::text[]) AND hour >= sqlc.arg(first_hour)::integer AND hour < sqlc.arg(end_hour)::integer
GROUP BY 1, 2, 3;

-- name: EventsPerMinute :many
SELECT camera, label, hour, minutes FROM event_hours
WHERE camera = ANY(@cameras::text[]) AND hour >= sqlc.arg(first_hour)::integer AND hour < sqlc.arg(end_hour)::integer
ORDER BY camera, label;

-- name: EventsPerBucket :many
SELECT camera, label, (floor(extract(epoch FROM start_at) * 1000)::bigint / sqlc.arg(width_ms)::bigint)::bigint AS bucket, count(*) AS n FROM events
WHERE camera = ANY(@cameras::text[]) AND start_at >= sqlc.arg(since)::timestamptz AND start_at < sqlc.arg(until)::timestamptz
GROUP BY 1, 2, 3;

-- name: EventLabels :many
-- One step along the index per label, instead of reading everything.
WITH RECURSIVE found AS (
    (SELECT label FROM event_hours ORDER BY label LIMIT 1)
    UNION ALL
    SELECT (SELECT h.label FROM event_hours h WHERE h.label > found.label ORDER BY h.label LIMIT 1) FROM found WHERE found.label IS NOT NULL
)
SELECT label::text FROM found WHERE label IS NOT NULL;

-- name: DeleteEventsBefore :execrows
-- Deliveries go with their events.
DELETE FROM events WHERE id = ANY(ARRAY(
    SELECT old.id FROM events old WHERE old.camera = @camera AND old.start_at < sqlc.arg(before)::timestamptz AND old.end_at < sqlc.arg(before)::timestamptz
    ORDER BY old.start_at LIMIT sqlc.arg(n)
));
