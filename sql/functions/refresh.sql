-- Brings state, queue row and wanted labels of some conversations up to date with their messages.
-- Every writer calls triage.refresh in its own transaction. Whoever writes messages, decisions or queue rows
-- locks the conversations first, all at once and in the order of their ids: so no two writers deadlock.

-- The rule itself, over sets: triage/core/waiting.py, and the topic a waiting conversation is read by.
-- tests/store/test_waiting_sql.py holds both equal. `open`: the messages that wait, oldest first.
-- The topic is the gravest of the open messages; among equals a human's word, then the latest. A message not
-- read yet counts as unsure: anything may hide in it. An intent that raises the priority is kept whichever open
-- message holds it.
CREATE OR REPLACE FUNCTION triage.judge(ids bigint[])
RETURNS TABLE (conversation_id bigint, state triage.conversation_state, since timestamptz, kind text,
               open bigint[], topic text, intent text, severity smallint, target interval)
LANGUAGE sql STABLE AS $$
    WITH event AS (
        SELECT c.id AS conversation_id, m.id, m.sent_at, m.bare_thanks, m.covered_as, m.decision_id,
               m.direction = 'inbound' AS asked,
               m.deleted_at IS NULL AND m.covered_as IS NULL AS unsettled,
               max(m.sent_at) FILTER (WHERE m.direction = 'outbound') OVER (PARTITION BY c.id) AS last_reply
        FROM triage.conversation c
        LEFT JOIN triage.message m ON m.conversation_id = c.id
        WHERE c.id = ANY (ids)
    ),
    placed AS (
        SELECT *, asked AND coalesce(sent_at >= last_reply, true) AS unanswered,
               asked AND coalesce(sent_at >= last_reply, true) AND unsettled AS is_open
        FROM event
    ),
    read AS (
        SELECT p.conversation_id, p.id, p.sent_at, t.key AS topic, t.severity, t.target,
               coalesce(d.intent, 'question') AS intent, coalesce(d.decided_by = 'human', false) AS by_human,
               array_position(ARRAY['urgent_help', 'legal', 'press'], d.intent) AS raising
        FROM placed p
        LEFT JOIN triage.classification d ON d.id = p.decision_id
        JOIN triage.topic t ON t.key = coalesce(d.topic, 'unsure')
        WHERE p.is_open
    ),
    told AS (
        SELECT conversation_id, bool_or(asked) AS asked, bool_or(unanswered) AS unanswered, bool_or(is_open) AS is_open,
               min(sent_at) FILTER (WHERE is_open) AS since,
               bool_and(bare_thanks) FILTER (WHERE is_open)
                   AND count(*) FILTER (WHERE asked) > count(*) FILTER (WHERE is_open) AS only_thanks,
               (array_agg(covered_as ORDER BY sent_at DESC, id DESC) FILTER (WHERE unanswered))[1] AS last_covered,
               coalesce(array_agg(id ORDER BY sent_at, id) FILTER (WHERE is_open), '{}') AS open
        FROM placed GROUP BY conversation_id
    ),
    gravest AS (
        SELECT DISTINCT ON (conversation_id) conversation_id, topic, severity, target, intent
        FROM read ORDER BY conversation_id, severity, by_human DESC, sent_at DESC, id DESC
    ),
    raised AS (
        SELECT DISTINCT ON (conversation_id) conversation_id, intent
        FROM read WHERE raising IS NOT NULL ORDER BY conversation_id, raising
    )
    SELECT t.conversation_id,
           CASE WHEN t.is_open THEN 'waiting'
                WHEN t.unanswered AND t.last_covered IS DISTINCT FROM 'answered' THEN 'dismissed'
                WHEN t.asked THEN 'answered'
                ELSE 'nobody' END::triage.conversation_state,
           t.since, CASE WHEN t.only_thanks THEN 'check' WHEN t.is_open THEN 'reply' END, t.open,
           g.topic, coalesce(i.intent, g.intent), g.severity, g.target
    FROM told t
    LEFT JOIN gravest g ON g.conversation_id = t.conversation_id
    LEFT JOIN raised i ON i.conversation_id = t.conversation_id
$$;

CREATE OR REPLACE FUNCTION triage.priority(severity smallint, intent text, kind text, incident boolean DEFAULT false)
RETURNS smallint
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN kind = 'check' THEN 5
                ELSE greatest(1, severity - (intent IN ('urgent_help', 'press', 'legal'))::int - incident::int) END::smallint
$$;

