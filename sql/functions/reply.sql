-- Replying from here. A responder wants a reply; triage/ops/reply.py hands it to the platform. As everywhere, a
-- conversation is locked before what belongs to it.

-- Want a reply to what waits in a conversation; its id. The caller holds the conversation from then on, as after take.
-- The same key again is the same reply. `bulk`: one of many, sent after those that people wrote one by one.
CREATE OR REPLACE FUNCTION triage.reply(
    id bigint, body text, key text DEFAULT gen_random_uuid()::text, in_lang text DEFAULT NULL, bulk boolean DEFAULT false
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
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
END $$;

-- Refuse when a reply to the conversation is under way (but for `mine`): nobody is answered twice. One whose message has
-- been settled since, however that came about, is under way no more.
CREATE OR REPLACE FUNCTION triage.only_reply(id bigint, mine bigint DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
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

-- A reply that the actor may decide about, locked after its conversation.
CREATE OR REPLACE FUNCTION triage.hold_reply(reply_id bigint) RETURNS triage.reply
LANGUAGE plpgsql AS $$
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

-- Take a reply back that has not gone out, or say of an unknown one that nobody shall send it again.
CREATE OR REPLACE FUNCTION triage.withdraw(reply_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
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

-- Send a refused or unknown reply again, by the same key: whoever sends it looks first whether it is there.
CREATE OR REPLACE FUNCTION triage.resend(reply_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
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

-- The sender's: begin to hand a reply to its platform. `sending`: now it is the caller's, and nobody else's; `withdrawn`:
-- what it answers waits no more, because a reply came from elsewhere, somebody settled it, or it was deleted. NULL: it is
-- not there to be sent. Whoever sends calls this, and commits, before the request goes out.
CREATE OR REPLACE FUNCTION triage.start_reply(reply_id bigint, charged bigint) RETURNS text
LANGUAGE plpgsql AS $$
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

-- The sender's: a reply went out. What waits in its conversation is answered from this moment; when the message itself is
-- collected it says the same.
CREATE OR REPLACE FUNCTION triage.reply_sent(reply_id bigint, with_id text, at_url text) RETURNS void
LANGUAGE plpgsql AS $$
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

-- The sender's: a reply did not go out (`wanted`: it is tried again; `refused`: the platform's last word), or nobody can
-- tell (`unknown`; `sending`: not yet). Refusals are in the audit log, for whoever wrote it.
CREATE OR REPLACE FUNCTION triage.reply_failed(reply_id bigint, as_state text, why text) RETURNS void
LANGUAGE sql AS $$
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
