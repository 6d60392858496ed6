-- name: lessons
SELECT k.id, k.to_topic AS topic, m.subject, m.text
FROM (SELECT DISTINCT ON (message_id) id, message_id, to_topic FROM triage.correction ORDER BY message_id, id DESC) k
JOIN triage.message m ON m.id = k.message_id
WHERE k.to_topic IS NOT NULL AND m.direction = 'inbound' AND m.text <> ''  -- erased
ORDER BY k.id

-- name: by_message
SELECT m.id AS asked, ARRAY[m.id] AS messages FROM triage.message m
WHERE m.id = ANY (%s) AND m.direction = 'inbound'

-- name: by_conversation
SELECT j.conversation_id AS asked,
       CASE WHEN j.state = 'waiting' THEN j.open ELSE ARRAY(
           SELECT m.id FROM triage.message m WHERE m.conversation_id = j.conversation_id AND m.direction = 'inbound'
           ORDER BY m.sent_at DESC, m.id DESC LIMIT 1) END AS messages
FROM triage.judge(%s) j

-- name: by_key
SELECT m.source, m.account, m.native_id, ARRAY[m.id] AS messages FROM triage.message m
JOIN unnest(%(sources)s::text[], %(accounts)s::text[], %(native_ids)s::text[]) AS k (source, account, native_id)
    USING (source, account, native_id)
WHERE m.direction = 'inbound'

-- name: decided
SELECT m.id, m.conversation_id, d.topic FROM triage.message m
LEFT JOIN triage.classification d ON d.id = m.decision_id
WHERE m.id = ANY (%s)

-- name: topics
SELECT key FROM triage.topic WHERE key <> 'unsure' ORDER BY key

-- name: teach
SELECT triage.teach(%s, %s, %s)
