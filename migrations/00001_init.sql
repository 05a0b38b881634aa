-- +goose Up

-- Cameras that ever existed, so that rows of removed cameras keep a name. The configuration file is the truth for settings.
CREATE TABLE cameras (
    id         text PRIMARY KEY CHECK (id ~ '^[a-z0-9_]{1,48}$'),
    name       text NOT NULL,
    recording  boolean NOT NULL DEFAULT true,  -- the switch people and MQTT flip at run time
    detecting  boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One row per closed fMP4 file. The disk is the truth: rows are rebuilt from the journals (recorder/docs). A partition is a
-- UTC day; core/store adds them as recordings come and drops them once they are empty.
CREATE TABLE recordings (
    camera      text NOT NULL,
    role        text NOT NULL CHECK (role IN ('main', 'sub')),
    start_us    bigint NOT NULL,                -- UTC microseconds
    duration_us bigint NOT NULL CHECK (duration_us > 0),
    path        text NOT NULL,
    bytes       bigint NOT NULL,
    init_bytes  bigint NOT NULL,
    crc         bigint NOT NULL,                -- CRC-32C, unsigned
    codecs      text NOT NULL,
    width       integer NOT NULL,
    height      integer NOT NULL,
    segments    bytea NOT NULL,                 -- varints, see core/store
    remote      boolean NOT NULL DEFAULT false, -- the archive holds a verified copy
    evicted     boolean NOT NULL DEFAULT false, -- the local file is gone
    PRIMARY KEY (camera, role, start_us)
) PARTITION BY RANGE (start_us);

-- What is recorded in each hour that has recordings: a summary of recordings, made anew in the transaction that changes them.
CREATE TABLE coverage (
    camera text NOT NULL,
    role   text NOT NULL,
    hour   integer NOT NULL,                    -- hours since 1970 UTC
    bytes  bigint NOT NULL,                     -- of the recordings that begin in the hour, evicted ones left out
    runs   bytea NOT NULL,                      -- varints, see core/store
    PRIMARY KEY (camera, role, hour)
) WITH (fillfactor = 70);                       -- the running hour changes with every file

CREATE TABLE gaps (
    camera   text NOT NULL,
    role     text NOT NULL,
    start_us bigint NOT NULL,
    end_us   bigint NOT NULL,
    reason   text NOT NULL,
    detail   text NOT NULL DEFAULT '',
    PRIMARY KEY (camera, role, start_us)
);
-- What overlaps a range may have begun long before it. Few gaps are longer than an hour.
CREATE INDEX gaps_long ON gaps (camera, role, end_us, start_us) WHERE end_us - start_us > 3600000000;
CREATE STATISTICS gaps_length ON (end_us - start_us) FROM gaps;

-- When something moved in front of a camera, cut at full hours, so that no row is longer than one.
CREATE TABLE motion_spans (
    camera   text NOT NULL,
    start_at timestamptz NOT NULL,
    end_at   timestamptz NOT NULL CHECK (end_at > start_at),
    PRIMARY KEY (camera, start_at)
);

CREATE TABLE events (
    id           uuid PRIMARY KEY,              -- UUIDv7
    camera       text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('object', 'motion', 'camera', 'manual', 'sound')),
    label        text NOT NULL,
    start_at     timestamptz NOT NULL,
    end_at       timestamptz,
    score        real NOT NULL DEFAULT 0,
    top_score    real NOT NULL DEFAULT 0,
    box_x        real NOT NULL DEFAULT 0,
    box_y        real NOT NULL DEFAULT 0,
    box_w        real NOT NULL DEFAULT 0,
    box_h        real NOT NULL DEFAULT 0,
    stationary   boolean NOT NULL DEFAULT false,
    has_snapshot boolean NOT NULL DEFAULT false,
    revision     integer NOT NULL DEFAULT 1,
    zones        text[] NOT NULL DEFAULT '{}',   -- it is in now, or was at its end
    entered_zones text[] NOT NULL DEFAULT '{}',  -- it was ever in, in the order it entered them
    crossings    jsonb NOT NULL DEFAULT '[]',    -- [{line, direction, time}]
    path         jsonb NOT NULL DEFAULT '[]',    -- [[x, y, ms after start_at]]
    speed        real NOT NULL DEFAULT 0,        -- km/h
    max_speed    real NOT NULL DEFAULT 0,        -- km/h
    severity     text NOT NULL DEFAULT '' CHECK (severity IN ('', 'low', 'normal', 'high')), -- of the alert it is; '': it is none
    rules        text[] NOT NULL DEFAULT '{}',   -- that made it an alert
    mode         text NOT NULL DEFAULT '',       -- arming mode when it began
    identity     text NOT NULL DEFAULT '' CHECK (identity IN ('', 'known', 'unknown')), -- of a person; '': no face was seen well
    person_id    uuid,                           -- of the face library, when known
    person       text NOT NULL DEFAULT '',       -- that person's name
    similarity   real NOT NULL DEFAULT 0,        -- 0..1
    updated_at   timestamptz NOT NULL DEFAULT now()  -- last sign of life: where an event a crash left open is closed
);
CREATE INDEX events_camera_start ON events (camera, start_at DESC) INCLUDE (end_at, kind); -- retention asks when, of days long out of memory
CREATE INDEX events_start ON events (start_at DESC, id DESC);
-- What overlaps a range may have begun before it. Few events are long; these find them without reading the many that are not.
CREATE INDEX events_long ON events (camera, end_at, start_at) WHERE end_at - start_at > interval '5 minutes' AND end_at - start_at <= interval '1 day';
CREATE INDEX events_endless ON events (camera, end_at, start_at) WHERE end_at - start_at > interval '1 day';
CREATE STATISTICS events_length ON (end_at - start_at) FROM events;
CREATE INDEX events_alerts ON events (start_at DESC, id DESC) WHERE severity <> '';
CREATE INDEX events_zones ON events USING gin (entered_zones) WHERE entered_zones <> '{}';
CREATE INDEX events_persons ON events (person_id, start_at DESC, id DESC) WHERE person_id IS NOT NULL;
CREATE INDEX events_strangers ON events (start_at DESC, id DESC) WHERE identity = 'unknown';
CREATE INDEX events_ongoing ON events (camera, start_at DESC) WHERE end_at IS NULL;

