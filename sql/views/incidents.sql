-- Incidents as people and pages read them.

-- Which messages belong to an incident: those about its topic (any, while it has none) from its onset until it was
-- closed. By the decisions in force, so that what is relabelled comes and goes by itself.
CREATE OR REPLACE VIEW triage.incident_message AS
SELECT i.id AS incident_id, m.id AS message_id, m.conversation_id, m.source, m.account, m.author, m.sent_at, m.cluster_id,
       d.topic, d.intent
FROM triage.incident i
JOIN triage.message m ON m.direction = 'inbound' AND m.sent_at >= i.onset AND m.sent_at <= coalesce(i.closed_at, 'infinity')
    AND (i.account IS NULL OR m.account = i.account)
LEFT JOIN triage.classification d ON d.id = m.decision_id
WHERE i.topic IS NULL OR d.topic = i.topic;

-- What became of each statement.
CREATE OR REPLACE VIEW triage.statements WITH (security_barrier) AS
SELECT s.id, s.incident_id, s.number, s.place, s.channel, s.lang, s.text,
       CASE WHEN s.state <> 'approved' THEN s.state
            WHEN s.channel = 'hub' OR r.state = 'sent' THEN 'published'
            WHEN r.state IN ('wanted', 'sending') THEN 'publishing'
            ELSE coalesce(r.state, 'approved') END AS state,
       s.drafted_by, s.drafted_at, s.approved_by, s.approved_at,
       CASE WHEN s.state = 'approved' AND s.channel = 'hub' THEN s.approved_at
            WHEN r.state = 'sent' THEN r.changed_at END AS published_at,
       r.native_id, coalesce(r.url, '') AS url, r.error
FROM triage.statement s
JOIN triage.incident i ON i.id = s.incident_id
LEFT JOIN triage.reply r ON r.id = s.reply_id
WHERE i.account IS NULL OR i.account = ANY ((SELECT triage.my_accounts())::text[]);
COMMENT ON VIEW triage.statements IS 'state: draft, waiting, approved, publishing, published, refused, unknown, withdrawn.';

-- One row an incident, newest first. Counts are of the accounts that the reader serves.
CREATE OR REPLACE VIEW triage.incident_board WITH (security_barrier) AS
SELECT i.id, i.topic, t.label_en, t.label_fr, i.account, i.state, i.severity, i.onset, i.alarmed_at, i.observed, i.expected,
       i.peak, i.opened_by, i.named_at, i.surge_ended_at, i.closed_at, i.closed_by, i.closed_reason, i.watched_until, i.terms,
       said.messages, said.people, queue.waiting, queue.overdue, queue.oldest, told.statement_at, told.statement_state,
       i.alarmed_at - i.onset AS to_alarm, told.statement_at - i.onset AS to_statement
FROM triage.incident i
LEFT JOIN triage.topic t ON t.key = i.topic
CROSS JOIN LATERAL (
    SELECT count(*) AS messages, count(DISTINCT m.author) AS people FROM triage.incident_message m
    WHERE m.incident_id = i.id AND m.account = ANY ((SELECT triage.my_accounts())::text[])
) said
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting, count(*) FILTER (WHERE q.due_at < now()) AS overdue, min(q.waiting_since) AS oldest
    FROM triage.unanswered_queue q
    WHERE (i.topic IS NULL OR q.topic = i.topic) AND (i.account IS NULL OR q.account = i.account)
      AND q.waiting_since >= i.onset AND q.waiting_since <= coalesce(i.closed_at, 'infinity')
      AND q.account = ANY ((SELECT triage.my_accounts())::text[])
) queue
CROSS JOIN LATERAL (
    SELECT CASE WHEN bool_or(s.channel <> 'hub') THEN min(s.published_at) FILTER (WHERE s.channel <> 'hub')  -- the hub is read
                ELSE min(s.published_at) END AS statement_at,  -- by whom another channel sent there
           (array_agg(s.state ORDER BY s.number, s.place))[1] AS statement_state
    FROM triage.statements s WHERE s.incident_id = i.id
) told
WHERE i.account IS NULL OR i.account = ANY ((SELECT triage.my_accounts())::text[])
ORDER BY i.id DESC;

-- What the chart of an incident shows: each minute of its stream, from a day before the onset.
CREATE OR REPLACE VIEW triage.incident_volume WITH (security_barrier) AS
SELECT i.id AS incident_id, b.started_at, b.count, b.expected, b.score
FROM triage.incident i
JOIN triage.detector_bin b ON b.stream = i.stream AND b.started_at >= i.onset - interval '1 day'
    AND b.started_at <= coalesce(i.closed_at + interval '1 hour', 'infinity')
WHERE i.account IS NULL OR i.account = ANY ((SELECT triage.my_accounts())::text[]);
