-- Attempts in a third of the bytes and with one tree instead of three, because writing them is most
-- of what a request costs in the store. `attempt` is a view from here on: it reads as before, but for
-- `request`, which is the id's 16 bytes.

-- What attempts say again and again, once: who asks for what, and where it goes.
CREATE TABLE attempt_names (
    id        INTEGER NOT NULL PRIMARY KEY,
    key_id    TEXT    NOT NULL,
    principal TEXT    NOT NULL,
    team      TEXT    NOT NULL,
    route     TEXT    NOT NULL,
    target    TEXT    NOT NULL,
    provider  TEXT    NOT NULL,
    model     TEXT    NOT NULL,
    dialect   TEXT    NOT NULL,
    stream    INTEGER NOT NULL,
    UNIQUE (key_id, target, route, principal, team, provider, model, dialect, stream)
);

-- The words of settlements.
CREATE TABLE attempt_end (
    id            INTEGER NOT NULL PRIMARY KEY,
    ending        TEXT    NOT NULL,
    usage_source  TEXT    NOT NULL,
    price_version TEXT    NOT NULL,
    UNIQUE (ending, usage_source, price_version)
);

-- One row per attempt, in the order of the requests' ids, which is that of their arrival: what was
-- asked since some time is found by the ids, without an index of its own. `ended` is null while the
-- attempt is pending.
CREATE TABLE attempt_row (
    request         BLOB    NOT NULL,
    ordinal         INTEGER NOT NULL,
    held_at         BIGINT  NOT NULL,
    names           INTEGER NOT NULL,
    estimated_in    BIGINT  NOT NULL,
    ceiling         BIGINT  NOT NULL,
    settled_at      BIGINT,
    ended           INTEGER,
    uncached_in     BIGINT,
    cache_read      BIGINT,
    cache_write_5m  BIGINT,
    cache_write_1h  BIGINT,
    visible_out     BIGINT,
    reasoning_out   BIGINT,
    cost            BIGINT,
    avoided_cost    BIGINT,
    first_token_ms  BIGINT,
    total_ms        BIGINT,
    PRIMARY KEY (request, ordinal)
) WITHOUT ROWID;

INSERT INTO attempt_names
    (key_id, principal, team, route, target, provider, model, dialect, stream)
SELECT DISTINCT key_id, principal, team, route, target, provider, model, dialect, stream FROM attempt;

INSERT INTO attempt_end (ending, usage_source, price_version)
SELECT DISTINCT ending, usage_source, price_version FROM attempt WHERE ending IS NOT NULL;

INSERT INTO attempt_row
SELECT unhex(substr(old.request, 5)), old.ordinal, old.held_at, attempt_names.id, old.estimated_in,
    old.ceiling, old.settled_at, attempt_end.id, old.uncached_in, old.cache_read,
    old.cache_write_5m, old.cache_write_1h, old.visible_out, old.reasoning_out, old.cost,
    old.avoided_cost, old.first_token_ms, old.total_ms
FROM attempt AS old
JOIN attempt_names USING (key_id, target, route, principal, team, provider, model, dialect, stream)
LEFT JOIN attempt_end USING (ending, usage_source, price_version)
ORDER BY old.request, old.ordinal;

DROP TABLE attempt;

CREATE INDEX attempt_row_pending ON attempt_row (held_at) WHERE ended IS NULL;

CREATE VIEW attempt AS
SELECT request, ordinal, held_at, held_at / 86400000 AS day, key_id, principal, team, route, target,
    provider, model, dialect, stream, estimated_in, ceiling, settled_at, ended, ending, uncached_in,
    cache_read, cache_write_5m, cache_write_1h, visible_out, reasoning_out, usage_source, cost,
    avoided_cost, price_version, first_token_ms, total_ms
FROM attempt_row
JOIN attempt_names ON attempt_names.id = attempt_row.names
LEFT JOIN attempt_end ON attempt_end.id = attempt_row.ended;
