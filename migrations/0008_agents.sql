-- Up Migration

CREATE TABLE agents (
  tenant      text NOT NULL,
  id          text COLLATE "C" NOT NULL,
  owner       text,
  purpose     text NOT NULL,
  risk_class  text NOT NULL,
  state       text NOT NULL,
  expires_at  timestamptz NOT NULL,
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL,
  reviewed_by text,
  reviewed_at timestamptz,
  revision    int NOT NULL,
  PRIMARY KEY (tenant, id)
);
