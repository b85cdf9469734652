-- Targets that answered otherwise than they did, and the canaries that were asked.
CREATE TABLE incident (
    id TEXT NOT NULL PRIMARY KEY,
    opened BIGINT NOT NULL,
    is_open BOOLEAN NOT NULL,
    incident TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX incident_by_time ON incident (opened);

CREATE TABLE canary_run (
    request BLOB NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    run TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX canary_run_by_time ON canary_run (at);
