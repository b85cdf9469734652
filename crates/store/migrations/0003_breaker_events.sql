-- What happened to the spend breakers of sessions; a breaker's state is what its latest row says.
-- Money is nano-USD, times are Unix milliseconds, spans of time are milliseconds.

CREATE TABLE breaker_event (
    breaker      TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    principal    TEXT   NOT NULL,
    client       TEXT   NOT NULL,
    session      TEXT   NOT NULL,
    agent        TEXT   NOT NULL,
    change       TEXT   NOT NULL,
    more_ms      BIGINT,
    more_cost    BIGINT,
    state        TEXT   NOT NULL,
    allowed_ms   BIGINT NOT NULL,
    allowed_cost BIGINT NOT NULL,
    used_ms      BIGINT NOT NULL,
    used_cost    BIGINT NOT NULL,
    requests     BIGINT NOT NULL,
    first_seen   BIGINT NOT NULL,
    last_human   BIGINT,
    run_began    BIGINT NOT NULL,
    decided_by   TEXT   NOT NULL,
    PRIMARY KEY (breaker, version)
);

CREATE INDEX breaker_event_by_time ON breaker_event (at);
