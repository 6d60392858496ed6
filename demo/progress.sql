-- name: counts
SELECT (SELECT count(*) FROM triage.message WHERE source = 'gmail') AS mails,
       (SELECT count(*) FROM triage.message WHERE source = 'x') AS posts,
       (SELECT count(*) FROM triage.quarantine) AS quarantined,
       (SELECT count(*) FROM triage.message WHERE decision_id IS NULL AND direction = 'inbound') AS undecided,
       (SELECT count(*) FROM triage.unanswered_queue) AS queue,
       (SELECT count(*) FROM triage.label_outbox WHERE wanted <> applied AND NOT gone AND NOT held) AS labels_pending,
       (SELECT count(*) FROM triage.label_outbox WHERE applied) AS labels

-- name: cursors
SELECT account, updated_at FROM triage.cursor

-- name: known
SELECT native_id FROM triage.message UNION SELECT native_id FROM triage.quarantine

-- name: label_changes
SELECT count(*) AS n FROM triage.label_outbox

-- name: quarantined
SELECT source, native_id, reason FROM triage.quarantine ORDER BY source, native_id
