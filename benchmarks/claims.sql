-- name: waiting
WITH made AS (
    INSERT INTO triage.conversation (source, account, key, state, kind, waiting_since, topic)
    SELECT 'gmail', 'care', 't' || n, 'waiting', 'reply', now() - n * interval '1 second', 'unsure'
    FROM generate_series(1, %(rows)s) AS n
    RETURNING id, key, waiting_since
)
INSERT INTO triage.unanswered_queue (conversation_id, source, account, conversation, topic, severity, priority, kind,
    intent, waiting_since, due_at, author, author_name, subject, excerpt, url, lang, messages)
SELECT id, 'gmail', 'care', key, 'unsure', 2, 1 + id %% 4, 'reply', 'question', waiting_since,
       waiting_since + interval '1 hour', 'a@post.example', 'A', 'Subject', repeat('word ', 40), '', 'en', 1
FROM made

-- name: account
INSERT INTO triage.account (name, source, labels) VALUES ('care', 'gmail', true)

-- name: claim
SELECT conversation_id FROM triage.claim(%s)

-- name: held
SELECT conversation_id FROM triage.unanswered_queue WHERE lease_until > now()

-- name: bare_table
CREATE TABLE public.bare AS SELECT conversation_id AS id, priority, due_at, NULL::text AS by FROM triage.unanswered_queue

-- name: bare_index
CREATE INDEX ON public.bare (priority, due_at, id) WHERE by IS NULL

-- name: bare_claim
UPDATE public.bare b SET by = session_user FROM (
    SELECT id FROM public.bare WHERE by IS NULL ORDER BY priority, due_at, id LIMIT %s FOR UPDATE SKIP LOCKED
) c WHERE b.id = c.id RETURNING b.id AS conversation_id

-- name: age
UPDATE triage.unanswered_queue SET lease_until = lease_until - interval '1 day' WHERE lease_until IS NOT NULL
