-- Owner and rights, set anew after every change of tables, functions or views.

-- The responders' functions run with their owner's rights: these must not be those of whoever migrated.
DO $$
DECLARE
    given text;
BEGIN
    ALTER SCHEMA triage OWNER TO triage_owner;
    FOR given IN
        SELECT format('ALTER %s %s OWNER TO triage_owner', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, oid::regclass)
        FROM pg_class WHERE relnamespace = 'triage'::regnamespace AND relkind IN ('r', 'v')
                      AND relowner <> 'triage_owner'::regrole  -- it takes a lock even where it changes nothing
        UNION ALL
        SELECT format('ALTER FUNCTION %s OWNER TO triage_owner', oid::regprocedure)
        FROM pg_proc WHERE pronamespace = 'triage'::regnamespace
        UNION ALL
        SELECT format('ALTER TYPE %s OWNER TO triage_owner', oid::regtype)
        FROM pg_type WHERE typnamespace = 'triage'::regnamespace AND typtype = 'e'
    LOOP
        EXECUTE given;
    END LOOP;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA triage FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA triage FROM PUBLIC;
GRANT USAGE ON SCHEMA triage TO triage_pipeline, triage_responder, triage_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA triage TO triage_pipeline;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO triage_pipeline;
REVOKE INSERT, UPDATE, DELETE ON triage.migration, triage.replaced FROM triage_pipeline;
REVOKE UPDATE, DELETE ON triage.audit, triage.correction, triage.incident_log FROM triage_pipeline;
GRANT SELECT ON triage.unanswered_queue, triage.answered, triage.answered_today, triage.response_times, triage.backlog,
    triage.ledger, triage.topic TO triage_responder, triage_reader;
GRANT SELECT ON triage.spend TO triage_reader;
GRANT SELECT ON triage.floods TO triage_responder, triage_reader;
GRANT SELECT ON triage.replies TO triage_responder;
REVOKE EXECUTE ON FUNCTION triage.refresh, triage.judge, triage.priority,
    triage.settle, triage.hold FROM triage_responder, triage_reader;
GRANT EXECUTE ON FUNCTION triage.claim, triage.take, triage.renew, triage.release, triage.answer, triage.dismiss, triage.snooze,
    triage.relabel, triage.note, triage.history, triage.deeds, triage.actor, triage.reply, triage.withdraw, triage.resend
    TO triage_responder;
GRANT EXECUTE ON FUNCTION triage.release_flood TO triage_responder;
GRANT SELECT ON triage.open_hours TO triage_responder, triage_reader;  -- a view's functions run as its reader
GRANT EXECUTE ON FUNCTION triage.my_accounts, triage.served, triage.languages, triage.open_seconds, triage.open_between,
    triage.due, triage.due_after TO triage_responder, triage_reader;
GRANT SELECT ON triage.incident_board, triage.incident_volume, triage.statements TO triage_responder, triage_reader;
GRANT EXECUTE ON FUNCTION triage.open_incident, triage.close_incident, triage.watch_incident, triage.reopen_incident,
    triage.note_incident, triage.incident_history TO triage_responder;
