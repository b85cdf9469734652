-- What an answer of a student would have cost at its teacher; null where nobody stood in for anybody.
ALTER TABLE attempt ADD COLUMN avoided_cost BIGINT;
ALTER TABLE orphan ADD COLUMN avoided_cost BIGINT;

-- What happened to the deployment of a task, in order; the last row of a task is what holds. A row
-- without a version says that the student was taken away.
CREATE TABLE deployment (
    task    TEXT    NOT NULL,
    number  INTEGER NOT NULL,
    version TEXT,
    at      BIGINT  NOT NULL,
    PRIMARY KEY (task, number)
);
