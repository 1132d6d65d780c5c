-- The ledger on disk, version 7: the outbox in one tree instead of three; it is sorted when it is read, which is at start.

CREATE TABLE outbox_7 (
  address  TEXT PRIMARY KEY,
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO outbox_7 SELECT address, revision FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_7 RENAME TO outbox;
