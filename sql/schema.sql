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

CREATE TABLE triage.incident (
    id bigint NOT NULL,
    topic text,
    account text,
    stream text NOT NULL,
    onset timestamp with time zone NOT NULL,
    alarmed_at timestamp with time zone NOT NULL,
    observed integer NOT NULL,
    expected real NOT NULL,
    peak integer NOT NULL,
    severity smallint NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    opened_by text NOT NULL,
    named_at timestamp with time zone,
    surge_ended_at timestamp with time zone,
    closed_at timestamp with time zone,
    closed_by text,
    closed_reason text,
    watched_until timestamp with time zone,
    queue_told boolean DEFAULT false NOT NULL,
    respond_run text,
    terms jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT incident_check CHECK (((state = 'open'::text) = (closed_at IS NULL))),
    CONSTRAINT incident_check1 CHECK ((((closed_at IS NULL) = (closed_by IS NULL)) AND ((closed_at IS NULL) = (closed_reason IS NULL)))),
    CONSTRAINT incident_check2 CHECK (((state <> 'watched'::text) OR (watched_until IS NOT NULL))),
    CONSTRAINT incident_check3 CHECK (((topic IS NULL) = (named_at IS NULL))),
    CONSTRAINT incident_severity_check CHECK (((severity >= 1) AND (severity <= 3))),
    CONSTRAINT incident_state_check CHECK ((state = ANY (ARRAY['open'::text, 'watched'::text, 'closed'::text])))
);

COMMENT ON COLUMN triage.incident.topic IS 'NULL: more arrives than usual, and too little of it is read to say what about.';

COMMENT ON COLUMN triage.incident.account IS 'NULL: wherever people write.';

COMMENT ON COLUMN triage.incident.stream IS 'The stream whose detector says when the surge is over.';

COMMENT ON COLUMN triage.incident.severity IS 'The graver of the topic''s and the surge''s; 1 is the gravest.';

COMMENT ON COLUMN triage.incident.queue_told IS 'The queue''s priorities and due times follow the state.';

COMMENT ON COLUMN triage.incident.respond_run IS 'The run of the DAG respond that took it; one at most.';

COMMENT ON COLUMN triage.incident.terms IS 'What distinguishes its messages: terms with their weight, strongest first.';

CREATE FUNCTION triage.alone(held triage.incident) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    other CONSTANT bigint := (
        SELECT i.id FROM triage.incident i
        WHERE i.id <> held.id AND i.state <> 'closed' AND i.topic IS NOT DISTINCT FROM held.topic
          AND i.account IS NOT DISTINCT FROM held.account
    );
BEGIN
    IF other IS NOT NULL THEN
        RAISE EXCEPTION 'incident % is about the same and goes on; use that one', other USING ERRCODE = 'TR001';
    END IF;
END $$;

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
    follower boolean DEFAULT false NOT NULL,
    held boolean DEFAULT false NOT NULL,
    CONSTRAINT unanswered_queue_check CHECK (((claimed_by IS NULL) = (lease_until IS NULL)))
);

COMMENT ON TABLE triage.unanswered_queue IS 'One row per conversation in which somebody still waits for us. Read it by (priority, due_at, conversation_id). priority: 1 now … 5 look and close.';

COMMENT ON COLUMN triage.unanswered_queue.cluster IS 'Rows whose open messages are near copies of one text share it; NULL: nobody else wrote this.';

COMMENT ON COLUMN triage.unanswered_queue.follower IS 'Another row of its cluster comes first; when that one leaves, the next in order does. It waits and is due all the same.';

COMMENT ON COLUMN triage.unanswered_queue.held IS 'Part of a flood from one sender: set aside, still waiting, until somebody releases it. Neither leads a cluster nor follows.';

CREATE FUNCTION triage.claim(n integer DEFAULT 1, of_topic text DEFAULT NULL::text, in_lang text DEFAULT NULL::text, lease interval DEFAULT '00:15:00'::interval, of_held boolean DEFAULT false) RETURNS SETOF triage.unanswered_queue
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    SET enable_sort TO 'off'
    AS $$
DECLARE
    me CONSTANT text := triage.actor();
    served CONSTANT text[] := triage.my_accounts();
    wanted integer := least(greatest(n, 0), 500);
    mine bigint[] := '{}';
BEGIN
    UPDATE triage.unanswered_queue q SET claimed_by = NULL, lease_until = NULL, updated_at = clock_timestamp()
    WHERE q.conversation_id IN (SELECT e.conversation_id FROM triage.unanswered_queue e
                                WHERE e.lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED);
    IF of_held THEN
        mine := ARRAY(
            SELECT q.conversation_id FROM triage.unanswered_queue q
            WHERE q.account = ANY (served) AND q.lease_until IS NULL AND q.held
              AND (q.snoozed_until IS NULL OR q.snoozed_until < clock_timestamp())
              AND (of_topic IS NULL OR q.topic = of_topic)
              AND (in_lang IS NULL OR q.lang = in_lang)
            ORDER BY q.priority, q.due_at, q.conversation_id LIMIT wanted FOR UPDATE SKIP LOCKED);
    ELSE
        mine := ARRAY(
            SELECT q.conversation_id FROM triage.unanswered_queue q
            WHERE q.account = ANY (served) AND q.lease_until IS NULL AND NOT q.follower AND NOT q.held
              AND (q.snoozed_until IS NULL OR q.snoozed_until < clock_timestamp())
              AND (of_topic IS NULL OR q.topic = of_topic)
              AND (in_lang IS NULL OR q.lang = in_lang)
            ORDER BY q.priority, q.due_at, q.conversation_id LIMIT wanted FOR UPDATE SKIP LOCKED);
        wanted := wanted - cardinality(mine);
        IF wanted > 0 THEN
            mine := mine || ARRAY(
                SELECT q.conversation_id FROM triage.unanswered_queue q
                WHERE q.account = ANY (served) AND q.lease_until IS NULL AND q.follower
                  AND (q.snoozed_until IS NULL OR q.snoozed_until < clock_timestamp())
                  AND (of_topic IS NULL OR q.topic = of_topic)
                  AND (in_lang IS NULL OR q.lang = in_lang)
                ORDER BY q.priority, q.due_at, q.conversation_id LIMIT wanted FOR UPDATE SKIP LOCKED);
        END IF;
    END IF;
    INSERT INTO triage.audit (conversation_id, verb, by) SELECT taken, 'claim', me FROM unnest(mine) AS taken;
    RETURN QUERY
    UPDATE triage.unanswered_queue q
    SET claimed_by = me, lease_until = clock_timestamp() + triage.lease(claim.lease), updated_at = clock_timestamp()
    WHERE q.conversation_id = ANY (mine)
    RETURNING q.*;
END $$;

CREATE FUNCTION triage.close_incident(id bigint, reason text, days integer DEFAULT 14) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
BEGIN
    PERFORM triage.said(reason, 'closing needs a reason, such as: everybody is answered');
    PERFORM triage.days(days);
    IF (triage.hold_incident(id)).state <> 'open' THEN
        RAISE EXCEPTION 'incident % is not open; look at it in incident_board', id USING ERRCODE = 'TR001';
    END IF;
    UPDATE triage.incident i
    SET state = CASE WHEN days > 0 THEN 'watched' ELSE 'closed' END, closed_at = clock_timestamp(),
        closed_by = triage.actor(), closed_reason = reason,
        watched_until = clock_timestamp() + make_interval(days => days), queue_told = false
    WHERE i.id = close_incident.id;
    INSERT INTO triage.incident_log (incident_id, verb, by, reason, detail)
    VALUES (id, 'close', triage.actor(), reason, jsonb_build_object('days', days));
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

CREATE FUNCTION triage.days(days integer) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    AS $$
BEGIN
    IF coalesce(days NOT BETWEEN 0 AND 366, true) THEN
        RAISE EXCEPTION 'watch for 0 to 366 days, not %', days USING ERRCODE = 'TR004';
    END IF;
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
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    opened numeric := triage.open_seconds(since);
BEGIN
    RETURN (SELECT passed FROM triage.due_after(opened, since, target) AS passed);
END $$;

CREATE FUNCTION triage.due_after(opened numeric, since timestamp with time zone, target interval) RETURNS SETOF timestamp with time zone
    LANGUAGE sql STABLE ROWS 1
    AS $$
    SELECT coalesce((
        SELECT CASE WHEN moment <= closes THEN moment END
        FROM (
            SELECT h.closes, h.opens + make_interval(secs => (opened + extract(epoch FROM target) - h.before)::double precision) AS moment
            FROM triage.open_hours h WHERE h.before < opened + extract(epoch FROM target) ORDER BY h.before DESC LIMIT 1
        ) AS span
    ), since + target)
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

CREATE FUNCTION triage.hold_incident(id bigint) RETURNS triage.incident
    LANGUAGE plpgsql
    AS $$
DECLARE
    held triage.incident;
BEGIN
    PERFORM triage.lock_incidents();
    SELECT * INTO held FROM triage.incident i
    WHERE i.id = hold_incident.id AND (i.account IS NULL OR i.account = ANY (triage.my_accounts())) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no incident %; take the number from incident_board', id USING ERRCODE = 'TR002';
    END IF;
    RETURN held;
END $$;

