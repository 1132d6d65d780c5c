-- The ledger on disk, version 1. Addresses sort by their 17-byte key (family, then the number, big-endian).

-- One row per address that belongs to somebody; a free address has no row.
CREATE TABLE allocation (
  address     TEXT PRIMARY KEY,             -- canonical text
  sort        BLOB NOT NULL UNIQUE,         -- 17 bytes, sorts as the addresses do
  key         TEXT NOT NULL,                -- the owner key, as in FloatingIP objects
  pool        TEXT NOT NULL,
  kind        TEXT NOT NULL,
  namespace   TEXT NOT NULL,
  workload    TEXT NOT NULL,
  pod         TEXT NOT NULL,                -- empty: kept without a pod
  phase       TEXT NOT NULL CHECK (phase IN ('held', 'bound', 'reserved')),
  incarnation TEXT CHECK ((incarnation IS NULL) = (phase = 'reserved')),
  node        TEXT,
  policy      INTEGER NOT NULL CHECK (policy IN (0, 1, 2)),
  list_index  INTEGER NOT NULL,             -- which range list of the request
  api_version TEXT NOT NULL,
  held_from   TEXT,                         -- owner key that a hold goes back to
  blocked     INTEGER NOT NULL CHECK (blocked IN (0, 1)),
  updated_at  INTEGER NOT NULL,             -- ms since the epoch
  revision    INTEGER NOT NULL
) STRICT;

-- Who had which address, when and why: append-only.
CREATE TABLE history (
  id          INTEGER PRIMARY KEY,
  at          INTEGER NOT NULL,             -- ms since the epoch
  revision    INTEGER NOT NULL,
  verb        TEXT NOT NULL,
  actor       TEXT NOT NULL,
  address     TEXT NOT NULL,
  key_before  TEXT,                         -- null: it was free
  key_after   TEXT,                         -- null: it became free
  incarnation TEXT,
  node        TEXT,
  because     TEXT NOT NULL
) STRICT;
CREATE INDEX history_by_address ON history (address, id);

-- Addresses whose newest state the cluster has not acknowledged yet.
CREATE TABLE outbox (
  address  TEXT PRIMARY KEY,
  revision INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_by_revision ON outbox (revision);

-- Single facts of the ledger itself: `revision`, `ledger id`, `term`.
CREATE TABLE fact (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
