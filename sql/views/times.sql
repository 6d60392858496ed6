-- How long people waited. A spell is the time from the first message that nobody had answered to what settled it:
-- the first human reply after it, a responder's word, a dismissal, or the deletion of what was asked.
CREATE OR REPLACE VIEW triage.spell WITH (security_barrier) AS
WITH asked AS (
    SELECT m.conversation_id, m.sent_at, m.bare_thanks, m.id, coalesce(d.topic, 'unsure') AS topic,
           least(reply.at, told.at, m.deleted_at) AS ended_at,
           CASE least(reply.at, told.at, m.deleted_at)
               WHEN reply.at THEN 'reply'
               WHEN told.at THEN CASE m.covered_as WHEN 'answered' THEN 'told' ELSE 'dismissed' END
               WHEN m.deleted_at THEN 'withdrawn'
           END AS ended_by,
           bool_or(m.direction = 'inbound') OVER earlier AS asked_before
    FROM triage.message m
    LEFT JOIN LATERAL (
        SELECT min(o.sent_at) AS at FROM triage.message o
        WHERE o.conversation_id = m.conversation_id AND o.direction = 'outbound' AND o.sent_at > m.sent_at
    ) reply ON true
    LEFT JOIN triage.audit told ON told.id = m.covered_by
    LEFT JOIN triage.classification d ON d.id = m.decision_id
    WHERE m.direction = 'inbound'
    WINDOW earlier AS (PARTITION BY m.conversation_id ORDER BY m.sent_at, m.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT a.conversation_id, c.source, c.account, (array_agg(a.topic ORDER BY a.sent_at, a.id))[1] AS topic,
       min(a.sent_at) AS started_at, a.ended_at, min(a.ended_by) AS ended_by,
       bool_and(a.bare_thanks AND coalesce(a.asked_before, false)) AS only_thanks
FROM asked a JOIN triage.conversation c ON c.id = a.conversation_id
WHERE c.account = ANY ((SELECT triage.my_accounts())::text[])
GROUP BY a.conversation_id, c.source, c.account, a.ended_at;
COMMENT ON VIEW triage.spell IS 'Each time somebody waited. topic: of its first message. ended_by: reply, told, dismissed, withdrawn; NULL: still waiting.';

-- First response by topic and channel over the last 30 days: human replies only, those still waiting count with the
-- time they have waited so far; dismissals, withdrawals and bare thanks were nothing to respond to. open_: counted in
-- opening hours, which are the same where there is no calendar.
CREATE OR REPLACE VIEW triage.response_times WITH (security_barrier) AS
SELECT topic, source, count(*) AS spells, count(ended_at) AS answered, count(*) - count(ended_at) AS waiting,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY coalesce(ended_at, now()) - started_at) AS p50,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY coalesce(ended_at, now()) - started_at) AS p90,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY triage.open_between(started_at, coalesce(ended_at, now()))) AS open_p50,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY triage.open_between(started_at, coalesce(ended_at, now()))) AS open_p90
FROM triage.spell
WHERE started_at > now() - interval '30 days' AND NOT only_thanks
  AND coalesce(ended_by, 'waiting') IN ('reply', 'told', 'waiting')
GROUP BY topic, source;

CREATE OR REPLACE VIEW triage.backlog WITH (security_barrier) AS
SELECT topic, source, count(*) AS waiting, count(*) FILTER (WHERE due_at < now()) AS overdue,
       min(waiting_since) AS oldest, percentile_cont(0.9) WITHIN GROUP (ORDER BY now() - waiting_since) AS p90_age
FROM triage.unanswered_queue
WHERE account = ANY ((SELECT triage.my_accounts())::text[])
GROUP BY topic, source;
