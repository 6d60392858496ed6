-- What people say by moving our labels in the mailbox itself. triage/ops/mailbox.py calls these with the
-- conversation locked, and refreshes it afterwards. `who` is `<account> in Gmail`. A person can only have meant what
-- lay before them: messages that came after the newest one they touched are left alone.

-- Topic labels were taken off (`off[i]` of message `off_from[i]`), or `put` on by hand. Put on: the message and all
-- that waits with it is about that topic. Only taken off: whatever was thought to be about it is unsure, because
-- somebody has to look and we know but one topic that it is not. No machine decides over it again.
CREATE OR REPLACE FUNCTION triage.correct_topic(
    id bigint, who text, touched bigint[], off_from bigint[], off text[], put text
) RETURNS void
LANGUAGE plpgsql AS $$
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

-- `unanswered` was taken off: what waited then needs no answer. A responder's lease does not stand against it.
CREATE OR REPLACE FUNCTION triage.dismiss_by_label(id bigint, who text, touched bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
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

-- `unanswered` was put back: the newest dismissal of that kind that covers one of the messages is undone, no other.
-- Whether the conversation waits now.
CREATE OR REPLACE FUNCTION triage.reopen_by_label(id bigint, who text, touched bigint[]) RETURNS boolean
LANGUAGE plpgsql AS $$
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