-- How many events begin in each hour and minute: a summary of events, kept by the triggers below, right after deletions too.
-- Camera, label and start of an event never change.
CREATE TABLE event_hours (
    camera  text NOT NULL,
    hour    integer NOT NULL,                   -- hours since 1970 UTC
    label   text NOT NULL,
    total   integer NOT NULL,
    minutes bytea NOT NULL,                     -- of each minute, 60 times four bytes, big endian: an array is ten times slower to send
    PRIMARY KEY (camera, hour, label) INCLUDE (total)
) WITH (fillfactor = 70);
CREATE INDEX event_hours_label ON event_hours (label);

CREATE FUNCTION minute_count(minutes bytea, i integer) RETURNS integer LANGUAGE sql IMMUTABLE AS
    'SELECT (get_byte(minutes, 4 * i) << 24) | (get_byte(minutes, 4 * i + 1) << 16) | (get_byte(minutes, 4 * i + 2) << 8) | get_byte(minutes, 4 * i + 3)';

-- +goose StatementBegin
CREATE FUNCTION count_events() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign integer := CASE TG_OP WHEN 'DELETE' THEN -1 ELSE 1 END;
BEGIN
    IF NOT EXISTS (SELECT FROM changed) THEN
        RETURN NULL;
    END IF;
    -- In the order of the key, so that two transactions never wait for each other.
    INSERT INTO event_hours AS h (camera, hour, label, total, minutes)
    WITH per_minute AS (
        SELECT camera, label, floor(extract(epoch FROM start_at) / 3600)::integer AS hour,
            extract(minute FROM start_at AT TIME ZONE 'UTC')::integer AS minute, count(*)::integer AS n
        FROM changed GROUP BY 1, 2, 3, 4
    )
    SELECT k.camera, k.hour, k.label, sign * sum(coalesce(p.n, 0)), string_agg(int4send(sign * coalesce(p.n, 0)), '' ORDER BY m.minute)
    FROM (SELECT DISTINCT camera, hour, label FROM per_minute) k
    CROSS JOIN generate_series(0, 59) AS m(minute)
    LEFT JOIN per_minute p ON p.camera = k.camera AND p.hour = k.hour AND p.label = k.label AND p.minute = m.minute
    GROUP BY k.camera, k.hour, k.label ORDER BY k.camera, k.hour, k.label
    ON CONFLICT (camera, hour, label) DO UPDATE SET total = h.total + excluded.total,
        minutes = (SELECT string_agg(int4send(minute_count(h.minutes, i) + minute_count(excluded.minutes, i)), '' ORDER BY i) FROM generate_series(0, 59) AS i);
    IF sign < 0 THEN
        DELETE FROM event_hours h USING (
            SELECT DISTINCT camera, label, floor(extract(epoch FROM start_at) / 3600)::integer AS hour FROM changed
        ) k WHERE h.camera = k.camera AND h.hour = k.hour AND h.label = k.label AND h.total <= 0;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_added AFTER INSERT ON events REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_events();
