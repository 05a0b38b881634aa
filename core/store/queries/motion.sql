-- name: AddMotion :exec
INSERT INTO motion_spans AS m (camera, start_at, end_at)
SELECT @camera::text, unnest(@starts::timestamptz[]), unnest(@ends::timestamptz[])
ON CONFLICT (camera, start_at) DO UPDATE SET end_at = excluded.end_at WHERE m.end_at < excluded.end_at;

-- name: MotionSpans :many
-- A row is at most an hour long.
SELECT start_at, end_at FROM motion_spans
WHERE camera = @camera AND start_at > sqlc.arg(since)::timestamptz - interval '1 hour' AND start_at < sqlc.arg(until)::timestamptz AND end_at > sqlc.arg(since)::timestamptz
ORDER BY start_at;

-- name: DeleteMotionBefore :execrows
DELETE FROM motion_spans m WHERE m.camera = @camera AND m.start_at = ANY(ARRAY(
    SELECT old.start_at FROM motion_spans old WHERE old.camera = @camera AND old.start_at < sqlc.arg(before)::timestamptz AND old.end_at < sqlc.arg(before)::timestamptz
    ORDER BY old.start_at LIMIT sqlc.arg(n)
));

-- name: SaveMotionMaps :exec
INSERT INTO motion_maps AS m (camera, start_at, end_at, slots)
SELECT unnest(@cameras::text[]), unnest(@starts::timestamptz[]), unnest(@ends::timestamptz[]), unnest(@slots::bytea[])
ON CONFLICT (camera, start_at) DO UPDATE SET end_at = excluded.end_at, slots = excluded.slots;

-- name: MotionMaps :many
-- A row is at most ten minutes long.
SELECT start_at, end_at, slots FROM motion_maps
WHERE camera = @camera AND start_at > sqlc.arg(since)::timestamptz - interval '11 minutes' AND start_at < sqlc.arg(until)::timestamptz AND end_at > sqlc.arg(since)::timestamptz - interval '10 seconds'
ORDER BY start_at;

-- name: DeleteMotionMapsBefore :execrows
DELETE FROM motion_maps m WHERE m.camera = @camera AND m.start_at = ANY(ARRAY(
    SELECT old.start_at FROM motion_maps old WHERE old.camera = @camera AND old.start_at < sqlc.arg(before)::timestamptz AND old.end_at < sqlc.arg(before)::timestamptz
    ORDER BY old.start_at LIMIT sqlc.arg(n)
));