CREATE TABLE triage.reply (
    id bigint NOT NULL,
    conversation_id bigint,
    to_message bigint,
    key text NOT NULL,
    text text NOT NULL,
    by text NOT NULL,
    state text DEFAULT 'wanted'::text NOT NULL,
    native_id text,
    error text,
    wanted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    account text NOT NULL,
    bulk boolean DEFAULT false NOT NULL,
    lang text DEFAULT ''::text NOT NULL,
    url text DEFAULT ''::text NOT NULL,
    not_before timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    units bigint DEFAULT 0 NOT NULL,
    CONSTRAINT reply_check CHECK (((conversation_id IS NULL) = (to_message IS NULL))),
    CONSTRAINT reply_state_check CHECK ((state = ANY (ARRAY['wanted'::text, 'sending'::text, 'sent'::text, 'refused'::text, 'unknown'::text, 'withdrawn'::text]))),
    CONSTRAINT reply_text_check CHECK ((btrim(text) <> ''::text))
);

COMMENT ON COLUMN triage.reply.key IS 'Idempotency key: the same answer asked for twice is one row.';

COMMENT ON COLUMN triage.reply.state IS 'withdrawn: never sent, because the conversation was settled meanwhile or a person took it back; error says which.';

COMMENT ON COLUMN triage.reply.account IS 'The account it is sent from: the one the message was written to.';

COMMENT ON COLUMN triage.reply.bulk IS 'One of many of the same: sent after those that people wrote one by one.';

COMMENT ON COLUMN triage.reply.not_before IS 'The platform, the quota or the daily cap asks for patience until then.';

COMMENT ON COLUMN triage.reply.attempts IS 'How often it was handed to the platform. From the second on we look first whether it is there.';

COMMENT ON COLUMN triage.reply.units IS 'What quota_use has for it: entered before it goes out, given back when it did not.';

CREATE FUNCTION triage.hold_reply(reply_id bigint) RETURNS triage.reply
    LANGUAGE plpgsql
    AS $$
DECLARE
    held triage.reply;
BEGIN
    PERFORM FROM triage.conversation c
    WHERE c.id = (SELECT r.conversation_id FROM triage.reply r WHERE r.id = reply_id) FOR NO KEY UPDATE;
    SELECT * INTO held FROM triage.reply r
    WHERE r.id = reply_id AND r.account = ANY ((SELECT triage.my_accounts())::text[]) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no reply %; take the id from the view replies', reply_id USING ERRCODE = 'TR002';
    END IF;
    RETURN held;
END $$;

