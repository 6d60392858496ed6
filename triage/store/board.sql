-- What the page of incidents shows beside the board itself.

-- name: last_day
-- Each topic of which something came in the last day, in quarters of an hour, with what was expected.
SELECT substr(b.stream, 7) AS topic, date_bin('15 minutes', b.started_at, 'epoch'::timestamptz) AS at,
       sum(b.count)::int AS count, sum(b.expected)::float AS expected
FROM triage.detector_bin b
WHERE b.started_at >= now() - interval '1 day' AND b.stream = ANY (SELECT 'topic:' || key FROM triage.topic)
GROUP BY 1, 2 ORDER BY 1, 2

-- name: statements
SELECT id, number, channel, lang, text, state, approved_by, published_at, url, coalesce(error, '') AS error
FROM triage.statements WHERE incident_id = %(id)s ORDER BY number DESC, place, lang

-- name: questions
SELECT id, lang, question, answer, asked, approved_by, approved_at FROM triage.question
WHERE incident_id = %(id)s AND NOT withdrawn ORDER BY approved_at IS NOT NULL, asked DESC, id

-- name: fanouts
SELECT f.id, f.state, f.drafted_by, f.approved_by, count(*) AS people,
       count(*) FILTER (WHERE r.excluded IS NOT NULL) AS left_out, count(*) FILTER (WHERE p.state = 'sent') AS sent
FROM triage.fanout f JOIN triage.fanout_recipient r ON r.fanout_id = f.id LEFT JOIN triage.reply p ON p.id = r.reply_id
WHERE f.incident_id = %(id)s GROUP BY f.id ORDER BY f.id DESC

-- name: approve_question
UPDATE triage.question SET answer = %(answer)s, approved_by = %(by)s, approved_at = clock_timestamp()
WHERE id = %(question)s AND incident_id = %(id)s AND NOT withdrawn

-- name: withdraw_question
UPDATE triage.question SET withdrawn = true WHERE id = %(question)s AND incident_id = %(id)s AND NOT withdrawn

-- name: log
INSERT INTO triage.incident_log (incident_id, verb, by, detail) VALUES (%(id)s, %(verb)s, %(by)s, %(detail)s)
