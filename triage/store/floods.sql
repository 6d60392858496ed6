-- name: lock
-- Floods of whoever wrote these messages, in one order: a release waits for us, or we see it.
SELECT f.started_at FROM triage.flood f
WHERE (f.account, f.author) IN (SELECT m.account, m.author FROM triage.message m WHERE m.id = ANY (%s))
ORDER BY f.account, f.author, f.started_at FOR NO KEY UPDATE

-- name: spot
-- Stretches of time in which the author of one of these messages sent too much: each begins with the first of the
-- messages that are too many, and ends a while after the last. A flood that goes on stays the same one. Gives the
-- conversations in them.
WITH stretch AS MATERIALIZED (
    SELECT too.account, too.author, unnest(range_agg(too.often)) AS span
    FROM (
        SELECT m.account, m.author, tstzrange(first.sent_at, m.sent_at + %(within)s::interval, '[]') AS often
        FROM triage.message m CROSS JOIN LATERAL (
            SELECT o.sent_at FROM triage.message o
            WHERE o.account = m.account AND o.author = m.author AND o.direction = 'inbound'
              AND (o.sent_at, o.id) <= (m.sent_at, m.id)
            ORDER BY o.sent_at DESC, o.id DESC OFFSET %(messages)s LIMIT 1
        ) AS first
        WHERE m.id = ANY (%(ids)s) AND m.author <> ALL (%(never)s::text[])
          AND first.sent_at > m.sent_at - %(within)s::interval
    ) AS too
    GROUP BY too.account, too.author
),
goes_on AS (
    UPDATE triage.flood f SET ended_at = greatest(f.ended_at, upper(s.span))
    FROM stretch s
    WHERE f.account = s.account AND f.author = s.author AND s.span && tstzrange(f.started_at, f.ended_at, '[]')
    RETURNING f.account, f.author, s.span
),
began AS (
    INSERT INTO triage.flood (account, author, started_at, ended_at, conversation_id)
    SELECT s.account, s.author, lower(s.span), upper(s.span), (
        SELECT m.conversation_id FROM triage.message m
        WHERE m.account = s.account AND m.author = s.author AND m.direction = 'inbound' AND m.sent_at >= lower(s.span)
        ORDER BY m.sent_at, m.id LIMIT 1)
    FROM stretch s
    WHERE NOT EXISTS (SELECT FROM goes_on g WHERE (g.account, g.author, g.span) = (s.account, s.author, s.span))
    ORDER BY s.account, s.author, lower(s.span)
    ON CONFLICT DO NOTHING
)
SELECT DISTINCT came.conversation_id
FROM stretch s CROSS JOIN LATERAL (
    SELECT m.conversation_id FROM triage.message m
    WHERE m.account = s.account AND m.author = s.author AND m.direction = 'inbound'
      AND m.sent_at BETWEEN lower(s.span) AND upper(s.span)
    OFFSET 0  -- so that it is looked up for each, and the table never read for all
) AS came

-- name: listed
SELECT * FROM triage.floods LIMIT %s

-- name: release
SELECT triage.release_flood(%s, %s) AS rows
