-- Each column is a gauge `triage_<column>`, but for these, which are its labels: account, source, topic, state, reason,
-- stream, model, promoted. NULL gives no sample. Moments are Unix timestamps: whoever reads them works out ages.

-- name: accounts
-- As the stall alarm sees it: an account that was never collected counts from when it was first known.
SELECT name AS account, coalesce(a.source, '') AS source,
       extract(epoch FROM coalesce(c.updated_at, a.created_at, (SELECT min(applied_at) FROM triage.migration)))
           AS cursor_timestamp_seconds,
       extract(epoch FROM c.complete_at) AS cursor_complete_timestamp_seconds,
       coalesce(c.behind, false)::int AS cursor_behind,
       (SELECT coalesce(sum(q.units), 0) FROM triage.quota_use q
        WHERE q.account = name AND q.at > statement_timestamp() - interval '60 seconds') AS quota_used_units,
       (SELECT count(*) FROM triage.quarantine n WHERE n.account = name) AS quarantined_messages
FROM unnest(%(accounts)s::text[]) AS name
LEFT JOIN triage.account a USING (name)
LEFT JOIN triage.cursor c ON c.account = name

-- name: spend
SELECT account, today AS spend_today_dollars, this_month AS spend_month_dollars
FROM triage.spend WHERE account = ANY (%(accounts)s)

-- name: pauses
SELECT account, split_part(reason, ':', 1) AS reason, 1 AS account_paused
FROM triage.pause WHERE account = ANY (%(accounts)s)

-- name: replies
SELECT name AS account, s.state, count(r.id) AS replies
FROM unnest(%(accounts)s::text[]) AS name CROSS JOIN (VALUES ('wanted'), ('sending'), ('unknown')) AS s (state)
LEFT JOIN triage.reply r ON r.account = name AND r.state = s.state AND r.state IN ('wanted', 'sending', 'unknown')
GROUP BY name, s.state

-- name: replies_aside
SELECT name AS account,
       (SELECT extract(epoch FROM min(r.wanted_at)) FROM triage.reply r
        WHERE r.account = name AND r.state IN ('wanted', 'sending')) AS replies_oldest_timestamp_seconds,
       (SELECT count(*) FROM triage.reply r WHERE r.account = name AND r.state = 'refused'
        AND r.changed_at > now() - interval '1 day') AS replies_refused_day
FROM unnest(%(accounts)s::text[]) AS name

-- name: notices
SELECT s.state, count(n.id) AS notices
FROM (VALUES ('wanted'), ('sending'), ('failed'), ('unknown')) AS s (state)
LEFT JOIN triage.notice n
    ON n.state = s.state AND (n.state IN ('wanted', 'sending') OR n.changed_at > now() - interval '1 day')
GROUP BY s.state

-- name: leases
SELECT count(*) FILTER (WHERE lease_until > clock_timestamp()) AS leases,
       count(*) FILTER (WHERE lease_until <= clock_timestamp()) AS leases_lapsed,
       extract(epoch FROM min(lease_until)) AS leases_oldest_timestamp_seconds
FROM triage.unanswered_queue WHERE lease_until IS NOT NULL

-- name: detectors
SELECT stream, extract(epoch FROM closed_to) AS detector_closed_timestamp_seconds,
       extract(epoch FROM held_since) AS detector_held_timestamp_seconds
FROM triage.detector

-- name: incidents
SELECT s.state, count(i.id) AS incidents
FROM (VALUES ('open'), ('watched')) AS s (state)
LEFT JOIN triage.incident i ON i.state = s.state AND i.state <> 'closed'
GROUP BY s.state

-- name: model
SELECT d.model, coalesce((SELECT id::text FROM triage.model WHERE status = 'promoted'), '') AS promoted, 1 AS model_info
FROM triage.classification d WHERE d.decided_by <> 'human' ORDER BY d.id DESC LIMIT 1

-- name: queue
SELECT t.key AS topic, coalesce(q.waiting, 0) AS queue_waiting, coalesce(q.overdue, 0) AS queue_overdue,
       extract(epoch FROM q.oldest) AS queue_oldest_timestamp_seconds
FROM triage.topic t
LEFT JOIN (SELECT topic, count(*) AS waiting, count(*) FILTER (WHERE due_at < now()) AS overdue, min(waiting_since) AS oldest
           FROM triage.unanswered_queue GROUP BY topic) q ON q.topic = t.key

-- name: labels
SELECT name AS account, coalesce(b.pending, 0) AS labels_pending, coalesce(b.failed, 0) AS labels_failed,
       extract(epoch FROM b.oldest) AS labels_oldest_timestamp_seconds
FROM unnest(%(accounts)s::text[]) AS name
LEFT JOIN (SELECT account, count(*) AS pending, count(error) AS failed, min(updated_at) AS oldest FROM triage.label_outbox
           WHERE wanted <> applied AND NOT gone AND NOT held GROUP BY account) b ON b.account = name

-- name: unread
SELECT count(*) AS undecided_messages FROM triage.message WHERE decision_id IS NULL AND direction = 'inbound'

-- name: mix
SELECT t.key AS topic, coalesce(m.messages, 0) AS day_messages
FROM triage.topic t
LEFT JOIN (SELECT d.topic, count(*) AS messages FROM triage.message m JOIN triage.classification d ON d.id = m.decision_id
           WHERE m.direction = 'inbound' AND m.sent_at > now() - interval '1 day' GROUP BY d.topic) m ON m.topic = t.key

-- name: size
SELECT pg_database_size(current_database()) AS database_bytes
