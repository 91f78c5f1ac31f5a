-- Up Migration

-- Proofs of possession (RFC 9449) by their hash, until they would be refused for their age.
CREATE TABLE used_proofs (
  proof      bytea PRIMARY KEY,
  expires_at timestamptz NOT NULL
);
CREATE INDEX used_proofs_expiry ON used_proofs (expires_at);
