-- Up Migration

-- What was revoked, by the hash of its name (src/types/revocation.ts): tokens issued and sessions started up to `before`
-- are over; 'infinity' for what can not come again. `until` is when no token that it concerns is valid any longer, where
-- that is known.
CREATE TABLE revocations (
  key    bytea NOT NULL,
  tenant text NOT NULL,
  kind   text NOT NULL,
  before timestamptz NOT NULL,
  until  timestamptz,
  PRIMARY KEY (key, tenant)
);
CREATE INDEX revocations_until ON revocations (until) WHERE until IS NOT NULL;

-- By what a session can be revoked, beside its id. One tenant's session takes no id away from another's.
ALTER TABLE sessions
  DROP CONSTRAINT sessions_pkey,
  ADD PRIMARY KEY (tenant, id),
  ADD COLUMN keys bytea[] NOT NULL DEFAULT '{}',
  ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();

-- What was released in a session, and to whom beside its own principal. Names and versions, never text.
CREATE TABLE session_documents (
  tenant      text NOT NULL,
  session_id  text NOT NULL,
  document_id text COLLATE "C" NOT NULL,
  version     int NOT NULL,
  audience    text[] NOT NULL,
  PRIMARY KEY (tenant, session_id, document_id, version),
  FOREIGN KEY (tenant, session_id) REFERENCES sessions (tenant, id) ON DELETE CASCADE
);
