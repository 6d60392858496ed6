-- name: lock
SELECT triage.lock_incidents()

-- name: end_watches
WITH ended AS (
    UPDATE triage.incident SET state = 'closed' WHERE state = 'watched' AND watched_until < %(now)s RETURNING id
)
INSERT INTO triage.incident_log (incident_id, verb, by, at, reason)
SELECT id, 'end watch', 'detect', %(now)s, 'watched long enough' FROM ended

-- name: watched_streams
SELECT coalesce('topic:' || topic, stream) AS stream FROM triage.incident WHERE state = 'watched'

-- name: current
SELECT id, topic, account, stream, onset, alarmed_at, surge_ended_at, state, severity, closed_at, opened_by, watched_until
FROM triage.incident WHERE state <> 'closed' OR closed_at > %s ORDER BY id

-- name: open
INSERT INTO triage.incident (topic, account, stream, onset, alarmed_at, observed, expected, peak, severity, opened_by, named_at)
SELECT %(topic)s, %(account)s, %(stream)s, %(onset)s, %(now)s, %(observed)s, %(expected)s, %(peak)s,
       least(%(severity)s, (SELECT severity FROM triage.topic WHERE key = %(topic)s)), 'detect',
       CASE WHEN %(topic)s::text IS NOT NULL THEN %(now)s END
RETURNING id

-- name: reopen
UPDATE triage.incident
SET state = 'open', closed_at = NULL, closed_by = NULL, closed_reason = NULL, watched_until = NULL, queue_told = false,
    surge_ended_at = NULL, stream = %(stream)s, severity = least(severity, %(severity)s),
    observed = greatest(observed, %(observed)s), peak = greatest(peak, %(peak)s)
WHERE id = %(id)s

-- name: grow
UPDATE triage.incident
SET surge_ended_at = NULL, stream = %(stream)s, severity = least(severity, %(severity)s), onset = least(onset, %(onset)s),
    observed = greatest(observed, %(observed)s), expected = CASE WHEN %(observed)s > observed THEN %(expected)s ELSE expected END,
    peak = greatest(peak, %(peak)s)
WHERE id = %(id)s

-- name: end_surge
UPDATE triage.incident
SET surge_ended_at = %(at)s, observed = greatest(observed, %(observed)s),
    expected = CASE WHEN %(observed)s > observed THEN %(expected)s ELSE expected END, peak = greatest(peak, %(peak)s)
WHERE id = %(id)s

-- name: name
UPDATE triage.incident i
SET topic = t.key, named_at = %(now)s, account = NULL, severity = least(i.severity, t.severity), queue_told = false,
    respond_run = NULL
FROM triage.topic t WHERE i.id = %(id)s AND t.key = %(topic)s

-- name: close
UPDATE triage.incident
SET state = CASE WHEN %(days)s > 0 THEN 'watched' ELSE 'closed' END, closed_at = %(now)s, closed_by = 'detect',
    closed_reason = %(reason)s, watched_until = %(now)s + make_interval(days => %(days)s), queue_told = false
WHERE id = %(id)s

-- name: alone
SELECT i.id AS incident, i.topic FROM triage.incident i
WHERE i.state = 'open' AND i.respond_run IS NULL AND NOT EXISTS (
    SELECT FROM triage.incident_log l
    WHERE l.incident_id = i.id AND l.by = 'detect' AND l.verb <> 'join' AND l.at > %s)
ORDER BY i.id

-- name: log
INSERT INTO triage.incident_log (incident_id, verb, by, at, reason, detail) VALUES (%s, %s, %s, %s, %s, %s)

-- name: read_topics
SELECT d.topic, CASE WHEN d.decided_by = 'model' THEN d.topics ELSE '[]' END AS topics
FROM triage.message m JOIN triage.classification d ON d.id = m.decision_id
WHERE m.direction = 'inbound' AND m.sent_at >= %(since)s AND m.sent_at < %(until)s
  AND (%(account)s::text IS NULL OR m.account = %(account)s)
ORDER BY m.sent_at DESC LIMIT %(most)s

-- name: waiting
SELECT count(*) AS waiting FROM triage.unanswered_queue
WHERE (%(topic)s::text IS NULL OR topic = %(topic)s) AND (%(account)s::text IS NULL OR account = %(account)s)
  AND waiting_since >= %(onset)s

-- name: untold
SELECT i.id, i.topic, i.state,
       ARRAY(SELECT l.detail ->> 'was' FROM triage.incident_log l
             WHERE l.incident_id = i.id AND l.verb = 'name' AND l.detail ? 'was') AS was
FROM triage.incident i WHERE NOT i.queue_told

-- name: rows_about
SELECT conversation_id AS id FROM triage.unanswered_queue WHERE topic = ANY (%s) ORDER BY conversation_id

-- name: told
UPDATE triage.incident SET queue_told = true WHERE id = %s AND state = %s AND topic IS NOT DISTINCT FROM %s

-- name: board
SELECT * FROM triage.incident_board WHERE %(all)s OR state <> 'closed' ORDER BY state = 'open' DESC, id DESC

-- name: one
SELECT * FROM triage.incident_board WHERE id = %s

-- name: history
SELECT * FROM triage.incident_history(%s)

-- name: volume
SELECT started_at, count, expected, score FROM triage.incident_volume
WHERE incident_id = %(id)s AND started_at >= %(since)s ORDER BY started_at

-- name: open_by_hand
SELECT triage.open_incident(%s, %s, %s) AS id

-- name: close_by_hand
SELECT triage.close_incident(%s, %s, %s)

-- name: watch_by_hand
SELECT triage.watch_incident(%s, %s)

-- name: reopen_by_hand
SELECT triage.reopen_incident(%s, %s)

-- name: note_by_hand
SELECT triage.note_incident(%s, %s)

-- name: said
SELECT m.author, left(concat_ws(' ', m.subject, m.text), 2000) AS text
FROM triage.incident_message i JOIN triage.message m ON m.id = i.message_id
WHERE i.incident_id = %s ORDER BY i.sent_at DESC LIMIT %s

-- name: said_before
SELECT left(concat_ws(' ', m.subject, m.text), 2000) AS text
FROM triage.incident i
JOIN triage.message m ON m.direction = 'inbound' AND m.sent_at < i.onset AND m.sent_at >= i.onset - interval '14 days'
WHERE i.id = %s ORDER BY m.sent_at DESC LIMIT %s

-- name: set_terms
UPDATE triage.incident SET terms = %s WHERE id = %s
