-- name: PluginValue :one
SELECT value FROM plugin_values WHERE notifier = $1 AND key = $2;

-- name: LockPluginValues :exec
-- One writer per notifier, so that two cannot exceed its quota together.
SELECT pg_advisory_xact_lock(hashtextextended('plugin_values ' || sqlc.arg(notifier)::text, 0));

-- name: PluginValueBytes :one
-- Of all keys but one. A row counts 64 bytes, so that there are not a million of them.
SELECT coalesce(sum(length(value) + octet_length(key) + 64), 0)::bigint FROM plugin_values WHERE notifier = $1 AND key <> $2;

-- name: PutPluginValue :exec
INSERT INTO plugin_values (notifier, key, value) VALUES ($1, $2, $3)
ON CONFLICT (notifier, key) DO UPDATE SET value = excluded.value;

-- name: DeletePluginValue :exec
DELETE FROM plugin_values WHERE notifier = $1 AND key = $2;

-- name: DeletePluginValues :exec
DELETE FROM plugin_values WHERE notifier = $1;
