-- name: DeliveryByID :one
SELECT sqlc.embed(d), sqlc.embed(e), coalesce(c.name, e.camera)::text AS camera_name
FROM deliveries d JOIN events e ON e.id = d.event_id LEFT JOIN cameras c ON c.id = e.camera
WHERE d.id = $1;

-- name: UpdateDelivery :exec
UPDATE deliveries SET state = @state, attempts = @attempts, last_error = @last_error, delivered_at = sqlc.narg(delivered_at)
WHERE id = @id AND state = 'pending';

-- name: PendingDeliveries :many
SELECT * FROM deliveries WHERE state = 'pending' AND id > @after ORDER BY id LIMIT @n;
