-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('triage.quota:' || source, 0))
FROM triage.account WHERE name = %s

-- name: used
SELECT coalesce(sum(q.units) FILTER (WHERE q.account = mine.name), 0) AS account, coalesce(sum(q.units), 0) AS project
FROM triage.account mine
JOIN triage.account a ON a.source = mine.source
JOIN triage.quota_use q ON q.account = a.name AND q.at > statement_timestamp() - interval '60 seconds'
WHERE mine.name = %s

-- name: reserve
INSERT INTO triage.quota_use (account, method, units, reserved) VALUES (%s, 'reserved', %s, true) RETURNING id

-- name: release
DELETE FROM triage.quota_use WHERE id = %s AND reserved

-- name: spend
INSERT INTO triage.quota_use (account, method, units) VALUES %s

-- name: prune
DELETE FROM triage.quota_use
WHERE at < statement_timestamp() - %s OR (reserved AND at < statement_timestamp() - interval '10 minutes')
