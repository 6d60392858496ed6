-- What a responder reads of a conversation they serve; the tables behind it stay closed.

CREATE OR REPLACE FUNCTION triage.history(id bigint)
RETURNS TABLE (message_id bigint, at timestamptz, direction text, author text, author_name text, subject text,
               text text, url text, lang text, deleted boolean, automatic text, topic text, decided_by text,
               evidence jsonb, attachments jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = triage, pg_temp AS $$
    SELECT m.id, m.sent_at, m.direction::text, m.author, m.author_name, m.subject, m.text, m.url,
           coalesce(nullif(d.lang, ''), m.lang), m.deleted_at IS NOT NULL, m.automatic_reason, d.topic, d.decided_by,
           coalesce(d.evidence, '[]'), coalesce(m.extra -> 'attachments', '[]')
    FROM triage.conversation c
    JOIN triage.message m ON m.conversation_id = c.id
    LEFT JOIN triage.classification d ON d.id = m.decision_id
    WHERE c.id = history.id AND c.account = ANY ((SELECT triage.my_accounts())::text[])
    ORDER BY m.sent_at, m.id
$$;

-- What was done about a conversation, and by whom.
CREATE OR REPLACE FUNCTION triage.deeds(id bigint)
RETURNS TABLE (at timestamptz, verb text, by text, reason text, detail jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = triage, pg_temp AS $$
    SELECT a.at, a.verb, a.by, a.reason, a.detail
    FROM triage.conversation c
    JOIN triage.audit a ON a.conversation_id = c.id
    WHERE c.id = deeds.id AND c.account = ANY ((SELECT triage.my_accounts())::text[])
    ORDER BY a.id
$$;

-- The languages of the list, found by hopping from one to the next in the index.
CREATE OR REPLACE FUNCTION triage.languages() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER ROWS 8 SET search_path = triage, pg_temp AS $$
    WITH RECURSIVE found AS (
        (SELECT q.lang FROM triage.unanswered_queue q WHERE NOT q.follower AND NOT q.held ORDER BY q.lang LIMIT 1)
        UNION ALL
        SELECT (SELECT q.lang FROM triage.unanswered_queue q WHERE NOT q.follower AND NOT q.held AND q.lang > f.lang
                ORDER BY q.lang LIMIT 1)
        FROM found f WHERE f.lang IS NOT NULL
    )
    SELECT f.lang FROM found f WHERE f.lang IS NOT NULL
$$;
