-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('triage.detect', 0))

-- name: load
SELECT d.stream, d.closed_to, d.state, d.held_since,
       coalesce((SELECT sum(b.count) FROM triage.detector_bin b
                 WHERE b.stream = d.stream AND b.started_at >= d.closed_to - %(late)s), 0) AS judged
FROM triage.detector d

-- name: save
INSERT INTO triage.detector (stream, closed_to, state, held_since) VALUES %s
ON CONFLICT (stream) DO UPDATE
SET closed_to = excluded.closed_to, state = excluded.state, held_since = excluded.held_since

-- name: add_bins
INSERT INTO triage.detector_bin (stream, started_at, count, expected, score) VALUES %s
ON CONFLICT (stream, started_at) DO NOTHING

-- name: prune
DELETE FROM triage.detector_bin b
WHERE b.started_at < %s AND NOT EXISTS (
    SELECT FROM triage.incident i
    WHERE i.stream = b.stream AND b.started_at >= i.onset - interval '1 day'
      AND b.started_at <= coalesce(i.closed_at + interval '1 hour', 'infinity'))

-- name: topics
SELECT key FROM triage.topic WHERE key <> 'not_crisis' ORDER BY key

-- name: horizons
SELECT a.name AS account, c.updated_at, c.complete_at,
       (SELECT min(v.bin_start) FROM triage.volume v WHERE v.account = a.name AND v.feed = 'arrivals') AS arrivals_from
FROM triage.account a LEFT JOIN triage.cursor c ON c.account = a.name
WHERE a.name = ANY (%s)

-- name: feeds
SELECT account, feed AS term, min(bin_start) AS oldest, max(bin_start) AS newest FROM triage.volume
WHERE account = ANY (%s) AND feed <> 'arrivals' AND bin_start >= %s GROUP BY 1, 2

-- name: first_messages
SELECT account, min(sent_at) AS at FROM triage.message
WHERE direction = 'inbound' AND account = ANY (%s) AND sent_at >= %s GROUP BY 1

-- name: by_topic
SELECT d.topic, date_bin('1 minute', m.sent_at, 'epoch'::timestamptz) AS bin,
       count(DISTINCT coalesce(m.global_id, m.id::text)) AS count, count(DISTINCT m.author) AS authors
FROM triage.message m JOIN triage.classification d ON d.id = m.decision_id
WHERE m.direction = 'inbound' AND m.account = ANY (%(accounts)s) AND m.sent_at >= %(since)s AND m.sent_at < %(until)s
GROUP BY 1, 2

-- name: by_account
SELECT m.account, date_bin('1 minute', m.sent_at, 'epoch'::timestamptz) AS bin,
       count(*) AS count, count(DISTINCT m.author) AS authors
FROM triage.message m
WHERE m.direction = 'inbound' AND m.account = ANY (%(accounts)s) AND m.sent_at >= %(since)s AND m.sent_at < %(until)s
GROUP BY 1, 2

-- name: by_feed
SELECT account, feed, bin_start AS bin, count FROM triage.volume
WHERE account = ANY (%(accounts)s) AND bin_start >= %(since)s AND bin_start < %(until)s
