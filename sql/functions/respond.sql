-- What responders may do, each call atomic and written to the audit log under its actor. They run with the
-- owner's rights, so that a responder needs none on the tables.

-- Who acts: the database user; the pipeline (page, command) may name the person it acts for.
CREATE OR REPLACE FUNCTION triage.actor() RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN pg_has_role(session_user, 'triage_pipeline', 'MEMBER')
                THEN coalesce(nullif(current_setting('triage.acting_for', true), ''), session_user)
                ELSE session_user END
$$;

-- A lease is for a working step, not for a week: at most a day, at least half a minute.
CREATE OR REPLACE FUNCTION triage.lease(wanted interval) RETURNS interval
LANGUAGE sql IMMUTABLE AS $$
    SELECT least(greatest(coalesce(wanted, '15 minutes'), '30 seconds'), '1 day'::interval)
$$;

-- Lease the next rows that nobody holds, in queue order, at most 500; two callers never get the same one. Copies of a
-- text that leads its cluster come when nothing else is left; what is held from a flood comes when asked for, and alone.
-- Leases that ended are taken back first, so that the index of the free rows holds all there is to choose from. Planned
-- for the filters given, and never by sorting: the index is walked even where no statistics say so.
CREATE OR REPLACE FUNCTION triage.claim(
    n integer DEFAULT 1, of_topic text DEFAULT NULL, in_lang text DEFAULT NULL, lease interval DEFAULT '15 minutes',
    of_held boolean DEFAULT false
) RETURNS SETOF triage.unanswered_queue
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = triage, pg_temp SET plan_cache_mode = force_custom_plan SET enable_sort = off AS $$
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

-- Lock a waiting conversation that the actor may act on; says plainly why not.
CREATE OR REPLACE FUNCTION triage.hold(id bigint) RETURNS triage.unanswered_queue
LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION triage.renew(id bigint, lease interval DEFAULT '15 minutes') RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
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

CREATE OR REPLACE FUNCTION triage.release(id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
BEGIN
    PERFORM triage.hold(id);
    INSERT INTO triage.audit (conversation_id, verb, by) VALUES (id, 'release', triage.actor());
    UPDATE triage.unanswered_queue q SET claimed_by = NULL, lease_until = NULL, updated_at = clock_timestamp()
    WHERE q.conversation_id = id;
END $$;

-- Settle everything that waits in a conversation now; a later message waits anew.
CREATE OR REPLACE FUNCTION triage.settle(id bigint, outcome triage.conversation_state, how text, why text) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Answered where we cannot see it (by phone, at the counter); say where.
CREATE OR REPLACE FUNCTION triage.answer(id bigint, "where" text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
BEGIN
    IF coalesce(trim("where"), '') = '' THEN
        RAISE EXCEPTION 'say where you answered, such as: by phone' USING ERRCODE = 'TR004';
    END IF;
    PERFORM triage.settle(id, 'answered', 'answer', "where");
END $$;

CREATE OR REPLACE FUNCTION triage.dismiss(id bigint, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
BEGIN
    IF coalesce(trim(reason), '') = '' THEN
        RAISE EXCEPTION 'a dismissal needs a reason, such as: spam' USING ERRCODE = 'TR004';
    END IF;
    PERFORM triage.settle(id, 'dismissed', 'dismiss', reason);
END $$;

CREATE OR REPLACE FUNCTION triage.snooze(id bigint, until timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
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

-- Leave a word for whoever looks next, on any conversation one serves.
CREATE OR REPLACE FUNCTION triage.note(id bigint, text text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
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

-- A person's word on messages: it decides them at once, and is kept to learn from. The caller holds the conversations
-- locked, and refreshes them afterwards.
CREATE OR REPLACE FUNCTION triage.teach(messages bigint[], new_topic text, origin text) RETURNS void
LANGUAGE sql AS $$
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

-- Correct the topic of everything that waits in a conversation. The newest human decision wins over any machine.
CREATE OR REPLACE FUNCTION triage.relabel(id bigint, new_topic text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
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
