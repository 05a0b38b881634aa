-- name: Routes :many
SELECT id, spec FROM routes ORDER BY id;

-- name: PutRoute :exec
INSERT INTO routes (id, spec) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET spec = excluded.spec, updated_at = now();

-- name: DeleteRoute :execrows
DELETE FROM routes WHERE id = $1;
