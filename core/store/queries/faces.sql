-- name: AddPerson :one
INSERT INTO persons (id, name) VALUES ($1, $2) RETURNING created_at;

-- name: Persons :many
SELECT p.id, p.name, p.created_at, count(s.id)::integer AS samples,
    coalesce((SELECT c.id::text FROM face_samples c WHERE c.person_id = p.id ORDER BY c.quality DESC, c.id LIMIT 1), '')::text AS cover,
    (SELECT count(*) FROM events e WHERE e.person_id = p.id)::bigint AS events,
    coalesce((SELECT e.start_at FROM events e WHERE e.person_id = p.id ORDER BY e.start_at DESC LIMIT 1), 'epoch')::timestamptz AS last_seen
FROM persons p LEFT JOIN face_samples s ON s.person_id = p.id
GROUP BY p.id ORDER BY lower(p.name);

-- name: RenamePerson :execrows
UPDATE persons SET name = $2 WHERE id = $1;

-- name: EventsOfPersons :many
-- The newest.
SELECT * FROM events WHERE person_id = ANY(@ids::uuid[]) ORDER BY start_at DESC, id DESC LIMIT sqlc.arg(n);

-- name: EventsByIDs :many
-- The newest of them.
SELECT * FROM events WHERE id = ANY(@ids::uuid[]) ORDER BY start_at DESC, id DESC LIMIT sqlc.arg(n);

-- The revision of an event that goes on is its writer's: only one that is over gets the next here.

-- name: RenamePersonInEvents :exec
UPDATE events SET person = $2, revision = revision + (end_at IS NOT NULL)::integer WHERE person_id = $1 AND person <> $2;

-- name: LockPersons :many
SELECT id, name FROM persons WHERE id = ANY(@ids::uuid[]) ORDER BY id FOR UPDATE;

-- name: MoveSamples :exec
UPDATE face_samples SET person_id = sqlc.arg(into_id)::uuid WHERE person_id = ANY(@ids::uuid[]);

-- name: MoveMatches :exec
UPDATE face_samples SET matched_id = sqlc.arg(into_id)::uuid WHERE matched_id = ANY(@ids::uuid[]);

-- name: MoveEvents :exec
UPDATE events SET person_id = sqlc.arg(into_id)::uuid, person = @person, revision = revision + (end_at IS NOT NULL)::integer WHERE person_id = ANY(@ids::uuid[]);

-- name: ForgetPersonInEvents :exec
UPDATE events SET identity = 'unknown', person_id = NULL, person = '', similarity = 0,
    revision = revision + (end_at IS NOT NULL)::integer WHERE person_id = $1;

-- name: DeletePersons :execrows
-- Samples go with their person.
DELETE FROM persons WHERE id = ANY(@ids::uuid[]);

-- name: AddFace :many
-- Of an event only the best face is kept, and only while nobody has said whose it is. Nothing is returned for what is not kept.
INSERT INTO face_samples (id, person_id, matched_id, duplicate_of, source, camera, event_id, seen_at, embedding, quality, size, crop)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (event_id) WHERE event_id IS NOT NULL DO UPDATE SET person_id = excluded.person_id, matched_id = excluded.matched_id,
    duplicate_of = CASE WHEN excluded.duplicate_of = face_samples.id THEN NULL ELSE excluded.duplicate_of END,
    seen_at = excluded.seen_at, embedding = excluded.embedding, quality = excluded.quality, size = excluded.size, crop = excluded.crop
WHERE face_samples.person_id IS NULL AND (excluded.person_id IS NOT NULL OR excluded.quality > face_samples.quality)
RETURNING id;

-- name: LibraryFaces :many
SELECT s.id, s.person_id::uuid AS person_id, p.name, s.embedding FROM face_samples s JOIN persons p ON p.id = s.person_id ORDER BY s.id;

-- name: PersonFaces :many
SELECT id, source, camera, event_id, seen_at, quality, size FROM face_samples WHERE person_id = $1 ORDER BY quality DESC, id;

-- name: InboxFaces :many
-- All faces without a person, the newest first: also those that are like another and those that turned out to be somebody.
SELECT id, matched_id, duplicate_of, camera, event_id, seen_at, embedding, quality, size FROM face_samples
WHERE person_id IS NULL ORDER BY seen_at DESC, id DESC LIMIT sqlc.arg(n);

-- name: FaceByID :one
SELECT * FROM face_samples WHERE id = $1;

-- name: FaceByEvent :one
SELECT * FROM face_samples WHERE event_id = $1;

-- name: AssignFaces :many
UPDATE face_samples SET person_id = sqlc.arg(person_id)::uuid, matched_id = NULL, duplicate_of = NULL
WHERE id = ANY(@ids::uuid[]) AND octet_length(crop) > 0 RETURNING event_id;

-- name: MatchFaces :exec
UPDATE face_samples f SET matched_id = m.matched FROM (
    SELECT unnest(@ids::uuid[]) AS id, unnest(@matched::uuid[]) AS matched
) m WHERE f.id = m.id AND f.person_id IS NULL;

-- name: UnmatchFaces :exec
UPDATE face_samples SET matched_id = NULL WHERE id = ANY(@ids::uuid[]) AND person_id IS NULL;

-- name: IdentifyEvents :execrows
UPDATE events e SET identity = 'known', person_id = m.person_id, person = p.name, similarity = m.similarity,
    revision = e.revision + (e.end_at IS NOT NULL)::integer FROM (
    SELECT unnest(@ids::uuid[]) AS id, unnest(@persons::uuid[]) AS person_id, unnest(@similarities::real[]) AS similarity
) m JOIN persons p ON p.id = m.person_id WHERE e.id = m.id;

-- name: UnidentifyEvents :execrows
UPDATE events SET identity = 'unknown', person_id = NULL, person = '', similarity = 0,
    revision = revision + (end_at IS NOT NULL)::integer WHERE id = ANY(@ids::uuid[]);

-- name: DeleteFaces :many
DELETE FROM face_samples WHERE id = ANY(@ids::uuid[]) RETURNING id, person_id, event_id;

-- name: DeleteInboxBefore :execrows
DELETE FROM face_samples WHERE person_id IS NULL AND seen_at < sqlc.arg(before)::timestamptz;

-- name: TrimInbox :execrows
DELETE FROM face_samples WHERE id IN (
    SELECT x.id FROM face_samples x WHERE x.person_id IS NULL ORDER BY x.seen_at DESC, x.id DESC OFFSET sqlc.arg(keep)
);

-- name: CountFaces :one
SELECT (SELECT count(*) FROM persons)::bigint AS persons, count(*) FILTER (WHERE person_id IS NOT NULL)::bigint AS samples,
    count(*) FILTER (WHERE person_id IS NULL AND matched_id IS NULL AND duplicate_of IS NULL)::bigint AS inbox FROM face_samples;
