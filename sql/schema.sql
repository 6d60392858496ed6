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
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'triage', 'pg_temp'
    AS $$
    WITH chosen AS (
        SELECT conversation_id FROM triage.unanswered_queue
        WHERE (lease_until IS NULL OR lease_until < clock_timestamp())
          AND (snoozed_until IS NULL OR snoozed_until < clock_timestamp())
          AND (of_topic IS NULL OR topic = of_topic)
          AND (in_lang IS NULL OR lang = in_lang)
        ORDER BY priority, due_at, conversation_id
        LIMIT greatest(n, 0)
        FOR UPDATE SKIP LOCKED
    ),
    noted AS (
        INSERT INTO triage.audit (conversation_id, verb, by) SELECT conversation_id, 'claim', triage.actor() FROM chosen
    )
    UPDATE triage.unanswered_queue q
    SET claimed_by = triage.actor(), lease_until = clock_timestamp() + lease, updated_at = clock_timestamp()
    FROM chosen c WHERE q.conversation_id = c.conversation_id
    RETURNING q.*
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

CREATE FUNCTION triage.hold(id bigint) RETURNS triage.unanswered_queue
    LANGUAGE plpgsql
    AS $$
DECLARE
    held triage.unanswered_queue;
BEGIN
    SELECT * INTO held FROM triage.unanswered_queue q WHERE q.conversation_id = id FOR UPDATE;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM triage.conversation c WHERE c.id = hold.id) THEN
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
               j.kind, j.intent, j.since, j.since + j.target,
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
    INSERT INTO triage.label_outbox AS b (message_id, label, account, native_id, wanted)
    SELECT n.id, w.label, n.account, n.native_id, true
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
    WITH corrected AS (
        INSERT INTO triage.classification (message_id, topic, topics, intent, abstained, evidence, decided_by, decider,
                                           stage, lang, model, taxonomy)
        SELECT m.id, new_topic, jsonb_build_array(jsonb_build_object('topic', new_topic, 'score', 1)),
               coalesce(d.intent, 'question'), false, '[]', 'human', triage.actor(), 'human', coalesce(d.lang, m.lang),
               'human', coalesce(d.taxonomy, '')
        FROM triage.judge(ARRAY[relabel.id]) j
        JOIN triage.message m ON m.id = ANY (j.open)
        LEFT JOIN triage.classification d ON d.id = m.decision_id
        RETURNING classification.id, message_id
    )
    UPDATE triage.message m SET decision_id = c.id FROM corrected c WHERE m.id = c.message_id;
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
    until timestamptz := clock_timestamp() + lease;
BEGIN
    IF (triage.hold(id)).claimed_by IS DISTINCT FROM triage.actor() THEN
        RAISE EXCEPTION 'conversation % is not claimed by you; claim it first', id USING ERRCODE = 'TR003';
    END IF;
    INSERT INTO triage.audit (conversation_id, verb, by, detail)
    VALUES (id, 'renew', triage.actor(), jsonb_build_object('until', until));
    UPDATE triage.unanswered_queue q SET lease_until = until, updated_at = clock_timestamp() WHERE q.conversation_id = id;
    RETURN until;
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
    IF until IS NULL OR until <= clock_timestamp() THEN
        RAISE EXCEPTION 'snooze until a time that lies ahead, not %', until USING ERRCODE = 'TR004';
    END IF;
    PERFORM triage.hold(id);
    INSERT INTO triage.audit (conversation_id, verb, by, detail)
    VALUES (id, 'snooze', triage.actor(), jsonb_build_object('until', until));
    UPDATE triage.unanswered_queue q
    SET snoozed_until = until, claimed_by = NULL, lease_until = NULL, updated_at = clock_timestamp()
    WHERE q.conversation_id = id;
END $$;

CREATE TABLE triage.account (
    name text NOT NULL,
    source text NOT NULL,
    labels boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON COLUMN triage.account.labels IS 'Messages of this account can carry labels (Gmail).';

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
    CONSTRAINT message_check CHECK (((covered_as IS NULL) = (covered_by IS NULL))),
    CONSTRAINT message_covered_as_check CHECK ((covered_as = ANY (ARRAY['answered'::triage.conversation_state, 'dismissed'::triage.conversation_state])))
);

COMMENT ON COLUMN triage.message.deleted_at IS 'Gone at the source; kept here. It no longer waits.';

COMMENT ON COLUMN triage.message.covered_as IS 'A responder settled the conversation when this message was in it; later ones wait anew.';

COMMENT ON COLUMN triage.message.decision_id IS 'The classification in force; NULL: not read yet.';

COMMENT ON COLUMN triage.message.global_id IS 'The Message-ID of a mail: the same in every mailbox it was delivered to.';

CREATE VIEW triage.answered AS
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
  WHERE (c.state = 'answered'::triage.conversation_state);

COMMENT ON VIEW triage.answered IS 'One row per answered conversation. how: reply (link leads to it) or told (a responder said where).';

ALTER TABLE triage.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME triage.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

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
    name text NOT NULL
);

COMMENT ON COLUMN triage.label.key IS 'unanswered, or a topic key, as in label_outbox.';

COMMENT ON COLUMN triage.label.name IS 'The name we gave it last; another name in the mailbox is a person''s choice and stays.';

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
    held boolean DEFAULT false NOT NULL
);

COMMENT ON COLUMN triage.label_outbox.label IS 'unanswered, or a topic key; names are chosen when it is sent.';

COMMENT ON COLUMN triage.label_outbox.gone IS 'The message is no longer there: nothing to send.';

