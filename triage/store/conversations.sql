-- name: refresh
SELECT triage.refresh(%s)

-- name: undecided
SELECT id, conversation_id, subject, text, lang FROM triage.message
WHERE decision_id IS NULL AND direction = 'inbound'
ORDER BY id LIMIT %s
FOR UPDATE SKIP LOCKED

-- name: append_decisions
INSERT INTO triage.classification (message_id, topic, topics, intent, abstained, evidence, decided_by, stage, lang,
    model, taxonomy)
VALUES %s
ON CONFLICT (message_id, model, taxonomy) WHERE decided_by <> 'human' DO NOTHING

-- name: put_in_force
UPDATE triage.message m SET decision_id = d.id
FROM (
    SELECT DISTINCT ON (message_id) message_id, id FROM triage.classification
    WHERE message_id = ANY (%(ids)s)
    ORDER BY message_id, (decided_by = 'human') DESC,
             ((model, taxonomy) = (%(model)s, %(taxonomy)s)) DESC, id DESC
) d
WHERE m.id = d.message_id AND m.decision_id IS DISTINCT FROM d.id
RETURNING m.conversation_id

-- name: forget_decisions
UPDATE triage.message m SET decision_id = NULL
WHERE m.direction = 'inbound' AND m.sent_at >= %(since)s
  AND (%(account)s::text IS NULL OR m.account = %(account)s)
  AND NOT EXISTS (SELECT FROM triage.classification c WHERE c.message_id = m.id AND c.decided_by = 'human')

-- name: outdated
UPDATE triage.message m SET decision_id = NULL
FROM triage.classification c, triage.conversation v
WHERE c.id = m.decision_id AND c.decided_by <> 'human' AND c.taxonomy <> %s
  AND v.id = m.conversation_id AND v.state = 'waiting'

-- name: ledger
SELECT collected, answered, waiting, dismissed, nobody, queue_rows, quarantined FROM triage.ledger

-- name: stalled
SELECT a.name AS account, c.updated_at FROM triage.account a
LEFT JOIN triage.cursor c ON c.account = a.name
WHERE coalesce(c.updated_at, a.created_at) < now() - make_interval(secs => %s)

-- name: unbalanced
SELECT * FROM triage.unbalanced LIMIT %s

-- name: all_ids
SELECT id FROM triage.conversation ORDER BY id
