-- name: account
INSERT INTO triage.account (name, source, labels) VALUES ('bench', 'gmail', true) ON CONFLICT DO NOTHING

-- name: conversations
INSERT INTO triage.conversation (source, account, key) VALUES %s RETURNING id, key

-- name: bare_messages
INSERT INTO triage.message (source, account, native_id, conversation_id, direction, author, author_name, sent_at,
    fetched_at, subject, text, lang, url, labels, reply_to, global_id, automatic_reason, bare_thanks, extra)
VALUES %s
ON CONFLICT (source, account, native_id) DO NOTHING

-- name: size
SELECT count(*) AS messages FROM triage.message

-- name: some
-- So many conversations in this state, spread over all of them.
SELECT id FROM triage.conversation c
WHERE id IN (SELECT 1 + (random() * (SELECT max(id) FROM triage.conversation))::bigint FROM generate_series(1, %(many)s * 12))
  AND state = %(state)s LIMIT %(many)s

-- name: said
-- One more message in each of these conversations: theirs, or ours.
INSERT INTO triage.message (source, account, native_id, conversation_id, direction, author, sent_at, fetched_at, text)
SELECT c.source, c.account, 'bench-' || c.id || '-' || %(direction)s, c.id, %(direction)s::triage.direction, 'bench@post.example',
       now(), now(), 'Is there any news about this?'
FROM triage.conversation c WHERE c.id = ANY (%(ids)s)
