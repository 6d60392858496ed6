-- What the crisis committee reads once a week. The week is from `since` until before `until`.

-- name: record
-- Since when people's messages are known.
SELECT sent_at AS since FROM triage.message WHERE direction = 'inbound' AND account = ANY (%s) ORDER BY sent_at LIMIT 1

-- name: topics
SELECT coalesce(t.label_en, d.topic) AS en, coalesce(t.label_fr, d.topic) AS fr,
       count(*) FILTER (WHERE m.sent_at >= %(since)s) AS messages,
       count(DISTINCT m.conversation_id) FILTER (WHERE m.sent_at >= %(since)s) AS conversations,
       count(*) FILTER (WHERE m.sent_at < %(since)s) AS before
FROM triage.message m
LEFT JOIN triage.classification d ON d.id = m.decision_id
LEFT JOIN triage.topic t ON t.key = coalesce(d.topic, 'unsure')
WHERE m.direction = 'inbound' AND m.sent_at >= %(from)s AND m.sent_at < %(until)s AND m.account = ANY (%(accounts)s)
GROUP BY 1, 2 ORDER BY messages DESC, before DESC, en

-- name: reading
SELECT count(d.id) AS read, count(*) FILTER (WHERE d.topic = 'unsure') AS unsure
FROM triage.message m JOIN triage.classification d ON d.id = m.decision_id
WHERE m.direction = 'inbound' AND m.sent_at >= %(since)s AND m.sent_at < %(until)s AND m.account = ANY (%(accounts)s)

-- name: became
SELECT count(*) AS collected, count(*) FILTER (WHERE c.state = 'answered') AS answered,
       count(*) FILTER (WHERE c.state = 'waiting') AS waiting, count(*) FILTER (WHERE c.state = 'dismissed') AS dismissed
FROM triage.conversation c
WHERE c.id IN (SELECT m.conversation_id FROM triage.message m
               WHERE m.direction = 'inbound' AND m.sent_at >= %(since)s AND m.sent_at < %(until)s
                 AND m.account = ANY (%(accounts)s))

-- name: ledger
-- As the view of that name, of these accounts.
SELECT (SELECT count(DISTINCT m.conversation_id) FROM triage.message m
        WHERE m.direction = 'inbound' AND m.account = ANY (%(accounts)s)) AS collected,
       count(*) FILTER (WHERE c.state = 'answered') AS answered, count(*) FILTER (WHERE c.state = 'waiting') AS waiting,
       count(*) FILTER (WHERE c.state = 'dismissed') AS dismissed
FROM triage.conversation c WHERE c.account = ANY (%(accounts)s)

-- name: responses
-- As the view response_times counts, of the spells that began in the week. An array: PostgreSQL then judges only these
-- conversations' spells.
SELECT coalesce(t.label_en, s.topic) AS en, coalesce(t.label_fr, s.topic) AS fr, s.source, count(*) AS spells,
       count(*) - count(s.ended_at) AS waiting,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY coalesce(s.ended_at, %(now)s) - s.started_at) AS p50,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY coalesce(s.ended_at, %(now)s) - s.started_at) AS p90,
       max(coalesce(s.ended_at, %(now)s) - s.started_at) AS longest
FROM triage.spell s LEFT JOIN triage.topic t ON t.key = s.topic
WHERE s.conversation_id = ANY (ARRAY(
          SELECT DISTINCT m.conversation_id FROM triage.message m
          WHERE m.direction = 'inbound' AND m.sent_at >= %(since)s AND m.sent_at < %(until)s
            AND m.account = ANY (%(accounts)s)))
  AND s.started_at >= %(since)s AND s.started_at < %(until)s AND NOT s.only_thanks
  AND coalesce(s.ended_by, 'waiting') IN ('reply', 'told', 'waiting')
GROUP BY 1, 2, 3 ORDER BY spells DESC, en, source

-- name: incidents
-- What is open or watched, and what was opened or closed in the week. A nameless one that turned out to be another is
-- none of its own; it is a false alarm when its closing says so.
SELECT i.id AS number, coalesce(t.label_en, '') AS en, coalesce(t.label_fr, '') AS fr, i.state, i.onset, i.alarmed_at,
       (SELECT b.statement_at FROM triage.incident_board b WHERE b.id = i.id) AS statement_at,
       i.closed_at, i.watched_until,
       i.alarmed_at >= %(since)s AND i.alarmed_at < %(until)s AS opened,
       coalesce(i.closed_at >= %(since)s AND i.closed_at < %(until)s, false) AS closed,
       coalesce(i.closed_reason ~* '(no|not a) crisis|false alarm|fausse alerte|pas (de|une) crise', false) AS false_alarm,
       EXISTS (SELECT FROM triage.incident_log l
               WHERE l.incident_id = i.id AND l.verb = 'debrief' AND l.at >= i.closed_at) AS debriefed
FROM triage.incident i LEFT JOIN triage.topic t ON t.key = i.topic
WHERE (i.account IS NULL OR i.account = ANY (%(accounts)s))
  AND (i.state <> 'closed' OR i.closed_at >= %(since)s AND i.closed_at < %(until)s
       OR i.alarmed_at >= %(since)s AND i.alarmed_at < %(until)s)
  AND NOT (i.state = 'closed' AND i.closed_by = 'detect' AND i.closed_reason LIKE 'it is incident %%')
ORDER BY i.state = 'open' DESC, i.severity, i.onset

-- name: moved
SELECT coalesce(f.label_en, c.from_topic, '') AS from_en, coalesce(f.label_fr, c.from_topic, '') AS from_fr,
       coalesce(t.label_en, c.to_topic, '') AS to_en, coalesce(t.label_fr, c.to_topic, '') AS to_fr,
       count(DISTINCT c.message_id) AS messages
FROM triage.correction c
JOIN triage.message m ON m.id = c.message_id AND m.account = ANY (%(accounts)s)
LEFT JOIN triage.topic f ON f.key = c.from_topic
LEFT JOIN triage.topic t ON t.key = c.to_topic
WHERE c.at >= %(since)s AND c.at < %(until)s AND c.from_topic IS DISTINCT FROM c.to_topic
GROUP BY 1, 2, 3, 4 ORDER BY messages DESC, from_en, to_en

-- name: spent
-- Whole UTC days, as they are billed.
SELECT s.account, coalesce(sum(s.units) FILTER (WHERE s.day >= %(since_day)s), 0)::float / 1e6 AS week,
       coalesce(sum(s.units) FILTER (WHERE s.day < %(since_day)s), 0)::float / 1e6 AS before
FROM triage.spend_day s JOIN triage.account a ON a.name = s.account AND a.source = 'x'
WHERE s.account = ANY (%(accounts)s) AND s.day >= %(since_day)s::date - 7 AND s.day < %(until_day)s
GROUP BY s.account ORDER BY s.account
