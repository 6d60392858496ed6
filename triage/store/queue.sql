-- name: act_for
SELECT set_config('triage.acting_for', %s, true)

-- name: claim
SELECT * FROM triage.claim(%s, %s, %s, of_held => %s)

-- name: release
SELECT triage.release(%s)

-- name: answer
SELECT triage.answer(%s, %s)

-- name: dismiss
SELECT triage.dismiss(%s, %s)

-- name: relabel
SELECT triage.relabel(%s, %s)

-- name: page
-- The rows that one of the ways below chose, with how many say the same.
WITH part AS MATERIALIZED ({parts}), chosen AS MATERIALIZED ({chosen})
SELECT q.*, CASE WHEN q.cluster IS NULL OR q.held THEN 1
                 ELSE (SELECT count(*) FROM (SELECT FROM triage.unanswered_queue o
                                             WHERE o.cluster = q.cluster AND NOT o.held LIMIT {most_alike}) AS o) END AS alike
FROM chosen JOIN triage.unanswered_queue q USING (conversation_id)
ORDER BY q.priority, q.due_at, q.conversation_id

-- name: only_topic
q.topic = %(topic)s::text

-- name: only_lang
q.lang = %(lang)s::text

-- name: only_source
q.source = %(source)s::text

-- name: only_account
q.account = %(account)s::text

-- name: only_older
q.waiting_since < now() - %(older)s::interval

-- name: only_mine
q.claimed_by = %(mine)s::text AND q.lease_until > now()

-- name: only_overdue
q.due_at < now()

-- name: only_snoozed
q.snoozed_until > now()

-- name: only_awake
(q.snoozed_until IS NULL OR q.snoozed_until <= now())

-- name: only_held
q.held

-- name: only_cluster
q.cluster = %(cluster)s::bigint

-- name: only_words
concat_ws(' ', q.author, q.author_name, q.subject, q.excerpt) ILIKE %(words)s::text

-- name: only_heads
NOT q.follower AND NOT q.held

-- name: only_in_order
q.severity > 0

-- name: only_after
(q.priority, q.due_at, q.conversation_id) > (%(after_priority)s::smallint, %(after_due)s::timestamptz, %(after)s::bigint)

-- name: walk
-- One index in its order, whichever the planner finds for the filters (`only_` above).
SELECT q.conversation_id FROM triage.unanswered_queue q WHERE {filters}
ORDER BY q.priority, q.due_at, q.conversation_id LIMIT {limit}

-- name: merge
-- The beginnings of several indexes, or of several parts of one, put together: priority by priority (what is LATERAL
-- is asked in the order of what it depends on), and no further than there are enough.
SELECT b.conversation_id
FROM generate_series(coalesce(%(after_priority)s::int, 1), 5) AS n
CROSS JOIN LATERAL (
    SELECT n::smallint AS priority, CASE WHEN n = %(after_priority)s THEN %(after_due)s::timestamptz ELSE '-infinity' END AS due_at,
           CASE WHEN n = %(after_priority)s THEN %(after)s::bigint ELSE 0 END AS conversation_id
) AS p
CROSS JOIN LATERAL (
    SELECT f.conversation_id FROM part CROSS JOIN LATERAL (
        SELECT q.conversation_id, q.due_at FROM triage.unanswered_queue q
        WHERE q.priority = p.priority AND (q.due_at, q.conversation_id) > (p.due_at, p.conversation_id) AND {part} AND {filters}
        ORDER BY q.due_at, q.conversation_id LIMIT {limit}
    ) AS f
    ORDER BY f.due_at, f.conversation_id LIMIT {limit}
) AS b
LIMIT {limit}

-- name: by_priority_parts
SELECT

-- name: by_priority
true

-- name: by_account_parts
-- Where they are is looked up only when a source is asked for.
SELECT account FROM unnest(triage.my_accounts()) AS account
WHERE %(of_source)s::text IS NULL AND (%(account)s::text IS NULL OR account = %(account)s)
UNION ALL
SELECT s.account FROM triage.served() s
WHERE %(of_source)s::text IS NOT NULL AND s.source = %(of_source)s AND (%(account)s::text IS NULL OR s.account = %(account)s)

-- name: by_account
q.account = part.account

-- name: by_topic_parts
-- Who waits longer than that was due by then: where each topic's part ends, worked out once for each target.
-- A policy lets no function choose rows. A priority is never below its topic's severity, but for thanks.
WITH began AS MATERIALIZED (
    SELECT now() - %(older)s::interval AS at,
           CASE WHEN %(older)s::interval IS NOT NULL THEN triage.open_seconds(now() - %(older)s::interval) END AS opened
), due AS MATERIALIZED (
    SELECT target, coalesce(passed, 'infinity') AS until
    FROM began
    CROSS JOIN (SELECT DISTINCT target FROM triage.topic WHERE %(topic)s::text IS NULL OR key = %(topic)s) AS targets
    CROSS JOIN triage.due_after(began.opened, began.at, target) AS passed
)
SELECT t.key, t.severity, due.until FROM triage.topic t JOIN due USING (target) WHERE %(topic)s::text IS NULL OR t.key = %(topic)s

-- name: by_topic
q.topic = part.key AND q.due_at <= part.until AND (p.priority <= part.severity OR p.priority = 5)

-- name: by_facet_parts
-- Which languages there are is looked for only when none is given.
SELECT t.*, a.account, l.lang FROM ({by_topic_parts}) AS t CROSS JOIN ({by_account_parts}) AS a CROSS JOIN (
    SELECT %(lang)s::text WHERE %(lang)s::text IS NOT NULL
    UNION ALL
    SELECT there FROM triage.languages() AS there WHERE %(lang)s::text IS NULL
) AS l (lang)

-- name: by_facet
{by_topic} AND {by_account} AND q.lang = part.lang

-- name: counts
SELECT count(*) AS waiting, count(*) FILTER (WHERE due_at < now()) AS overdue,
       count(*) FILTER (WHERE snoozed_until > now()) AS snoozed, count(*) FILTER (WHERE held) AS held,
       min(waiting_since) AS oldest
FROM triage.unanswered_queue

-- name: mine
SELECT count(*) AS mine FROM triage.unanswered_queue WHERE claimed_by = %s AND lease_until > now()

-- name: topics
SELECT key, label_en AS en, label_fr AS fr, severity FROM triage.topic ORDER BY severity, key

-- name: conversation
SELECT c.id, c.source, c.account, c.state::text AS state, c.topic, q.conversation_id IS NOT NULL AS waits,
       q.priority, q.severity, q.kind, q.intent, q.waiting_since, q.due_at, q.author, q.author_name, q.subject, q.url,
       q.cluster, q.held, q.claimed_by, q.lease_until, q.snoozed_until, q.lang
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