CREATE TRIGGER events_deleted AFTER DELETE ON events REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_events();

-- The outbox: what must reach a notifier. Written in the transaction of its event; the truth about every delivery.
CREATE TABLE deliveries (
    id           uuid PRIMARY KEY,              -- UUIDv7, the idempotency key the channel sees
    event_id     uuid NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    plugin       text NOT NULL,                 -- id of the notifier
    recipient    text NOT NULL DEFAULT '',
    route        text NOT NULL DEFAULT '',
    level        integer NOT NULL DEFAULT 0,    -- of escalation
    revision     integer NOT NULL,
    phase        text NOT NULL CHECK (phase IN ('new', 'update', 'end')),
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed', 'expired', 'suppressed')),
    hold         text NOT NULL DEFAULT '' CHECK (hold IN ('', 'quiet', 'digest', 'rate', 'escalation')),
    digest_id    uuid REFERENCES deliveries (id) ON DELETE SET NULL, -- the delivery that tells this one too
    attempts     integer NOT NULL DEFAULT 0,
    last_error   text NOT NULL DEFAULT '',
    message      text NOT NULL DEFAULT '',      -- the channel's own id of what was sent
    token        uuid NOT NULL DEFAULT gen_random_uuid(), -- secret of its actions
    admitted     boolean NOT NULL DEFAULT false, -- counted by the rate of its recipient
    created_at   timestamptz NOT NULL DEFAULT now(),
    next_at      timestamptz NOT NULL DEFAULT now(), -- nothing is tried before
    delivered_at timestamptz,
    expires_at   timestamptz NOT NULL,
    claimed_by   text NOT NULL DEFAULT '',      -- node that works on it, until claimed_until
    claimed_until timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text NOT NULL DEFAULT '',
    UNIQUE (event_id, plugin, recipient, phase, revision, level)
) WITH (fillfactor = 70);
CREATE INDEX deliveries_pending ON deliveries (id) WHERE state = 'pending';
CREATE INDEX deliveries_held ON deliveries (plugin, recipient, route) WHERE state = 'pending' AND hold <> '';
CREATE INDEX deliveries_digest ON deliveries (digest_id) WHERE digest_id IS NOT NULL;
CREATE INDEX deliveries_plugin ON deliveries (plugin, id DESC);
CREATE INDEX deliveries_dead ON deliveries (id DESC) WHERE state IN ('failed', 'expired');
CREATE UNIQUE INDEX deliveries_token ON deliveries (token);

CREATE TABLE delivery_attempts (
    delivery_id uuid NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    n           integer NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(), -- of the last time
    outcome     text NOT NULL CHECK (outcome IN ('delivered', 'retry', 'failed', 'error', 'unavailable')),
    detail      text NOT NULL DEFAULT '',
    duration_ms integer NOT NULL DEFAULT 0,
    times       integer NOT NULL DEFAULT 1,     -- in a row with the same outcome
    PRIMARY KEY (delivery_id, n)
);

-- What each recipient may still be told at once: token buckets.
CREATE TABLE delivery_buckets (
    plugin    text NOT NULL,
    recipient text NOT NULL,
    tokens    double precision NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (plugin, recipient)
);

CREATE TABLE snoozes (
    plugin     text NOT NULL,                   -- '': all notifiers
    recipient  text NOT NULL,
    camera     text NOT NULL,                   -- '': all cameras
    until      timestamptz NOT NULL,
    by         text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (plugin, recipient, camera)
);

