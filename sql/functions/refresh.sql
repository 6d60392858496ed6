-- Brings state, queue row and wanted labels of some conversations up to date with their messages.
-- The rule is triage/core/waiting.py and triage/core/priority.py; this is the same over sets, and
-- tests/store/test_waiting_sql.py holds them equal. Every writer calls it in its own transaction.

CREATE OR REPLACE FUNCTION triage.unanswered(ids bigint[])
RETURNS TABLE (conversation_id bigint, message_id bigint, sent_at timestamptz, open boolean,
               bare_thanks boolean, covered_as triage.conversation_state, asked bigint)
LANGUAGE sql STABLE AS $$
    WITH seen AS (
        SELECT m.conversation_id,
               max(m.sent_at) FILTER (WHERE m.direction = 'outbound') AS last_reply,
               count(*) FILTER (WHERE m.direction = 'inbound') AS asked
        FROM triage.message m
        WHERE m.conversation_id = ANY (ids)
        GROUP BY m.conversation_id
    )
    SELECT m.conversation_id, m.id, m.sent_at, m.deleted_at IS NULL AND m.covered_as IS NULL,
           m.bare_thanks, m.covered_as, s.asked
    FROM triage.message m
    JOIN seen s ON s.conversation_id = m.conversation_id
    WHERE m.direction = 'inbound' AND (s.last_reply IS NULL OR m.sent_at >= s.last_reply)
$$;

-- The topic and intent a waiting conversation is read by: the gravest of its open messages; among equals a
-- human's word, then the latest. A message not read yet counts as unsure: anything may hide in it. An intent
-- that raises the priority is kept whichever open message holds it.
CREATE OR REPLACE FUNCTION triage.gravest(ids bigint[])
RETURNS TABLE (conversation_id bigint, topic text, intent text, severity smallint, target interval)
LANGUAGE sql STABLE AS $$
    WITH read AS (
        SELECT u.conversation_id, u.message_id, u.sent_at, t.key AS topic, t.severity, t.target,
               coalesce(d.intent, 'question') AS intent, coalesce(d.decided_by = 'human', false) AS by_human,
               array_position(ARRAY['urgent_help', 'legal', 'press'], d.intent) AS raising
        FROM triage.unanswered(ids) u
        JOIN triage.message m ON m.id = u.message_id
        LEFT JOIN triage.classification d ON d.id = m.decision_id
        JOIN triage.topic t ON t.key = coalesce(d.topic, 'unsure')
        WHERE u.open
    ),
    raised AS (
        SELECT DISTINCT ON (conversation_id) conversation_id, intent
        FROM read WHERE raising IS NOT NULL ORDER BY conversation_id, raising
    )
    SELECT DISTINCT ON (r.conversation_id)
           r.conversation_id, r.topic, coalesce(i.intent, r.intent), r.severity, r.target
    FROM read r
    LEFT JOIN raised i ON i.conversation_id = r.conversation_id
    ORDER BY r.conversation_id, r.severity, r.by_human DESC, r.sent_at DESC, r.message_id DESC
$$;

CREATE OR REPLACE FUNCTION triage.priority(severity smallint, intent text, kind text) RETURNS smallint
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN kind = 'check' THEN 5
                ELSE greatest(1, severity - (intent IN ('urgent_help', 'press', 'legal'))::int) END::smallint
$$;

CREATE OR REPLACE FUNCTION triage.refresh_states(ids bigint[]) RETURNS void
LANGUAGE sql AS $$
    WITH unanswered AS MATERIALIZED (SELECT * FROM triage.unanswered(ids)),
    waiting AS (
        SELECT conversation_id, min(sent_at) AS since,
               CASE WHEN bool_and(bare_thanks) AND max(asked) > count(*) THEN 'check' ELSE 'reply' END AS kind
        FROM unanswered WHERE open GROUP BY conversation_id
    ),
    last_unanswered AS (
        SELECT DISTINCT ON (conversation_id) conversation_id, covered_as
        FROM unanswered ORDER BY conversation_id, sent_at DESC, message_id DESC
    ),
    verdict AS (
        SELECT c.id,
               CASE WHEN w.since IS NOT NULL THEN 'waiting'
                    WHEN l.conversation_id IS NOT NULL AND l.covered_as IS DISTINCT FROM 'answered' THEN 'dismissed'
                    WHEN EXISTS (SELECT FROM triage.message m
                                 WHERE m.conversation_id = c.id AND m.direction = 'inbound') THEN 'answered'
                    ELSE 'nobody' END::triage.conversation_state AS state,
               w.since, w.kind,
               coalesce(t.topic, c.topic) AS topic
        FROM triage.conversation c
        LEFT JOIN waiting w ON w.conversation_id = c.id
        LEFT JOIN last_unanswered l ON l.conversation_id = c.id
        LEFT JOIN triage.gravest(ids) t ON t.conversation_id = c.id
        WHERE c.id = ANY (ids)
    )
    UPDATE triage.conversation c
    SET state = v.state, waiting_since = v.since, kind = v.kind, topic = v.topic, updated_at = now()
    FROM verdict v
    WHERE c.id = v.id
      AND (c.state, c.waiting_since, c.kind, c.topic) IS DISTINCT FROM (v.state, v.since, v.kind, v.topic)
