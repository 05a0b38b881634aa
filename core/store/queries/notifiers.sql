-- name: Notifiers :many
SELECT * FROM notifiers ORDER BY id;

-- name: NotifierByID :one
SELECT * FROM notifiers WHERE id = $1;

-- name: AddNotifier :one
INSERT INTO notifiers (id, name, plugin, enabled, settings) VALUES ($1, $2, $3, $4, $5) RETURNING *;

-- name: UpdateNotifier :one
UPDATE notifiers SET name = @name, enabled = @enabled, settings = @settings, updated_at = now() WHERE id = @id RETURNING *;

-- name: DeleteNotifier :execrows
DELETE FROM notifiers WHERE id = $1;
