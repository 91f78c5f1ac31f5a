-- Up Migration

-- One record of the audit trail, to who knows its random id: the service may not read the trail itself. Bound to its table here,
-- for a body in quotes would be read again by whoever calls it, with tables of theirs in the way.
CREATE FUNCTION find_decision(of_tenant text, of_decision text) RETURNS TABLE (at timestamptz, record jsonb)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
  SELECT a.at, a.record FROM audit a WHERE a.tenant = of_tenant AND a.decision_id = of_decision ORDER BY a.id LIMIT 1;
END;
REVOKE ALL ON FUNCTION find_decision(text, text) FROM PUBLIC;
