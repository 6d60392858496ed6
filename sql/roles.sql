-- Group roles without login: grant them to the users of your deployment.
--   triage_owner      owns the schema and all in it; whoever migrates is a member
--   triage_pipeline   what the DAGs connect as: reads and writes every table
--   triage_responder  reads the queue and the views, acts through the functions, nothing else
--   triage_reader     dashboards: the queue and the views, read only
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['triage_owner', 'triage_pipeline', 'triage_responder', 'triage_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of this server is being migrated at the same moment
            END;
        END IF;
    END LOOP;
    IF NOT pg_has_role('triage_owner', 'USAGE') THEN
        EXECUTE format('GRANT triage_owner TO %I', current_user);
    END IF;
END $$;
