-- The ledger on disk, version 2: what a cloud may still have on a node that its row went from.

-- To be unassigned from the node by the address provider. A row bound on that node wipes it out.
CREATE TABLE cloud (
  address  TEXT NOT NULL,
  node     TEXT NOT NULL,
  revision INTEGER NOT NULL,                -- of the change that left it over
  PRIMARY KEY (address, node)
) STRICT;
