-- Types and statements that SQLite and PostgreSQL both understand. Times are Unix milliseconds in
-- UTC, money is nano-USD, days are counted from 1970-01-01.

CREATE TABLE setting (
    name  TEXT  NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE virtual_key (
    id          TEXT   NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL,
    principal   TEXT   NOT NULL,
    team        TEXT   NOT NULL,
    secret_hash BYTEA  NOT NULL,
    created_at  BIGINT NOT NULL,
    disabled_at BIGINT
);

-- One row per attempt: what its hold says, then, once it is over, what its settlement says.
-- `ending` is null while the attempt is pending.
CREATE TABLE attempt (
    request         TEXT    NOT NULL,
    ordinal         INTEGER NOT NULL,
    held_at         BIGINT  NOT NULL,
    day             BIGINT  NOT NULL,
    key_id          TEXT    NOT NULL,
    principal       TEXT    NOT NULL,
    team            TEXT    NOT NULL,
    route           TEXT    NOT NULL,
    target          TEXT    NOT NULL,
    provider        TEXT    NOT NULL,
    model           TEXT    NOT NULL,
    dialect         TEXT    NOT NULL,
    stream          INTEGER NOT NULL,
    estimated_in    BIGINT  NOT NULL,
    ceiling         BIGINT  NOT NULL,
    settled_at      BIGINT,
    ending          TEXT,
    uncached_in     BIGINT,
    cache_read      BIGINT,
    cache_write_5m  BIGINT,
    cache_write_1h  BIGINT,
    visible_out     BIGINT,
    reasoning_out   BIGINT,
    usage_source    TEXT,
    cost            BIGINT,
    price_version   TEXT,
    first_token_ms  BIGINT,
    total_ms        BIGINT,
    PRIMARY KEY (request, ordinal)
);

CREATE INDEX attempt_by_time ON attempt (held_at);
CREATE INDEX attempt_pending ON attempt (held_at) WHERE ending IS NULL;

-- Settlements whose hold was never seen. Nothing else reads them: they wait for a person.
CREATE TABLE orphan (
    request         TEXT    NOT NULL,
    ordinal         INTEGER NOT NULL,
    settled_at      BIGINT  NOT NULL,
    ending          TEXT    NOT NULL,
    uncached_in     BIGINT  NOT NULL,
    cache_read      BIGINT  NOT NULL,
    cache_write_5m  BIGINT  NOT NULL,
    cache_write_1h  BIGINT  NOT NULL,
    visible_out     BIGINT  NOT NULL,
    reasoning_out   BIGINT  NOT NULL,
    usage_source    TEXT    NOT NULL,
    cost            BIGINT  NOT NULL,
    price_version   TEXT    NOT NULL,
    first_token_ms  BIGINT,
    total_ms        BIGINT  NOT NULL,
    PRIMARY KEY (request, ordinal)
);

-- How far the journal has been read; one row.
CREATE TABLE journal_position (
    id          INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    segment     BIGINT  NOT NULL,
    byte_offset BIGINT  NOT NULL
);
