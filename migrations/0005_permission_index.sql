-- Up Migration

-- What the permission index knows of a document: how many chunks of it are published (0 while it is hidden), and the
-- version of the tenant's relationships that its last publishing or hiding has made.
ALTER TABLE documents ADD COLUMN chunks int NOT NULL DEFAULT 0, ADD COLUMN changed bigint NOT NULL DEFAULT 0;
UPDATE documents d SET chunks = (
  SELECT count(*) FROM chunks c WHERE c.document_no = d.no AND c.version = d.published_version
) WHERE published_version IS NOT NULL;
CREATE INDEX documents_changed ON documents (tenant, changed);

-- When a copy of the service last took it on itself to compare the copy of the relationships with the engine.
ALTER TABLE engine_stores ADD COLUMN repaired_at timestamptz;

-- What searching costs on this machine, as `clearance tune` has measured it: microseconds (see choose-route.ts).
CREATE TABLE search_tuning (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  tuning   jsonb NOT NULL
);