COMMENT ON COLUMN triage.label_outbox.held IS 'A person took this label off or put it on by hand: we leave it as they left it.';

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

ALTER TABLE ONLY triage.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (name);

ALTER TABLE ONLY triage.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.classification
    ADD CONSTRAINT classification_pkey PRIMARY KEY (id);

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

ALTER TABLE ONLY triage.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (source, account, native_id);

ALTER TABLE ONLY triage.quota_use
    ADD CONSTRAINT quota_use_pkey PRIMARY KEY (id);

ALTER TABLE ONLY triage.replaced
    ADD CONSTRAINT replaced_pkey PRIMARY KEY (what);

ALTER TABLE ONLY triage.thread
    ADD CONSTRAINT thread_pkey PRIMARY KEY (source, account, key);

ALTER TABLE ONLY triage.topic
    ADD CONSTRAINT topic_pkey PRIMARY KEY (key);

ALTER TABLE ONLY triage.unanswered_queue
    ADD CONSTRAINT unanswered_queue_pkey PRIMARY KEY (conversation_id);

CREATE INDEX audit_conversation ON triage.audit USING btree (conversation_id, id);

CREATE UNIQUE INDEX classification_once ON triage.classification USING btree (message_id, model, taxonomy) WHERE (decided_by <> 'human'::text);

CREATE INDEX correction_message ON triage.correction USING btree (message_id, id);

CREATE INDEX label_outbox_pending ON triage.label_outbox USING btree (account, message_id) WHERE ((wanted <> applied) AND (NOT gone) AND (NOT held));

CREATE INDEX message_asked ON triage.message USING btree (conversation_id) WHERE (direction = 'inbound'::triage.direction);

CREATE INDEX message_conversation ON triage.message USING btree (conversation_id, sent_at);

CREATE INDEX message_global ON triage.message USING btree (global_id) WHERE (global_id IS NOT NULL);

CREATE INDEX message_undecided ON triage.message USING btree (id) WHERE ((decision_id IS NULL) AND (direction = 'inbound'::triage.direction));

CREATE INDEX quota_use_recent ON triage.quota_use USING btree (account, at);

CREATE INDEX thread_conversation ON triage.thread USING btree (conversation_id);

CREATE INDEX unanswered_queue_order ON triage.unanswered_queue USING btree (priority, due_at, conversation_id);

CREATE INDEX unanswered_queue_topic ON triage.unanswered_queue USING btree (topic, priority, due_at);

ALTER TABLE ONLY triage.audit
    ADD CONSTRAINT audit_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES triage.conversation(id);

ALTER TABLE ONLY triage.classification
    ADD CONSTRAINT classification_message_id_fkey FOREIGN KEY (message_id) REFERENCES triage.message(id);

ALTER TABLE ONLY triage.classification
    ADD CONSTRAINT classification_topic_fkey FOREIGN KEY (topic) REFERENCES triage.topic(key);

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
    ADD CONSTRAINT message_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES triage.conversation(id);

ALTER TABLE ONLY triage.message
    ADD CONSTRAINT message_covered_by_fkey FOREIGN KEY (covered_by) REFERENCES triage.audit(id);

ALTER TABLE ONLY triage.message
    ADD CONSTRAINT message_decision_id_fkey FOREIGN KEY (decision_id) REFERENCES triage.classification(id);

ALTER TABLE ONLY triage.quarantine
    ADD CONSTRAINT quarantine_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.quota_use
    ADD CONSTRAINT quota_use_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.thread
    ADD CONSTRAINT thread_account_fkey FOREIGN KEY (account) REFERENCES triage.account(name);

ALTER TABLE ONLY triage.thread
    ADD CONSTRAINT thread_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES triage.conversation(id);

ALTER TABLE ONLY triage.unanswered_queue
    ADD CONSTRAINT unanswered_queue_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES triage.conversation(id);

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

REVOKE ALL ON FUNCTION triage.dismiss(id bigint, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.dismiss(id bigint, reason text) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.dismiss(id bigint, reason text) TO triage_responder;

REVOKE ALL ON FUNCTION triage.hold(id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.hold(id bigint) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.judge(ids bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.judge(ids bigint[]) TO triage_pipeline;

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

REVOKE ALL ON FUNCTION triage.settle(id bigint, outcome triage.conversation_state, how text, why text) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.settle(id bigint, outcome triage.conversation_state, how text, why text) TO triage_pipeline;

REVOKE ALL ON FUNCTION triage.snooze(id bigint, until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION triage.snooze(id bigint, until timestamp with time zone) TO triage_pipeline;
GRANT ALL ON FUNCTION triage.snooze(id bigint, until timestamp with time zone) TO triage_responder;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.account TO triage_pipeline;

GRANT SELECT,INSERT ON TABLE triage.audit TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.conversation TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.message TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.answered TO triage_pipeline;
GRANT SELECT ON TABLE triage.answered TO triage_responder;
GRANT SELECT ON TABLE triage.answered TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.classification TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.correction TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.cursor TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.label TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.label_outbox TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.quarantine TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.ledger TO triage_pipeline;
GRANT SELECT ON TABLE triage.ledger TO triage_responder;
GRANT SELECT ON TABLE triage.ledger TO triage_reader;

GRANT SELECT ON TABLE triage.migration TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.quota_use TO triage_pipeline;

GRANT SELECT ON TABLE triage.replaced TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.thread TO triage_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.topic TO triage_pipeline;
GRANT SELECT ON TABLE triage.topic TO triage_responder;
GRANT SELECT ON TABLE triage.topic TO triage_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE triage.unbalanced TO triage_pipeline;
