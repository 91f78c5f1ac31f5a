-- Up Migration

-- The embedded engine's tuples. Every change raises the tenant's version by one, under that row's lock,
-- so versions are committed in order and whoever holds a copy catches up by reading what is above its own.
CREATE TABLE relationship_versions (
  tenant  text PRIMARY KEY,
  version bigint NOT NULL
);
CREATE TABLE relationships (
  tenant    text NOT NULL,
  object    text COLLATE "C" NOT NULL,
  relation  text COLLATE "C" NOT NULL,
  "user"    text COLLATE "C" NOT NULL,
  condition jsonb,
  PRIMARY KEY (tenant, object, relation, "user")
);
CREATE INDEX relationships_user_object ON relationships (tenant, split_part("user", '#', 1));
CREATE TABLE relationship_changes (
  tenant    text NOT NULL,
  version   bigint NOT NULL,
  position  int NOT NULL,
  written   boolean NOT NULL,
  object    text NOT NULL,
  relation  text NOT NULL,
  "user"    text NOT NULL,
  condition jsonb,
  PRIMARY KEY (tenant, version, position)
);

-- What must still be done to a document, in the order of `id`. The lease keeps two copies of the service apart.
CREATE TABLE outbox (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  document_no     bigint NOT NULL REFERENCES documents (no),
  step            text NOT NULL CHECK (step IN ('narrow', 'publish', 'delete')),
  version         int,
  relationships   jsonb,
  attempts        int NOT NULL DEFAULT 0,
  due_at          timestamptz NOT NULL DEFAULT now(),
  leased_until    timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_document ON outbox (document_no, id);
