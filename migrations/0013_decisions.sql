-- Up Migration

-- All records of one decision, oldest first, for a later one may take back what the first says. Replaced and not made anew, so that
-- who may call it stays as it was.
CREATE OR REPLACE FUNCTION find_decision(of_tenant text, of_decision text) RETURNS TABLE (at timestamptz, record jsonb)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
  SELECT d.at, d.record FROM (
    SELECT a.at, a.position, a.record FROM audit a WHERE a.tenant = of_tenant AND a.decision_id = of_decision
    UNION ALL
    SELECT u.at, u.id, u.record FROM audit_unchained u WHERE u.tenant = of_tenant AND u.decision_id = of_decision
  ) d ORDER BY d.at, d.position;
END;
