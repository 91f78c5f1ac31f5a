-- Up Migration

-- What an agent may use by itself, what needs approval and what it never gets.
ALTER TABLE agents ADD COLUMN access jsonb NOT NULL DEFAULT '{"default": "alone", "rules": []}';

CREATE TABLE sources (
  tenant      text NOT NULL,
  id          text COLLATE "C" NOT NULL,
  owner       text,
  purpose     text NOT NULL,
  state       text NOT NULL,
  grants      jsonb NOT NULL,
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL,
  reviewed_by text,
  reviewed_at timestamptz,
  revision    int NOT NULL,
  PRIMARY KEY (tenant, id)
);
