-- name: claim
UPDATE triage.incident SET respond_run = %(run)s
WHERE state = 'open' AND topic IS NOT NULL AND (respond_run IS NULL OR respond_run = %(run)s)
RETURNING id

-- name: incidents
SELECT * FROM triage.incident_board WHERE id = ANY (%s) ORDER BY severity, id

-- name: began
SELECT account, count(*) AS people FROM (
    SELECT account FROM triage.incident_message WHERE incident_id = %s ORDER BY sent_at LIMIT 20) AS first
GROUP BY 1 ORDER BY 2 DESC, 1

-- name: languages
SELECT coalesce(nullif(d.lang, ''), m.lang) AS lang, count(*) AS people
FROM triage.incident_message i JOIN triage.message m ON m.id = i.message_id
LEFT JOIN triage.classification d ON d.id = m.decision_id
WHERE i.incident_id = %s GROUP BY 1 ORDER BY 2 DESC, 1

-- name: draft
INSERT INTO triage.statement (incident_id, number, place, channel, lang, text, drafted_by) VALUES %s
ON CONFLICT (incident_id, number, channel, lang) DO NOTHING
RETURNING id

-- name: next_number
SELECT coalesce(max(number), 0) + 1 AS number FROM triage.statement WHERE incident_id = %s

-- name: rows
SELECT * FROM triage.statements WHERE incident_id = %s ORDER BY number, place, channel, lang

-- name: hold
SELECT triage.hold_incident(%s)

-- name: show
UPDATE triage.statement SET state = 'waiting' WHERE incident_id = %s AND number = %s AND state = 'draft'

-- name: approve
UPDATE triage.statement SET state = 'approved', approved_by = %(by)s, approved_at = clock_timestamp()
WHERE incident_id = %(incident)s AND number = %(number)s AND state IN ('draft', 'waiting')

-- name: withdraw
UPDATE triage.statement SET state = 'withdrawn' WHERE incident_id = %s AND number = %s AND state IN ('draft', 'waiting')

-- name: take_back
UPDATE triage.statement SET state = 'withdrawn' WHERE incident_id = %s AND state IN ('draft', 'waiting') RETURNING number

-- name: edit
UPDATE triage.statement SET text = %s WHERE id = %s AND state IN ('draft', 'waiting') RETURNING incident_id

-- name: due
SELECT s.id, s.place, s.channel AS account, s.approved_at, r.state
FROM triage.statement s LEFT JOIN triage.reply r ON r.id = s.reply_id
WHERE s.incident_id = %s AND s.state = 'approved' AND s.channel <> 'hub' ORDER BY s.place, s.id

-- name: put_out
WITH mine AS (
    SELECT id, channel, lang, text, approved_by FROM triage.statement
    WHERE id = %s AND state = 'approved' AND reply_id IS NULL FOR UPDATE
),
wanted AS (
    INSERT INTO triage.reply (account, key, text, lang, by)
    SELECT channel, 'statement-' || id, text, lang, approved_by FROM mine RETURNING id
)
UPDATE triage.statement s SET reply_id = w.id FROM wanted w, mine m WHERE s.id = m.id

-- name: log
INSERT INTO triage.incident_log (incident_id, verb, by, reason, detail) VALUES (%s, %s, %s, %s, %s)

-- name: add_questions
INSERT INTO triage.question (incident_id, lang, question, answer, drafted_by, approved_by, approved_at) VALUES %s
ON CONFLICT (incident_id, lang, question) WHERE NOT withdrawn DO UPDATE  -- drafted before: approved now
SET answer = excluded.answer, approved_by = excluded.approved_by, approved_at = excluded.approved_at
WHERE question.approved_by IS NULL
RETURNING id

-- name: questions
SELECT id, lang, question, answer, asked, approved_by, approved_at FROM triage.question
WHERE incident_id = %s AND NOT withdrawn ORDER BY asked DESC, id

-- name: now
SELECT now() AS now

-- name: unsaid
SELECT i.id, i.topic, i.onset FROM triage.incident i
WHERE i.respond_run = %s AND i.state = 'open' AND NOT EXISTS (
    SELECT FROM triage.statements s
    WHERE s.incident_id = i.id AND s.state IN ('approved', 'publishing', 'published'))
ORDER BY i.id

-- name: renamed
SELECT coalesce(max(id) FILTER (WHERE verb = 'name') > max(id) FILTER (WHERE verb = 'draft'), false) AS renamed
FROM triage.incident_log WHERE incident_id = %s

-- name: free
UPDATE triage.incident SET respond_run = NULL WHERE id = %s

-- name: nameless
UPDATE triage.incident SET respond_run = %(run)s
WHERE state = 'open' AND topic IS NULL AND (respond_run IS NULL OR respond_run = %(run)s)
RETURNING id, account, onset, observed, expected