-- The clusters of these conversations, locked in their order: after the conversations, before any row of the queue.
CREATE OR REPLACE FUNCTION triage.lock_clusters(ids bigint[]) RETURNS bigint[]
LANGUAGE sql AS $$
    SELECT ARRAY(
        SELECT c.id FROM triage.cluster c
        WHERE c.members > 1 AND c.id = ANY (ARRAY(
            SELECT DISTINCT m.cluster_id FROM triage.message m
            WHERE m.conversation_id = ANY (ids) AND m.cluster_id IS NOT NULL))
        ORDER BY c.id FOR NO KEY UPDATE
    )
$$;

-- One row of each cluster leads, by the queue's order; those put aside come last, those held do not count. The caller
-- has the clusters locked. Touches two rows of a cluster at most, whatever its size.
CREATE OR REPLACE FUNCTION triage.lead(clusters bigint[]) RETURNS void
LANGUAGE sql AS $$
    WITH head AS (
        SELECT c.id AS cluster, first.conversation_id
        FROM unnest(clusters) AS c (id) CROSS JOIN LATERAL (
            SELECT q.conversation_id FROM triage.unanswered_queue q
            WHERE q.cluster = c.id AND NOT q.held
            ORDER BY q.snoozed_until IS NOT NULL, q.priority, q.due_at, q.conversation_id LIMIT 1
        ) AS first
    )
    UPDATE triage.unanswered_queue q SET follower = NOT q.follower, updated_at = now()
    WHERE q.conversation_id IN (
        SELECT o.conversation_id FROM head h JOIN triage.unanswered_queue o ON o.conversation_id = h.conversation_id
        WHERE o.follower
        UNION ALL
        SELECT o.conversation_id FROM head h JOIN triage.unanswered_queue o ON o.cluster = h.cluster
        WHERE NOT o.held AND NOT o.follower AND o.conversation_id <> h.conversation_id
    )
$$;

