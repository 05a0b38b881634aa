-- name: AddDelivery :execrows
INSERT INTO deliveries (id, event_id, plugin, recipient, route, level, revision, phase, hold, next_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT DO NOTHING;

-- name: DeliveryByID :one
SELECT sqlc.embed(d), sqlc.embed(e), coalesce(c.name, e.camera)::text AS camera_name
FROM deliveries d JOIN events e ON e.id = d.event_id LEFT JOIN cameras c ON c.id = e.camera
WHERE d.id = $1;

-- name: DeliveryWait :one
-- Whether a row still speaks for itself, and in how many seconds it may be claimed.
SELECT (state = 'pending' AND digest_id IS NULL)::boolean AS waits,
    extract(epoch FROM greatest(next_at, coalesce(claimed_until, next_at)) - now())::float8 AS seconds
FROM deliveries WHERE id = $1;

-- name: ClaimDelivery :execrows
-- Whoever claims a row works on it alone, whatever queue it heard of it from.
UPDATE deliveries SET claimed_by = @node, claimed_until = now() + sqlc.arg(seconds)::float8 * interval '1 second'
WHERE id = @id AND state = 'pending' AND digest_id IS NULL AND next_at <= now() + interval '5 milliseconds'
    AND (claimed_until IS NULL OR claimed_until < now());

-- name: ReleaseClaims :execrows
UPDATE deliveries SET claimed_until = NULL WHERE state = 'pending' AND claimed_by = $1 AND claimed_until IS NOT NULL;

-- name: DeliveryContext :one
-- What decides whether and how a delivery is told: what its event and its recipient have been told, and what people said.
SELECT
    coalesce((SELECT p.message FROM deliveries p WHERE p.event_id = d.event_id AND p.plugin = d.plugin AND p.recipient = d.recipient AND p.id <> d.id
        AND p.message <> '' ORDER BY p.delivered_at DESC LIMIT 1), '')::text AS previous,
    coalesce((SELECT o.next_at FROM deliveries o WHERE o.event_id = d.event_id AND o.plugin = d.plugin AND o.recipient = d.recipient AND o.level = d.level
        AND o.id < d.id AND o.state = 'pending' ORDER BY o.id LIMIT 1), now())::timestamptz AS earlier_at,
    EXISTS (SELECT 1 FROM deliveries o WHERE o.event_id = d.event_id AND o.plugin = d.plugin AND o.recipient = d.recipient AND o.level = d.level
        AND o.id < d.id AND o.state = 'pending')::boolean AS earlier,
    EXISTS (SELECT 1 FROM deliveries o WHERE o.event_id = d.event_id AND o.plugin = d.plugin AND o.recipient = d.recipient AND o.level = d.level
        AND o.id < d.id AND (o.digest_id IS NOT NULL OR (o.state = 'pending' AND o.hold NOT IN ('', 'escalation'))))::boolean AS collected,
    EXISTS (SELECT 1 FROM deliveries o WHERE o.event_id = d.event_id AND o.plugin = d.plugin AND o.recipient = d.recipient AND o.level = d.level
        AND o.id > d.id AND o.phase <> 'new' AND o.state = 'pending')::boolean AS superseded,
    coalesce((SELECT max(a.acknowledged_by) FROM deliveries a WHERE a.event_id = d.event_id AND a.acknowledged_at IS NOT NULL), '')::text AS acknowledged_by,
    -- A digest was seen, and is snoozed, when all that it tells was and is: nobody's alert may go with another's.
    (EXISTS (SELECT 1 FROM deliveries a WHERE a.event_id = d.event_id AND a.acknowledged_at IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM deliveries m WHERE m.digest_id = d.id AND m.state = 'pending'
            AND NOT EXISTS (SELECT 1 FROM deliveries a WHERE a.event_id = m.event_id AND a.acknowledged_at IS NOT NULL)))::boolean AS acknowledged,
    coalesce((SELECT max(s.until) FROM snoozes s JOIN events e ON e.id = d.event_id WHERE s.until > now() AND (s.camera = '' OR s.camera = e.camera)
        AND (s.plugin = '' OR (s.plugin = d.plugin AND s.recipient = d.recipient))), now())::timestamptz AS snoozed_until,
    (EXISTS (SELECT 1 FROM snoozes s JOIN events e ON e.id = d.event_id WHERE s.until > now() AND (s.camera = '' OR s.camera = e.camera)
        AND (s.plugin = '' OR (s.plugin = d.plugin AND s.recipient = d.recipient)))
        AND NOT EXISTS (SELECT 1 FROM deliveries m JOIN events n ON n.id = m.event_id WHERE m.digest_id = d.id AND m.state = 'pending'
            AND NOT EXISTS (SELECT 1 FROM snoozes s WHERE s.until > now() AND (s.camera = '' OR s.camera = n.camera)
                AND (s.plugin = '' OR (s.plugin = d.plugin AND s.recipient = d.recipient)))))::boolean AS snoozed,
    (SELECT count(*) FROM deliveries m WHERE m.digest_id = d.id AND m.state = 'pending')::integer AS members
FROM deliveries d WHERE d.id = $1;

-- name: DigestEvents :many
-- The newest events that a delivery tells besides its own, oldest first.
SELECT sqlc.embed(e) FROM events e WHERE e.id IN (
    SELECT d.event_id FROM deliveries d WHERE d.digest_id = $1 GROUP BY d.event_id ORDER BY d.event_id DESC LIMIT $2
) ORDER BY e.id;

-- name: DigestSize :one
SELECT count(DISTINCT d.event_id)::integer AS n FROM deliveries d WHERE d.id = @id OR d.digest_id = @id;

-- name: LockRecipient :exec
SELECT pg_advisory_xact_lock(hashtextextended(sqlc.arg(plugin)::text || E'\n' || sqlc.arg(recipient)::text, 7233019442));

-- name: OpenDigest :one
-- Locked, so that it is not claimed, and told without the one that joins it, before that one has joined.
SELECT h.id FROM deliveries h WHERE h.state = 'pending' AND h.hold IN ('quiet', 'digest', 'rate') AND h.digest_id IS NULL AND h.plugin = @plugin AND h.recipient = @recipient
    AND h.route = @route AND h.level = @level AND h.id <> @id AND h.next_at > clock_timestamp() AND (h.claimed_until IS NULL OR h.claimed_until < now())
    AND (SELECT count(*) FROM deliveries m WHERE m.digest_id = h.id) < sqlc.arg(most)::integer
ORDER BY h.id LIMIT 1 FOR UPDATE OF h;

-- name: JoinDigest :exec
UPDATE deliveries SET digest_id = sqlc.arg(head)::uuid, hold = @hold, claimed_until = NULL WHERE id = @id AND state = 'pending';

-- name: LeadsDigest :one
SELECT EXISTS (SELECT 1 FROM deliveries m WHERE m.digest_id = $1 AND m.state = 'pending')::boolean AS leads;

-- name: ExtendDigest :exec
UPDATE deliveries SET expires_at = greatest(expires_at, sqlc.arg(until)::timestamptz) WHERE id = @id;

-- name: HoldDelivery :exec
UPDATE deliveries SET hold = @hold, next_at = @next_at, expires_at = greatest(expires_at, sqlc.arg(until)::timestamptz), claimed_until = NULL
WHERE id = @id AND state = 'pending';

-- name: TakeToken :execrows
INSERT INTO delivery_buckets AS b (plugin, recipient, tokens, at) VALUES (@plugin, @recipient, sqlc.arg(burst)::float8 - 1, now())
ON CONFLICT (plugin, recipient) DO UPDATE SET at = now(),
    tokens = least(sqlc.arg(burst)::float8, b.tokens + extract(epoch FROM now() - b.at)::float8 * sqlc.arg(per_second)::float8) - 1
WHERE least(sqlc.arg(burst)::float8, b.tokens + extract(epoch FROM now() - b.at)::float8 * sqlc.arg(per_second)::float8) >= 1;

-- name: TokensLeft :one
SELECT least(sqlc.arg(burst)::float8, tokens + extract(epoch FROM now() - at)::float8 * sqlc.arg(per_second)::float8)::float8 AS tokens
FROM delivery_buckets WHERE plugin = @plugin AND recipient = @recipient;

-- name: AdmitDelivery :exec
UPDATE deliveries SET admitted = true WHERE id = $1;

-- name: SettleDelivery :execrows
UPDATE deliveries SET state = @state, attempts = @attempts, last_error = @last_error, delivered_at = sqlc.narg(delivered_at), message = @message,
    next_at = @next_at, claimed_until = NULL, hold = CASE WHEN @state = 'pending' THEN hold ELSE '' END
WHERE id = @id AND state = 'pending';

-- name: SettleMembers :exec
UPDATE deliveries SET state = @state, last_error = @last_error, delivered_at = sqlc.narg(delivered_at), hold = ''
WHERE digest_id = sqlc.arg(head)::uuid AND state = 'pending';

-- name: RepeatAttempt :execrows
-- "It does not run", told every few seconds for hours, is one line of the history.
UPDATE delivery_attempts a SET at = now(), times = a.times + 1, duration_ms = @duration_ms
WHERE a.delivery_id = @delivery_id AND a.outcome = @outcome AND a.outcome = 'unavailable' AND a.detail = @detail
    AND a.n = (SELECT max(l.n) FROM delivery_attempts l WHERE l.delivery_id = @delivery_id);

-- name: AddAttempt :exec
INSERT INTO delivery_attempts (delivery_id, n, outcome, detail, duration_ms)
SELECT sqlc.arg(delivery_id)::uuid, coalesce(max(n), 0) + 1, sqlc.arg(outcome)::text, sqlc.arg(detail)::text, sqlc.arg(duration_ms)::integer
FROM delivery_attempts WHERE delivery_id = sqlc.arg(delivery_id)::uuid;

-- name: TrimAttempts :exec
DELETE FROM delivery_attempts a WHERE a.delivery_id = @delivery_id
    AND a.n <= (SELECT max(l.n) FROM delivery_attempts l WHERE l.delivery_id = @delivery_id) - sqlc.arg(keep)::integer;

-- name: AttemptsOf :many
SELECT * FROM delivery_attempts WHERE delivery_id = ANY(@ids::uuid[]) ORDER BY delivery_id, n;

-- name: PendingDeliveries :many
SELECT * FROM deliveries WHERE state = 'pending' AND digest_id IS NULL AND id > @after ORDER BY id LIMIT @n;

-- name: QueueDepths :many
SELECT plugin, count(*) FILTER (WHERE hold = '')::integer AS pending, count(*) FILTER (WHERE hold <> '')::integer AS held,
    coalesce(min(created_at) FILTER (WHERE hold = ''), 'epoch'::timestamptz)::timestamptz AS oldest
FROM deliveries WHERE state = 'pending' GROUP BY plugin ORDER BY plugin;

-- name: RetryDelivery :execrows
UPDATE deliveries SET state = 'pending', hold = '', digest_id = NULL, next_at = now(), expires_at = greatest(expires_at, sqlc.arg(expires_at)::timestamptz),
    claimed_until = NULL, admitted = true, last_error = ''
WHERE id = @id AND state IN ('failed', 'expired', 'suppressed');

-- name: RetryMembers :exec
-- What a digest did not tell, it tells when it is tried again.
UPDATE deliveries SET state = 'pending', last_error = '' WHERE digest_id = sqlc.arg(head)::uuid AND state IN ('failed', 'expired', 'suppressed');

-- name: DropDeliveries :execrows
-- Nobody waits for what a route that is gone, or a person it does not name any more, was to be told. Members of a digest have
-- its route and recipient.
UPDATE deliveries SET state = 'suppressed', last_error = sqlc.arg(reason)::text, hold = '', claimed_until = NULL
WHERE state = 'pending' AND (sqlc.arg(route)::text = '' OR route = sqlc.arg(route)::text) AND (sqlc.arg(plugin)::text = '' OR plugin = sqlc.arg(plugin)::text)
    AND NOT (recipient = ANY(sqlc.arg(keep)::text[]));

-- name: AcknowledgeEvents :many
-- The event of a delivery and, for a digest, those it tells. What waits only for nobody to do this is suppressed.
UPDATE deliveries d SET acknowledged_at = now(), acknowledged_by = @by,
    state = CASE WHEN d.state = 'pending' AND d.hold = 'escalation' THEN 'suppressed' ELSE d.state END,
    last_error = CASE WHEN d.state = 'pending' AND d.hold = 'escalation' THEN sqlc.arg(reason)::text ELSE d.last_error END,
    hold = CASE WHEN d.hold = 'escalation' THEN '' ELSE d.hold END
WHERE d.acknowledged_at IS NULL AND d.event_id IN (SELECT x.event_id FROM deliveries x WHERE x.id = @id OR x.digest_id = @id)
RETURNING d.id;

-- name: DeliveryByToken :one
SELECT sqlc.embed(d), e.camera FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.token = $1;

-- name: PutSnooze :exec
INSERT INTO snoozes (plugin, recipient, camera, until, by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (plugin, recipient, camera) DO UPDATE SET until = excluded.until, by = excluded.by, created_at = now();

-- name: Snoozes :many
SELECT * FROM snoozes WHERE until > now() ORDER BY until;

-- name: DeleteSnooze :execrows
DELETE FROM snoozes WHERE plugin = $1 AND recipient = $2 AND camera = $3;

-- name: DeleteSnoozesOf :exec
DELETE FROM snoozes WHERE plugin = $1;

-- name: DeletePastSnoozes :exec
DELETE FROM snoozes WHERE until <= now();
