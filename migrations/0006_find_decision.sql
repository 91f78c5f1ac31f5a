-- Up Migration

-- One record of the audit trail, to who knows its random id: the service may not read the trail itself.
CREATE FUNCTION find_decision(of_tenant text, of_decision text) RETURNS TABLE (at timestamptz, record jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
AS 'SELECT a.at, a.record FROM audit a WHERE a.tenant = of_tenant AND a.decision_id = of_decision ORDER BY a.id LIMIT 1';
REVOKE ALL ON FUNCTION find_decision(text, text) FROM PUBLIC;
