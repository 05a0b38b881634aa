-- +goose Up

-- Cameras that ever existed, so that rows of removed cameras keep a name. The configuration file is the truth for settings.
CREATE TABLE cameras (
    id         text PRIMARY KEY CHECK (id ~ '^[a-z0-9_]{1,48}$'),
    name       text NOT NULL,
    recording  boolean NOT NULL DEFAULT true,  -- the switch people and MQTT flip at run time
    detecting  boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One row per closed fMP4 file. The disk is the truth: rows are rebuilt from the journals (recorder/docs).
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
    PRIMARY KEY (camera, role, start_us)
);

CREATE TABLE gaps (
    camera   text NOT NULL,
    role     text NOT NULL,
    start_us bigint NOT NULL,
    end_us   bigint NOT NULL,
    reason   text NOT NULL,
    detail   text NOT NULL DEFAULT '',
    PRIMARY KEY (camera, role, start_us)
);

CREATE TABLE events (
    id           uuid PRIMARY KEY,              -- UUIDv7
    camera       text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('object', 'motion', 'camera', 'manual')),
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
    updated_at   timestamptz NOT NULL DEFAULT now()  -- last sign of life: where an event a crash left open is closed
);
CREATE INDEX events_camera_start ON events (camera, start_at DESC);
CREATE INDEX events_start ON events (start_at DESC, id DESC);
CREATE INDEX events_ongoing ON events (camera) WHERE end_at IS NULL;

-- The outbox: what must reach a notifier. Written in the transaction of its event; the truth about every delivery.
CREATE TABLE deliveries (
    id           uuid PRIMARY KEY,              -- UUIDv7, the idempotency key the channel sees
    event_id     uuid NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    plugin       text NOT NULL,
    recipient    text NOT NULL DEFAULT '',
    revision     integer NOT NULL,
    phase        text NOT NULL CHECK (phase IN ('new', 'update', 'end')),
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed', 'expired')),
    attempts     integer NOT NULL DEFAULT 0,
    last_error   text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    expires_at   timestamptz NOT NULL,
    UNIQUE (event_id, plugin, recipient, phase, revision)
);
CREATE INDEX deliveries_pending ON deliveries (created_at) WHERE state = 'pending';

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

-- +goose Down
DROP TABLE settings, refresh_tokens, users, deliveries, events, gaps, recordings, cameras;
