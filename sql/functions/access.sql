-- The accounts that whoever is logged in may see. Once per statement, so that a policy can use it on a million rows.
CREATE OR REPLACE FUNCTION triage.my_accounts() RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = triage, pg_temp AS $$
    SELECT coalesce(array_agg(a.name), '{}') FROM triage.account a
    WHERE pg_has_role(session_user, 'triage_pipeline', 'MEMBER')
       OR NOT EXISTS (SELECT FROM triage.access x WHERE x.account = a.name)
       OR EXISTS (SELECT FROM triage.access x JOIN pg_roles r ON r.rolname = x.role
                  WHERE x.account = a.name AND pg_has_role(session_user, r.oid, 'MEMBER'))
$$;

-- Those accounts, and where they are.
CREATE OR REPLACE FUNCTION triage.served() RETURNS TABLE (account text, source text)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 8 SET search_path = triage, pg_temp AS $$
    SELECT a.name, a.source FROM triage.account a WHERE a.name = ANY (triage.my_accounts())
$$;

DROP POLICY IF EXISTS served ON triage.unanswered_queue;
CREATE POLICY served ON triage.unanswered_queue FOR SELECT TO PUBLIC
    USING (account = ANY ((SELECT triage.my_accounts())::text[]));
DROP POLICY IF EXISTS pipeline ON triage.unanswered_queue;
CREATE POLICY pipeline ON triage.unanswered_queue TO triage_pipeline USING (true) WITH CHECK (true);
