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

-- name: settle
UPDATE triage.label_outbox b SET applied = v.applied, error = NULL, updated_at = now()
FROM (VALUES %s) AS v (message_id, label, applied)
WHERE (b.message_id, b.label) = (v.message_id, v.label)

-- name: mark_gone
UPDATE triage.label_outbox SET gone = true, applied = false, updated_at = now() WHERE message_id = ANY (%s)

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
