-- Up Migration

CREATE TABLE sessions (
  id         text PRIMARY KEY,
  tenant     text NOT NULL,
  issuer     text NOT NULL,
  subject    text NOT NULL,
  actor      text,
  expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Rows are only ever added.
CREATE TABLE audit (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant      text NOT NULL,
  decision_id text NOT NULL,
  at          timestamptz NOT NULL DEFAULT now(),
  record      jsonb NOT NULL
);
CREATE INDEX audit_decision ON audit (decision_id);