$$;

CREATE OR REPLACE FUNCTION triage.refresh_queue(ids bigint[]) RETURNS void
LANGUAGE sql AS $$
    DELETE FROM triage.unanswered_queue q
    USING triage.conversation c
    WHERE c.id = q.conversation_id AND c.id = ANY (ids) AND c.state <> 'waiting';

    INSERT INTO triage.unanswered_queue AS q
        (conversation_id, source, account, conversation, topic, severity, priority, kind, intent, waiting_since,
         due_at, author, author_name, subject, excerpt, url, lang, messages)
    SELECT c.id, c.source, c.account, c.key, g.topic, g.severity, triage.priority(g.severity, g.intent, c.kind),
           c.kind, g.intent, c.waiting_since, c.waiting_since + g.target,
           m.author, m.author_name, m.subject, left(regexp_replace(m.text, '\s+', ' ', 'g'), 240), m.url,
           coalesce(nullif(d.lang, ''), m.lang), o.n
    FROM triage.conversation c
    JOIN triage.gravest(ids) g ON g.conversation_id = c.id
    JOIN (SELECT conversation_id, count(*) AS n, (array_agg(message_id ORDER BY sent_at DESC, message_id DESC))[1] AS latest
          FROM triage.unanswered(ids) WHERE open GROUP BY conversation_id) o ON o.conversation_id = c.id
    JOIN triage.message m ON m.id = o.latest
    LEFT JOIN triage.classification d ON d.id = m.decision_id
    WHERE c.id = ANY (ids) AND c.state = 'waiting'
    ON CONFLICT (conversation_id) DO UPDATE SET
        topic = excluded.topic, severity = excluded.severity, priority = excluded.priority, kind = excluded.kind,
        intent = excluded.intent, waiting_since = excluded.waiting_since, due_at = excluded.due_at,
        author = excluded.author, author_name = excluded.author_name, subject = excluded.subject,
        excerpt = excluded.excerpt, url = excluded.url, lang = excluded.lang, messages = excluded.messages,
        updated_at = now()
    WHERE (q.topic, q.severity, q.priority, q.kind, q.intent, q.waiting_since, q.due_at, q.excerpt, q.lang, q.messages)
          IS DISTINCT FROM
          (excluded.topic, excluded.severity, excluded.priority, excluded.kind, excluded.intent,
           excluded.waiting_since, excluded.due_at, excluded.excerpt, excluded.lang, excluded.messages)
$$;

CREATE OR REPLACE FUNCTION triage.refresh_labels(ids bigint[]) RETURNS void
LANGUAGE sql AS $$
    WITH open AS (
        SELECT u.message_id, c.topic
        FROM triage.unanswered(ids) u
        JOIN triage.conversation c ON c.id = u.conversation_id
        JOIN triage.account a ON a.name = c.account AND a.labels
        WHERE u.open
    ),
    wanted AS (
        SELECT message_id, 'unanswered' AS label FROM open
        UNION
        SELECT message_id, topic FROM open
    ),
    unwanted AS (
        SELECT b.message_id, b.label
        FROM triage.label_outbox b
        JOIN triage.message m ON m.id = b.message_id
        WHERE m.conversation_id = ANY (ids) AND b.wanted
          AND (b.label = 'unanswered' OR EXISTS (SELECT FROM open o WHERE o.message_id = b.message_id))
          AND NOT EXISTS (SELECT FROM wanted w WHERE (w.message_id, w.label) = (b.message_id, b.label))
    ),
    dropped AS (
        UPDATE triage.label_outbox b SET wanted = false, updated_at = now()
        FROM unwanted u WHERE (b.message_id, b.label) = (u.message_id, u.label)
    )
    INSERT INTO triage.label_outbox AS b (message_id, label, account, native_id, wanted)
    SELECT w.message_id, w.label, m.account, m.native_id, true
    FROM wanted w JOIN triage.message m ON m.id = w.message_id
    ON CONFLICT (message_id, label) DO UPDATE SET wanted = true, updated_at = now() WHERE NOT b.wanted
$$;

CREATE OR REPLACE FUNCTION triage.refresh(ids bigint[]) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    touched integer;
BEGIN
    PERFORM 1 FROM triage.conversation WHERE id = ANY (ids) ORDER BY id FOR UPDATE;
    PERFORM triage.refresh_states(ids);
    PERFORM triage.refresh_queue(ids);
    PERFORM triage.refresh_labels(ids);
    SELECT count(*) INTO touched FROM triage.conversation WHERE id = ANY (ids);
    RETURN touched;
END $$;
