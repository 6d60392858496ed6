-- name: act_for
SELECT set_config('triage.acting_for', %s, true)

-- name: top
SELECT * FROM triage.unanswered_queue
WHERE %(topic)s::text IS NULL OR topic = %(topic)s
ORDER BY priority, due_at, conversation_id LIMIT %(limit)s

-- name: claim
SELECT * FROM triage.claim(%s, %s, %s)

-- name: release
SELECT triage.release(%s)

-- name: answer
SELECT triage.answer(%s, %s)

-- name: dismiss
SELECT triage.dismiss(%s, %s)

-- name: relabel
SELECT triage.relabel(%s, %s)

-- name: page
-- A cluster is shown once, by its first row, unless rows are looked for one by one (cluster, mine, words).
SELECT q.*, CASE WHEN q.cluster IS NULL THEN 1
                 ELSE (SELECT count(*) FROM triage.unanswered_queue o WHERE o.cluster = q.cluster) END AS alike
FROM triage.unanswered_queue q
WHERE (%(after)s::bigint IS NULL
       OR (q.priority, q.due_at, q.conversation_id)
          > (%(after_priority)s::smallint, %(after_due)s::timestamptz, %(after)s::bigint))
  AND (%(topic)s::text IS NULL OR q.topic = %(topic)s)
  AND (%(lang)s::text IS NULL OR q.lang = %(lang)s)
  AND (%(source)s::text IS NULL OR q.source = %(source)s)
  AND (%(account)s::text IS NULL OR q.account = %(account)s)
  AND (%(older)s::interval IS NULL OR q.waiting_since < now() - %(older)s::interval)
  AND (%(mine)s::text IS NULL OR q.claimed_by = %(mine)s AND q.lease_until > now())
  AND (NOT %(overdue)s OR q.due_at < now())
  AND (NOT %(snoozed)s OR q.snoozed_until > now())
  AND (%(snoozed)s OR q.snoozed_until IS NULL OR q.snoozed_until <= now())
  AND (%(words)s::text IS NULL
       OR concat_ws(' ', q.author, q.author_name, q.subject, q.excerpt) ILIKE %(words)s)
  AND (%(cluster)s::bigint IS NULL OR q.cluster = %(cluster)s)
  AND (%(singly)s OR q.cluster IS NULL OR NOT EXISTS (
          SELECT FROM triage.unanswered_queue o
          WHERE o.cluster = q.cluster
            AND (o.priority, o.due_at, o.conversation_id) < (q.priority, q.due_at, q.conversation_id)))
ORDER BY q.priority, q.due_at, q.conversation_id
LIMIT %(limit)s

-- name: counts
SELECT count(*) AS waiting, count(*) FILTER (WHERE due_at < now()) AS overdue,
       count(*) FILTER (WHERE snoozed_until > now()) AS snoozed, min(waiting_since) AS oldest
FROM triage.unanswered_queue

-- name: mine
SELECT count(*) AS mine FROM triage.unanswered_queue WHERE claimed_by = %s AND lease_until > now()

-- name: topics
SELECT key, label_en AS en, label_fr AS fr, severity FROM triage.topic ORDER BY severity, key

-- name: conversation
SELECT c.id, c.source, c.account, c.state::text AS state, c.topic, q.conversation_id IS NOT NULL AS waits,
       q.priority, q.severity, q.kind, q.intent, q.waiting_since, q.due_at, q.author, q.author_name, q.subject, q.url,
       q.cluster, q.claimed_by, q.lease_until, q.snoozed_until, q.lang
FROM triage.conversation c LEFT JOIN triage.unanswered_queue q ON q.conversation_id = c.id
WHERE c.id = %s

-- name: history
SELECT * FROM triage.history(%s)

-- name: deeds
SELECT * FROM triage.deeds(%s)

-- name: take
SELECT triage.take(%s)

-- name: snooze
SELECT triage.snooze(%s, %s)

-- name: note
SELECT triage.note(%s, %s)

-- name: renew
SELECT triage.renew(%s)

-- name: actor
SELECT triage.actor() AS name

-- name: row
SELECT * FROM triage.unanswered_queue WHERE conversation_id = %s

-- name: every
SELECT * FROM triage.unanswered_queue ORDER BY priority, due_at, conversation_id

-- name: times
SELECT * FROM triage.response_times ORDER BY topic, source

-- name: backlog
SELECT * FROM triage.backlog ORDER BY topic, source
