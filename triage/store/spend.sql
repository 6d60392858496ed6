-- name: bill
WITH fresh AS (
    INSERT INTO triage.billed (account, day, resource, id)
    SELECT %(account)s, %(day)s, %(resource)s, unnest(%(ids)s::text[])
    ON CONFLICT DO NOTHING RETURNING 1
)
SELECT count(*) AS fresh FROM fresh

-- name: spend
INSERT INTO triage.quota_use (account, at, method, units) VALUES %s

-- name: spent
SELECT coalesce(sum(units), 0) AS units FROM triage.spend_day WHERE account = %s AND day = %s

-- name: pause
INSERT INTO triage.pause AS p (account, reason, since) VALUES (%(account)s, %(reason)s, %(at)s)
ON CONFLICT (account) DO UPDATE SET reason = excluded.reason,
    since = CASE WHEN split_part(p.reason, ':', 1) = split_part(excluded.reason, ':', 1) THEN p.since ELSE excluded.since END

-- name: go_on
DELETE FROM triage.pause WHERE account = %s

-- name: pauses
SELECT account, reason, since FROM triage.pause WHERE account = ANY (%s) ORDER BY account

-- name: overview
SELECT * FROM triage.spend WHERE account = ANY (%s) ORDER BY account

-- name: prune
DELETE FROM triage.billed WHERE day < %s

-- name: own_posts
SELECT native_id FROM triage.message
WHERE account = %s AND direction = 'outbound' AND sent_at > %s AND deleted_at IS NULL
ORDER BY reply_to IS NOT NULL, sent_at DESC LIMIT %s

-- name: unsettled
SELECT m.native_id FROM triage.billed b
JOIN triage.account a ON a.name = b.account
JOIN triage.message m ON m.source = a.source AND m.account = b.account AND m.native_id = b.id
JOIN triage.conversation c ON c.id = m.conversation_id
WHERE b.account = %s AND b.day = %s AND b.resource = 'post'
  AND m.direction = 'inbound' AND m.deleted_at IS NULL AND c.state = 'waiting'
ORDER BY m.sent_at DESC

-- name: last_bin
SELECT max(bin_start) AS bin_start FROM triage.volume WHERE account = %s

-- name: add_volume
INSERT INTO triage.volume (account, feed, bin_start, count) VALUES %s
ON CONFLICT (account, feed, bin_start) DO UPDATE SET count = excluded.count
