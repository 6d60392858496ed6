-- Lease one conversation by its id: the one that a responder looks at. claim(n) gives the next ones instead.
CREATE OR REPLACE FUNCTION triage.take(id bigint, lease interval DEFAULT '15 minutes') RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
DECLARE
    until timestamptz := clock_timestamp() + triage.lease(lease);
BEGIN
    PERFORM triage.hold(id);
    INSERT INTO triage.audit (conversation_id, verb, by) VALUES (id, 'claim', triage.actor());
    UPDATE triage.unanswered_queue q SET claimed_by = triage.actor(), lease_until = until, updated_at = clock_timestamp()
    WHERE q.conversation_id = id;
    RETURN until;
END $$;
