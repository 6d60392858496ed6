-- name: overdue
-- What went past a step since it was last told, marked as told: the first of each topic, with how many there are.
WITH late AS (
    SELECT q.conversation_id, q.waiting_since AS since, q.topic, q.source, q.priority, q.due_at, q.excerpt,
           (SELECT count(*) FROM unnest(%(steps)s::interval[]) s WHERE q.due_at + s <= %(now)s)::smallint AS step
    FROM triage.unanswered_queue q
    WHERE q.due_at <= %(now)s - (%(steps)s::interval[])[1] AND q.kind = 'reply' AND q.account = ANY (%(accounts)s)
      AND (q.snoozed_until IS NULL OR q.snoozed_until <= %(now)s)
      AND NOT q.held AND (NOT %(quiet)s OR q.priority = 1)
),
fresh AS (
    SELECT late.*, t.step IS NOT NULL AS again FROM late
    LEFT JOIN triage.overdue_told t
        ON t.recipient = %(recipient)s AND t.conversation_id = late.conversation_id AND t.since = late.since
    WHERE t.step IS NULL OR t.step < late.step
),
told AS (
    INSERT INTO triage.overdue_told AS t (recipient, conversation_id, since, step)
    SELECT %(recipient)s, conversation_id, since, step FROM fresh ORDER BY conversation_id
    ON CONFLICT (recipient, conversation_id, since) DO UPDATE SET step = excluded.step WHERE t.step < excluded.step
    RETURNING t.conversation_id
),
placed AS (
    SELECT fresh.*, count(*) OVER (PARTITION BY topic) AS alike,
           row_number() OVER (PARTITION BY topic ORDER BY priority, due_at, conversation_id) AS place
    FROM fresh JOIN told USING (conversation_id)
)
SELECT p.*, topic.label_en AS en, topic.label_fr AS fr
FROM placed p JOIN triage.topic topic ON topic.key = p.topic
WHERE place <= %(shown)s ORDER BY priority, due_at, conversation_id

-- name: put
INSERT INTO triage.notice (recipient, address, kind, key, subject, text, not_before, wanted_at, changed_at) VALUES %s
ON CONFLICT (recipient, address, key) DO NOTHING RETURNING id

-- name: since
SELECT DISTINCT recipient FROM triage.notice WHERE kind = %(kind)s AND starts_with(key, %(key)s) AND wanted_at > %(after)s

-- name: has
SELECT EXISTS (SELECT FROM triage.notice WHERE recipient = %s AND key = %s) AS has

-- name: patience
SET LOCAL lock_timeout = '30s'

-- name: lock
SELECT pg_advisory_lock(hashtext('triage.notice'))

-- name: unlock
SELECT pg_advisory_unlock(hashtext('triage.notice'))

-- name: orphans
UPDATE triage.notice SET state = 'unknown', changed_at = %(now)s,
    error = 'the task died while it was telling this; it may have gone out, and is not told again'
WHERE state = 'sending'

-- name: take
UPDATE triage.notice SET state = 'sending', attempts = attempts + 1, changed_at = %(now)s
WHERE id = (SELECT id FROM triage.notice WHERE state = 'wanted' AND not_before <= %(now)s ORDER BY id LIMIT 1)
RETURNING id, recipient, address, kind, subject, text, attempts, wanted_at

-- name: settle
UPDATE triage.notice SET state = %(state)s, error = %(error)s, not_before = %(not_before)s, changed_at = %(now)s
WHERE id = %(id)s

-- name: troubles
SELECT recipient, address, state, count(*) AS notices, (array_agg(error ORDER BY id DESC))[1] AS error
FROM triage.notice
WHERE error IS NOT NULL AND (state = 'wanted' OR state IN ('failed', 'unknown') AND changed_at > %s)
GROUP BY recipient, address, state ORDER BY recipient, address, state

-- name: prune
DELETE FROM triage.notice WHERE state NOT IN ('wanted', 'sending') AND changed_at < %s

-- name: forget_told
DELETE FROM triage.overdue_told t WHERE NOT EXISTS (
    SELECT FROM triage.unanswered_queue q WHERE q.conversation_id = t.conversation_id AND q.waiting_since = t.since)

-- name: waiting
SELECT q.topic, t.label_en AS en, t.label_fr AS fr, count(*) AS waiting, min(q.waiting_since) AS oldest,
       count(*) FILTER (WHERE q.due_at < %(now)s) AS overdue,
       count(*) FILTER (WHERE q.snoozed_until > %(now)s) AS snoozed, count(*) FILTER (WHERE q.held) AS held
FROM triage.unanswered_queue q JOIN triage.topic t ON t.key = q.topic
WHERE q.account = ANY (%(accounts)s)
GROUP BY q.topic, t.label_en, t.label_fr, t.severity ORDER BY t.severity, waiting DESC, q.topic

-- name: held
SELECT claimed_by AS person, count(*) AS held FROM triage.unanswered_queue
WHERE lease_until > %(now)s AND account = ANY (%(accounts)s)
GROUP BY claimed_by ORDER BY held DESC, person LIMIT 10

-- name: settled
-- Of the spells that ended in that time: a bare thank-you was nothing to answer.
SELECT count(*) FILTER (WHERE ended_by IN ('reply', 'told')) AS answered,
       count(*) FILTER (WHERE ended_by = 'dismissed') AS dismissed,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY ended_at - started_at) FILTER (WHERE ended_by IN ('reply', 'told')) AS p50,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY ended_at - started_at) FILTER (WHERE ended_by IN ('reply', 'told')) AS p90
FROM triage.spell
WHERE ended_at >= %(since)s AND ended_at < %(until)s AND NOT only_thanks AND account = ANY (%(accounts)s)

-- name: crises
SELECT t.label_en AS en, t.label_fr AS fr, i.onset, i.observed, i.expected
FROM triage.incident i LEFT JOIN triage.topic t ON t.key = i.topic
WHERE i.state = 'open' AND (i.account IS NULL OR i.account = ANY (%s))
ORDER BY i.severity, i.onset
