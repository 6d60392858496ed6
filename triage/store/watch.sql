-- name: judged
SELECT (SELECT max(closed_to) FROM triage.detector) AS judged_to, (SELECT min(created_at) FROM triage.account) AS known_since,
       ARRAY(SELECT stream FROM triage.detector WHERE held_since IS NOT NULL ORDER BY stream) AS held, now() AS now

-- name: leases
SELECT claimed_by, count(*) FILTER (WHERE lease_until > now()) AS held,
       count(*) FILTER (WHERE lease_until < now() - %(lapsed)s) AS lapsed
FROM triage.unanswered_queue WHERE lease_until IS NOT NULL GROUP BY claimed_by ORDER BY claimed_by

-- name: days
-- What each of the last days brought by topic, counted back from now, from the detectors' minutes: day 0 is the last 24
-- hours. Topics in a crisis are left out, on all days: that they brought more is known.
SELECT floor(extract(epoch FROM now() - b.started_at) / 86400)::int AS day, substr(b.stream, 7) AS topic, sum(b.count) AS messages
FROM triage.detector_bin b
WHERE b.stream LIKE 'topic:%%' AND b.started_at > now() - make_interval(days => %(days)s) AND b.started_at <= now()
  AND NOT EXISTS (SELECT FROM triage.incident i WHERE 'topic:' || i.topic = b.stream
                  AND coalesce(i.closed_at, 'infinity') > now() - make_interval(days => %(days)s))
GROUP BY 1, 2
