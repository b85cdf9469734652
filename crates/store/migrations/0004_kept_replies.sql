-- Replies that callers want kept, with what was asked. Times are Unix milliseconds.

CREATE TABLE kept_reply (
    id        TEXT   NOT NULL PRIMARY KEY,
    principal TEXT   NOT NULL,
    follows   TEXT,
    provider  TEXT   NOT NULL,
    asked     TEXT   NOT NULL,
    reply     BLOB   NOT NULL,
    bytes     BIGINT NOT NULL,
    at        BIGINT NOT NULL
);

CREATE INDEX kept_reply_by_time ON kept_reply (at);
