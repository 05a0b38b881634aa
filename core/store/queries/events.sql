-- name: SaveEvent :exec
INSERT INTO events (id, camera, kind, label, start_at, end_at, score, top_score, box_x, box_y, box_w, box_h, stationary, has_snapshot, revision, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, now())
ON CONFLICT (id) DO UPDATE SET end_at = excluded.end_at, score = excluded.score, top_score = excluded.top_score,
    box_x = excluded.box_x, box_y = excluded.box_y, box_w = excluded.box_w, box_h = excluded.box_h,
    stationary = excluded.stationary, has_snapshot = excluded.has_snapshot, revision = excluded.revision, updated_at = now()
WHERE events.revision < excluded.revision;

-- name: EventByID :one
SELECT * FROM events WHERE id = $1;

-- name: CloseOngoingEvents :execrows
-- Events that a killed process left open end at their last sign of life.
UPDATE events SET end_at = greatest(start_at, updated_at), revision = revision + 1 WHERE end_at IS NULL;

-- name: AddDelivery :execrows
INSERT INTO deliveries (id, event_id, plugin, recipient, revision, phase, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING;

-- name: EventsForTimeline :many
SELECT id, camera, kind, label, start_at, end_at, top_score FROM events
WHERE camera = ANY(@cameras::text[]) AND start_at < sqlc.arg(until)::timestamptz AND start_at > sqlc.arg(since)::timestamptz - interval '1 day'
  AND (end_at IS NULL OR end_at > sqlc.arg(since)::timestamptz)
ORDER BY camera, start_at LIMIT @n;

-- name: EventLabels :many
SELECT DISTINCT label FROM events ORDER BY label;

-- name: DeleteEventsBefore :execrows
-- Deliveries go with their events.
DELETE FROM events WHERE camera = @camera AND end_at < @before;