-- Routes people made in the UI; those of the configuration file are not here.
CREATE TABLE routes (
    id         text PRIMARY KEY CHECK (id ~ '^[a-z0-9_-]{1,48}$'),
    spec       jsonb NOT NULL,                  -- nvr.Route
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    name          text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    role          text NOT NULL CHECK (role IN ('admin', 'viewer')),
    password_hash text NOT NULL,                -- argon2id, PHC string
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- One row per refresh token ever issued and not yet expired; a family is one login. Reuse of a spent token ends its family.
CREATE TABLE refresh_tokens (
    hash       bytea PRIMARY KEY,               -- SHA-256 of the token
    family     uuid NOT NULL,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issued_at  timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    spent_at   timestamptz
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);

-- Secrets and small facts of this installation (token signing key, instance id).
CREATE TABLE settings (
    key   text PRIMARY KEY,
    value bytea NOT NULL
);

-- Where something moved in front of a camera: a row per stretch of at most ten minutes in which its pictures were searched
-- without a break, cut at full ten minutes. Times without a row are times of which nothing is known.
CREATE TABLE motion_maps (
    camera   text NOT NULL,
    start_at timestamptz NOT NULL,
    end_at   timestamptz NOT NULL CHECK (end_at >= start_at),
    slots    bytea NOT NULL,                    -- the ten seconds with motion and their cells, see core/store
    PRIMARY KEY (camera, start_at)
) WITH (fillfactor = 70);                       -- the running row changes every minute

-- The people whose faces Nightjar knows.
CREATE TABLE persons (
    id         uuid PRIMARY KEY,                -- UUIDv7
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX persons_name ON persons (lower(name));

-- Faces: of a person, or in the inbox of unknown faces. Everything goes with its person: embeddings are biometric data.
CREATE TABLE face_samples (
    id           uuid PRIMARY KEY,              -- UUIDv7
    person_id    uuid REFERENCES persons (id) ON DELETE CASCADE,      -- null: in the inbox
    matched_id   uuid REFERENCES persons (id) ON DELETE CASCADE,      -- of the inbox: who it has turned out to be
    duplicate_of uuid REFERENCES face_samples (id) ON DELETE CASCADE, -- of the inbox: the like face that is shown instead
    source       text NOT NULL CHECK (source IN ('upload', 'event')),
    camera       text NOT NULL DEFAULT '',
    event_id     uuid,                          -- without a reference: the event may be written after its face
    seen_at      timestamptz NOT NULL,
    embedding    bytea NOT NULL CHECK (octet_length(embedding) = 512), -- 128 floats of 4 bytes, little endian
    quality      real NOT NULL,
    size         integer NOT NULL,              -- side of the face in pixels of the picture it is from
    crop         bytea NOT NULL CHECK (octet_length(crop) <= 32768)    -- JPEG; empty with duplicate_of
);
CREATE UNIQUE INDEX face_samples_event ON face_samples (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX face_samples_person ON face_samples (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX face_samples_matched ON face_samples (matched_id) WHERE matched_id IS NOT NULL;
CREATE INDEX face_samples_duplicates ON face_samples (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX face_samples_inbox ON face_samples (seen_at) WHERE person_id IS NULL;

-- Notifiers that people configured: instances of plugins. Those of the configuration file are not here.
CREATE TABLE notifiers (
    id         text PRIMARY KEY CHECK (id ~ '^[a-z0-9_-]{1,48}$'),
    name       text NOT NULL,                   -- for people
    plugin     text NOT NULL,                   -- id of an installed plugin, or the name of one that comes with Nightjar
    enabled    boolean NOT NULL DEFAULT true,
    settings   bytea NOT NULL,                  -- sealed with AES-256-GCM for this id; the key is not in the database
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- What notifiers keep for themselves, at most 1 MB each: core/pluginhost's callbacks. Not of a notifier's row: those of the
-- configuration file have none.
CREATE TABLE plugin_values (
    notifier text NOT NULL CHECK (notifier ~ '^[a-z0-9_-]{1,48}$'),
    key      text NOT NULL CHECK (length(key) BETWEEN 1 AND 128),
    value    bytea NOT NULL,
    PRIMARY KEY (notifier, key)
);

-- +goose Down
DROP TABLE plugin_values;
DROP TABLE notifiers;
DROP TABLE face_samples, persons, motion_maps, settings, refresh_tokens, users, routes, snoozes, delivery_buckets, delivery_attempts, deliveries, event_hours, events, motion_spans, gaps, coverage, recordings, cameras;
DROP FUNCTION count_events, minute_count;
