-- The ledger on disk: which addresses a person reserved ahead, as JSON {id, expiresAt, note}; null: not reserved.

ALTER TABLE allocation ADD COLUMN reservation TEXT;
