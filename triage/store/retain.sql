-- What is emptied says nothing any more about who wrote what; that somebody wrote, when, about which topic and what became
-- of it stays, and so do the ids by which services name messages: without these the next reading would bring all back.

-- name: passed
-- Nothing where another run has it.
SELECT passed FROM triage.retention FOR UPDATE SKIP LOCKED

-- name: next
SELECT id, conversation_id, fetched_at < %(before)s AS old FROM triage.message
WHERE id > %(passed)s ORDER BY id LIMIT %(limit)s

-- name: left
SELECT l.conversation_id AS id FROM triage.retention_left l JOIN triage.conversation c ON c.id = l.conversation_id
WHERE c.state <> 'waiting' ORDER BY l.conversation_id LIMIT %s

-- name: take
-- A conversation that somebody writes about at this moment is left for later.
SELECT id FROM triage.conversation WHERE id = ANY (%s) AND state <> 'waiting' ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: leave
INSERT INTO triage.retention_left SELECT unnest(%s::bigint[]) ON CONFLICT DO NOTHING

-- name: done
DELETE FROM triage.retention_left WHERE conversation_id = ANY (%s)

-- name: move
UPDATE triage.retention SET passed = %s

-- name: messages
UPDATE triage.message
SET author = '', author_name = '', subject = '', text = '', url = '', extra = '{}', global_id = NULL, reply_to = NULL
WHERE conversation_id = ANY (%(ids)s) AND id <= %(passed)s AND (author, subject, text, extra) <> ('', '', '', '{}')

-- name: evidence
UPDATE triage.classification d SET evidence = '[]' FROM triage.message m
WHERE m.id = d.message_id AND m.conversation_id = ANY (%(ids)s) AND m.id <= %(passed)s AND d.evidence <> '[]'

-- name: replies
UPDATE triage.reply SET text = '[removed]', url = ''
WHERE conversation_id = ANY (%(ids)s) AND to_message <= %(passed)s AND state IN ('sent', 'refused', 'withdrawn') AND text <> '[removed]'

-- name: recipients
UPDATE triage.fanout_recipient SET person = 'removed-' || conversation_id, text = ''
WHERE conversation_id = ANY (%(ids)s) AND person <> 'removed-' || conversation_id

-- name: floods
DELETE FROM triage.flood f
WHERE f.conversation_id = ANY (%(ids)s) AND NOT EXISTS (
    SELECT FROM triage.unanswered_queue q WHERE q.held AND q.account = f.account AND q.author = f.author)

-- name: quarantine
UPDATE triage.quarantine SET raw = '' WHERE last_seen < %s AND raw <> ''

-- name: notices
UPDATE triage.notice SET text = '' WHERE changed_at < %s AND state IN ('sent', 'failed', 'unknown') AND text <> ''
