-- name: lock
-- One publishes at a time, or an older state of things might be written over a newer one.
SELECT pg_advisory_xact_lock(hashtextextended('triage.hub', 0))

-- name: cases
-- Incidents of which the public has heard.
SELECT i.id, i.topic, t.label_en, t.label_fr, i.onset, i.closed_at
FROM triage.incident i JOIN triage.topic t ON t.key = i.topic
WHERE EXISTS (SELECT FROM triage.statement s WHERE s.incident_id = i.id AND s.channel = 'hub' AND s.state = 'approved')
ORDER BY i.id

-- name: statements
SELECT number, min(approved_at) AS at, jsonb_object_agg(lang, text) AS texts
FROM triage.statement WHERE incident_id = %s AND channel = 'hub' AND state = 'approved'
GROUP BY number ORDER BY number

-- name: questions
SELECT lang, question, answer, asked, approved_by, approved_at, cluster_id AS cluster
FROM triage.question WHERE incident_id = %s AND approved_by IS NOT NULL AND NOT withdrawn ORDER BY id

-- name: about
SELECT topic, onset FROM triage.incident WHERE id = %s AND topic IS NOT NULL

-- name: open
SELECT id FROM triage.incident WHERE state = 'open' AND topic IS NOT NULL ORDER BY id

-- name: heads
-- The first message of each of the biggest clusters that grew in an incident, and by how much.
WITH counted AS (
    SELECT m.cluster_id AS cluster, count(*)::int AS count
    FROM triage.incident i
    JOIN triage.message m ON m.sent_at >= i.onset AND m.direction = 'inbound' AND m.deleted_at IS NULL
        AND m.cluster_id IS NOT NULL AND (i.account IS NULL OR m.account = i.account)
    JOIN triage.classification d ON d.id = m.decision_id AND d.topic = i.topic
    WHERE i.id = %s GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 200
)
SELECT c.cluster, c.count, h.text, h.lang, d.intent
FROM counted c JOIN triage.cluster k ON k.id = c.cluster
JOIN triage.message h ON h.id = k.message_id AND h.deleted_at IS NULL
JOIN triage.classification d ON d.id = h.decision_id
ORDER BY c.count DESC, c.cluster

-- name: draft
-- What was taken back is not drafted again; what is there already is counted anew.
INSERT INTO triage.question AS q (incident_id, lang, question, answer, cluster_id, asked, drafted_by)
SELECT %(incident)s, %(lang)s, %(question)s, %(answer)s, %(cluster)s, %(asked)s, %(by)s
WHERE NOT EXISTS (SELECT FROM triage.question w WHERE w.incident_id = %(incident)s AND w.lang = %(lang)s
                  AND w.question = %(question)s AND w.withdrawn)
ON CONFLICT (incident_id, lang, question) WHERE NOT withdrawn
DO UPDATE SET asked = EXCLUDED.asked, cluster_id = coalesce(EXCLUDED.cluster_id, q.cluster_id) WHERE q.asked < EXCLUDED.asked
RETURNING xmax = 0 AS new
