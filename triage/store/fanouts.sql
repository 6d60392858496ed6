-- name: make
INSERT INTO triage.fanout (incident_id, cluster_id, topic, since, texts, drafted_by)
VALUES (%(incident)s, %(cluster)s, %(topic)s, %(since)s, %(texts)s, %(by)s)
RETURNING id

-- name: incident
SELECT topic, onset FROM triage.incident WHERE id = %s

-- name: candidates
-- In the queue's order; `waits` is false for what left the queue. One row a conversation, whatever it holds.
SELECT c.id AS conversation_id, c.source, c.source || ':' || lower(coalesce(q.author, '')) AS person,
       coalesce(q.author_name, '') AS name, coalesce(q.lang, '') AS lang, coalesce(q.kind, '') AS kind,
       q.conversation_id IS NOT NULL AS waits, coalesce(q.held, false) AS held,
       said.intents, said.topics, said.replied,
       EXISTS (SELECT FROM triage.reply r
               WHERE r.conversation_id = c.id AND r.state IN ('wanted', 'sending', 'unknown')) AS under_way,
       EXISTS (SELECT FROM triage.fanout_recipient o
               JOIN triage.fanout of ON of.id = o.fanout_id
               JOIN triage.reply r ON r.id = o.reply_id AND r.state IN ('wanted', 'sending', 'sent', 'unknown')
               WHERE o.person = c.source || ':' || lower(q.author) AND o.fanout_id <> f.id
                 AND (of.incident_id = f.incident_id OR of.cluster_id = f.cluster_id)) AS told
FROM triage.fanout f
CROSS JOIN LATERAL (
    SELECT w.conversation_id FROM triage.unanswered_queue w
    WHERE %(one)s::bigint IS NULL
      AND (w.cluster = f.cluster_id OR w.topic = f.topic AND w.waiting_since >= coalesce(f.since, '-infinity'))
    UNION ALL SELECT %(one)s::bigint WHERE %(one)s::bigint IS NOT NULL
) chosen
JOIN triage.conversation c ON c.id = chosen.conversation_id
LEFT JOIN triage.unanswered_queue q ON q.conversation_id = c.id
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(DISTINCT d.intent) FILTER (WHERE d.intent IS NOT NULL), '{}') AS intents,
           coalesce(array_agg(DISTINCT d.topic) FILTER (WHERE d.topic IS NOT NULL), '{}') AS topics,
           coalesce(bool_or(m.direction = 'outbound' OR m.covered_as = 'answered'), false) AS replied
    FROM triage.message m LEFT JOIN triage.classification d ON d.id = m.decision_id
    WHERE m.conversation_id = c.id AND m.deleted_at IS NULL
) said
WHERE f.id = %(fanout)s
ORDER BY q.priority, q.due_at, c.id

-- name: add
INSERT INTO triage.fanout_recipient (fanout_id, conversation_id, person, lang, text, excluded) VALUES %s

-- name: approve
UPDATE triage.fanout SET state = 'approved', approved_by = %(by)s, approved_at = clock_timestamp()
WHERE id = %(id)s AND state = 'drafted'

-- name: stop
UPDATE triage.fanout SET state = 'stopped' WHERE id = %(id)s AND state IN ('drafted', 'approved')

-- name: finish
UPDATE triage.fanout f SET state = 'done'
WHERE f.id = %(id)s AND f.state = 'approved' AND NOT EXISTS (
    SELECT FROM triage.fanout_recipient r LEFT JOIN triage.reply p ON p.id = r.reply_id
    WHERE r.fanout_id = f.id AND r.excluded IS NULL
      AND (p.id IS NULL OR p.state IN ('wanted', 'sending', 'unknown')))

-- name: approved
SELECT id, texts, approved_by FROM triage.fanout WHERE state = 'approved' ORDER BY id

-- name: under_way
SELECT count(*) AS under_way FROM triage.fanout_recipient r JOIN triage.reply p ON p.id = r.reply_id
WHERE r.fanout_id = %(id)s AND p.state IN ('wanted', 'sending')