CREATE FUNCTION triage.in_incident(of_topic text, of_account text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT EXISTS (SELECT FROM triage.incident i
                   WHERE i.state = 'open' AND i.topic = of_topic AND (i.account IS NULL OR i.account = of_account))
$$;

CREATE FUNCTION triage.incident_history(id bigint) RETURNS TABLE(at timestamp with time zone, verb text, by text, reason text, detail jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
    SELECT l.at, l.verb, l.by, l.reason, l.detail
    FROM triage.incident i JOIN triage.incident_log l ON l.incident_id = i.id
    WHERE i.id = incident_history.id AND (i.account IS NULL OR i.account = ANY ((SELECT triage.my_accounts())::text[]))
    ORDER BY l.id
$$;

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

CREATE FUNCTION triage.languages() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 8
    SET search_path TO 'triage', 'pg_temp'
    AS $$
    WITH RECURSIVE found AS (
        (SELECT q.lang FROM triage.unanswered_queue q WHERE NOT q.follower AND NOT q.held ORDER BY q.lang LIMIT 1)
        UNION ALL
        SELECT (SELECT q.lang FROM triage.unanswered_queue q WHERE NOT q.follower AND NOT q.held AND q.lang > f.lang
                ORDER BY q.lang LIMIT 1)
        FROM found f WHERE f.lang IS NOT NULL
    )
    SELECT f.lang FROM found f WHERE f.lang IS NOT NULL
$$;

CREATE FUNCTION triage.lead(clusters bigint[]) RETURNS void
    LANGUAGE sql
    AS $$
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

CREATE FUNCTION triage.lease(wanted interval) RETURNS interval
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT least(greatest(coalesce(wanted, '15 minutes'), '30 seconds'), '1 day'::interval)
$$;

CREATE FUNCTION triage.lock_clusters(ids bigint[]) RETURNS bigint[]
    LANGUAGE sql
    AS $$
    SELECT ARRAY(
        SELECT c.id FROM triage.cluster c
        WHERE c.members > 1 AND c.id = ANY (ARRAY(
            SELECT DISTINCT m.cluster_id FROM triage.message m
            WHERE m.conversation_id = ANY (ids) AND m.cluster_id IS NOT NULL))
        ORDER BY c.id FOR NO KEY UPDATE
    )
$$;

CREATE FUNCTION triage.lock_incidents() RETURNS void
    LANGUAGE sql
    AS $$ SELECT pg_advisory_xact_lock(hashtextextended('triage.incident', 0)) $$;

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

CREATE FUNCTION triage.note_incident(id bigint, text text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
BEGIN
    PERFORM triage.said(text, 'a note needs words');
    INSERT INTO triage.incident_log (incident_id, verb, by, reason)
    VALUES ((triage.hold_incident(id)).id, 'note', triage.actor(), text);
END $$;

CREATE FUNCTION triage.only_reply(id bigint, mine bigint DEFAULT NULL::bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    other record;
BEGIN
    UPDATE triage.reply r SET state = 'withdrawn', error = 'settled meanwhile', changed_at = clock_timestamp()
    FROM triage.judge(ARRAY[only_reply.id]) j
    WHERE r.conversation_id = only_reply.id AND r.state IN ('wanted', 'unknown') AND r.id IS DISTINCT FROM mine
      AND r.to_message <> ALL (j.open);
    SELECT r.id, r.by AS author, r.state INTO other FROM triage.reply r
    WHERE r.conversation_id = only_reply.id AND r.state IN ('wanted', 'sending', 'unknown') AND r.id IS DISTINCT FROM mine;
    IF FOUND THEN
        RAISE EXCEPTION '%', format(
            CASE other.state
                WHEN 'unknown' THEN 'reply %s by %s to conversation %s may have gone out; look there, then resend or withdraw it'
                ELSE 'reply %s by %s to conversation %s is on its way; withdraw it to write another' END,
            other.id, other.author, id) USING ERRCODE = 'TR003';
    END IF;
END $$;

CREATE FUNCTION triage.open_between(since timestamp with time zone, until timestamp with time zone) RETURNS interval
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(make_interval(secs => (triage.open_seconds(until) - triage.open_seconds(since))::double precision),
                    until - since)
$$;

CREATE FUNCTION triage.open_incident(of_topic text, reason text, of_account text DEFAULT NULL::text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
DECLARE
    known triage.incident;
    made bigint;
BEGIN
    PERFORM triage.said(reason, 'an incident needs a reason, such as: the factory called');
    IF NOT EXISTS (SELECT FROM triage.topic t WHERE t.key = of_topic AND t.key <> 'not_crisis') THEN
        RAISE EXCEPTION 'there is no topic % that a crisis can be about; choose one of %', of_topic,
            (SELECT string_agg(t.key, ', ' ORDER BY t.key) FROM triage.topic t WHERE t.key <> 'not_crisis')
            USING ERRCODE = 'TR004';
    END IF;
    IF NOT coalesce(of_account = ANY (triage.my_accounts()), true) THEN
        RAISE EXCEPTION 'there is no account % that you serve', of_account USING ERRCODE = 'TR002';
    END IF;
    PERFORM triage.lock_incidents();
    SELECT * INTO known FROM triage.incident i
    WHERE i.topic = of_topic AND i.account IS NOT DISTINCT FROM of_account AND i.state <> 'closed';
    IF FOUND THEN
        RAISE EXCEPTION 'incident % on % is % already; %', known.id, of_topic, known.state,
            CASE known.state WHEN 'open' THEN 'add a note to it' ELSE 'reopen it' END USING ERRCODE = 'TR001';
    END IF;
    INSERT INTO triage.incident (topic, account, stream, onset, alarmed_at, observed, expected, peak, severity, opened_by,
                                 named_at)
    SELECT t.key, of_account, 'topic:' || t.key, now(), now(), 0, 0, 0, least(t.severity, 3), triage.actor(), now()
    FROM triage.topic t WHERE t.key = of_topic RETURNING incident.id INTO made;
    INSERT INTO triage.incident_log (incident_id, verb, by, reason) VALUES (made, 'open', triage.actor(), reason);
    RETURN made;
END $$;

CREATE FUNCTION triage.open_seconds(moment timestamp with time zone) RETURNS numeric
    LANGUAGE plpgsql STABLE
    AS $$ BEGIN
    RETURN CASE WHEN EXISTS (SELECT FROM triage.open_hours) THEN coalesce((
        SELECT h.before + extract(epoch FROM least(moment, h.closes) - h.opens)
        FROM triage.open_hours h WHERE h.opens <= moment ORDER BY h.opens DESC LIMIT 1
    ), 0) END;
END $$;

CREATE FUNCTION triage.priority(severity smallint, intent text, kind text, incident boolean DEFAULT false) RETURNS smallint
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE WHEN kind = 'check' THEN 5
                ELSE greatest(1, severity - (intent IN ('urgent_help', 'press', 'legal'))::int - incident::int) END::smallint
$$;

CREATE FUNCTION triage.refresh(ids bigint[]) RETURNS integer
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
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
    PERFORM triage.lock_clusters(ARRAY[relabel.id]);
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

CREATE FUNCTION triage.release_flood(of_author text, of_account text DEFAULT NULL::text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
DECLARE
    served CONSTANT text[] := triage.my_accounts();
    let_go bigint[];
BEGIN
    UPDATE triage.flood f SET released_at = clock_timestamp(), released_by = triage.actor()
    WHERE (f.account, f.author, f.started_at) IN (
        SELECT o.account, o.author, o.started_at FROM triage.flood o
        WHERE o.author = of_author AND o.released_at IS NULL AND o.account = ANY (served)
          AND (of_account IS NULL OR o.account = of_account)
        ORDER BY o.account, o.author, o.started_at FOR UPDATE);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no flood from % is held; take the author from triage.floods', of_author USING ERRCODE = 'TR002';
    END IF;
    let_go := ARRAY(
        SELECT q.conversation_id FROM triage.unanswered_queue q
        WHERE q.held AND q.author = of_author AND q.account = ANY (served)
          AND (of_account IS NULL OR q.account = of_account));
    PERFORM triage.refresh(let_go);
    INSERT INTO triage.audit (conversation_id, verb, by)
    SELECT q.conversation_id, 'unhold', triage.actor() FROM triage.unanswered_queue q
    WHERE q.conversation_id = ANY (let_go) AND NOT q.held;
    RETURN cardinality(let_go);
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

CREATE FUNCTION triage.reopen_incident(id bigint, reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
DECLARE
    held CONSTANT triage.incident := triage.hold_incident(id);
BEGIN
    PERFORM triage.said(reason, 'reopening needs a reason, such as: it goes on');
    IF held.state = 'open' THEN
        RAISE EXCEPTION 'incident % is open already', id USING ERRCODE = 'TR001';
    END IF;
    PERFORM triage.alone(held);
    UPDATE triage.incident i
    SET state = 'open', closed_at = NULL, closed_by = NULL, closed_reason = NULL, watched_until = NULL,
        surge_ended_at = NULL, queue_told = false
    WHERE i.id = reopen_incident.id;
    INSERT INTO triage.incident_log (incident_id, verb, by, reason) VALUES (id, 'reopen', triage.actor(), reason);
END $$;

CREATE FUNCTION triage.reply(id bigint, body text, key text DEFAULT (gen_random_uuid())::text, in_lang text DEFAULT NULL::text, bulk boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $_$
DECLARE
    me CONSTANT text := triage.actor();
    said record;
    asked record;
    wanted bigint;
BEGIN
    IF coalesce(btrim(body, E' \t\r\n'), '') = '' THEN
        RAISE EXCEPTION 'a reply needs words' USING ERRCODE = 'TR004';
    END IF;
    IF key IS NULL OR key !~ '^[A-Za-z0-9-]{8,64}$' THEN
        RAISE EXCEPTION 'a key is 8 to 64 letters, digits or dashes; leave it out and one is made' USING ERRCODE = 'TR004';
    END IF;
    PERFORM FROM triage.conversation c WHERE c.id = reply.id FOR NO KEY UPDATE;
    SELECT r.id, (r.conversation_id, r.text, r.by) IS NOT DISTINCT FROM (reply.id, body, me) AS same INTO said
    FROM triage.reply r WHERE r.key = reply.key;
    IF FOUND THEN
        IF NOT said.same THEN
            RAISE EXCEPTION 'the key % belongs to another reply; leave it out and one is made', key USING ERRCODE = 'TR004';
        END IF;
        RETURN said.id;
    END IF;
    PERFORM triage.hold(id);
    PERFORM triage.only_reply(id);
    SELECT m.id, m.account, coalesce(in_lang, nullif(d.lang, ''), m.lang) AS lang INTO asked
    FROM triage.judge(ARRAY[reply.id]) j
    JOIN triage.message m ON m.id = j.open[cardinality(j.open)]
    LEFT JOIN triage.classification d ON d.id = m.decision_id;
    INSERT INTO triage.reply AS r (conversation_id, to_message, account, key, text, lang, by, bulk)
    VALUES (reply.id, asked.id, asked.account, reply.key, body, asked.lang, me, reply.bulk)
    RETURNING r.id INTO wanted;
    INSERT INTO triage.audit (conversation_id, verb, by, detail)
    VALUES (id, 'reply', me, jsonb_build_object('reply', wanted, 'key', key));
    UPDATE triage.unanswered_queue q
    SET claimed_by = me, lease_until = greatest(q.lease_until, clock_timestamp() + triage.lease(NULL)),
        updated_at = clock_timestamp()
    WHERE q.conversation_id = reply.id;
    RETURN wanted;
END $_$;

CREATE FUNCTION triage.reply_failed(reply_id bigint, as_state text, why text) RETURNS void
    LANGUAGE sql
    AS $$
    WITH told AS (
        UPDATE triage.reply r
        SET state = as_state, error = why, changed_at = CASE WHEN as_state = 'sending' THEN r.changed_at ELSE clock_timestamp() END,
            units = CASE WHEN as_state IN ('wanted', 'refused') THEN 0 ELSE r.units END
        WHERE r.id = reply_id AND r.state = 'sending' RETURNING r.conversation_id, r.by
    )
    INSERT INTO triage.audit (conversation_id, verb, by, reason, detail)
    SELECT conversation_id, as_state, by, why, jsonb_build_object('reply', reply_id) FROM told
    WHERE as_state IN ('refused', 'unknown') AND conversation_id IS NOT NULL
$$;

CREATE FUNCTION triage.reply_sent(reply_id bigint, with_id text, at_url text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    gone record;
    entry bigint;
BEGIN
    PERFORM FROM triage.conversation c
    WHERE c.id = (SELECT r.conversation_id FROM triage.reply r WHERE r.id = reply_id) FOR NO KEY UPDATE;
    UPDATE triage.reply r
    SET state = 'sent', native_id = with_id, url = at_url, error = NULL, changed_at = clock_timestamp()
    WHERE r.id = reply_id AND r.state = 'sending' RETURNING r.conversation_id, r.by AS author INTO gone;
    IF FOUND AND gone.conversation_id IS NOT NULL THEN
        INSERT INTO triage.audit (conversation_id, verb, by, detail)
        VALUES (gone.conversation_id, 'sent', gone.author, jsonb_build_object('reply', reply_id, 'url', at_url))
        RETURNING id INTO entry;
        UPDATE triage.message m SET covered_as = 'answered', covered_by = entry
        FROM triage.judge(ARRAY[gone.conversation_id]) j WHERE m.id = ANY (j.open);
        PERFORM triage.refresh(ARRAY[gone.conversation_id]);
    END IF;
END $$;

CREATE FUNCTION triage.resend(reply_id bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
DECLARE
    held CONSTANT triage.reply := triage.hold_reply(reply_id);
BEGIN
    IF held.state NOT IN ('refused', 'unknown') THEN
        RAISE EXCEPTION 'reply % is %: there is nothing to send again', reply_id, held.state USING ERRCODE = 'TR001';
    END IF;
    IF held.conversation_id IS NOT NULL THEN
        PERFORM triage.hold(held.conversation_id);
        PERFORM triage.only_reply(held.conversation_id, reply_id);
    END IF;
    UPDATE triage.reply r SET state = 'wanted', error = NULL, not_before = '-infinity', changed_at = clock_timestamp()
    WHERE r.id = reply_id;
    INSERT INTO triage.audit (conversation_id, verb, by, detail)
    SELECT held.conversation_id, 'resend', triage.actor(), jsonb_build_object('reply', reply_id, 'was', held.state)
    WHERE held.conversation_id IS NOT NULL;
END $$;

CREATE FUNCTION triage.said(words text, otherwise text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    AS $$
BEGIN
    IF coalesce(btrim(words), '') = '' THEN
        RAISE EXCEPTION '%', otherwise USING ERRCODE = 'TR004';
    END IF;
END $$;

CREATE FUNCTION triage.served() RETURNS TABLE(account text, source text)
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 8
    SET search_path TO 'triage', 'pg_temp'
    AS $$
    SELECT a.name, a.source FROM triage.account a WHERE a.name = ANY (triage.my_accounts())
$$;

CREATE FUNCTION triage.settle(id bigint, outcome triage.conversation_state, how text, why text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    entry bigint;
BEGIN
    PERFORM FROM triage.conversation c WHERE c.id = settle.id FOR NO KEY UPDATE;
    PERFORM triage.lock_clusters(ARRAY[settle.id]);
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
DECLARE
    clusters bigint[];
BEGIN
    IF until IS NULL OR until NOT BETWEEN clock_timestamp() AND clock_timestamp() + interval '31 days' THEN
        RAISE EXCEPTION 'snooze until a time that lies ahead, at most 31 days, not %', until USING ERRCODE = 'TR004';
    END IF;
    PERFORM FROM triage.conversation c WHERE c.id = snooze.id FOR NO KEY UPDATE;
    clusters := triage.lock_clusters(ARRAY[snooze.id]);
    PERFORM triage.hold(id);
    INSERT INTO triage.audit (conversation_id, verb, by, detail)
    VALUES (id, 'snooze', triage.actor(), jsonb_build_object('until', until));
    UPDATE triage.unanswered_queue q
    SET snoozed_until = until, claimed_by = NULL, lease_until = NULL, updated_at = clock_timestamp()
    WHERE q.conversation_id = id;
    PERFORM triage.lead(clusters);  -- another copy of the text comes forward
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

CREATE FUNCTION triage.start_reply(reply_id bigint, charged bigint) RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
    due record;
    settled text;
BEGIN
    PERFORM FROM triage.conversation c
    WHERE c.id = (SELECT r.conversation_id FROM triage.reply r WHERE r.id = reply_id) FOR NO KEY UPDATE;
    SELECT r.conversation_id, r.to_message INTO due FROM triage.reply r
    WHERE r.id = reply_id AND r.state = 'wanted' FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT CASE WHEN m.deleted_at IS NOT NULL THEN 'the message it answers is gone'
                WHEN told.id IS NOT NULL THEN format('settled meanwhile: %s by %s', told.verb, told.by)
                ELSE coalesce((
                    SELECT format('answered elsewhere meanwhile by %s at %s UTC', coalesce(nullif(o.author_name, ''), o.author),
                                  to_char(o.sent_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'))
                    FROM triage.message o
                    WHERE o.conversation_id = m.conversation_id AND o.direction = 'outbound' AND o.sent_at > m.sent_at
                    ORDER BY o.sent_at LIMIT 1), 'settled meanwhile') END
    INTO settled
    FROM triage.message m
    JOIN triage.judge(ARRAY[due.conversation_id]) j ON m.id <> ALL (j.open)
    LEFT JOIN triage.audit told ON told.id = m.covered_by
    WHERE m.id = due.to_message;
    UPDATE triage.reply r
    SET state = CASE WHEN settled IS NULL THEN 'sending' ELSE 'withdrawn' END, error = settled,
        attempts = r.attempts + (settled IS NULL)::int, units = CASE WHEN settled IS NULL THEN charged ELSE 0 END,
        changed_at = clock_timestamp()
    WHERE r.id = reply_id;
    INSERT INTO triage.audit (conversation_id, verb, by, reason, detail)
    SELECT due.conversation_id, 'withdraw', session_user, settled, jsonb_build_object('reply', reply_id)
    WHERE settled IS NOT NULL;
    RETURN CASE WHEN settled IS NULL THEN 'sending' ELSE 'withdrawn' END;
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

CREATE FUNCTION triage.watch_incident(id bigint, days integer DEFAULT 14) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
DECLARE
    held CONSTANT triage.incident := triage.hold_incident(id);
BEGIN
    PERFORM triage.days(days);
    IF held.state = 'open' THEN
        RAISE EXCEPTION 'incident % is open; close it, and it is watched', id USING ERRCODE = 'TR001';
    END IF;
    PERFORM triage.alone(held);
    UPDATE triage.incident i
    SET state = CASE WHEN days > 0 THEN 'watched' ELSE 'closed' END,
        watched_until = clock_timestamp() + make_interval(days => days)
    WHERE i.id = watch_incident.id;
    INSERT INTO triage.incident_log (incident_id, verb, by, detail)
    VALUES (id, 'watch', triage.actor(), jsonb_build_object('days', days));
END $$;

CREATE FUNCTION triage.withdraw(reply_id bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
DECLARE
    held CONSTANT triage.reply := triage.hold_reply(reply_id);
BEGIN
    IF held.state NOT IN ('wanted', 'unknown') THEN
        RAISE EXCEPTION 'reply % is %: there is nothing to withdraw', reply_id, held.state USING ERRCODE = 'TR001';
    END IF;
    PERFORM triage.hold(q.conversation_id) FROM triage.unanswered_queue q WHERE q.conversation_id = held.conversation_id;
    UPDATE triage.reply r
    SET state = 'withdrawn', error = format('withdrawn by %s', triage.actor()), changed_at = clock_timestamp()
    WHERE r.id = reply_id;
    INSERT INTO triage.audit (conversation_id, verb, by, detail)
    SELECT held.conversation_id, 'withdraw', triage.actor(), jsonb_build_object('reply', reply_id, 'was', held.state)
    WHERE held.conversation_id IS NOT NULL;
END $$;

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

CREATE VIEW triage.answered_anywhere AS
 SELECT c.id AS conversation_id,
    c.source,
    c.account,
    c.key AS conversation,
    c.topic,
    COALESCE(r.sent_at, told.at) AS answered_at,
    COALESCE(NULLIF(r.author_name, ''::text), r.author, told.by) AS answered_by,
        CASE
            WHEN ((r.id IS NULL) AND (told.verb <> 'sent'::text)) THEN 'told'::text
            ELSE 'reply'::text
        END AS how,
    COALESCE(r.url, told.url, ''::text) AS link,
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
            a.reason,
            a.verb,
            (a.detail ->> 'url'::text) AS url
           FROM (triage.message m
             JOIN triage.audit a ON ((a.id = m.covered_by)))
          WHERE ((m.conversation_id = c.id) AND (m.covered_as = 'answered'::triage.conversation_state))
          ORDER BY a.id DESC
         LIMIT 1) told ON (true))
  WHERE (c.state = 'answered'::triage.conversation_state);

CREATE VIEW triage.answered WITH (security_barrier='true') AS
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
   FROM triage.answered_anywhere
  WHERE (account = ANY (( SELECT triage.my_accounts() AS my_accounts)::text[]));

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
   FROM triage.answered_anywhere a
  WHERE ((conversation_id IN ( SELECT m.conversation_id
           FROM triage.message m
          WHERE ((m.direction = 'outbound'::triage.direction) AND (m.account = ANY (( SELECT triage.my_accounts() AS my_accounts)::text[])) AND (m.sent_at >= date_trunc('day'::text, now())))
        UNION ALL
         SELECT t.conversation_id
           FROM triage.audit t
          WHERE ((t.verb = ANY (ARRAY['answer'::text, 'sent'::text])) AND (t.at >= date_trunc('day'::text, now()))))) AND (answered_at >= date_trunc('day'::text, now())) AND (account = ANY (( SELECT triage.my_accounts() AS my_accounts)::text[])));

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
    mix_id bigint,
    CONSTRAINT classification_decided_by_check CHECK ((decided_by = ANY (ARRAY['model'::text, 'rule'::text, 'human'::text])))
);

COMMENT ON TABLE triage.classification IS 'Append-only. The newest human decision wins, else the newest. One machine decision per message, model and taxonomy: replays add nothing.';

COMMENT ON COLUMN triage.classification.mix_id IS 'The mix that weighed its chances; NULL where none did.';

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
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    signature bytea
);

COMMENT ON COLUMN triage.cluster.message_id IS 'The first message of the cluster: what the queue shows of it.';

COMMENT ON COLUMN triage.cluster.signature IS 'MinHash of the first message: what later ones are compared with. NULL: forgotten, nothing joins any more.';

CREATE TABLE triage.cluster_band (
    band bigint NOT NULL,
    cluster_id bigint NOT NULL
);

COMMENT ON TABLE triage.cluster_band IS 'Locality-sensitive hashes of signatures: two texts that share a band are compared. Written and removed with the signature.';

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
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    complete_at timestamp with time zone
);
ALTER TABLE ONLY triage.cursor ALTER COLUMN value SET STORAGE EXTERNAL;

COMMENT ON TABLE triage.cursor IS 'Where each account stands; written in the transaction that stores the page. updated_at also moves on an empty page: the stall alarm reads it.';

COMMENT ON COLUMN triage.cursor.behind IS 'There is more to read than the quota allowed so far.';

COMMENT ON COLUMN triage.cursor.complete_at IS 'When the account was last read to its end: later messages may be missing.';

CREATE TABLE triage.detector (
    stream text NOT NULL,
    closed_to timestamp with time zone NOT NULL,
    state jsonb NOT NULL,
    held_since timestamp with time zone
);

COMMENT ON COLUMN triage.detector.closed_to IS 'Everything sent before this moment was judged; who is found later than ten minutes after is attached, but judged no more.';

COMMENT ON COLUMN triage.detector.held_since IS 'Since when a bin could not be closed because an account is not read up to it.';

CREATE TABLE triage.detector_bin (
    stream text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    count integer NOT NULL,
    expected real NOT NULL,
    score real NOT NULL
);

COMMENT ON TABLE triage.detector_bin IS 'What each minute brought, and what was expected of it. Kept for ten days, and around incidents for good.';

CREATE TABLE triage.fanout (
    id bigint NOT NULL,
    incident_id bigint,
    cluster_id bigint,
    topic text,
    since timestamp with time zone,
    texts jsonb NOT NULL,
    state text DEFAULT 'drafted'::text NOT NULL,
    drafted_by text NOT NULL,
    drafted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    approved_by text,
    approved_at timestamp with time zone,
    CONSTRAINT fanout_check CHECK ((num_nonnulls(cluster_id, topic) = 1)),
    CONSTRAINT fanout_check1 CHECK (((state = 'drafted'::text) <= (approved_by IS NULL))),
    CONSTRAINT fanout_state_check CHECK ((state = ANY (ARRAY['drafted'::text, 'approved'::text, 'stopped'::text, 'done'::text])))
);

COMMENT ON TABLE triage.fanout IS 'Who is written to: those who wait in a cluster, or on a topic since a moment (an incident''s onset).';

COMMENT ON COLUMN triage.fanout.texts IS 'By language: {"en": {"long": for mail, "short": for posts}}. {name} becomes the name, or goes.';

COMMENT ON COLUMN triage.fanout.state IS 'drafted: nobody is written to. approved: sent as quota and spend allow. stopped: by hand; what went out went out. done: everybody has it, or a reason why not.';

ALTER TABLE triage.fanout ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.fanout_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE triage.fanout_recipient (
    fanout_id bigint NOT NULL,
    conversation_id bigint NOT NULL,
    person text NOT NULL,
    text text DEFAULT ''::text NOT NULL,
    lang text DEFAULT ''::text NOT NULL,
    excluded text,
    reply_id bigint
);

COMMENT ON COLUMN triage.fanout_recipient.excluded IS 'Why this conversation is left to a human. NULL: it is written to; reply_id says how far that is.';

CREATE TABLE triage.flood (
    account text NOT NULL,
    author text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    conversation_id bigint NOT NULL,
    released_at timestamp with time zone,
    released_by text,
    CONSTRAINT flood_check CHECK ((ended_at >= started_at)),
    CONSTRAINT flood_check1 CHECK (((released_at IS NULL) = (released_by IS NULL)))
);

COMMENT ON TABLE triage.flood IS 'One sender wrote more to one account than triage.yaml allows; what came between these times is held.';

COMMENT ON COLUMN triage.flood.conversation_id IS 'Its first conversation stays in the queue: one row of everybody is always seen.';

CREATE VIEW triage.floods WITH (security_barrier='true') AS
 SELECT account,
    author,
    started_at,
    ended_at,
    conversation_id AS shown,
    released_at,
    released_by,
    ( SELECT count(*) AS count
           FROM triage.unanswered_queue q
          WHERE (q.held AND (q.account = f.account) AND (q.author = f.author) AND ((q.waiting_since >= f.started_at) AND (q.waiting_since <= f.ended_at)))) AS held
   FROM triage.flood f
  WHERE (account = ANY (( SELECT triage.my_accounts() AS my_accounts)::text[]))
  ORDER BY started_at DESC;

COMMENT ON COLUMN triage.floods.shown IS 'The first conversation of the flood, which stays in the queue.';

CREATE VIEW triage.incident_message AS
 SELECT i.id AS incident_id,
    m.id AS message_id,
    m.conversation_id,
    m.source,
    m.account,
    m.author,
    m.sent_at,
    m.cluster_id,
    d.topic,
    d.intent
   FROM ((triage.incident i
     JOIN triage.message m ON (((m.direction = 'inbound'::triage.direction) AND (m.sent_at >= i.onset) AND (m.sent_at <= COALESCE(i.closed_at, 'infinity'::timestamp with time zone)) AND ((i.account IS NULL) OR (m.account = i.account)))))
     LEFT JOIN triage.classification d ON ((d.id = m.decision_id)))
  WHERE ((i.topic IS NULL) OR (d.topic = i.topic));

CREATE TABLE triage.statement (
    id bigint NOT NULL,
    incident_id bigint NOT NULL,
    number integer DEFAULT 1 NOT NULL,
    place integer NOT NULL,
    channel text NOT NULL,
    lang text NOT NULL,
    text text NOT NULL,
    state text DEFAULT 'draft'::text NOT NULL,
    drafted_by text NOT NULL,
    drafted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    approved_by text,
    approved_at timestamp with time zone,
    reply_id bigint,
    CONSTRAINT statement_check CHECK (((approved_by IS NULL) = (approved_at IS NULL))),
    CONSTRAINT statement_check1 CHECK (((state <> 'approved'::text) OR (approved_by IS NOT NULL))),
    CONSTRAINT statement_check2 CHECK (((reply_id IS NULL) OR (state = 'approved'::text))),
    CONSTRAINT statement_lang_check CHECK ((lang = ANY (ARRAY['en'::text, 'fr'::text]))),
    CONSTRAINT statement_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'waiting'::text, 'approved'::text, 'withdrawn'::text]))),
    CONSTRAINT statement_text_check CHECK ((btrim(text) <> ''::text))
);

COMMENT ON COLUMN triage.statement.place IS 'Where the crisis began comes first.';

COMMENT ON COLUMN triage.statement.channel IS 'The account that posts it, or hub.';

CREATE VIEW triage.statements WITH (security_barrier='true') AS
 SELECT s.id,
    s.incident_id,
    s.number,
    s.place,
    s.channel,
    s.lang,
    s.text,
        CASE
            WHEN (s.state <> 'approved'::text) THEN s.state
            WHEN ((s.channel = 'hub'::text) OR (r.state = 'sent'::text)) THEN 'published'::text
            WHEN (r.state = ANY (ARRAY['wanted'::text, 'sending'::text])) THEN 'publishing'::text
            ELSE COALESCE(r.state, 'approved'::text)
        END AS state,
    s.drafted_by,
    s.drafted_at,
    s.approved_by,
    s.approved_at,
        CASE
            WHEN ((s.state = 'approved'::text) AND (s.channel = 'hub'::text)) THEN s.approved_at
            WHEN (r.state = 'sent'::text) THEN r.changed_at
            ELSE NULL::timestamp with time zone
        END AS published_at,
    r.native_id,
    COALESCE(r.url, ''::text) AS url,
    r.error
   FROM ((triage.statement s
     JOIN triage.incident i ON ((i.id = s.incident_id)))
     LEFT JOIN triage.reply r ON ((r.id = s.reply_id)))
  WHERE ((i.account IS NULL) OR (i.account = ANY (( SELECT triage.my_accounts() AS my_accounts)::text[])));

COMMENT ON VIEW triage.statements IS 'state: draft, waiting, approved, publishing, published, refused, unknown, withdrawn.';

CREATE TABLE triage.topic (
    key text NOT NULL,
    label_en text NOT NULL,
    label_fr text NOT NULL,
    severity smallint NOT NULL,
    target interval NOT NULL,
    CONSTRAINT topic_severity_check CHECK (((severity >= 1) AND (severity <= 4)))
);

COMMENT ON TABLE triage.topic IS 'config/topics.yaml as the database sees it; written by every run. severity 4: none.';

CREATE VIEW triage.incident_board WITH (security_barrier='true') AS
 SELECT i.id,
    i.topic,
    t.label_en,
    t.label_fr,
    i.account,
    i.state,
    i.severity,
    i.onset,
    i.alarmed_at,
    i.observed,
    i.expected,
    i.peak,
    i.opened_by,
    i.named_at,
    i.surge_ended_at,
    i.closed_at,
    i.closed_by,
    i.closed_reason,
    i.watched_until,
    i.terms,
    said.messages,
    said.people,
    queue.waiting,
    queue.overdue,
    queue.oldest,
    told.statement_at,
    told.statement_state,
    (i.alarmed_at - i.onset) AS to_alarm,
    (told.statement_at - i.onset) AS to_statement
   FROM ((((triage.incident i
     LEFT JOIN triage.topic t ON ((t.key = i.topic)))
     CROSS JOIN LATERAL ( SELECT count(*) AS messages,
            count(DISTINCT m.author) AS people
           FROM triage.incident_message m
          WHERE ((m.incident_id = i.id) AND (m.account = ANY (( SELECT triage.my_accounts() AS my_accounts)::text[])))) said)
     CROSS JOIN LATERAL ( SELECT count(*) AS waiting,
            count(*) FILTER (WHERE (q.due_at < now())) AS overdue,
            min(q.waiting_since) AS oldest
           FROM triage.unanswered_queue q
          WHERE (((i.topic IS NULL) OR (q.topic = i.topic)) AND ((i.account IS NULL) OR (q.account = i.account)) AND (q.waiting_since >= i.onset) AND (q.waiting_since <= COALESCE(i.closed_at, 'infinity'::timestamp with time zone)) AND (q.account = ANY (( SELECT triage.my_accounts() AS my_accounts)::text[])))) queue)
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN bool_or((s.channel <> 'hub'::text)) THEN min(s.published_at) FILTER (WHERE (s.channel <> 'hub'::text))
                    ELSE min(s.published_at)
                END AS statement_at,
            (array_agg(s.state ORDER BY s.number, s.place))[1] AS statement_state
           FROM triage.statements s
          WHERE (s.incident_id = i.id)) told)
  WHERE ((i.account IS NULL) OR (i.account = ANY (( SELECT triage.my_accounts() AS my_accounts)::text[])))
  ORDER BY i.id DESC;

ALTER TABLE triage.incident ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.incident_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE triage.incident_log (
    id bigint NOT NULL,
    incident_id bigint NOT NULL,
    verb text NOT NULL,
    by text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    reason text,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL
);

COMMENT ON TABLE triage.incident_log IS 'What happened in an incident and who did it, append-only; a note is a line of it.';

ALTER TABLE triage.incident_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.incident_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW triage.incident_volume WITH (security_barrier='true') AS
 SELECT i.id AS incident_id,
    b.started_at,
    b.count,
    b.expected,
    b.score
   FROM (triage.incident i
     JOIN triage.detector_bin b ON (((b.stream = i.stream) AND (b.started_at >= (i.onset - '1 day'::interval)) AND (b.started_at <= COALESCE((i.closed_at + '01:00:00'::interval), 'infinity'::timestamp with time zone)))))
  WHERE ((i.account IS NULL) OR (i.account = ANY (( SELECT triage.my_accounts() AS my_accounts)::text[])));

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

CREATE TABLE triage.mix (
    id bigint NOT NULL,
    account text NOT NULL,
    counts jsonb NOT NULL,
    times jsonb NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE triage.mix IS 'One row for each batch of an account that was decided; the last one is where the next begins.';

COMMENT ON COLUMN triage.mix.counts IS 'How many of the latest messages were about each topic, by the sum of their chances.';

COMMENT ON COLUMN triage.mix.times IS 'What chances of each topic were multiplied by in this batch: the same again gives the same decisions.';

ALTER TABLE triage.mix ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.mix_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

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

CREATE TABLE triage.notice (
    id bigint NOT NULL,
    recipient text NOT NULL,
    address text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    subject text NOT NULL,
    text text NOT NULL,
    state text DEFAULT 'wanted'::text NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    error text,
    not_before timestamp with time zone NOT NULL,
    wanted_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT notice_kind_check CHECK ((kind = ANY (ARRAY['digest'::text, 'overdue'::text, 'alarm'::text, 'incident'::text]))),
    CONSTRAINT notice_state_check CHECK ((state = ANY (ARRAY['wanted'::text, 'sending'::text, 'sent'::text, 'failed'::text, 'unknown'::text])))
);

COMMENT ON TABLE triage.notice IS 'Outbox of notices: at most one for each recipient, address and key.';

COMMENT ON COLUMN triage.notice.recipient IS 'An entry of notify in triage.yaml.';

COMMENT ON COLUMN triage.notice.address IS 'One of its addresses; empty: whatever its connection leads to.';

ALTER TABLE triage.notice ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.notice_id_seq
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

CREATE TABLE triage.overdue_told (
    recipient text NOT NULL,
    conversation_id bigint NOT NULL,
    since timestamp with time zone NOT NULL,
    step smallint NOT NULL
);

COMMENT ON TABLE triage.overdue_told IS 'How far each recipient was told that a conversation is overdue; since: when that spell of waiting began. Written with the notice that tells it.';

CREATE TABLE triage.pause (
    account text NOT NULL,
    reason text NOT NULL,
    since timestamp with time zone NOT NULL
);

COMMENT ON TABLE triage.pause IS 'Accounts whose last page stopped early, and why (cap: credits: budget: quota: gap:); the next full one removes the row.';

CREATE TABLE triage.question (
    id bigint NOT NULL,
    incident_id bigint NOT NULL,
    lang text NOT NULL,
    question text NOT NULL,
    answer text DEFAULT ''::text NOT NULL,
    cluster_id bigint,
    asked integer DEFAULT 0 NOT NULL,
    drafted_by text NOT NULL,
    approved_by text,
    approved_at timestamp with time zone,
    withdrawn boolean DEFAULT false NOT NULL,
    CONSTRAINT question_check CHECK (((approved_by IS NULL) = (approved_at IS NULL))),
    CONSTRAINT question_check1 CHECK (((approved_by IS NULL) OR (btrim(answer) <> ''::text))),
    CONSTRAINT question_lang_check CHECK ((lang = ANY (ARRAY['en'::text, 'fr'::text]))),
    CONSTRAINT question_question_check CHECK ((btrim(question) <> ''::text))
);

COMMENT ON COLUMN triage.question.asked IS 'How many asked it, where it was drafted from a cluster.';

ALTER TABLE triage.question ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.question_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

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

CREATE VIEW triage.replies WITH (security_barrier='true') AS
 SELECT r.id,
    r.conversation_id,
    a.source,
    r.account,
    r.key,
    r.text,
    r.lang,
    r.by,
    r.state,
    r.url,
    r.error,
    NULLIF(r.not_before, '-infinity'::timestamp with time zone) AS not_before,
    r.attempts,
    r.wanted_at,
    r.changed_at
   FROM (triage.reply r
     JOIN triage.account a ON ((a.name = r.account)))
  WHERE (r.account = ANY (( SELECT triage.my_accounts() AS my_accounts)::text[]));

COMMENT ON VIEW triage.replies IS 'state: wanted, sending, sent (url leads to it), refused (error: the platform''s words), unknown (it may have gone out: look, then resend or withdraw), withdrawn.';

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

CREATE TABLE triage.retention (
    one boolean DEFAULT true NOT NULL,
    passed bigint DEFAULT 0 NOT NULL,
    CONSTRAINT retention_one_check CHECK (one)
);

COMMENT ON COLUMN triage.retention.passed IS 'Messages up to this id were looked at: they are emptied, or their conversation is in retention_left.';

CREATE TABLE triage.retention_left (
    conversation_id bigint NOT NULL
);

COMMENT ON TABLE triage.retention_left IS 'Conversations that still waited, or were being worked on, when the walk passed a message of theirs.';

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

ALTER TABLE triage.statement ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.statement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE triage.thread (
    source text NOT NULL,
    account text NOT NULL,
    key text NOT NULL,
    conversation_id bigint NOT NULL
);

COMMENT ON TABLE triage.thread IS 'Threads that lead to a conversation begun in another of our mailboxes. Others are the conversation of their own key.';

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
    ADD CONSTRAINT cluster_band_pkey PRIMARY KEY (band, cluster_id);

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

ALTER TABLE ONLY triage.detector_bin
    ADD CONSTRAINT detector_bin_pkey PRIMARY KEY (stream, started_at);

ALTER TABLE ONLY triage.detector
    ADD CONSTRAINT detector_pkey PRIMARY KEY (stream);

ALTER TABLE ONLY triage.fanout
    ADD CONSTRAINT fanout_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.fanout_recipient
    ADD CONSTRAINT fanout_recipient_pkey PRIMARY KEY (fanout_id, conversation_id);

ALTER TABLE ONLY triage.flood
    ADD CONSTRAINT flood_pkey PRIMARY KEY (account, author, started_at);

ALTER TABLE ONLY triage.incident_log
    ADD CONSTRAINT incident_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.incident
    ADD CONSTRAINT incident_pkey PRIMARY KEY (id);

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

ALTER TABLE ONLY triage.mix
    ADD CONSTRAINT mix_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.model
    ADD CONSTRAINT model_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.notice
    ADD CONSTRAINT notice_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.notice
    ADD CONSTRAINT notice_recipient_address_key_key UNIQUE (recipient, address, key);

ALTER TABLE ONLY triage.open_hours
    ADD CONSTRAINT open_hours_pkey PRIMARY KEY (opens);

ALTER TABLE ONLY triage.overdue_told
    ADD CONSTRAINT overdue_told_pkey PRIMARY KEY (recipient, conversation_id, since);

ALTER TABLE ONLY triage.pause
    ADD CONSTRAINT pause_pkey PRIMARY KEY (account);

ALTER TABLE ONLY triage.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (source, account, native_id);

ALTER TABLE ONLY triage.question
    ADD CONSTRAINT question_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.quota_use
    ADD CONSTRAINT quota_use_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.replaced
    ADD CONSTRAINT replaced_pkey PRIMARY KEY (what);

ALTER TABLE ONLY triage.reply
    ADD CONSTRAINT reply_key_key UNIQUE (key);

ALTER TABLE ONLY triage.reply
    ADD CONSTRAINT reply_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.retention_left
    ADD CONSTRAINT retention_left_pkey PRIMARY KEY (conversation_id);

ALTER TABLE ONLY triage.retention
    ADD CONSTRAINT retention_pkey PRIMARY KEY (one);

ALTER TABLE ONLY triage.spend_day
    ADD CONSTRAINT spend_day_pkey PRIMARY KEY (account, day, method);

ALTER TABLE ONLY triage.statement
    ADD CONSTRAINT statement_incident_id_number_channel_lang_key UNIQUE (incident_id, number, channel, lang);

ALTER TABLE ONLY triage.statement
    ADD CONSTRAINT statement_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.statement
    ADD CONSTRAINT statement_reply_id_key UNIQUE (reply_id);

ALTER TABLE ONLY triage.thread
    ADD CONSTRAINT thread_pkey PRIMARY KEY (source, account, key);

ALTER TABLE ONLY triage.topic
    ADD CONSTRAINT topic_pkey PRIMARY KEY (key);

ALTER TABLE ONLY triage.unanswered_queue
    ADD CONSTRAINT unanswered_queue_pkey PRIMARY KEY (conversation_id);

ALTER TABLE ONLY triage.volume
    ADD CONSTRAINT volume_pkey PRIMARY KEY (account, feed, bin_start);

CREATE INDEX audit_answered ON triage.audit USING btree (at) WHERE (verb = ANY (ARRAY['answer'::text, 'sent'::text]));

CREATE INDEX audit_conversation ON triage.audit USING btree (conversation_id, id);

CREATE UNIQUE INDEX classification_once ON triage.classification USING btree (message_id, model, taxonomy) WHERE (decided_by <> 'human'::text);

CREATE INDEX cluster_live ON triage.cluster USING btree (created_at) WHERE (signature IS NOT NULL);

CREATE INDEX correction_message ON triage.correction USING btree (message_id, id);

CREATE UNIQUE INDEX fanout_recipient_once ON triage.fanout_recipient USING btree (fanout_id, person) WHERE (excluded IS NULL);

CREATE INDEX fanout_recipient_person ON triage.fanout_recipient USING btree (person) WHERE (reply_id IS NOT NULL);

CREATE INDEX fanout_recipient_to_come ON triage.fanout_recipient USING btree (fanout_id, conversation_id) WHERE ((reply_id IS NULL) AND (excluded IS NULL));

CREATE UNIQUE INDEX incident_active ON triage.incident USING btree (COALESCE(topic, ''::text), COALESCE(account, ''::text)) WHERE (state <> 'closed'::text);

CREATE INDEX incident_log_incident ON triage.incident_log USING btree (incident_id, id);

CREATE INDEX label_outbox_pending ON triage.label_outbox USING btree (account, message_id) WHERE ((wanted <> applied) AND (NOT gone) AND (NOT held));

CREATE INDEX label_outbox_sent ON triage.label_outbox USING btree (account) WHERE (sent_at IS NOT NULL);

CREATE INDEX message_asked ON triage.message USING btree (conversation_id) WHERE (direction = 'inbound'::triage.direction);

CREATE INDEX message_author ON triage.message USING btree (account, author, sent_at, id) WHERE (direction = 'inbound'::triage.direction);

CREATE INDEX message_cluster ON triage.message USING btree (cluster_id) WHERE (cluster_id IS NOT NULL);

CREATE INDEX message_conversation ON triage.message USING btree (conversation_id, sent_at);

CREATE INDEX message_global ON triage.message USING btree (global_id) WHERE (global_id IS NOT NULL);

CREATE INDEX message_ours ON triage.message USING btree (account, sent_at) INCLUDE (conversation_id) WHERE (direction = 'outbound'::triage.direction);

CREATE INDEX message_sent ON triage.message USING btree (sent_at) WHERE (direction = 'inbound'::triage.direction);

CREATE INDEX message_undecided ON triage.message USING btree (id) WHERE ((decision_id IS NULL) AND (direction = 'inbound'::triage.direction));

CREATE INDEX mix_account ON triage.mix USING btree (account, id);

CREATE UNIQUE INDEX model_promoted ON triage.model USING btree ((true)) WHERE (status = 'promoted'::text);

CREATE INDEX notice_open ON triage.notice USING btree (not_before, id) WHERE (state = ANY (ARRAY['wanted'::text, 'sending'::text]));

CREATE INDEX notice_recent ON triage.notice USING btree (recipient, kind, wanted_at);

CREATE INDEX open_hours_before ON triage.open_hours USING btree (before);

CREATE INDEX question_incident ON triage.question USING btree (incident_id);

CREATE UNIQUE INDEX question_once ON triage.question USING btree (incident_id, lang, question) WHERE (NOT withdrawn);

CREATE INDEX quota_use_recent ON triage.quota_use USING btree (account, at);

CREATE INDEX reply_changed ON triage.reply USING btree (account, changed_at);

CREATE INDEX reply_conversation ON triage.reply USING btree (conversation_id);

CREATE INDEX reply_open ON triage.reply USING btree (account, id) WHERE (state = ANY (ARRAY['wanted'::text, 'sending'::text]));

CREATE UNIQUE INDEX reply_under_way ON triage.reply USING btree (conversation_id) WHERE (state = ANY (ARRAY['wanted'::text, 'sending'::text, 'unknown'::text]));

CREATE INDEX thread_conversation ON triage.thread USING btree (conversation_id);

CREATE INDEX unanswered_queue_account ON triage.unanswered_queue USING btree (account, priority, due_at, conversation_id) INCLUDE (snoozed_until) WHERE ((NOT follower) AND (NOT held));

CREATE INDEX unanswered_queue_claimed ON triage.unanswered_queue USING btree (claimed_by) WHERE (claimed_by IS NOT NULL);

CREATE INDEX unanswered_queue_cluster ON triage.unanswered_queue USING btree (cluster, priority, due_at, conversation_id) INCLUDE (account, held) WHERE (cluster IS NOT NULL);

CREATE INDEX unanswered_queue_facets ON triage.unanswered_queue USING btree (topic, account, lang, priority, due_at, conversation_id) INCLUDE (waiting_since, snoozed_until) WHERE ((NOT follower) AND (NOT held));

CREATE INDEX unanswered_queue_followers ON triage.unanswered_queue USING btree (priority, due_at, conversation_id) WHERE ((lease_until IS NULL) AND follower);

CREATE INDEX unanswered_queue_free ON triage.unanswered_queue USING btree (priority, due_at, conversation_id) WHERE ((lease_until IS NULL) AND (NOT follower) AND (NOT held));

CREATE INDEX unanswered_queue_heads ON triage.unanswered_queue USING btree (cluster) WHERE ((cluster IS NOT NULL) AND (NOT held) AND (NOT follower));

CREATE INDEX unanswered_queue_held ON triage.unanswered_queue USING btree (priority, due_at, conversation_id) INCLUDE (topic, lang, source, account, waiting_since, snoozed_until) WHERE held;

CREATE INDEX unanswered_queue_lang ON triage.unanswered_queue USING btree (lang, priority, due_at, conversation_id) INCLUDE (account, snoozed_until) WHERE ((NOT follower) AND (NOT held));

CREATE INDEX unanswered_queue_leased ON triage.unanswered_queue USING btree (lease_until) WHERE (lease_until IS NOT NULL);

CREATE INDEX unanswered_queue_next ON triage.unanswered_queue USING btree (cluster, ((snoozed_until IS NOT NULL)), priority, due_at, conversation_id) WHERE ((cluster IS NOT NULL) AND (NOT held));

CREATE INDEX unanswered_queue_order ON triage.unanswered_queue USING btree (priority, due_at, conversation_id) INCLUDE (account, snoozed_until) WHERE ((NOT follower) AND (NOT held) AND (severity > 0));

CREATE INDEX unanswered_queue_snoozed ON triage.unanswered_queue USING btree (priority, due_at, conversation_id) INCLUDE (topic, lang, source, account, waiting_since, snoozed_until, follower, held) WHERE (snoozed_until IS NOT NULL);

CREATE INDEX unanswered_queue_topic ON triage.unanswered_queue USING btree (topic, priority, due_at, conversation_id) INCLUDE (account, waiting_since, snoozed_until) WHERE ((NOT follower) AND (NOT held));

CREATE TRIGGER spend_by_day AFTER INSERT ON triage.quota_use REFERENCING NEW TABLE AS spent FOR EACH STATEMENT EXECUTE FUNCTION triage.spend_by_day();

ALTER TABLE ONLY triage.access
    ADD CONSTRAINT access_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.billed
    ADD CONSTRAINT billed_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.classification
    ADD CONSTRAINT classification_message_id_fkey FOREIGN KEY (message_id) REFERENCES triage.message(id);

ALTER TABLE ONLY triage.classification
    ADD CONSTRAINT classification_topic_fkey FOREIGN KEY (topic) REFERENCES triage.topic(key);

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

ALTER TABLE ONLY triage.fanout
    ADD CONSTRAINT fanout_cluster_id_fkey FOREIGN KEY (cluster_id) REFERENCES triage.cluster(id);

ALTER TABLE ONLY triage.fanout
    ADD CONSTRAINT fanout_incident_id_fkey FOREIGN KEY (incident_id) REFERENCES triage.incident(id);

ALTER TABLE ONLY triage.fanout_recipient
    ADD CONSTRAINT fanout_recipient_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES triage.conversation(id);

ALTER TABLE ONLY triage.fanout_recipient
    ADD CONSTRAINT fanout_recipient_fanout_id_fkey FOREIGN KEY (fanout_id) REFERENCES triage.fanout(id);

ALTER TABLE ONLY triage.fanout_recipient
    ADD CONSTRAINT fanout_recipient_reply_id_fkey FOREIGN KEY (reply_id) REFERENCES triage.reply(id);

ALTER TABLE ONLY triage.fanout
    ADD CONSTRAINT fanout_topic_fkey FOREIGN KEY (topic) REFERENCES triage.topic(key);

ALTER TABLE ONLY triage.flood
    ADD CONSTRAINT flood_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.flood
    ADD CONSTRAINT flood_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES triage.conversation(id);

ALTER TABLE ONLY triage.incident
    ADD CONSTRAINT incident_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.incident_log
    ADD CONSTRAINT incident_log_incident_id_fkey FOREIGN KEY (incident_id) REFERENCES triage.incident(id);

ALTER TABLE ONLY triage.incident
    ADD CONSTRAINT incident_topic_fkey FOREIGN KEY (topic) REFERENCES triage.topic(key);

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

ALTER TABLE ONLY triage.mix
    ADD CONSTRAINT mix_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.model
    ADD CONSTRAINT model_last_correction_fkey FOREIGN KEY (last_correction) REFERENCES triage.correction(id);

ALTER TABLE ONLY triage.model
    ADD CONSTRAINT model_parent_fkey FOREIGN KEY (parent) REFERENCES triage.model(id);

ALTER TABLE ONLY triage.pause
    ADD CONSTRAINT pause_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.quarantine
    ADD CONSTRAINT quarantine_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.question
    ADD CONSTRAINT question_cluster_id_fkey FOREIGN KEY (cluster_id) REFERENCES triage.cluster(id);

ALTER TABLE ONLY triage.question
    ADD CONSTRAINT question_incident_id_fkey FOREIGN KEY (incident_id) REFERENCES triage.incident(id);

ALTER TABLE ONLY triage.quota_use
    ADD CONSTRAINT quota_use_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.reply
    ADD CONSTRAINT reply_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.reply
    ADD CONSTRAINT reply_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES triage.conversation(id);

ALTER TABLE ONLY triage.reply
    ADD CONSTRAINT reply_to_message_fkey FOREIGN KEY (to_message) REFERENCES triage.message(id);

ALTER TABLE ONLY triage.spend_day
    ADD CONSTRAINT spend_day_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.statement
    ADD CONSTRAINT statement_incident_id_fkey FOREIGN KEY (incident_id) REFERENCES triage.incident(id);

ALTER TABLE ONLY triage.statement
    ADD CONSTRAINT statement_reply_id_fkey FOREIGN KEY (reply_id) REFERENCES triage.reply(id);

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

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.incident TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.alone(held triage.incident) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.alone(held triage.incident) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.answer(id bigint, "where" text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.answer(id bigint, "where" text) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.answer(id bigint, "where" text) TO triage_responder;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.unanswered_queue TO triage_pipeline;
GRANT SELECT ON TABLE triage.unanswered_queue TO triage_responder;
GRANT SELECT ON TABLE triage.unanswered_queue TO triage_reader;

REVOKE ALL ON FUNCTION triage.claim(n integer, of_topic text, in_lang text, lease interval, of_held boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.claim(n integer, of_topic text, in_lang text, lease interval, of_held boolean) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.claim(n integer, of_topic text, in_lang text, lease interval, of_held boolean) TO triage_responder;

REVOKE ALL ON FUNCTION triage.close_incident(id bigint, reason text, days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.close_incident(id bigint, reason text, days integer) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.close_incident(id bigint, reason text, days integer) TO triage_responder;

REVOKE ALL ON FUNCTION triage.correct_topic(id bigint, who text, touched bigint[], off_from bigint[], off text[], put text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.correct_topic(id bigint, who text, touched bigint[], off_from bigint[], off text[], put text) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.days(days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.days(days integer) TO triage_pipeline;

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
GRANT ALL ON FUNCTION triage.due(since timestamp with time zone, target interval) TO triage_responder;
GRANT ALL ON FUNCTION triage.due(since timestamp with time zone, target interval) TO triage_reader;

REVOKE ALL ON FUNCTION triage.due_after(opened numeric, since timestamp with time zone, target interval) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.due_after(opened numeric, since timestamp with time zone, target interval) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.due_after(opened numeric, since timestamp with time zone, target interval) TO triage_responder;
GRANT ALL ON FUNCTION triage.due_after(opened numeric, since timestamp with time zone, target interval) TO triage_reader;

REVOKE ALL ON FUNCTION triage.history(id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.history(id bigint) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.history(id bigint) TO triage_responder;

REVOKE ALL ON FUNCTION triage.hold(id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.hold(id bigint) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.hold_incident(id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.hold_incident(id bigint) TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.reply TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.hold_reply(reply_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.hold_reply(reply_id bigint) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.in_incident(of_topic text, of_account text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.in_incident(of_topic text, of_account text) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.incident_history(id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.incident_history(id bigint) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.incident_history(id bigint) TO triage_responder;

REVOKE ALL ON FUNCTION triage.judge(ids bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.judge(ids bigint[]) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.languages() FROM PUBLIC;
GRANT ALL ON FUNCTION triage.languages() TO triage_pipeline;
GRANT ALL ON FUNCTION triage.languages() TO triage_responder;
GRANT ALL ON FUNCTION triage.languages() TO triage_reader;

REVOKE ALL ON FUNCTION triage.lead(clusters bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.lead(clusters bigint[]) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.lease(wanted interval) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.lease(wanted interval) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.lock_clusters(ids bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.lock_clusters(ids bigint[]) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.lock_incidents() FROM PUBLIC;
GRANT ALL ON FUNCTION triage.lock_incidents() TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.my_accounts() FROM PUBLIC;
GRANT ALL ON FUNCTION triage.my_accounts() TO triage_pipeline;
GRANT ALL ON FUNCTION triage.my_accounts() TO triage_responder;
GRANT ALL ON FUNCTION triage.my_accounts() TO triage_reader;

REVOKE ALL ON FUNCTION triage.note(id bigint, text text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.note(id bigint, text text) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.note(id bigint, text text) TO triage_responder;

REVOKE ALL ON FUNCTION triage.note_incident(id bigint, text text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.note_incident(id bigint, text text) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.note_incident(id bigint, text text) TO triage_responder;

REVOKE ALL ON FUNCTION triage.only_reply(id bigint, mine bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.only_reply(id bigint, mine bigint) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.open_between(since timestamp with time zone, until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.open_between(since timestamp with time zone, until timestamp with time zone) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.open_between(since timestamp with time zone, until timestamp with time zone) TO triage_responder;
GRANT ALL ON FUNCTION triage.open_between(since timestamp with time zone, until timestamp with time zone) TO triage_reader;

REVOKE ALL ON FUNCTION triage.open_incident(of_topic text, reason text, of_account text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.open_incident(of_topic text, reason text, of_account text) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.open_incident(of_topic text, reason text, of_account text) TO triage_responder;

REVOKE ALL ON FUNCTION triage.open_seconds(moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.open_seconds(moment timestamp with time zone) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.open_seconds(moment timestamp with time zone) TO triage_responder;
GRANT ALL ON FUNCTION triage.open_seconds(moment timestamp with time zone) TO triage_reader;

REVOKE ALL ON FUNCTION triage.priority(severity smallint, intent text, kind text, incident boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.priority(severity smallint, intent text, kind text, incident boolean) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.refresh(ids bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.refresh(ids bigint[]) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.relabel(id bigint, new_topic text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.relabel(id bigint, new_topic text) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.relabel(id bigint, new_topic text) TO triage_responder;

REVOKE ALL ON FUNCTION triage.release(id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.release(id bigint) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.release(id bigint) TO triage_responder;

REVOKE ALL ON FUNCTION triage.release_flood(of_author text, of_account text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.release_flood(of_author text, of_account text) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.release_flood(of_author text, of_account text) TO triage_responder;

REVOKE ALL ON FUNCTION triage.renew(id bigint, lease interval) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.renew(id bigint, lease interval) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.renew(id bigint, lease interval) TO triage_responder;

REVOKE ALL ON FUNCTION triage.reopen_by_label(id bigint, who text, touched bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.reopen_by_label(id bigint, who text, touched bigint[]) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.reopen_incident(id bigint, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.reopen_incident(id bigint, reason text) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.reopen_incident(id bigint, reason text) TO triage_responder;

REVOKE ALL ON FUNCTION triage.reply(id bigint, body text, key text, in_lang text, bulk boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.reply(id bigint, body text, key text, in_lang text, bulk boolean) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.reply(id bigint, body text, key text, in_lang text, bulk boolean) TO triage_responder;

REVOKE ALL ON FUNCTION triage.reply_failed(reply_id bigint, as_state text, why text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.reply_failed(reply_id bigint, as_state text, why text) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.reply_sent(reply_id bigint, with_id text, at_url text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.reply_sent(reply_id bigint, with_id text, at_url text) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.resend(reply_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.resend(reply_id bigint) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.resend(reply_id bigint) TO triage_responder;

REVOKE ALL ON FUNCTION triage.said(words text, otherwise text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.said(words text, otherwise text) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.served() FROM PUBLIC;
GRANT ALL ON FUNCTION triage.served() TO triage_pipeline;
GRANT ALL ON FUNCTION triage.served() TO triage_responder;
GRANT ALL ON FUNCTION triage.served() TO triage_reader;

REVOKE ALL ON FUNCTION triage.settle(id bigint, outcome triage.conversation_state, how text, why text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.settle(id bigint, outcome triage.conversation_state, how text, why text) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.snooze(id bigint, until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.snooze(id bigint, until timestamp with time zone) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.snooze(id bigint, until timestamp with time zone) TO triage_responder;

REVOKE ALL ON FUNCTION triage.spend_by_day() FROM PUBLIC;
GRANT ALL ON FUNCTION triage.spend_by_day() TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.start_reply(reply_id bigint, charged bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.start_reply(reply_id bigint, charged bigint) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.take(id bigint, lease interval) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.take(id bigint, lease interval) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.take(id bigint, lease interval) TO triage_responder;

REVOKE ALL ON FUNCTION triage.teach(messages bigint[], new_topic text, origin text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.teach(messages bigint[], new_topic text, origin text) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.watch_incident(id bigint, days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.watch_incident(id bigint, days integer) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.watch_incident(id bigint, days integer) TO triage_responder;

REVOKE ALL ON FUNCTION triage.withdraw(reply_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.withdraw(reply_id bigint) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.withdraw(reply_id bigint) TO triage_responder;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.access TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.account TO triage_pipeline;

GRANT SELECT,INSERT ON TABLE triage.audit TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.conversation TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.message TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.answered_anywhere TO triage_pipeline;

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

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.detector TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.detector_bin TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.fanout TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.fanout_recipient TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.flood TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.floods TO triage_pipeline;
GRANT SELECT ON TABLE triage.floods TO triage_responder;
GRANT SELECT ON TABLE triage.floods TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.incident_message TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.statement TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.statements TO triage_pipeline;
GRANT SELECT ON TABLE triage.statements TO triage_responder;
GRANT SELECT ON TABLE triage.statements TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.topic TO triage_pipeline;
GRANT SELECT ON TABLE triage.topic TO triage_responder;
GRANT SELECT ON TABLE triage.topic TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.incident_board TO triage_pipeline;
GRANT SELECT ON TABLE triage.incident_board TO triage_responder;
GRANT SELECT ON TABLE triage.incident_board TO triage_reader;

GRANT SELECT,INSERT ON TABLE triage.incident_log TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.incident_volume TO triage_pipeline;
GRANT SELECT ON TABLE triage.incident_volume TO triage_responder;
GRANT SELECT ON TABLE triage.incident_volume TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.label TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.label_outbox TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.quarantine TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.ledger TO triage_pipeline;
GRANT SELECT ON TABLE triage.ledger TO triage_responder;
GRANT SELECT ON TABLE triage.ledger TO triage_reader;

GRANT SELECT ON TABLE triage.migration TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.mix TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.model TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.notice TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.open_hours TO triage_pipeline;
GRANT SELECT ON TABLE triage.open_hours TO triage_responder;
GRANT SELECT ON TABLE triage.open_hours TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.overdue_told TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.pause TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.question TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.quota_use TO triage_pipeline;

GRANT SELECT ON TABLE triage.replaced TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.replies TO triage_pipeline;
GRANT SELECT ON TABLE triage.replies TO triage_responder;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.spell TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.response_times TO triage_pipeline;
GRANT SELECT ON TABLE triage.response_times TO triage_responder;
GRANT SELECT ON TABLE triage.response_times TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.retention TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.retention_left TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.spend_day TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.spend TO triage_pipeline;
GRANT SELECT ON TABLE triage.spend TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.thread TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.unbalanced TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.volume TO triage_pipeline;
