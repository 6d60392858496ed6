-- name: hold
SELECT pg_advisory_xact_lock(hashtextextended('triage.mail:' || mail, 0))
FROM (SELECT DISTINCT unnest(%s::text[]) AS mail ORDER BY mail) AS m

-- name: copies
-- One look-up each by the Message-ID alone, whatever the table's size: OFFSET keeps the planner from reading all of a
-- table that is still small, or all of its source.
SELECT v.source, v.account, v.key, array_agg(DISTINCT m.conversation_id) AS conversations
FROM (VALUES %s) AS v (source, account, key, global_id, author)
CROSS JOIN LATERAL (SELECT * FROM triage.message o WHERE o.global_id = v.global_id OFFSET 0) AS m
WHERE m.source = v.source AND m.account <> v.account AND m.author = v.author AND m.direction <> 'automatic'
GROUP BY v.source, v.account, v.key

-- name: of_thread
SELECT coalesce(t.conversation_id, c.id) AS id
FROM (VALUES (%s, %s, %s)) AS v (source, account, key)
LEFT JOIN triage.thread t USING (source, account, key)
LEFT JOIN triage.conversation c USING (source, account, key)

-- name: lead
INSERT INTO triage.thread (source, account, key, conversation_id) VALUES (%s, %s, %s, %s)

-- name: lead_own
INSERT INTO triage.thread (source, account, key, conversation_id)
SELECT source, account, key, %(into)s FROM triage.conversation WHERE id = ANY (%(others)s)

-- name: lead_led
UPDATE triage.thread SET conversation_id = %(into)s WHERE conversation_id = ANY (%(others)s)

-- name: move
UPDATE triage.message SET conversation_id = %(into)s WHERE conversation_id = ANY (%(others)s)

-- name: refresh
SELECT triage.refresh(%(others)s || %(into)s::bigint)
