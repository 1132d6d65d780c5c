-- The ledger on disk, version 4: what people ask of it, by index. Each list's index ends in its order.

CREATE INDEX allocation_by_sort ON allocation (sort, key);
CREATE INDEX allocation_by_pod ON allocation (pod, sort);
CREATE INDEX allocation_by_app ON allocation (workload, kind, namespace, sort);
CREATE INDEX allocation_by_pool ON allocation (pool, sort) WHERE pool <> '';
CREATE INDEX allocation_by_namespace ON allocation (namespace, sort);
CREATE INDEX allocation_by_kind ON allocation (kind, sort);

-- Whom the change is about: the pod that has the address after it, else the one that had it, else who keeps it.
ALTER TABLE history ADD COLUMN namespace TEXT NOT NULL DEFAULT '';
ALTER TABLE history ADD COLUMN workload TEXT NOT NULL DEFAULT '';
ALTER TABLE history ADD COLUMN pod TEXT NOT NULL DEFAULT '';
-- The pod that lost the address to another pod's name in the same change.
ALTER TABLE history ADD COLUMN pod_left TEXT;
-- Of the row after it; null: free.
ALTER TABLE history ADD COLUMN phase TEXT;

-- Rows of before: the key without its pool, split at "_".
WITH rest AS (
  SELECT id, CASE WHEN key LIKE 'pool\_\_%' ESCAPE '\' THEN substr(key, 7 + instr(substr(key, 7), '_')) ELSE key END AS key
  FROM (SELECT id, CASE WHEN key_after IS NULL OR (substr(key_after, -1) = '_' AND key_before IS NOT NULL)
                        THEN key_before ELSE key_after END AS key FROM history)
), parts AS (SELECT id, '[' || replace(json_quote(key), '_', '","') || ']' AS part FROM rest)
UPDATE history SET
  namespace = coalesce(json_extract(part, '$[1]'), ''),
  workload = coalesce(json_extract(part, '$[2]'), ''),
  pod = coalesce(json_extract(part, '$[3]'), ''),
  phase = CASE WHEN key_after IS NULL THEN NULL WHEN verb = 'hold' THEN 'held' WHEN verb = 'bind' THEN 'bound'
               WHEN verb = 'adopt' AND incarnation IS NOT NULL THEN 'bound' ELSE 'reserved' END
FROM parts WHERE parts.id = history.id;

DROP INDEX history_by_address;
CREATE INDEX history_by_address ON history (address, at);
CREATE INDEX history_by_pod ON history (pod, at);
CREATE INDEX history_by_pod_left ON history (pod_left, at) WHERE pod_left IS NOT NULL;
CREATE INDEX history_by_app ON history (workload, at);
CREATE INDEX history_by_node ON history (node, at) WHERE node IS NOT NULL;
CREATE INDEX history_by_namespace ON history (namespace, at);
CREATE INDEX history_by_time ON history (at);
