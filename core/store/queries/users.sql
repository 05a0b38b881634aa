-- name: CountUsers :one
SELECT count(*) FROM users;

-- name: AddUser :exec
INSERT INTO users (id, name, role, password_hash) VALUES ($1, $2, $3, $4);

-- name: UserByName :one
SELECT * FROM users WHERE name = $1;

-- name: UserByID :one
SELECT * FROM users WHERE id = $1;

-- name: SetPassword :exec
UPDATE users SET password_hash = @password_hash WHERE id = @id;

-- name: AddRefreshToken :exec
INSERT INTO refresh_tokens (hash, family, user_id, expires_at) VALUES ($1, $2, $3, $4);

-- name: RefreshToken :one
SELECT * FROM refresh_tokens WHERE hash = $1 FOR UPDATE;

-- name: SpendRefreshToken :exec
UPDATE refresh_tokens SET spent_at = coalesce(spent_at, now()) WHERE hash = $1;

-- name: RevokeFamily :exec
DELETE FROM refresh_tokens WHERE family = $1;

-- name: RevokeUser :exec
DELETE FROM refresh_tokens WHERE user_id = $1;

-- name: PruneRefreshTokens :exec
DELETE FROM refresh_tokens WHERE expires_at < now();

-- name: PutSetting :exec
INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- name: PutSettingIfAbsent :one
INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING value;

-- name: UpsertCamera :one
INSERT INTO cameras (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING *;

-- name: SetCameraRecording :exec
UPDATE cameras SET recording = @recording WHERE id = @id;

-- name: SetCameraDetecting :exec
UPDATE cameras SET detecting = @detecting WHERE id = @id;