-- The generic plan walks the indexes whatever the number of ids; a plan made for a thousand would read whole tables. So
-- would one made while the tables were small: a session keeps it while its first backlog fills them.
CREATE OR REPLACE FUNCTION triage.refresh(ids bigint[]) RETURNS integer
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    held CONSTANT bigint[] := ARRAY(
        SELECT id FROM triage.conversation WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE
    );
    clusters CONSTANT bigint[] := triage.lock_clusters(held);
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('triage.incident', 0));  -- see triage.lock_incidents
    WITH judged AS MATERIALIZED (SELECT * FROM triage.judge(held)),
    newest AS MATERIALIZED (  -- open message of each mailbox that shares the conversation
        SELECT DISTINCT ON (j.conversation_id, m.account) j.conversation_id, j.topic, m.id, m.account, m.native_id
        FROM judged j JOIN triage.message m ON m.id = ANY (j.open)
        ORDER BY j.conversation_id, m.account, m.sent_at DESC, m.id DESC
    ),
    kept AS (
        UPDATE triage.conversation c
        SET state = j.state, waiting_since = j.since, kind = j.kind, topic = coalesce(j.topic, c.topic), updated_at = now()
        FROM judged j
        WHERE c.id = j.conversation_id
          AND (c.state, c.waiting_since, c.kind, c.topic)
              IS DISTINCT FROM (j.state, j.since, j.kind, coalesce(j.topic, c.topic))
    ),
    left_queue AS (
        DELETE FROM triage.unanswered_queue q
        USING judged j WHERE q.conversation_id = j.conversation_id AND j.state <> 'waiting'
    ),
    queued AS (
        INSERT INTO triage.unanswered_queue AS q
            (conversation_id, source, account, conversation, topic, severity, priority, kind, intent, waiting_since,
             due_at, author, author_name, subject, excerpt, url, lang, messages, cluster, held, follower)
        SELECT c.id, c.source, c.account, c.key, j.topic, j.severity, triage.priority(j.severity, j.intent, j.kind, crisis.is_on),
               j.kind, j.intent, j.since,
               CASE WHEN crisis.is_on THEN j.since + j.target ELSE triage.due(j.since, j.target) END,
               m.author, m.author_name, m.subject, left(regexp_replace(m.text, '\s+', ' ', 'g'), 240), m.url,
               coalesce(nullif(d.lang, ''), m.lang), said.messages, said.cluster, flood.is_on,
               said.cluster IS NOT NULL AND NOT flood.is_on  -- until triage.lead makes one the head
        FROM judged j
        JOIN triage.conversation c ON c.id = j.conversation_id
        JOIN triage.message m ON m.id = j.open[cardinality(j.open)]
        LEFT JOIN triage.classification d ON d.id = m.decision_id
        CROSS JOIN LATERAL triage.in_incident(j.topic, c.account) AS crisis (is_on)
        CROSS JOIN LATERAL (
            SELECT count(DISTINCT coalesce(o.global_id, o.id::text)) AS messages,  -- one mail in two mailboxes is one
                   -- one word of their own among copies, and the row stands for itself
                   CASE WHEN count(*) = count(k.id) AND min(k.id) = max(k.id) THEN min(k.id) END AS cluster,
                   min(o.sent_at) AS first_at, max(o.sent_at) AS last_at, min(o.author) = max(o.author) AS one_author
            FROM triage.message o LEFT JOIN triage.cluster k ON k.id = o.cluster_id AND k.members > 1
            WHERE o.id = ANY (j.open)
        ) AS said
        CROSS JOIN LATERAL (
            SELECT said.one_author AND EXISTS (
                SELECT FROM triage.flood f
                WHERE f.account = m.account AND f.author = m.author AND f.released_at IS NULL AND f.conversation_id <> c.id
                  AND said.first_at >= f.started_at AND said.last_at <= f.ended_at) AS is_on
        ) AS flood
        WHERE j.state = 'waiting'
        ON CONFLICT (conversation_id) DO UPDATE SET
            topic = excluded.topic, severity = excluded.severity, priority = excluded.priority, kind = excluded.kind,
            intent = excluded.intent, waiting_since = excluded.waiting_since, due_at = excluded.due_at,
            author = excluded.author, author_name = excluded.author_name, subject = excluded.subject,
            excerpt = excluded.excerpt, url = excluded.url, lang = excluded.lang, messages = excluded.messages,
            cluster = excluded.cluster, held = excluded.held,
            follower = CASE WHEN (q.cluster, q.held) IS DISTINCT FROM (excluded.cluster, excluded.held)
                            THEN excluded.follower ELSE q.follower END,
            snoozed_until = CASE WHEN excluded.messages <= q.messages THEN q.snoozed_until END,  -- a new word wakes it
            updated_at = now()
        WHERE (q.topic, q.severity, q.priority, q.kind, q.intent, q.waiting_since, q.due_at, q.author, q.author_name,
               q.subject, q.excerpt, q.url, q.lang, q.messages, q.cluster, q.held)
              IS DISTINCT FROM
              (excluded.topic, excluded.severity, excluded.priority, excluded.kind, excluded.intent,
               excluded.waiting_since, excluded.due_at, excluded.author, excluded.author_name,
               excluded.subject, excluded.excerpt, excluded.url, excluded.lang, excluded.messages, excluded.cluster,
               excluded.held)
    ),
    -- The newest open message of each mailbox carries `unanswered` and the conversation's topic: Gmail shows a
    -- thread's labels whichever message has them, and a change costs quota. Open messages labelled before keep what
    -- they have, an answered one keeps its topic's. unsure and not_crisis say nothing to the inbox owner: no label.
    unlabelled AS (
        UPDATE triage.label_outbox b SET wanted = false, updated_at = now()
        FROM judged j
        JOIN triage.message m ON m.conversation_id = j.conversation_id
        LEFT JOIN newest n ON n.id = m.id
        WHERE b.message_id = m.id AND b.wanted
          AND CASE WHEN m.id <> ALL (j.open) THEN b.label = 'unanswered'
                   ELSE b.label NOT IN ('unanswered', j.topic)
                        OR NOT b.applied AND n.id IS NULL END
    )
    -- A topic label that a person took off this conversation is not put on it again.
    INSERT INTO triage.label_outbox AS b (message_id, label, account, native_id, wanted, held)
    SELECT n.id, w.label, n.account, n.native_id, true, w.label <> 'unanswered' AND EXISTS (
        SELECT FROM triage.message o JOIN triage.label_outbox h ON h.message_id = o.id AND h.label = w.label
        WHERE o.conversation_id = n.conversation_id AND h.held AND NOT h.applied)
    FROM newest n
    JOIN triage.account a ON a.name = n.account AND a.labels
    CROSS JOIN LATERAL (VALUES ('unanswered'), (n.topic)) AS w (label)
    WHERE w.label NOT IN ('unsure', 'not_crisis')
    ON CONFLICT (message_id, label) DO UPDATE SET wanted = true, updated_at = now() WHERE NOT b.wanted;
    IF cardinality(clusters) > 0 THEN
        PERFORM triage.lead(clusters);
    END IF;
    RETURN cardinality(held);
END $$;
