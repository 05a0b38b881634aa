-- name: AddRecording :batchexec
INSERT INTO recordings (camera, role, start_us, duration_us, path, bytes, init_bytes, crc, codecs, width, height, segments)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT DO NOTHING;

-- name: RecordingsInRange :many
-- A recording lasts at most 2 h, which bounds how far before the range one can begin.
SELECT * FROM recordings
WHERE camera = @camera AND role = @role
  AND start_us < @end_us::bigint AND start_us > sqlc.arg(start_us)::bigint - 7200000000
  AND start_us + duration_us > sqlc.arg(start_us)::bigint
ORDER BY start_us;

-- name: RemoveRecordings :exec
DELETE FROM recordings WHERE camera = @camera AND role = @role AND start_us = ANY(@starts::bigint[]);

-- name: RecordedBytes :many
SELECT camera, sum(bytes)::bigint AS bytes FROM recordings GROUP BY camera;

-- name: AddGap :batchexec
INSERT INTO gaps (camera, role, start_us, end_us, reason, detail) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (camera, role, start_us) DO UPDATE SET end_us = excluded.end_us, reason = excluded.reason, detail = excluded.detail;

-- name: GapsInRange :many
SELECT * FROM gaps WHERE camera = @camera AND role = @role AND start_us < @end_us::bigint AND end_us > @start_us::bigint ORDER BY start_us;
