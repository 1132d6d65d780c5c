-- The ledger on disk, version 6: addresses that rest. The checks on phase and incarnation change, so the table is made again.

CREATE TABLE allocation_6 (
  address     TEXT PRIMARY KEY,             -- canonical text
  sort        BLOB NOT NULL UNIQUE,         -- 17 bytes, sorts as the addresses do
  key         TEXT NOT NULL,                -- the owner key, as in FloatingIP objects
  pool        TEXT NOT NULL,
  kind        TEXT NOT NULL,
  namespace   TEXT NOT NULL,
  workload    TEXT NOT NULL,
  pod         TEXT NOT NULL,                -- empty: kept without a pod
  phase       TEXT NOT NULL CHECK (phase IN ('held', 'bound', 'reserved', 'resting')),
  incarnation TEXT CHECK ((incarnation IS NULL) = (phase IN ('reserved', 'resting'))),
  node        TEXT,
  policy      INTEGER NOT NULL CHECK (policy IN (0, 1, 2)),
  list_index  INTEGER NOT NULL,             -- which range list of the request
  api_version TEXT NOT NULL,
  held_from   TEXT,                         -- owner key that a hold goes back to
  blocked     INTEGER NOT NULL CHECK (blocked IN (0, 1)),
  updated_at  INTEGER NOT NULL,             -- ms since the epoch
  revision    INTEGER NOT NULL,
  surge       INTEGER NOT NULL DEFAULT 0 CHECK (surge IN (0, 1)),
  reservation TEXT,                         -- as JSON {id, expiresAt, note}; null: not reserved
  rests_since INTEGER CHECK (rests_since IS NOT NULL OR phase <> 'resting') -- ms since the epoch; null: no rest
) STRICT;

INSERT INTO allocation_6 SELECT address, sort, key, pool, kind, namespace, workload, pod, phase, incarnation, node, policy,
  list_index, api_version, held_from, blocked, updated_at, revision, surge, reservation, NULL FROM allocation;
DROP TABLE allocation;
ALTER TABLE allocation_6 RENAME TO allocation;

CREATE INDEX allocation_by_sort ON allocation (sort, key);
CREATE INDEX allocation_by_pod ON allocation (pod, sort);
CREATE INDEX allocation_by_app ON allocation (workload, kind, namespace, sort);
CREATE INDEX allocation_by_pool ON allocation (pool, sort) WHERE pool <> '';
CREATE INDEX allocation_by_namespace ON allocation (namespace, sort);
CREATE INDEX allocation_by_kind ON allocation (kind, sort);
