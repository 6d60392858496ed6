-- The whole schema as the migrations, functions, views and grants leave it, to be read and compared.
-- Written by `make schema`, never by hand; a test holds it equal to a migrated database.
-- The roles come from roles.sql; all of it belongs to triage_owner.

SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;

CREATE SCHEMA triage;

CREATE TYPE triage.conversation_state AS ENUM (
    'waiting',
    'answered',
    'dismissed',
    'nobody'
);

CREATE TYPE triage.direction AS ENUM (
    'inbound',
    'outbound',
    'automatic'
);

CREATE FUNCTION triage.actor() RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN pg_has_role(session_user, 'triage_pipeline', 'MEMBER')
                THEN coalesce(nullif(current_setting('triage.acting_for', true), ''), session_user)
                ELSE session_user END
$$;

CREATE FUNCTION triage.answer(id bigint, "where" text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
BEGIN
    IF coalesce(trim("where"), '') = '' THEN
        RAISE EXCEPTION 'say where you answered, such as: by phone' USING ERRCODE = 'TR004';
    END IF;
    PERFORM triage.settle(id, 'answered', 'answer', "where");
END $$;

CREATE TABLE triage.unanswered_queue (
    conversation_id bigint NOT NULL,
    source text NOT NULL,
    account text NOT NULL,
    conversation text NOT NULL,
    topic text NOT NULL,
    severity smallint NOT NULL,
    priority smallint NOT NULL,
    kind text NOT NULL,
    intent text NOT NULL,
    waiting_since timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    author text NOT NULL,
    author_name text NOT NULL,
    subject text NOT NULL,
    excerpt text NOT NULL,
    url text NOT NULL,
    lang text NOT NULL,
    messages integer NOT NULL,
    cluster bigint,
    claimed_by text,
    lease_until timestamp with time zone,
    snoozed_until timestamp with time zone,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT unanswered_queue_check CHECK (((claimed_by IS NULL) = (lease_until IS NULL)))
);

COMMENT ON TABLE triage.unanswered_queue IS 'One row per conversation in which somebody still waits for us. Read it by (priority, due_at, conversation_id). priority: 1 now … 5 look and close.';

CREATE FUNCTION triage.claim(n integer DEFAULT 1, of_topic text DEFAULT NULL::text, in_lang text DEFAULT NULL::text, lease interval DEFAULT '00:15:00'::interval) RETURNS SETOF triage.unanswered_queue
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    SET enable_sort TO 'off'
    AS $$
DECLARE
    me CONSTANT text := triage.actor();
    served CONSTANT text[] := triage.my_accounts();
BEGIN
    UPDATE triage.unanswered_queue q SET claimed_by = NULL, lease_until = NULL, updated_at = clock_timestamp()
    WHERE q.conversation_id IN (SELECT e.conversation_id FROM triage.unanswered_queue e
                                WHERE e.lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED);
    RETURN QUERY WITH chosen AS (
        SELECT q.conversation_id FROM triage.unanswered_queue q
        WHERE q.account = ANY (served)
          AND q.lease_until IS NULL
          AND (q.snoozed_until IS NULL OR q.snoozed_until < clock_timestamp())
          AND (of_topic IS NULL OR q.topic = of_topic)
          AND (in_lang IS NULL OR q.lang = in_lang)
        ORDER BY q.priority, q.due_at, q.conversation_id
        LIMIT least(greatest(n, 0), 500)
        FOR UPDATE SKIP LOCKED
    ),
    noted AS (
        INSERT INTO triage.audit (conversation_id, verb, by) SELECT c.conversation_id, 'claim', me FROM chosen c
    )
    UPDATE triage.unanswered_queue q
    SET claimed_by = me, lease_until = clock_timestamp() + triage.lease(claim.lease), updated_at = clock_timestamp()
    FROM chosen c WHERE q.conversation_id = c.conversation_id
    RETURNING q.*;
END $$;

CREATE FUNCTION triage.correct_topic(id bigint, who text, touched bigint[], off_from bigint[], off text[], put text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    said CONSTANT text := coalesce(put, 'unsure');
    meant CONSTANT bigint[] := ARRAY(
        WITH newest AS (
            SELECT max(m.sent_at) AS at, (array_agg(m.id ORDER BY m.sent_at DESC, m.id DESC)
                                          FILTER (WHERE m.direction = 'inbound'))[1] AS asked
            FROM triage.message m WHERE m.id = ANY (touched)
        )
        SELECT m.id FROM triage.message m, newest, triage.judge(ARRAY[correct_topic.id]) j
        WHERE m.conversation_id = correct_topic.id AND m.direction = 'inbound'
          AND (m.id = ANY (j.open) AND m.sent_at <= newest.at OR m.id = ANY (off_from) OR m.id = newest.asked)
    );
    thought CONSTANT text[] := ARRAY(
        SELECT d.topic FROM triage.message m JOIN triage.classification d ON d.id = m.decision_id WHERE m.id = ANY (meant)
    );
BEGIN
    INSERT INTO triage.correction (message_id, from_topic, to_topic, origin, by)
    SELECT m.id, coalesce(o.label, d.topic), put, 'mailbox', who
    FROM triage.message m
    LEFT JOIN triage.classification d ON d.id = m.decision_id
    LEFT JOIN unnest(off_from, off) AS o (message_id, label) ON o.message_id = m.id
    WHERE m.id = ANY (meant) AND m.id = ANY (touched)
      AND CASE WHEN put IS NULL THEN o.label = ANY (thought) ELSE coalesce(o.label, d.topic) IS DISTINCT FROM put END
    ORDER BY m.id;
    WITH said_now AS (
        INSERT INTO triage.classification (message_id, topic, topics, intent, abstained, evidence, decided_by, decider,
                                           stage, lang, model, taxonomy)
        SELECT m.id, said,
               CASE WHEN put IS NULL THEN '[]' ELSE jsonb_build_array(jsonb_build_object('topic', put, 'score', 1)) END,
               coalesce(d.intent, 'question'), put IS NULL, '[]', 'human', who, 'mailbox', coalesce(d.lang, m.lang),
               'human', coalesce(d.taxonomy, '')
        FROM triage.message m
        LEFT JOIN triage.classification d ON d.id = m.decision_id
        WHERE m.id = ANY (meant)
          AND CASE WHEN put IS NULL THEN d.topic = ANY (off)
                   ELSE (d.topic, d.decided_by) IS DISTINCT FROM (put, 'human') END
        RETURNING classification.id, message_id
    ),
    in_force AS (
        UPDATE triage.message m SET decision_id = s.id FROM said_now s WHERE m.id = s.message_id RETURNING m.id
    )
    INSERT INTO triage.audit (conversation_id, verb, by, detail)
    SELECT correct_topic.id, 'relabel', who, jsonb_build_object('topic', said, 'origin', 'mailbox')
    WHERE EXISTS (SELECT FROM in_force);
END $$;

CREATE FUNCTION triage.deeds(id bigint) RETURNS TABLE(at timestamp with time zone, verb text, by text, reason text, detail jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
    SELECT a.at, a.verb, a.by, a.reason, a.detail
    FROM triage.conversation c
    JOIN triage.audit a ON a.conversation_id = c.id
    WHERE c.id = deeds.id AND c.account = ANY ((SELECT triage.my_accounts())::text[])
    ORDER BY a.id
$$;

CREATE FUNCTION triage.dismiss(id bigint, reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
BEGIN
    IF coalesce(trim(reason), '') = '' THEN
        RAISE EXCEPTION 'a dismissal needs a reason, such as: spam' USING ERRCODE = 'TR004';
    END IF;
    PERFORM triage.settle(id, 'dismissed', 'dismiss', reason);
END $$;

CREATE FUNCTION triage.dismiss_by_label(id bigint, who text, touched bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    settled CONSTANT bigint[] := ARRAY(
        SELECT m.id FROM triage.judge(ARRAY[dismiss_by_label.id]) j JOIN triage.message m ON m.id = ANY (j.open)
        WHERE m.sent_at <= (SELECT max(t.sent_at) FROM triage.message t WHERE t.id = ANY (touched))
    );
    entry bigint;
BEGIN
    IF cardinality(settled) > 0 THEN
        INSERT INTO triage.audit (conversation_id, verb, by, reason, detail)
        VALUES (id, 'dismiss', who, 'label removed in Gmail', '{"origin": "mailbox"}') RETURNING audit.id INTO entry;
        UPDATE triage.message m SET covered_as = 'dismissed', covered_by = entry WHERE m.id = ANY (settled);
    END IF;
END $$;

CREATE FUNCTION triage.due(since timestamp with time zone, target interval) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
    WITH goal AS (
        SELECT triage.open_seconds(due.since) + extract(epoch FROM due.target) AS seconds
    )
    SELECT coalesce((
        SELECT CASE WHEN moment <= closes THEN moment END
        FROM (
            SELECT h.closes, h.opens + make_interval(secs => (goal.seconds - h.before)::double precision) AS moment
            FROM goal, triage.open_hours h WHERE h.before < goal.seconds ORDER BY h.before DESC LIMIT 1
        ) AS span
    ), due.since + due.target)
$$;

CREATE FUNCTION triage.history(id bigint) RETURNS TABLE(message_id bigint, at timestamp with time zone, direction text, author text, author_name text, subject text, text text, url text, lang text, deleted boolean, automatic text, topic text, decided_by text, evidence jsonb, attachments jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
    SELECT m.id, m.sent_at, m.direction::text, m.author, m.author_name, m.subject, m.text, m.url,
           coalesce(nullif(d.lang, ''), m.lang), m.deleted_at IS NOT NULL, m.automatic_reason, d.topic, d.decided_by,
           coalesce(d.evidence, '[]'), coalesce(m.extra -> 'attachments', '[]')
    FROM triage.conversation c
    JOIN triage.message m ON m.conversation_id = c.id
    LEFT JOIN triage.classification d ON d.id = m.decision_id
    WHERE c.id = history.id AND c.account = ANY ((SELECT triage.my_accounts())::text[])
    ORDER BY m.sent_at, m.id
$$;

CREATE FUNCTION triage.hold(id bigint) RETURNS triage.unanswered_queue
    LANGUAGE plpgsql
    AS $$
DECLARE
    held triage.unanswered_queue;
BEGIN
    SELECT * INTO held FROM triage.unanswered_queue q
    WHERE q.conversation_id = id AND q.account = ANY ((SELECT triage.my_accounts())::text[]) FOR UPDATE;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM triage.conversation c
                   WHERE c.id = hold.id AND c.account = ANY ((SELECT triage.my_accounts())::text[])) THEN
            RAISE EXCEPTION 'conversation % no longer waits: it was answered or dismissed; take the next one', id
                USING ERRCODE = 'TR001';
        END IF;
        RAISE EXCEPTION 'there is no conversation %; take the id from unanswered_queue', id USING ERRCODE = 'TR002';
    END IF;
    IF held.claimed_by <> triage.actor() AND held.lease_until > clock_timestamp() THEN
        RAISE EXCEPTION 'conversation % is with % until %; take another one', id, held.claimed_by,
            to_char(held.lease_until, 'HH24:MI') USING ERRCODE = 'TR003';
    END IF;
    RETURN held;
END $$;

CREATE FUNCTION triage.judge(ids bigint[]) RETURNS TABLE(conversation_id bigint, state triage.conversation_state, since timestamp with time zone, kind text, open bigint[], topic text, intent text, severity smallint, target interval)
    LANGUAGE sql STABLE
    AS $$
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

CREATE FUNCTION triage.lease(wanted interval) RETURNS interval
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT least(greatest(coalesce(wanted, '15 minutes'), '30 seconds'), '1 day'::interval)
$$;

CREATE FUNCTION triage.my_accounts() RETURNS text[]
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
    SELECT coalesce(array_agg(a.name), '{}') FROM triage.account a
    WHERE pg_has_role(session_user, 'triage_pipeline', 'MEMBER')
       OR NOT EXISTS (SELECT FROM triage.access x WHERE x.account = a.name)
       OR EXISTS (SELECT FROM triage.access x JOIN pg_roles r ON r.rolname = x.role
                  WHERE x.account = a.name AND pg_has_role(session_user, r.oid, 'MEMBER'))
$$;

CREATE FUNCTION triage.note(id bigint, text text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
BEGIN
    IF coalesce(btrim(text), '') = '' THEN
        RAISE EXCEPTION 'a note needs words' USING ERRCODE = 'TR004';
    END IF;
    INSERT INTO triage.audit (conversation_id, verb, by, reason)
    SELECT c.id, 'note', triage.actor(), text FROM triage.conversation c
    WHERE c.id = note.id AND c.account = ANY ((SELECT triage.my_accounts())::text[]);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no conversation %; take the id from unanswered_queue', id USING ERRCODE = 'TR002';
    END IF;
END $$;

CREATE FUNCTION triage.open_between(since timestamp with time zone, until timestamp with time zone) RETURNS interval
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(make_interval(secs => (triage.open_seconds(until) - triage.open_seconds(since))::double precision),
                    until - since)
$$;

CREATE FUNCTION triage.open_seconds(moment timestamp with time zone) RETURNS numeric
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM triage.open_hours) THEN coalesce((
        SELECT h.before + extract(epoch FROM least(moment, h.closes) - h.opens)
        FROM triage.open_hours h WHERE h.opens <= moment ORDER BY h.opens DESC LIMIT 1
    ), 0) END
$$;

CREATE FUNCTION triage.priority(severity smallint, intent text, kind text) RETURNS smallint
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE WHEN kind = 'check' THEN 5
                ELSE greatest(1, severity - (intent IN ('urgent_help', 'press', 'legal'))::int) END::smallint
$$;

CREATE FUNCTION triage.refresh(ids bigint[]) RETURNS integer
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    held CONSTANT bigint[] := ARRAY(
        SELECT id FROM triage.conversation WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE
    );
BEGIN
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
             due_at, author, author_name, subject, excerpt, url, lang, messages)
        SELECT c.id, c.source, c.account, c.key, j.topic, j.severity, triage.priority(j.severity, j.intent, j.kind),
               j.kind, j.intent, j.since, triage.due(j.since, j.target),
               m.author, m.author_name, m.subject, left(regexp_replace(m.text, '\s+', ' ', 'g'), 240), m.url,
               coalesce(nullif(d.lang, ''), m.lang),
               (SELECT count(DISTINCT coalesce(o.global_id, o.id::text))  -- one mail in two mailboxes is one
                FROM triage.message o WHERE o.id = ANY (j.open))
        FROM judged j
        JOIN triage.conversation c ON c.id = j.conversation_id
        JOIN triage.message m ON m.id = j.open[cardinality(j.open)]
        LEFT JOIN triage.classification d ON d.id = m.decision_id
        WHERE j.state = 'waiting'
        ON CONFLICT (conversation_id) DO UPDATE SET
            topic = excluded.topic, severity = excluded.severity, priority = excluded.priority, kind = excluded.kind,
            intent = excluded.intent, waiting_since = excluded.waiting_since, due_at = excluded.due_at,
            author = excluded.author, author_name = excluded.author_name, subject = excluded.subject,
            excerpt = excluded.excerpt, url = excluded.url, lang = excluded.lang, messages = excluded.messages,
            snoozed_until = CASE WHEN excluded.messages <= q.messages THEN q.snoozed_until END,  -- a new word wakes it
            updated_at = now()
        WHERE (q.topic, q.severity, q.priority, q.kind, q.intent, q.waiting_since, q.due_at, q.author, q.author_name,
               q.subject, q.excerpt, q.url, q.lang, q.messages)
              IS DISTINCT FROM
              (excluded.topic, excluded.severity, excluded.priority, excluded.kind, excluded.intent,
               excluded.waiting_since, excluded.due_at, excluded.author, excluded.author_name,
               excluded.subject, excluded.excerpt, excluded.url, excluded.lang, excluded.messages)
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
    RETURN cardinality(held);
END $$;

CREATE FUNCTION triage.relabel(id bigint, new_topic text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM triage.topic t WHERE t.key = new_topic AND t.key <> 'unsure') THEN
        RAISE EXCEPTION 'there is no topic %; choose one of %', new_topic,
            (SELECT string_agg(t.key, ', ' ORDER BY t.key) FROM triage.topic t WHERE t.key <> 'unsure')
            USING ERRCODE = 'TR004';
    END IF;
    PERFORM FROM triage.conversation c WHERE c.id = relabel.id FOR NO KEY UPDATE;
    PERFORM triage.hold(id);
    INSERT INTO triage.audit (conversation_id, verb, by, detail)
    VALUES (id, 'relabel', triage.actor(), jsonb_build_object('topic', new_topic));
    PERFORM triage.teach(j.open, new_topic, 'queue') FROM triage.judge(ARRAY[relabel.id]) j;
    PERFORM triage.refresh(ARRAY[relabel.id]);
END $$;

CREATE FUNCTION triage.release(id bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
BEGIN
    PERFORM triage.hold(id);
    INSERT INTO triage.audit (conversation_id, verb, by) VALUES (id, 'release', triage.actor());
    UPDATE triage.unanswered_queue q SET claimed_by = NULL, lease_until = NULL, updated_at = clock_timestamp()
    WHERE q.conversation_id = id;
END $$;

CREATE FUNCTION triage.renew(id bigint, lease interval DEFAULT '00:15:00'::interval) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
DECLARE
    until timestamptz := clock_timestamp() + triage.lease(lease);
BEGIN
    IF (triage.hold(id)).claimed_by IS DISTINCT FROM triage.actor() THEN
        RAISE EXCEPTION 'conversation % is not claimed by you; claim it first', id USING ERRCODE = 'TR003';
    END IF;
    INSERT INTO triage.audit (conversation_id, verb, by, detail)
    VALUES (id, 'renew', triage.actor(), jsonb_build_object('until', until));
    UPDATE triage.unanswered_queue q SET lease_until = until, updated_at = clock_timestamp() WHERE q.conversation_id = id;
    RETURN until;
END $$;

CREATE FUNCTION triage.reopen_by_label(id bigint, who text, touched bigint[]) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    entry CONSTANT bigint := (
        SELECT max(a.id) FROM triage.message m JOIN triage.audit a ON a.id = m.covered_by
        WHERE m.id = ANY (touched) AND a.verb = 'dismiss' AND a.detail ->> 'origin' = 'mailbox'
    );
BEGIN
    IF entry IS NOT NULL THEN
        INSERT INTO triage.audit (conversation_id, verb, by, reason, detail)
        VALUES (id, 'reopen', who, 'label put back in Gmail', jsonb_build_object('undone', entry));
        UPDATE triage.message m SET covered_as = NULL, covered_by = NULL
        WHERE m.conversation_id = reopen_by_label.id AND m.covered_by = entry;
    END IF;
    RETURN (SELECT j.state = 'waiting' FROM triage.judge(ARRAY[reopen_by_label.id]) j);
END $$;

CREATE FUNCTION triage.settle(id bigint, outcome triage.conversation_state, how text, why text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    entry bigint;
BEGIN
    PERFORM FROM triage.conversation c WHERE c.id = settle.id FOR NO KEY UPDATE;
    PERFORM triage.hold(id);
    INSERT INTO triage.audit (conversation_id, verb, by, reason) VALUES (id, how, triage.actor(), why)
    RETURNING audit.id INTO entry;
    UPDATE triage.message m SET covered_as = outcome, covered_by = entry
    FROM triage.judge(ARRAY[settle.id]) j
    WHERE m.id = ANY (j.open);
    PERFORM triage.refresh(ARRAY[settle.id]);
END $$;

CREATE FUNCTION triage.snooze(id bigint, until timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
BEGIN
    IF until IS NULL OR until NOT BETWEEN clock_timestamp() AND clock_timestamp() + interval '31 days' THEN
        RAISE EXCEPTION 'snooze until a time that lies ahead, at most 31 days, not %', until USING ERRCODE = 'TR004';
    END IF;
    PERFORM triage.hold(id);
    INSERT INTO triage.audit (conversation_id, verb, by, detail)
    VALUES (id, 'snooze', triage.actor(), jsonb_build_object('until', until));
    UPDATE triage.unanswered_queue q
    SET snoozed_until = until, claimed_by = NULL, lease_until = NULL, updated_at = clock_timestamp()
    WHERE q.conversation_id = id;
END $$;

CREATE FUNCTION triage.spend_by_day() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
BEGIN
    INSERT INTO triage.spend_day AS s (account, day, method, units)
    SELECT account, (at AT TIME ZONE 'UTC')::date, method, sum(units) FROM spent
    WHERE NOT reserved GROUP BY 1, 2, 3
    ON CONFLICT (account, day, method) DO UPDATE SET units = s.units + excluded.units;
    RETURN NULL;
END $$;

CREATE FUNCTION triage.take(id bigint, lease interval DEFAULT '00:15:00'::interval) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
DECLARE
    until timestamptz := clock_timestamp() + triage.lease(lease);
BEGIN
    PERFORM triage.hold(id);
    INSERT INTO triage.audit (conversation_id, verb, by) VALUES (id, 'claim', triage.actor());
    UPDATE triage.unanswered_queue q SET claimed_by = triage.actor(), lease_until = until, updated_at = clock_timestamp()
    WHERE q.conversation_id = id;
    RETURN until;
END $$;

CREATE FUNCTION triage.teach(messages bigint[], new_topic text, origin text) RETURNS void
    LANGUAGE sql
    AS $$
    WITH told AS (
        INSERT INTO triage.correction (message_id, from_topic, to_topic, origin, by)
        SELECT m.id, d.topic, new_topic, teach.origin, triage.actor()
        FROM triage.message m LEFT JOIN triage.classification d ON d.id = m.decision_id
        WHERE m.id = ANY (messages) ORDER BY m.id
    ),
    corrected AS (
        INSERT INTO triage.classification (message_id, topic, topics, intent, abstained, evidence, decided_by, decider,
                                           stage, lang, model, taxonomy)
        SELECT m.id, new_topic, jsonb_build_array(jsonb_build_object('topic', new_topic, 'score', 1)),
               coalesce(d.intent, 'question'), false, '[]', 'human', triage.actor(), 'human', coalesce(d.lang, m.lang),
               'human', coalesce(d.taxonomy, '')
        FROM triage.message m LEFT JOIN triage.classification d ON d.id = m.decision_id
        WHERE m.id = ANY (messages)
        RETURNING classification.id, message_id
    )
    UPDATE triage.message m SET decision_id = c.id FROM corrected c WHERE m.id = c.message_id
$$;

CREATE TABLE triage.access (
    account text NOT NULL,
    role name NOT NULL
);

COMMENT ON TABLE triage.access IS 'Which database roles serve an account. An account without rows is served by every responder and reader.';

CREATE TABLE triage.account (
    name text NOT NULL,
    source text NOT NULL,
    labels boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    watched_until timestamp with time zone
);

COMMENT ON COLUMN triage.account.labels IS 'Messages of this account can carry labels (Gmail).';

COMMENT ON COLUMN triage.account.watched_until IS 'Until when Gmail tells our Pub/Sub topic of changes; renewed daily. NULL: never asked for.';

CREATE TABLE triage.audit (
    id bigint NOT NULL,
    conversation_id bigint NOT NULL,
    verb text NOT NULL,
    by text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    reason text,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL
);

COMMENT ON TABLE triage.audit IS 'Who did what to a conversation, append-only. by: session_user, or the name the page or mailbox gives.';

CREATE TABLE triage.conversation (
    id bigint NOT NULL,
    source text NOT NULL,
    account text NOT NULL,
    key text NOT NULL,
    state triage.conversation_state DEFAULT 'nobody'::triage.conversation_state NOT NULL,
    kind text,
    waiting_since timestamp with time zone,
    topic text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT conversation_check CHECK (((state = 'waiting'::triage.conversation_state) = (waiting_since IS NOT NULL))),
    CONSTRAINT conversation_check1 CHECK (((state = 'waiting'::triage.conversation_state) = (kind IS NOT NULL))),
    CONSTRAINT conversation_kind_check CHECK ((kind = ANY (ARRAY['reply'::text, 'check'::text])))
);

COMMENT ON TABLE triage.conversation IS 'The unit that waits: a Gmail thread, or one author inside one social conversation.';

CREATE TABLE triage.message (
    id bigint NOT NULL,
    source text NOT NULL,
    account text NOT NULL,
    native_id text NOT NULL,
    conversation_id bigint NOT NULL,
    direction triage.direction NOT NULL,
    author text NOT NULL,
    author_name text DEFAULT ''::text NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    fetched_at timestamp with time zone NOT NULL,
    subject text DEFAULT ''::text NOT NULL,
    text text NOT NULL,
    lang text DEFAULT ''::text NOT NULL,
    url text DEFAULT ''::text NOT NULL,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    reply_to text,
    automatic_reason text DEFAULT ''::text NOT NULL,
    bare_thanks boolean DEFAULT false NOT NULL,
    extra jsonb DEFAULT '{}'::jsonb NOT NULL,
    deleted_at timestamp with time zone,
    covered_as triage.conversation_state,
    covered_by bigint,
    decision_id bigint,
    global_id text,
    cluster_id bigint,
    CONSTRAINT message_check CHECK (((covered_as IS NULL) = (covered_by IS NULL))),
    CONSTRAINT message_covered_as_check CHECK ((covered_as = ANY (ARRAY['answered'::triage.conversation_state, 'dismissed'::triage.conversation_state])))
);

COMMENT ON COLUMN triage.message.deleted_at IS 'Gone at the source; kept here. It no longer waits.';

COMMENT ON COLUMN triage.message.covered_as IS 'A responder settled the conversation when this message was in it; later ones wait anew.';

COMMENT ON COLUMN triage.message.decision_id IS 'The classification in force; NULL: not read yet.';

COMMENT ON COLUMN triage.message.global_id IS 'The Message-ID of a mail: the same in every mailbox it was delivered to.';

CREATE VIEW triage.answered WITH (security_barrier='true') AS
 SELECT c.id AS conversation_id,
    c.source,
    c.account,
    c.key AS conversation,
    c.topic,
    COALESCE(r.sent_at, told.at) AS answered_at,
    COALESCE(NULLIF(r.author_name, ''::text), r.author, told.by) AS answered_by,
        CASE
            WHEN (r.id IS NULL) THEN 'told'::text
            ELSE 'reply'::text
        END AS how,
    COALESCE(r.url, ''::text) AS link,
        CASE
            WHEN (r.id IS NULL) THEN told.reason
            ELSE NULL::text
        END AS told
   FROM ((triage.conversation c
     LEFT JOIN LATERAL ( SELECT m.id,
            m.sent_at,
            m.author,
            m.author_name,
            m.url
           FROM triage.message m
          WHERE ((m.conversation_id = c.id) AND (m.direction = 'outbound'::triage.direction) AND (m.sent_at > ALL ( SELECT q.sent_at
                   FROM triage.message q
                  WHERE ((q.conversation_id = c.id) AND (q.direction = 'inbound'::triage.direction)))))
          ORDER BY m.sent_at DESC, m.id DESC
         LIMIT 1) r ON (true))
     LEFT JOIN LATERAL ( SELECT a.at,
            a.by,
            a.reason
           FROM (triage.message m
             JOIN triage.audit a ON ((a.id = m.covered_by)))
          WHERE ((m.conversation_id = c.id) AND (m.covered_as = 'answered'::triage.conversation_state))
          ORDER BY a.id DESC
         LIMIT 1) told ON (true))
  WHERE ((c.state = 'answered'::triage.conversation_state) AND (c.account = ANY (( SELECT triage.my_accounts() AS my_accounts)::text[])));

COMMENT ON VIEW triage.answered IS 'One row per answered conversation. how: reply (link leads to it) or told (a responder said where).';

CREATE VIEW triage.answered_today WITH (security_barrier='true') AS
 SELECT conversation_id,
    source,
    account,
    conversation,
    topic,
    answered_at,
    answered_by,
    how,
    link,
    told
   FROM triage.answered
  WHERE (answered_at >= date_trunc('day'::text, now()));

ALTER TABLE triage.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW triage.backlog WITH (security_barrier='true') AS
 SELECT topic,
    source,
    count(*) AS waiting,
    count(*) FILTER (WHERE (due_at < now())) AS overdue,
    min(waiting_since) AS oldest,
    percentile_cont((0.9)::double precision) WITHIN GROUP (ORDER BY (now() - waiting_since)) AS p90_age
   FROM triage.unanswered_queue
  WHERE (account = ANY (( SELECT triage.my_accounts() AS my_accounts)::text[]))
  GROUP BY topic, source;

CREATE TABLE triage.billed (
    account text NOT NULL,
    day date NOT NULL,
    resource text NOT NULL,
    id text NOT NULL
);

COMMENT ON TABLE triage.billed IS 'What was paid for on a day; of use on that day only, then pruned.';

CREATE TABLE triage.classification (
    id bigint NOT NULL,
    message_id bigint NOT NULL,
    topic text NOT NULL,
    topics jsonb NOT NULL,
    intent text NOT NULL,
    abstained boolean NOT NULL,
    evidence jsonb NOT NULL,
    decided_by text NOT NULL,
    decider text DEFAULT ''::text NOT NULL,
    stage text NOT NULL,
    lang text DEFAULT ''::text NOT NULL,
    model text NOT NULL,
    taxonomy text NOT NULL,
    decided_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT classification_decided_by_check CHECK ((decided_by = ANY (ARRAY['model'::text, 'rule'::text, 'human'::text])))
);

COMMENT ON TABLE triage.classification IS 'Append-only. The newest human decision wins, else the newest. One machine decision per message, model and taxonomy: replays add nothing.';

ALTER TABLE triage.classification ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.classification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE triage.cluster (
    id bigint NOT NULL,
    message_id bigint NOT NULL,
    members integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON COLUMN triage.cluster.message_id IS 'The first message of the cluster: what the queue shows of it.';

CREATE TABLE triage.cluster_band (
    band bigint NOT NULL,
    message_id bigint NOT NULL,
    cluster_id bigint NOT NULL
);

COMMENT ON TABLE triage.cluster_band IS 'Locality-sensitive hashes of texts: two texts that share a band are compared.';

ALTER TABLE triage.cluster ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.cluster_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE triage.conversation ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.conversation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE triage.correction (
    id bigint NOT NULL,
    message_id bigint NOT NULL,
    from_topic text,
    to_topic text,
    origin text NOT NULL,
    by text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT correction_origin_check CHECK ((origin = ANY (ARRAY['queue'::text, 'mailbox'::text, 'file'::text])))
);

COMMENT ON TABLE triage.correction IS 'Append-only: what the classifier learns from.';

ALTER TABLE triage.correction ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.correction_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE triage.cursor (
    account text NOT NULL,
    version integer NOT NULL,
    value jsonb NOT NULL,
    behind boolean DEFAULT false NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE triage.cursor IS 'Where each account stands; written in the transaction that stores the page. updated_at also moves on an empty page: the stall alarm reads it.';

COMMENT ON COLUMN triage.cursor.behind IS 'There is more to read than the quota allowed so far.';

CREATE TABLE triage.label (
    account text NOT NULL,
    key text NOT NULL,
    native_id text NOT NULL,
    name text NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON COLUMN triage.label.key IS 'unanswered, or a topic key, as in label_outbox.';

COMMENT ON COLUMN triage.label.name IS 'The name we gave it last; another name in the mailbox is a person''s choice and stays.';

COMMENT ON COLUMN triage.label.seen_at IS 'When the mailbox was last seen to have it: looked after once a day.';

CREATE TABLE triage.label_outbox (
    message_id bigint NOT NULL,
    label text NOT NULL,
    account text NOT NULL,
    native_id text NOT NULL,
    wanted boolean NOT NULL,
    applied boolean DEFAULT false NOT NULL,
    gone boolean DEFAULT false NOT NULL,
    error text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    held boolean DEFAULT false NOT NULL,
    sent_at timestamp with time zone
);

COMMENT ON COLUMN triage.label_outbox.label IS 'unanswered, or a topic key; names are chosen when it is sent.';

COMMENT ON COLUMN triage.label_outbox.gone IS 'The message is no longer there: nothing to send.';

COMMENT ON COLUMN triage.label_outbox.held IS 'A person took this label off or put it on by hand: we leave it as they left it.';

COMMENT ON COLUMN triage.label_outbox.sent_at IS 'Since when a change has been on its way that the mailbox has not confirmed; what it shows meanwhile may be our doing.';

CREATE TABLE triage.quarantine (
    source text NOT NULL,
    account text NOT NULL,
    native_id text NOT NULL,
    reason text NOT NULL,
    raw text DEFAULT ''::text NOT NULL,
    first_seen timestamp with time zone DEFAULT now() NOT NULL,
    last_seen timestamp with time zone DEFAULT now() NOT NULL,
    attempts integer DEFAULT 1 NOT NULL
);

COMMENT ON TABLE triage.quarantine IS 'Items that could not be read: kept, shown, replayable. A later successful read removes the row.';

CREATE VIEW triage.ledger AS
 SELECT ( SELECT count(DISTINCT message.conversation_id) AS count
           FROM triage.message
          WHERE (message.direction = 'inbound'::triage.direction)) AS collected,
    count(*) FILTER (WHERE (state = 'answered'::triage.conversation_state)) AS answered,
    count(*) FILTER (WHERE (state = 'waiting'::triage.conversation_state)) AS waiting,
    count(*) FILTER (WHERE (state = 'dismissed'::triage.conversation_state)) AS dismissed,
    count(*) FILTER (WHERE (state = 'nobody'::triage.conversation_state)) AS nobody,
    ( SELECT count(*) AS count
           FROM triage.unanswered_queue) AS queue_rows,
    ( SELECT count(*) AS count
           FROM triage.quarantine) AS quarantined
   FROM triage.conversation;

COMMENT ON VIEW triage.ledger IS 'Nobody is left in the dark: collected = answered + waiting + dismissed, queue_rows = waiting.';

ALTER TABLE triage.message ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.message_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE triage.migration (
    name text NOT NULL,
    digest text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE triage.migration IS 'Which files of sql/migrations have run.';

CREATE TABLE triage.model (
    id bigint NOT NULL,
    digest text NOT NULL,
    base text NOT NULL,
    parent bigint,
    trained_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    corrections integer NOT NULL,
    last_correction bigint NOT NULL,
    figures jsonb NOT NULL,
    status text DEFAULT 'candidate'::text NOT NULL,
    reasons text[] DEFAULT '{}'::text[] NOT NULL,
    content bytea,
    CONSTRAINT model_status_check CHECK ((status = ANY (ARRAY['candidate'::text, 'promoted'::text, 'rejected'::text, 'retired'::text])))
);
ALTER TABLE ONLY triage.model ALTER COLUMN content SET STORAGE EXTERNAL;

COMMENT ON COLUMN triage.model.digest IS 'SHA-256 of content; workers keep the unpacked model under this name.';

COMMENT ON COLUMN triage.model.base IS 'The shipped model it was taught on. With another one shipped it no longer decides, until learn teaches that one.';

COMMENT ON COLUMN triage.model.parent IS 'The one that decided when this was trained; NULL: the shipped one. Rolling back leads there.';

COMMENT ON COLUMN triage.model.last_correction IS 'The newest correction it was taught with.';

COMMENT ON COLUMN triage.model.reasons IS 'Why it got its status: what the gate measured, and what people did.';

COMMENT ON COLUMN triage.model.content IS 'The model''s folder as a zip, so that every worker has it. NULL: too old to keep.';

ALTER TABLE triage.model ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.model_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE triage.open_hours (
    opens timestamp with time zone NOT NULL,
    closes timestamp with time zone NOT NULL,
    before bigint NOT NULL,
    CONSTRAINT open_hours_check CHECK ((closes > opens))
);

COMMENT ON TABLE triage.open_hours IS 'The calendar of triage.yaml, laid out some months around today. Empty: open around the clock.';

COMMENT ON COLUMN triage.open_hours.before IS 'Seconds of opening hours before this span: what makes triage.due a look-up.';

CREATE TABLE triage.pause (
    account text NOT NULL,
    reason text NOT NULL,
    since timestamp with time zone NOT NULL
);

COMMENT ON TABLE triage.pause IS 'Accounts whose last page stopped early, and why (cap: credits: budget: quota: gap:); the next full one removes the row.';

CREATE TABLE triage.quota_use (
    id bigint NOT NULL,
    account text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    method text NOT NULL,
    units bigint NOT NULL,
    reserved boolean DEFAULT false NOT NULL
);

COMMENT ON TABLE triage.quota_use IS 'What each account spent, in its own units: Gmail quota units, X millionths of a dollar.';

COMMENT ON COLUMN triage.quota_use.reserved IS 'Taken by a task at work; replaced by what it really spent.';

ALTER TABLE triage.quota_use ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.quota_use_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE triage.replaced (
    what text NOT NULL,
    digest text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE triage.replaced IS 'The text of functions, views and grants that is in force.';

CREATE TABLE triage.reply (
    id bigint NOT NULL,
    conversation_id bigint NOT NULL,
    to_message bigint NOT NULL,
    key text NOT NULL,
    text text NOT NULL,
    by text NOT NULL,
    state text DEFAULT 'wanted'::text NOT NULL,
    native_id text,
    error text,
    wanted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT reply_state_check CHECK ((state = ANY (ARRAY['wanted'::text, 'sending'::text, 'sent'::text, 'refused'::text, 'unknown'::text]))),
    CONSTRAINT reply_text_check CHECK ((btrim(text) <> ''::text))
);

COMMENT ON COLUMN triage.reply.key IS 'Idempotency key: the same answer asked for twice is one row.';

ALTER TABLE triage.reply ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.reply_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW triage.spell WITH (security_barrier='true') AS
 WITH asked AS (
         SELECT m.conversation_id,
            m.sent_at,
            m.bare_thanks,
            m.id,
            COALESCE(d.topic, 'unsure'::text) AS topic,
            LEAST(reply.at, told.at, m.deleted_at) AS ended_at,
                CASE LEAST(reply.at, told.at, m.deleted_at)
                    WHEN reply.at THEN 'reply'::text
                    WHEN told.at THEN
                    CASE m.covered_as
                        WHEN 'answered'::triage.conversation_state THEN 'told'::text
                        ELSE 'dismissed'::text
                    END
                    WHEN m.deleted_at THEN 'withdrawn'::text
                    ELSE NULL::text
                END AS ended_by,
            bool_or((m.direction = 'inbound'::triage.direction)) OVER earlier AS asked_before
           FROM (((triage.message m
             LEFT JOIN LATERAL ( SELECT min(o.sent_at) AS at
                   FROM triage.message o
                  WHERE ((o.conversation_id = m.conversation_id) AND (o.direction = 'outbound'::triage.direction) AND (o.sent_at > m.sent_at))) reply ON (true))
             LEFT JOIN triage.audit told ON ((told.id = m.covered_by)))
             LEFT JOIN triage.classification d ON ((d.id = m.decision_id)))
          WHERE (m.direction = 'inbound'::triage.direction)
          WINDOW earlier AS (PARTITION BY m.conversation_id ORDER BY m.sent_at, m.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        )
 SELECT a.conversation_id,
    c.source,
    c.account,
    (array_agg(a.topic ORDER BY a.sent_at, a.id))[1] AS topic,
    min(a.sent_at) AS started_at,
    a.ended_at,
    min(a.ended_by) AS ended_by,
    bool_and((a.bare_thanks AND COALESCE(a.asked_before, false))) AS only_thanks
   FROM (asked a
     JOIN triage.conversation c ON ((c.id = a.conversation_id)))
  WHERE (c.account = ANY (( SELECT triage.my_accounts() AS my_accounts)::text[]))
  GROUP BY a.conversation_id, c.source, c.account, a.ended_at;

COMMENT ON VIEW triage.spell IS 'Each time somebody waited. topic: of its first message. ended_by: reply, told, dismissed, withdrawn; NULL: still waiting.';

CREATE VIEW triage.response_times WITH (security_barrier='true') AS
 SELECT topic,
    source,
    count(*) AS spells,
    count(ended_at) AS answered,
    (count(*) - count(ended_at)) AS waiting,
    percentile_cont((0.5)::double precision) WITHIN GROUP (ORDER BY (COALESCE(ended_at, now()) - started_at)) AS p50,
    percentile_cont((0.9)::double precision) WITHIN GROUP (ORDER BY (COALESCE(ended_at, now()) - started_at)) AS p90,
    percentile_cont((0.5)::double precision) WITHIN GROUP (ORDER BY (triage.open_between(started_at, COALESCE(ended_at, now())))) AS open_p50,
    percentile_cont((0.9)::double precision) WITHIN GROUP (ORDER BY (triage.open_between(started_at, COALESCE(ended_at, now())))) AS open_p90
   FROM triage.spell
  WHERE ((started_at > (now() - '30 days'::interval)) AND (NOT only_thanks) AND (COALESCE(ended_by, 'waiting'::text) = ANY (ARRAY['reply'::text, 'told'::text, 'waiting'::text])))
  GROUP BY topic, source;

CREATE TABLE triage.spend_day (
    account text NOT NULL,
    day date NOT NULL,
    method text NOT NULL,
    units bigint NOT NULL
);

COMMENT ON TABLE triage.spend_day IS 'quota_use by UTC day, kept by a trigger in the transaction that spends: quota_use itself may be pruned.';

CREATE VIEW triage.spend AS
 WITH clock AS (
         SELECT now() AS at,
            ((now() AT TIME ZONE 'UTC'::text))::date AS today,
            ((date_trunc('day'::text, (now() AT TIME ZONE 'UTC'::text)) AT TIME ZONE 'UTC'::text) + '1 day'::interval) AS day_ends,
            ((date_trunc('month'::text, (now() AT TIME ZONE 'UTC'::text)) AT TIME ZONE 'UTC'::text) + '1 mon'::interval) AS month_ends
        ), total AS (
         SELECT a.name AS account,
            (COALESCE(sum(s.units) FILTER (WHERE (s.day = c_1.today)), (0)::numeric) / '1000000'::numeric) AS today,
            (COALESCE(sum(s.units) FILTER (WHERE (s.day >= date_trunc('month'::text, (c_1.today)::timestamp with time zone))), (0)::numeric) / '1000000'::numeric) AS this_month
           FROM ((clock c_1
             CROSS JOIN triage.account a)
             LEFT JOIN triage.spend_day s ON ((s.account = a.name)))
          WHERE (a.source = 'x'::text)
          GROUP BY a.name
        ), recent AS (
         SELECT a.name AS account,
            LEAST((EXTRACT(epoch FROM (c_1.at - GREATEST(a.created_at, (c_1.at - '06:00:00'::interval)))) / (3600)::numeric), (6)::numeric) AS hours,
            ( SELECT (COALESCE(sum(q.units), (0)::numeric) / '1000000'::numeric)
                   FROM triage.quota_use q
                  WHERE ((q.account = a.name) AND (q.at > (c_1.at - '06:00:00'::interval)) AND (NOT q.reserved))) AS dollars
           FROM (clock c_1
             CROSS JOIN triage.account a)
          WHERE (a.source = 'x'::text)
        ), rate AS (
         SELECT recent.account,
            recent.hours,
                CASE
                    WHEN (recent.hours >= (1)::numeric) THEN (recent.dollars / recent.hours)
                    ELSE NULL::numeric
                END AS an_hour
           FROM recent
        )
 SELECT t.account,
    round(t.today, 6) AS today,
    round(t.this_month, 6) AS this_month,
    round(r.an_hour, 6) AS an_hour,
    round(r.hours, 1) AS hours_of_record,
    round((t.today + ((r.an_hour * EXTRACT(epoch FROM (c.day_ends - c.at))) / (3600)::numeric)), 2) AS day_forecast,
    round((t.this_month + ((r.an_hour * EXTRACT(epoch FROM (c.month_ends - c.at))) / (3600)::numeric)), 2) AS month_forecast,
    p.reason AS paused,
    p.since AS paused_since
   FROM (((clock c
     CROSS JOIN total t)
     JOIN rate r USING (account))
     LEFT JOIN triage.pause p USING (account));

COMMENT ON VIEW triage.spend IS 'Dollars by account: today and this month (UTC), and where they will be at the rate of the last hours, with how many hours of record that rate has. No forecast from less than one.';

CREATE TABLE triage.thread (
    source text NOT NULL,
    account text NOT NULL,
    key text NOT NULL,
    conversation_id bigint NOT NULL
);

COMMENT ON TABLE triage.thread IS 'Threads that lead to a conversation begun in another of our mailboxes. Others are the conversation of their own key.';

CREATE TABLE triage.topic (
    key text NOT NULL,
    label_en text NOT NULL,
    label_fr text NOT NULL,
    severity smallint NOT NULL,
    target interval NOT NULL,
    CONSTRAINT topic_severity_check CHECK (((severity >= 1) AND (severity <= 4)))
);

COMMENT ON TABLE triage.topic IS 'config/topics.yaml as the database sees it; written by every run. severity 4: none.';

CREATE VIEW triage.unbalanced AS
 SELECT c.id AS conversation_id,
    c.account,
    c.key,
    (c.state)::text AS state,
        CASE
            WHEN (c.state = 'waiting'::triage.conversation_state) THEN 'waits but has no queue row'::text
            ELSE 'has a queue row but does not wait'::text
        END AS fault
   FROM (triage.conversation c
     LEFT JOIN triage.unanswered_queue q ON ((q.conversation_id = c.id)))
  WHERE ((c.state = 'waiting'::triage.conversation_state) <> (q.conversation_id IS NOT NULL))
UNION ALL
 SELECT c.id AS conversation_id,
    c.account,
    c.key,
    (c.state)::text AS state,
        CASE
            WHEN (c.state = j.state) THEN 'is kept as waiting since another time'::text
            ELSE format('is kept as %s, but by its messages it is %s'::text, c.state, j.state)
        END AS fault
   FROM (triage.judge(ARRAY( SELECT conversation.id
           FROM triage.conversation)) j(conversation_id, state, since, kind, open, topic, intent, severity, target)
     JOIN triage.conversation c ON ((c.id = j.conversation_id)))
  WHERE ((c.state <> j.state) OR (c.waiting_since IS DISTINCT FROM j.since));

CREATE TABLE triage.volume (
    account text NOT NULL,
    feed text NOT NULL,
    bin_start timestamp with time zone NOT NULL,
    count integer NOT NULL
);

COMMENT ON TABLE triage.volume IS 'Posts a minute that were counted, not read: what a surge is seen by where reading everything costs too much.';

ALTER TABLE ONLY triage.access
    ADD CONSTRAINT access_pkey PRIMARY KEY (account, role);

ALTER TABLE ONLY triage.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (name);

ALTER TABLE ONLY triage.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.billed
    ADD CONSTRAINT billed_pkey PRIMARY KEY (account, day, resource, id);

ALTER TABLE ONLY triage.classification
    ADD CONSTRAINT classification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.cluster_band
    ADD CONSTRAINT cluster_band_pkey PRIMARY KEY (band, message_id);

ALTER TABLE ONLY triage.cluster
    ADD CONSTRAINT cluster_message_id_key UNIQUE (message_id);

ALTER TABLE ONLY triage.cluster
    ADD CONSTRAINT cluster_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.conversation
    ADD CONSTRAINT conversation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.conversation
    ADD CONSTRAINT conversation_source_account_key_key UNIQUE (source, account, key);

ALTER TABLE ONLY triage.correction
    ADD CONSTRAINT correction_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.cursor
    ADD CONSTRAINT cursor_pkey PRIMARY KEY (account);

ALTER TABLE ONLY triage.label_outbox
    ADD CONSTRAINT label_outbox_pkey PRIMARY KEY (message_id, label);

ALTER TABLE ONLY triage.label
    ADD CONSTRAINT label_pkey PRIMARY KEY (account, key);

ALTER TABLE ONLY triage.message
    ADD CONSTRAINT message_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.message
    ADD CONSTRAINT message_source_account_native_id_key UNIQUE (source, account, native_id);

ALTER TABLE ONLY triage.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (name);

ALTER TABLE ONLY triage.model
    ADD CONSTRAINT model_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.open_hours
    ADD CONSTRAINT open_hours_pkey PRIMARY KEY (opens);

ALTER TABLE ONLY triage.pause
    ADD CONSTRAINT pause_pkey PRIMARY KEY (account);

ALTER TABLE ONLY triage.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (source, account, native_id);

ALTER TABLE ONLY triage.quota_use
    ADD CONSTRAINT quota_use_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.replaced
    ADD CONSTRAINT replaced_pkey PRIMARY KEY (what);

ALTER TABLE ONLY triage.reply
    ADD CONSTRAINT reply_key_key UNIQUE (key);

ALTER TABLE ONLY triage.reply
    ADD CONSTRAINT reply_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.spend_day
    ADD CONSTRAINT spend_day_pkey PRIMARY KEY (account, day, method);

ALTER TABLE ONLY triage.thread
    ADD CONSTRAINT thread_pkey PRIMARY KEY (source, account, key);

ALTER TABLE ONLY triage.topic
    ADD CONSTRAINT topic_pkey PRIMARY KEY (key);

ALTER TABLE ONLY triage.unanswered_queue
    ADD CONSTRAINT unanswered_queue_pkey PRIMARY KEY (conversation_id);

ALTER TABLE ONLY triage.volume
    ADD CONSTRAINT volume_pkey PRIMARY KEY (account, feed, bin_start);

CREATE INDEX audit_conversation ON triage.audit USING btree (conversation_id, id);

CREATE UNIQUE INDEX classification_once ON triage.classification USING btree (message_id, model, taxonomy) WHERE (decided_by <> 'human'::text);

CREATE INDEX correction_message ON triage.correction USING btree (message_id, id);

CREATE INDEX label_outbox_pending ON triage.label_outbox USING btree (account, message_id) WHERE ((wanted <> applied) AND (NOT gone) AND (NOT held));

CREATE INDEX label_outbox_sent ON triage.label_outbox USING btree (account) WHERE (sent_at IS NOT NULL);

CREATE INDEX message_asked ON triage.message USING btree (conversation_id) WHERE (direction = 'inbound'::triage.direction);

CREATE INDEX message_cluster ON triage.message USING btree (cluster_id) WHERE (cluster_id IS NOT NULL);

CREATE INDEX message_conversation ON triage.message USING btree (conversation_id, sent_at);

CREATE INDEX message_global ON triage.message USING btree (global_id) WHERE (global_id IS NOT NULL);

CREATE INDEX message_ours ON triage.message USING btree (account, sent_at) WHERE (direction = 'outbound'::triage.direction);

CREATE INDEX message_undecided ON triage.message USING btree (id) WHERE ((decision_id IS NULL) AND (direction = 'inbound'::triage.direction));

CREATE UNIQUE INDEX model_promoted ON triage.model USING btree ((true)) WHERE (status = 'promoted'::text);

CREATE INDEX open_hours_before ON triage.open_hours USING btree (before);

CREATE INDEX quota_use_recent ON triage.quota_use USING btree (account, at);

CREATE INDEX reply_conversation ON triage.reply USING btree (conversation_id);

CREATE INDEX reply_open ON triage.reply USING btree (id) WHERE (state = ANY (ARRAY['wanted'::text, 'sending'::text]));

CREATE INDEX thread_conversation ON triage.thread USING btree (conversation_id);

CREATE INDEX unanswered_queue_cluster ON triage.unanswered_queue USING btree (cluster, priority, due_at, conversation_id) WHERE (cluster IS NOT NULL);

CREATE INDEX unanswered_queue_free ON triage.unanswered_queue USING btree (priority, due_at, conversation_id) WHERE (lease_until IS NULL);

CREATE INDEX unanswered_queue_lang ON triage.unanswered_queue USING btree (lang, priority, due_at, conversation_id);

CREATE INDEX unanswered_queue_leased ON triage.unanswered_queue USING btree (lease_until) WHERE (lease_until IS NOT NULL);

CREATE INDEX unanswered_queue_order ON triage.unanswered_queue USING btree (priority, due_at, conversation_id);

CREATE INDEX unanswered_queue_snoozed ON triage.unanswered_queue USING btree (priority, due_at, conversation_id) WHERE (snoozed_until IS NOT NULL);

CREATE INDEX unanswered_queue_source ON triage.unanswered_queue USING btree (source, priority, due_at, conversation_id);

CREATE INDEX unanswered_queue_topic ON triage.unanswered_queue USING btree (topic, priority, due_at, conversation_id);

CREATE TRIGGER spend_by_day AFTER INSERT ON triage.quota_use REFERENCING NEW TABLE AS spent FOR EACH STATEMENT EXECUTE FUNCTION triage.spend_by_day();

ALTER TABLE ONLY triage.access
    ADD CONSTRAINT access_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.billed
    ADD CONSTRAINT billed_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.classification
    ADD CONSTRAINT classification_message_id_fkey FOREIGN KEY (message_id) REFERENCES triage.message(id);

ALTER TABLE ONLY triage.classification
    ADD CONSTRAINT classification_topic_fkey FOREIGN KEY (topic) REFERENCES triage.topic(key);

ALTER TABLE ONLY triage.cluster_band
    ADD CONSTRAINT cluster_band_cluster_id_fkey FOREIGN KEY (cluster_id) REFERENCES triage.cluster(id);

ALTER TABLE ONLY triage.cluster_band
    ADD CONSTRAINT cluster_band_message_id_fkey FOREIGN KEY (message_id) REFERENCES triage.message(id);

ALTER TABLE ONLY triage.cluster
    ADD CONSTRAINT cluster_message_id_fkey FOREIGN KEY (message_id) REFERENCES triage.message(id);

ALTER TABLE ONLY triage.conversation
    ADD CONSTRAINT conversation_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.conversation
    ADD CONSTRAINT conversation_topic_fkey FOREIGN KEY (topic) REFERENCES triage.topic(key);

ALTER TABLE ONLY triage.correction
    ADD CONSTRAINT correction_message_id_fkey FOREIGN KEY (message_id) REFERENCES triage.message(id);

ALTER TABLE ONLY triage.correction
    ADD CONSTRAINT correction_to_topic_fkey FOREIGN KEY (to_topic) REFERENCES triage.topic(key);

ALTER TABLE ONLY triage.cursor
    ADD CONSTRAINT cursor_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.label
    ADD CONSTRAINT label_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.label_outbox
    ADD CONSTRAINT label_outbox_message_id_fkey FOREIGN KEY (message_id) REFERENCES triage.message(id);

ALTER TABLE ONLY triage.message
    ADD CONSTRAINT message_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.message
    ADD CONSTRAINT message_cluster_id_fkey FOREIGN KEY (cluster_id) REFERENCES triage.cluster(id);

ALTER TABLE ONLY triage.message
    ADD CONSTRAINT message_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES triage.conversation(id);

ALTER TABLE ONLY triage.message
    ADD CONSTRAINT message_covered_by_fkey FOREIGN KEY (covered_by) REFERENCES triage.audit(id);

ALTER TABLE ONLY triage.message
    ADD CONSTRAINT message_decision_id_fkey FOREIGN KEY (decision_id) REFERENCES triage.classification(id);

ALTER TABLE ONLY triage.model
    ADD CONSTRAINT model_last_correction_fkey FOREIGN KEY (last_correction) REFERENCES triage.correction(id);

ALTER TABLE ONLY triage.model
    ADD CONSTRAINT model_parent_fkey FOREIGN KEY (parent) REFERENCES triage.model(id);

ALTER TABLE ONLY triage.pause
    ADD CONSTRAINT pause_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.quarantine
    ADD CONSTRAINT quarantine_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.quota_use
    ADD CONSTRAINT quota_use_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.reply
    ADD CONSTRAINT reply_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES triage.conversation(id);

ALTER TABLE ONLY triage.reply
    ADD CONSTRAINT reply_to_message_fkey FOREIGN KEY (to_message) REFERENCES triage.message(id);

ALTER TABLE ONLY triage.spend_day
    ADD CONSTRAINT spend_day_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.thread
    ADD CONSTRAINT thread_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.thread
    ADD CONSTRAINT thread_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES triage.conversation(id);

ALTER TABLE ONLY triage.unanswered_queue
    ADD CONSTRAINT unanswered_queue_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES triage.conversation(id);

ALTER TABLE ONLY triage.volume
    ADD CONSTRAINT volume_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

CREATE POLICY pipeline ON triage.unanswered_queue TO triage_pipeline USING (true) WITH CHECK (true);

CREATE POLICY served ON triage.unanswered_queue FOR SELECT USING ((account = ANY (( SELECT triage.my_accounts() AS my_accounts)::text[])));

ALTER TABLE triage.unanswered_queue ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA triage TO triage_pipeline;
GRANT USAGE ON SCHEMA triage TO triage_responder;
GRANT USAGE ON SCHEMA triage TO triage_reader;

REVOKE ALL ON FUNCTION triage.actor() FROM PUBLIC;
GRANT ALL ON FUNCTION triage.actor() TO triage_pipeline;
GRANT ALL ON FUNCTION triage.actor() TO triage_responder;

REVOKE ALL ON FUNCTION triage.answer(id bigint, "where" text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.answer(id bigint, "where" text) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.answer(id bigint, "where" text) TO triage_responder;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.unanswered_queue TO triage_pipeline;
GRANT SELECT ON TABLE triage.unanswered_queue TO triage_responder;
GRANT SELECT ON TABLE triage.unanswered_queue TO triage_reader;

REVOKE ALL ON FUNCTION triage.claim(n integer, of_topic text, in_lang text, lease interval) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.claim(n integer, of_topic text, in_lang text, lease interval) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.claim(n integer, of_topic text, in_lang text, lease interval) TO triage_responder;

REVOKE ALL ON FUNCTION triage.correct_topic(id bigint, who text, touched bigint[], off_from bigint[], off text[], put text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.correct_topic(id bigint, who text, touched bigint[], off_from bigint[], off text[], put text) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.deeds(id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.deeds(id bigint) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.deeds(id bigint) TO triage_responder;

REVOKE ALL ON FUNCTION triage.dismiss(id bigint, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.dismiss(id bigint, reason text) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.dismiss(id bigint, reason text) TO triage_responder;

REVOKE ALL ON FUNCTION triage.dismiss_by_label(id bigint, who text, touched bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.dismiss_by_label(id bigint, who text, touched bigint[]) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.due(since timestamp with time zone, target interval) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.due(since timestamp with time zone, target interval) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.history(id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.history(id bigint) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.history(id bigint) TO triage_responder;

REVOKE ALL ON FUNCTION triage.hold(id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.hold(id bigint) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.judge(ids bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.judge(ids bigint[]) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.lease(wanted interval) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.lease(wanted interval) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.my_accounts() FROM PUBLIC;
GRANT ALL ON FUNCTION triage.my_accounts() TO triage_pipeline;
GRANT ALL ON FUNCTION triage.my_accounts() TO triage_responder;
GRANT ALL ON FUNCTION triage.my_accounts() TO triage_reader;

REVOKE ALL ON FUNCTION triage.note(id bigint, text text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.note(id bigint, text text) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.note(id bigint, text text) TO triage_responder;

REVOKE ALL ON FUNCTION triage.open_between(since timestamp with time zone, until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.open_between(since timestamp with time zone, until timestamp with time zone) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.open_between(since timestamp with time zone, until timestamp with time zone) TO triage_responder;
GRANT ALL ON FUNCTION triage.open_between(since timestamp with time zone, until timestamp with time zone) TO triage_reader;

REVOKE ALL ON FUNCTION triage.open_seconds(moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.open_seconds(moment timestamp with time zone) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.open_seconds(moment timestamp with time zone) TO triage_responder;
GRANT ALL ON FUNCTION triage.open_seconds(moment timestamp with time zone) TO triage_reader;

REVOKE ALL ON FUNCTION triage.priority(severity smallint, intent text, kind text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.priority(severity smallint, intent text, kind text) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.refresh(ids bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.refresh(ids bigint[]) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.relabel(id bigint, new_topic text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.relabel(id bigint, new_topic text) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.relabel(id bigint, new_topic text) TO triage_responder;

REVOKE ALL ON FUNCTION triage.release(id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.release(id bigint) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.release(id bigint) TO triage_responder;

REVOKE ALL ON FUNCTION triage.renew(id bigint, lease interval) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.renew(id bigint, lease interval) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.renew(id bigint, lease interval) TO triage_responder;

REVOKE ALL ON FUNCTION triage.reopen_by_label(id bigint, who text, touched bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.reopen_by_label(id bigint, who text, touched bigint[]) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.settle(id bigint, outcome triage.conversation_state, how text, why text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.settle(id bigint, outcome triage.conversation_state, how text, why text) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.snooze(id bigint, until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.snooze(id bigint, until timestamp with time zone) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.snooze(id bigint, until timestamp with time zone) TO triage_responder;

REVOKE ALL ON FUNCTION triage.spend_by_day() FROM PUBLIC;
GRANT ALL ON FUNCTION triage.spend_by_day() TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.take(id bigint, lease interval) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.take(id bigint, lease interval) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.take(id bigint, lease interval) TO triage_responder;

REVOKE ALL ON FUNCTION triage.teach(messages bigint[], new_topic text, origin text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.teach(messages bigint[], new_topic text, origin text) TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.access TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.account TO triage_pipeline;

GRANT SELECT,INSERT ON TABLE triage.audit TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.conversation TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.message TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.answered TO triage_pipeline;
GRANT SELECT ON TABLE triage.answered TO triage_responder;
GRANT SELECT ON TABLE triage.answered TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.answered_today TO triage_pipeline;
GRANT SELECT ON TABLE triage.answered_today TO triage_responder;
GRANT SELECT ON TABLE triage.answered_today TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.backlog TO triage_pipeline;
GRANT SELECT ON TABLE triage.backlog TO triage_responder;
GRANT SELECT ON TABLE triage.backlog TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.billed TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.classification TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.cluster TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.cluster_band TO triage_pipeline;

GRANT SELECT,INSERT ON TABLE triage.correction TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.cursor TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.label TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.label_outbox TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.quarantine TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.ledger TO triage_pipeline;
GRANT SELECT ON TABLE triage.ledger TO triage_responder;
GRANT SELECT ON TABLE triage.ledger TO triage_reader;

GRANT SELECT ON TABLE triage.migration TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.model TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.open_hours TO triage_pipeline;
GRANT SELECT ON TABLE triage.open_hours TO triage_responder;
GRANT SELECT ON TABLE triage.open_hours TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.pause TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.quota_use TO triage_pipeline;

GRANT SELECT ON TABLE triage.replaced TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.reply TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.spell TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.response_times TO triage_pipeline;
GRANT SELECT ON TABLE triage.response_times TO triage_responder;
GRANT SELECT ON TABLE triage.response_times TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.spend_day TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.spend TO triage_pipeline;
GRANT SELECT ON TABLE triage.spend TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.thread TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.topic TO triage_pipeline;
GRANT SELECT ON TABLE triage.topic TO triage_responder;
GRANT SELECT ON TABLE triage.topic TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.unbalanced TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.volume TO triage_pipeline;
