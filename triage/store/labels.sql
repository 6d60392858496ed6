-- name: lock_account
SELECT pg_try_advisory_lock(hashtextextended('triage.label:' || %s, 0)) AS locked

-- name: unlock_account
SELECT pg_advisory_unlock(hashtextextended('triage.label:' || %s, 0))

-- name: pending
SELECT b.message_id, b.native_id, b.label, b.wanted,
       coalesce(c.behind, false) AND b.updated_at > now() - %(patience)s AS may_wait
FROM triage.label_outbox b
LEFT JOIN triage.cursor c ON c.account = b.account
WHERE b.account = %(account)s AND b.wanted <> b.applied AND NOT b.gone AND NOT b.held
ORDER BY b.message_id, b.label LIMIT %(limit)s

-- name: lost_sends
SELECT message_id FROM triage.label_outbox WHERE account = %s AND sent_at IS NOT NULL AND applied = wanted

-- name: send_again
UPDATE triage.label_outbox SET applied = NOT wanted
WHERE account = %s AND sent_at IS NOT NULL AND applied = wanted

-- name: start
UPDATE triage.label_outbox b SET sent_at = coalesce(b.sent_at, now())
FROM (VALUES %s) AS v (message_id, label, wanted)
WHERE (b.message_id, b.label, b.wanted) = (v.message_id, v.label, v.wanted)
  AND b.wanted <> b.applied AND NOT b.gone AND NOT b.held
RETURNING b.message_id, b.native_id, b.label, b.wanted, b.sent_at = now() AS first

-- name: not_sent
UPDATE triage.label_outbox b SET sent_at = NULL
FROM (VALUES %s) AS v (message_id, label)
WHERE (b.message_id, b.label) = (v.message_id, v.label)

-- name: settle
UPDATE triage.label_outbox b SET applied = v.applied, sent_at = NULL, error = NULL, updated_at = now()
FROM (VALUES %s) AS v (message_id, label, applied)
WHERE (b.message_id, b.label) = (v.message_id, v.label)

-- name: mark_gone
UPDATE triage.label_outbox SET gone = true, applied = false, sent_at = NULL, updated_at = now()
WHERE message_id = ANY (%s)

-- name: mark_back
UPDATE triage.label_outbox SET gone = false, error = NULL, updated_at = now()
WHERE account = %s AND gone AND message_id IN (
    SELECT m.id FROM triage.message m JOIN triage.account a ON (a.source, a.name) = (m.source, m.account)
    WHERE m.account = %s AND m.native_id = ANY (%s)
)

-- name: note_errors
UPDATE triage.label_outbox b SET error = v.error, updated_at = now()
FROM (VALUES %s) AS v (message_id, error)
WHERE b.message_id = v.message_id AND b.wanted <> b.applied

-- name: sync_topics
INSERT INTO triage.topic AS t (key, label_en, label_fr, severity, target) VALUES %s
ON CONFLICT (key) DO UPDATE
SET label_en = excluded.label_en, label_fr = excluded.label_fr, severity = excluded.severity, target = excluded.target
WHERE (t.label_en, t.label_fr, t.severity, t.target)
      IS DISTINCT FROM (excluded.label_en, excluded.label_fr, excluded.severity, excluded.target)
RETURNING key

-- name: applied_counts
SELECT label, count(*) AS n FROM triage.label_outbox WHERE account = %s AND applied GROUP BY label ORDER BY label

-- name: known
SELECT key, native_id, name, seen_at < now() - interval '1 day' AS unseen FROM triage.label WHERE account = %s

-- name: remember
INSERT INTO triage.label AS l (account, key, native_id, name) VALUES %s
ON CONFLICT (account, key) DO UPDATE SET native_id = excluded.native_id, name = excluded.name, seen_at = now()

-- name: saw
UPDATE triage.label SET seen_at = now() WHERE account = %s

-- name: miss
UPDATE triage.label SET seen_at = '-infinity' WHERE account = %s AND key = ANY (%s)

-- name: forget
DELETE FROM triage.label WHERE account = %s AND key = ANY (%s)

-- name: carriers
SELECT message_id FROM triage.label_outbox WHERE account = %s AND label = ANY (%s) AND applied

-- name: set_again
UPDATE triage.label_outbox SET applied = false, held = false, error = NULL, updated_at = now()
WHERE account = %s AND label = ANY (%s) AND applied

-- name: by_hand
SELECT m.id AS message_id, m.conversation_id, v.label, v.added
FROM unnest(%(native_ids)s::text[], %(labels)s::text[], %(added)s::boolean[])
     WITH ORDINALITY AS v (native_id, label, added, place)
JOIN triage.account a ON a.name = %(account)s
JOIN triage.message m ON (m.source, m.account, m.native_id) = (a.source, a.name, v.native_id)
LEFT JOIN triage.label_outbox b ON (b.message_id, b.label) = (m.id, v.label)
WHERE coalesce(b.applied <> v.added AND b.sent_at IS NULL AND b.updated_at < now() - %(ago)s, v.added)
ORDER BY v.place

-- name: note
INSERT INTO triage.label_outbox AS b (message_id, label, account, native_id, wanted, applied, held)
SELECT m.id, v.label, m.account, m.native_id, false, v.applied, v.held
FROM (VALUES %s) AS v (message_id, label, applied, held) JOIN triage.message m ON m.id = v.message_id
ON CONFLICT (message_id, label) DO UPDATE
SET applied = excluded.applied, held = excluded.held, gone = false, error = NULL, updated_at = now()

-- name: hold_others
UPDATE triage.label_outbox b SET held = v.held, updated_at = now()
FROM (VALUES %s) AS v (conversation_id, label, held)
JOIN triage.message m ON m.conversation_id = v.conversation_id
WHERE b.message_id = m.id AND b.label = v.label AND NOT b.applied AND b.held <> v.held

-- name: correct_topic
SELECT triage.correct_topic(%s, %s, %s, %s, %s, %s)

-- name: dismiss_by_label
SELECT triage.dismiss_by_label(%s, %s, %s)

-- name: reopen_by_label
SELECT triage.reopen_by_label(%s, %s, %s) AS waits