-- name: next
-- One of those to come, after the last one tried in this run; another run's is passed over.
SELECT r.conversation_id FROM triage.fanout_recipient r
WHERE r.fanout_id = %(id)s AND r.reply_id IS NULL AND r.excluded IS NULL AND r.conversation_id > %(after)s
ORDER BY r.conversation_id LIMIT 1 FOR UPDATE SKIP LOCKED

-- name: reply
SELECT triage.reply(r.conversation_id, r.text, %(key)s, r.lang, true) AS id
FROM triage.fanout_recipient r WHERE r.fanout_id = %(fanout)s AND r.conversation_id = %(conversation)s

-- name: replied
UPDATE triage.fanout_recipient SET reply_id = %(reply)s WHERE fanout_id = %(fanout)s AND conversation_id = %(conversation)s

-- name: exclude
UPDATE triage.fanout_recipient SET excluded = %(reason)s WHERE fanout_id = %(fanout)s AND conversation_id = %(conversation)s

-- name: lock_wanted
SELECT c.id FROM triage.conversation c
WHERE c.id IN (SELECT p.conversation_id FROM triage.fanout_recipient r JOIN triage.reply p ON p.id = r.reply_id
               WHERE r.fanout_id = %(id)s AND p.state = 'wanted')
ORDER BY c.id FOR NO KEY UPDATE

-- name: withdraw
WITH taken AS (
    UPDATE triage.reply p
    SET state = 'withdrawn', error = format('fan-out %%s was stopped by %%s', r.fanout_id, %(by)s::text),
        changed_at = clock_timestamp()
    FROM triage.fanout_recipient r
    WHERE r.reply_id = p.id AND r.fanout_id = %(id)s AND p.state = 'wanted'
    RETURNING p.id, p.conversation_id
),
freed AS (
    UPDATE triage.unanswered_queue q SET claimed_by = NULL, lease_until = NULL, updated_at = clock_timestamp()
    FROM taken t WHERE q.conversation_id = t.conversation_id
)
INSERT INTO triage.audit (conversation_id, verb, by, detail)
SELECT conversation_id, 'withdraw', %(by)s, jsonb_build_object('reply', id, 'was', 'wanted') FROM taken
RETURNING conversation_id

-- name: listed
SELECT f.*, t.* FROM triage.fanout f
CROSS JOIN LATERAL (
    SELECT count(*) AS people, count(*) FILTER (WHERE r.excluded IS NOT NULL) AS left_out,
           count(*) FILTER (WHERE r.excluded IS NULL AND r.reply_id IS NULL) AS to_come,
           count(*) FILTER (WHERE p.state = 'sent') AS sent,
           count(*) FILTER (WHERE p.state IN ('wanted', 'sending')) AS under_way,
           count(*) FILTER (WHERE p.state IN ('refused', 'withdrawn', 'unknown')) AS trouble
    FROM triage.fanout_recipient r LEFT JOIN triage.reply p ON p.id = r.reply_id WHERE r.fanout_id = f.id
) t
WHERE %(id)s::bigint IS NULL OR f.id = %(id)s ORDER BY f.id

-- name: recipients
-- Everybody of a fan-out with where it stands: left out, to come, or the state of the reply.
SELECT r.conversation_id, c.source, r.person, r.lang, r.text,
       CASE WHEN r.excluded IS NOT NULL THEN 'left out' WHEN p.id IS NULL THEN 'to come' ELSE p.state END AS status,
       coalesce(r.excluded, p.error, '') AS why, coalesce(p.url, '') AS url
FROM triage.fanout_recipient r
JOIN triage.conversation c ON c.id = r.conversation_id
LEFT JOIN triage.reply p ON p.id = r.reply_id
WHERE r.fanout_id = %(id)s
ORDER BY r.excluded IS NOT NULL, r.conversation_id
