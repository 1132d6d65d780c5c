-- The ledger on disk: addresses that a rolling update was given beyond the Deployment's replicas.

ALTER TABLE allocation ADD COLUMN surge INTEGER NOT NULL DEFAULT 0 CHECK (surge IN (0, 1));
