-- Collected is counted from the messages, the rest from what we keep: a mistake in keeping shows here.
CREATE OR REPLACE VIEW triage.ledger AS
SELECT (SELECT count(DISTINCT conversation_id) FROM triage.message WHERE direction = 'inbound') AS collected,
       count(*) FILTER (WHERE state = 'answered') AS answered,
       count(*) FILTER (WHERE state = 'waiting') AS waiting,
       count(*) FILTER (WHERE state = 'dismissed') AS dismissed,
       count(*) FILTER (WHERE state = 'nobody') AS nobody,
       (SELECT count(*) FROM triage.unanswered_queue) AS queue_rows,
       (SELECT count(*) FROM triage.quarantine) AS quarantined
FROM triage.conversation;
COMMENT ON VIEW triage.ledger IS 'Nobody is left in the dark: collected = answered + waiting + dismissed, queue_rows = waiting.';

-- What the audit names: conversations in the wrong place, and how. The last branch judges every conversation anew
-- from its messages; it finds what a writer forgot to refresh.
CREATE OR REPLACE VIEW triage.unbalanced AS
SELECT c.id AS conversation_id, c.account, c.key, c.state::text,
       CASE WHEN c.state = 'waiting' THEN 'waits but has no queue row' ELSE 'has a queue row but does not wait' END AS fault
FROM triage.conversation c
LEFT JOIN triage.unanswered_queue q ON q.conversation_id = c.id
WHERE (c.state = 'waiting') <> (q.conversation_id IS NOT NULL)
UNION ALL
SELECT c.id, c.account, c.key, c.state::text,
       CASE WHEN c.state = j.state THEN 'is kept as waiting since another time'
            ELSE format('is kept as %s, but by its messages it is %s', c.state, j.state) END
FROM triage.judge(ARRAY(SELECT id FROM triage.conversation)) j
JOIN triage.conversation c ON c.id = j.conversation_id
WHERE c.state <> j.state OR c.waiting_since IS DISTINCT FROM j.since;
