-- Rights, set anew after every change of tables, functions or views.
REVOKE ALL ON ALL TABLES IN SCHEMA triage FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA triage FROM PUBLIC;
GRANT USAGE ON SCHEMA triage TO triage_owner, triage_pipeline, triage_responder, triage_reader;
GRANT ALL ON ALL TABLES IN SCHEMA triage TO triage_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA triage TO triage_pipeline;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO triage_owner, triage_pipeline;
REVOKE INSERT, UPDATE, DELETE ON triage.migration, triage.replaced FROM triage_pipeline;
REVOKE UPDATE, DELETE ON triage.audit FROM triage_pipeline;
GRANT SELECT ON triage.unanswered_queue, triage.ledger, triage.topic TO triage_responder, triage_reader;
REVOKE EXECUTE ON FUNCTION triage.refresh, triage.refresh_states, triage.refresh_queue, triage.refresh_labels,
    triage.settle, triage.hold FROM triage_responder, triage_reader;
GRANT EXECUTE ON FUNCTION triage.claim, triage.renew, triage.release, triage.answer, triage.dismiss, triage.snooze,
    triage.relabel, triage.actor TO triage_responder;
