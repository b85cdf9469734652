-- What was decided on the way of requests to which anything happened. Times are Unix milliseconds.

CREATE TABLE trace (
    request BLOB   NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    trace   TEXT   NOT NULL
) WITHOUT ROWID;

CREATE INDEX trace_by_time ON trace (at);
