-- Up Migration

-- Records of before this migration: not chained, so nothing proves that they are all, and with names as they were.
DROP FUNCTION find_decision(text, text);
ALTER TABLE audit RENAME TO audit_unchained;
ALTER INDEX audit_decision RENAME TO audit_unchained_decision;

-- Rows are only ever added. A segment is what one copy of the service has written for one tenant, one record after the other; what is
-- hashed is `record`, and the other columns repeat what is in it. The last record of each insert is signed.
CREATE TABLE audit (
  tenant      text NOT NULL,
  segment     text COLLATE "C" NOT NULL,
  position    bigint NOT NULL,
  decision_id text NOT NULL,
  at          timestamptz NOT NULL,
  -- Whether an agent was part of it, for a person or by itself.
  agent       boolean NOT NULL,
  hash        text NOT NULL,
  key         text,
  signature   text,
  record      jsonb NOT NULL,
  PRIMARY KEY (tenant, segment, position)
);
CREATE INDEX audit_find ON audit (tenant, decision_id);

-- Signed: how far each segment of a tenant went at that time.
CREATE TABLE audit_checkpoints (
  tenant     text NOT NULL,
  number     bigint NOT NULL,
  key        text NOT NULL,
  signature  text NOT NULL,
  checkpoint jsonb NOT NULL,
  PRIMARY KEY (tenant, number)
);

-- Whom the pseudonyms in the trail stand for. A pseudonym is made of its name and a random salt, so no other name can be put in its
-- place; and a row that is taken away leaves the trail as it is, with a pseudonym that no guess of a name leads to.
CREATE TABLE audit_names (
  tenant    text NOT NULL,
  name      text NOT NULL,
  pseudonym text NOT NULL,
  salt      text NOT NULL,
  PRIMARY KEY (tenant, name),
  UNIQUE (tenant, pseudonym)
);

-- One record of the audit trail, to who knows its random id: the service may not read the trail itself. Bound to its tables here,
-- for a body in quotes would be read again by whoever calls it, with tables of theirs in the way.
CREATE FUNCTION find_decision(of_tenant text, of_decision text) RETURNS TABLE (at timestamptz, record jsonb)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
  SELECT a.at, a.record FROM audit a WHERE a.tenant = of_tenant AND a.decision_id = of_decision
  UNION ALL
  SELECT u.at, u.record FROM audit_unchained u WHERE u.tenant = of_tenant AND u.decision_id = of_decision
  LIMIT 1;
END;
REVOKE ALL ON FUNCTION find_decision(text, text) FROM PUBLIC;

-- How far a segment goes, without what is in it: so that any copy can close what a copy that is gone has left open.
CREATE FUNCTION audit_tip(of_tenant text, of_segment text)
RETURNS TABLE (at_position bigint, hash text, key text, signature text)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
  SELECT a.position, a.hash, a.key, a.signature FROM audit a
  WHERE a.tenant = of_tenant AND a.segment = of_segment ORDER BY a.position DESC LIMIT 1;
END;
REVOKE ALL ON FUNCTION audit_tip(text, text) FROM PUBLIC;
