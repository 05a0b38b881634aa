-- name: LockStreams :exec
-- Whoever changes recordings of a stream holds its lock until the transaction ends, because coverage is derived from rows
-- that another one may be changing. The names come sorted, so that two never wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(@streams::text[]) AS name;

-- name: AddRecordings :exec
INSERT INTO recordings (camera, role, start_us, duration_us, path, bytes, init_bytes, crc, codecs, width, height, segments, remote, evicted)
SELECT unnest(@cameras::text[]), unnest(@roles::text[]), unnest(@starts::bigint[]), unnest(@durations::bigint[]), unnest(@paths::text[]),
    unnest(@bytes::bigint[]), unnest(@init_bytes::bigint[]), unnest(@crcs::bigint[]), unnest(@codecs::text[]), unnest(@widths::integer[]),
    unnest(@heights::integer[]), unnest(@segments::bytea[]), unnest(@remotes::boolean[]), unnest(@evicteds::boolean[])
ON CONFLICT DO NOTHING;

-- name: RecordingsInRange :many
-- A recording lasts at most 2 h, which bounds how far before the range one can begin.
SELECT start_us, duration_us, path, bytes, init_bytes, crc, codecs, width, height, segments, remote, evicted FROM recordings
WHERE camera = @camera AND role = @role
  AND start_us < sqlc.arg(end_us)::bigint AND start_us > sqlc.arg(start_us)::bigint - 7200000000
  AND start_us + duration_us > sqlc.arg(start_us)::bigint
ORDER BY start_us;

-- name: RemoveRecordings :many
DELETE FROM recordings WHERE camera = @camera AND role = @role AND start_us = ANY(@starts::bigint[]) RETURNING start_us, duration_us;

-- name: PlaceRecordings :many
UPDATE recordings SET remote = @remote, evicted = @evicted
WHERE camera = @camera AND role = @role AND start_us = ANY(@starts::bigint[]) AND (remote, evicted) <> (@remote, @evicted)
RETURNING start_us, duration_us;

-- name: RecordedSpans :batchmany
-- What coverage is made of.
SELECT start_us, duration_us, bytes, evicted FROM recordings
WHERE camera = @camera AND role = @role AND start_us < sqlc.arg(end_us)::bigint AND start_us > sqlc.arg(start_us)::bigint - 7200000000
ORDER BY start_us;

-- name: SaveCoverage :exec
INSERT INTO coverage AS c (camera, role, hour, bytes, runs)
SELECT unnest(@cameras::text[]), unnest(@roles::text[]), unnest(@hours::integer[]), unnest(@bytes::bigint[]), unnest(@runs::bytea[])
ON CONFLICT (camera, role, hour) DO UPDATE SET bytes = excluded.bytes, runs = excluded.runs
WHERE (c.bytes, c.runs) IS DISTINCT FROM (excluded.bytes, excluded.runs);

-- name: DropCoverage :exec
DELETE FROM coverage c USING (SELECT unnest(@cameras::text[]) AS camera, unnest(@roles::text[]) AS role, unnest(@hours::integer[]) AS hour) gone
WHERE c.camera = gone.camera AND c.role = gone.role AND c.hour = gone.hour;

-- name: CoverageInRange :many
SELECT c.camera, c.role, c.hour, c.runs
FROM (SELECT unnest(@cameras::text[]) AS camera, unnest(@roles::text[]) AS role) s
JOIN coverage c ON c.camera = s.camera AND c.role = s.role AND c.hour >= @first_hour::integer AND c.hour <= @last_hour::integer
ORDER BY c.camera, c.role, c.hour;

-- name: RecordedBytes :many
SELECT camera, sum(bytes)::bigint AS bytes FROM coverage GROUP BY camera;

-- name: AddGap :batchexec
INSERT INTO gaps (camera, role, start_us, end_us, reason, detail) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (camera, role, start_us) DO UPDATE SET end_us = excluded.end_us, reason = excluded.reason, detail = excluded.detail;

-- name: GapsInRange :many
-- Short ones by their start, long ones, which are few, by their end.
SELECT s.i::integer AS i, g.start_us, g.end_us, g.reason, g.detail
FROM (SELECT unnest(@cameras::text[]) AS camera, unnest(@roles::text[]) AS role, generate_subscripts(@cameras::text[], 1) AS i) s CROSS JOIN LATERAL (
    SELECT a.start_us, a.end_us, a.reason, a.detail FROM gaps a
    WHERE a.camera = s.camera AND a.role = s.role AND a.start_us < sqlc.arg(end_us)::bigint AND a.start_us > sqlc.arg(start_us)::bigint - 3600000000
      AND a.end_us > sqlc.arg(start_us)::bigint
    UNION ALL
    SELECT b.start_us, b.end_us, b.reason, b.detail FROM gaps b
    WHERE b.camera = s.camera AND b.role = s.role AND b.end_us > sqlc.arg(start_us)::bigint AND b.start_us <= sqlc.arg(start_us)::bigint - 3600000000
      AND b.end_us - b.start_us > 3600000000 AND b.start_us < sqlc.arg(end_us)::bigint
) g ORDER BY 1, 2;
