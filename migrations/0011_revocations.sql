-- Up Migration

-- What was revoked, by the hash of its name (src/types/revocation.ts): tokens issued and sessions started up to `before`
-- are over; 'infinity' for what can not come again. `until` is when no token that it concerns is valid any longer, where
-- that is known.
CREATE TABLE revocations (
  key    bytea PRIMARY KEY,
  tenant text NOT NULL,
  kind   text NOT NULL,
  before timestamptz NOT NULL,
  until  timestamptz
);
CREATE INDEX revocations_until ON revocations (until) WHERE until IS NOT NULL;

-- By what a session can be revoked, beside its id.
ALTER TABLE sessions
  ADD COLUMN keys bytea[] NOT NULL DEFAULT '{}',
  ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();

-- What was released in a session, and to whom beside its own principal. Names and versions, never text.
CREATE TABLE session_documents (
  session_id  text NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  tenant      text NOT NULL,
  document_id text COLLATE "C" NOT NULL,
  version     int NOT NULL,
  audience    text[] NOT NULL,
  PRIMARY KEY (session_id, document_id, version)
);
