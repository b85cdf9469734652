-- The items that a kept reply said, which later requests may name by their ids.

CREATE TABLE kept_item (
    id    TEXT NOT NULL,
    reply TEXT NOT NULL REFERENCES kept_reply (id) ON DELETE CASCADE,
    PRIMARY KEY (id, reply)
);

CREATE INDEX kept_item_by_reply ON kept_item (reply);
