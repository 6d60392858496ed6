-- What happened in an incident, told afterwards. A conversation belongs to it when one of its messages does.

-- name: incident
SELECT i.id AS number, i.topic, coalesce(CASE %(lang)s WHEN 'fr' THEN t.label_fr ELSE t.label_en END, '?') AS label,
       i.onset, i.alarmed_at, coalesce(i.surge_ended_at, i.closed_at) AS ended_at, i.closed_at, i.observed, i.peak, i.expected, i.surge_ended_at,
       (SELECT b.statement_at FROM triage.incident_board b WHERE b.id = i.id) AS first_statement_at
FROM triage.incident i LEFT JOIN triage.topic t ON t.key = i.topic
WHERE i.id = %(id)s

-- name: volumes
SELECT count(*) AS messages, count(DISTINCT (m.source, m.author)) AS authors FROM triage.incident_message m
WHERE m.incident_id = %(id)s

-- name: conversations
SELECT DISTINCT m.conversation_id AS id FROM triage.incident_message m WHERE m.incident_id = %(id)s ORDER BY 1

-- name: ledger
SELECT count(*) FILTER (WHERE c.state = 'answered') AS answered, count(*) FILTER (WHERE c.state = 'waiting') AS waiting,
       count(*) FILTER (WHERE c.state = 'dismissed') AS dismissed
FROM triage.conversation c
WHERE c.id = ANY (%(conversations)s)

-- name: counts
-- From some hours before the onset: what was usual is seen beside what came.
SELECT v.started_at AS at, v.count, v.expected FROM triage.incident_volume v
JOIN triage.incident i ON i.id = v.incident_id
WHERE v.incident_id = %(id)s AND v.started_at >= i.onset - interval '6 hours'
ORDER BY v.started_at

-- name: log
SELECT at, verb, by, coalesce(reason, '') AS reason FROM triage.incident_log WHERE incident_id = %(id)s ORDER BY id

-- name: statements
SELECT channel, lang, number, state, published_at, approved_by, approved_at, coalesce(error, '') AS error
FROM triage.statements WHERE incident_id = %(id)s ORDER BY number, place, lang

-- name: fanouts
SELECT f.id, f.approved_at, f.approved_by, count(*) FILTER (WHERE p.state = 'sent') AS sent,
       count(*) FILTER (WHERE r.excluded IS NOT NULL) AS left_out, max(p.changed_at) FILTER (WHERE p.state = 'sent') AS last_at
FROM triage.fanout f
JOIN triage.fanout_recipient r ON r.fanout_id = f.id
LEFT JOIN triage.reply p ON p.id = r.reply_id
WHERE f.incident_id = %(id)s AND f.approved_at IS NOT NULL
GROUP BY f.id ORDER BY f.id

-- name: spells
-- Each time somebody waited in one of its conversations, from its onset until now or until it was closed.
CREATE TEMP TABLE debrief_spell ON COMMIT DROP AS
SELECT s.*, coalesce(CASE %(lang)s WHEN 'fr' THEN t.label_fr ELSE t.label_en END, s.topic) AS label,
       coalesce(s.ended_at, now()) - s.started_at AS waited
FROM triage.spell s LEFT JOIN triage.topic t ON t.key = s.topic
JOIN triage.incident i ON i.id = %(id)s
WHERE s.conversation_id = ANY (%(conversations)s)
  AND coalesce(s.ended_at, now()) >= i.onset AND s.started_at <= coalesce(i.closed_at, 'infinity') AND NOT s.only_thanks
  AND coalesce(s.ended_by, 'waiting') IN ('reply', 'told', 'waiting')

-- name: answers
SELECT label AS topic, source AS channel, count(ended_at) AS answered, count(*) - count(ended_at) AS waiting,
       extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY waited))::float AS p50,
       extract(epoch FROM percentile_cont(0.9) WITHIN GROUP (ORDER BY waited))::float AS p90
FROM debrief_spell GROUP BY label, source ORDER BY count(*) DESC, label, source

-- name: longest
SELECT s.conversation_id AS conversation, s.label AS topic, s.source AS channel, s.waited, s.ended_at IS NOT NULL AS answered,
       (SELECT nullif(m.url, '') FROM triage.message m
        WHERE m.conversation_id = s.conversation_id AND m.sent_at >= s.started_at ORDER BY m.sent_at LIMIT 1) AS url
FROM debrief_spell s ORDER BY s.waited DESC, s.conversation_id LIMIT 10

-- name: moved
-- Corrections of messages that were written during the incident, into its topic or out of it.
SELECT coalesce(CASE %(lang)s WHEN 'fr' THEN f.label_fr ELSE f.label_en END, c.from_topic, '?') AS taken_from,
       coalesce(CASE %(lang)s WHEN 'fr' THEN t.label_fr ELSE t.label_en END, c.to_topic, '?') AS put_to,
       count(DISTINCT c.message_id) AS messages
FROM triage.incident i
JOIN triage.correction c ON i.topic IN (c.from_topic, c.to_topic)
JOIN triage.message m ON m.id = c.message_id AND m.sent_at BETWEEN i.onset AND coalesce(i.closed_at, 'infinity')
LEFT JOIN triage.topic f ON f.key = c.from_topic
LEFT JOIN triage.topic t ON t.key = c.to_topic
WHERE i.id = %(id)s
GROUP BY 1, 2 ORDER BY count(DISTINCT c.message_id) DESC, 1, 2

-- name: languages
-- Languages that at least one in twenty wrote in.
SELECT lang FROM (
    SELECT d.lang, count(*) AS messages, sum(count(*)) OVER () AS every
    FROM triage.incident_message m JOIN triage.message o ON o.id = m.message_id
    JOIN triage.classification d ON d.id = o.decision_id
    WHERE m.incident_id = %(id)s AND d.lang <> '' GROUP BY d.lang
) spoken WHERE messages * 20 >= every ORDER BY messages DESC

-- name: clusters
-- The biggest of those who say the same and are not answered.
SELECT m.cluster_id AS cluster, count(DISTINCT m.conversation_id) AS people
FROM triage.incident_message m JOIN triage.conversation c ON c.id = m.conversation_id AND c.state = 'waiting'
WHERE m.incident_id = %(id)s AND m.cluster_id IS NOT NULL
GROUP BY m.cluster_id HAVING count(DISTINCT m.conversation_id) >= 10 ORDER BY 2 DESC LIMIT 3

-- name: questions
SELECT question, asked FROM triage.question
WHERE incident_id = %(id)s AND approved_at IS NULL AND NOT withdrawn AND asked >= 3 ORDER BY asked DESC LIMIT 10

-- name: note
INSERT INTO triage.incident_log (incident_id, verb, by) VALUES (%(id)s, 'debrief', triage.actor())
