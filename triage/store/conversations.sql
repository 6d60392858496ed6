-- name: refresh
SELECT triage.refresh(%s)

-- name: undecided
SELECT m.id, m.conversation_id, m.account, m.subject, m.text, m.lang,
       m.cluster_id IS NULL AND NOT m.bare_thanks AND c.state = 'waiting' AS may_copy, before.mix_id, mix.times
FROM triage.message m JOIN triage.conversation c ON c.id = m.conversation_id
LEFT JOIN LATERAL (
    SELECT d.mix_id FROM triage.classification d
    WHERE d.message_id = m.id AND d.decided_by <> 'human' AND d.mix_id IS NOT NULL ORDER BY d.id DESC LIMIT 1
) before ON true
LEFT JOIN triage.mix mix ON mix.id = before.mix_id
WHERE m.decision_id IS NULL AND m.direction = 'inbound'
ORDER BY m.id LIMIT %s

-- name: lock
SELECT id FROM triage.conversation
WHERE id IN (SELECT conversation_id FROM triage.message WHERE id = ANY (%s))
ORDER BY id FOR NO KEY UPDATE

-- name: append_decisions
INSERT INTO triage.classification (message_id, topic, topics, intent, abstained, evidence, decided_by, stage, lang,
    model, taxonomy, mix_id)
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

-- name: machine_decided_since
SELECT m.id FROM triage.message m JOIN triage.classification d ON d.id = m.decision_id
WHERE m.direction = 'inbound' AND m.sent_at >= %(since)s AND d.decided_by <> 'human'
  AND (%(account)s::text IS NULL OR m.account = %(account)s)

-- name: machine_decided_otherwise
SELECT m.id FROM triage.unanswered_queue q
JOIN triage.message m ON m.conversation_id = q.conversation_id
JOIN triage.classification d ON d.id = m.decision_id
WHERE d.decided_by <> 'human' AND (d.model, d.taxonomy) <> (%s, %s)

-- name: forget
UPDATE triage.message m SET decision_id = NULL
FROM triage.classification d
WHERE m.id = ANY (%s) AND d.id = m.decision_id AND d.decided_by <> 'human'

-- name: note_opinions
INSERT INTO triage.audit (conversation_id, verb, by, detail) VALUES %s

-- name: ledger
SELECT collected, answered, waiting, dismissed, nobody, queue_rows, quarantined FROM triage.ledger

-- name: stalled
SELECT name AS account, c.updated_at FROM unnest(%(accounts)s::text[]) AS name
LEFT JOIN triage.account a USING (name)
LEFT JOIN triage.cursor c ON c.account = name
WHERE coalesce(c.updated_at, a.created_at, (SELECT min(applied_at) FROM triage.migration))
      < now() - make_interval(secs => %(seconds)s)
ORDER BY name

-- name: unbalanced
SELECT * FROM triage.unbalanced LIMIT %s

-- name: waiting_ids
SELECT conversation_id AS id FROM triage.unanswered_queue ORDER BY conversation_id

-- name: all_ids
SELECT id FROM triage.conversation ORDER BY id
