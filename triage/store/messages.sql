-- name: register_account
INSERT INTO triage.account (name, source, labels) VALUES (%s, %s, %s)
ON CONFLICT (name) DO UPDATE SET labels = excluded.labels WHERE account.labels <> excluded.labels

-- name: lock_account
SELECT pg_try_advisory_lock(hashtextextended('triage.collect:' || %s, 0)) AS locked

-- name: await_account
SELECT set_config('lock_timeout', %s, true);
SELECT pg_advisory_lock(hashtextextended('triage.collect:' || %s, 0))

-- name: unlock_account
SELECT pg_advisory_unlock(hashtextextended('triage.collect:' || %s, 0))

-- name: read_cursor
SELECT version, value FROM triage.cursor WHERE account = %s FOR UPDATE

-- name: write_cursor
INSERT INTO triage.cursor AS c (account, version, value, behind, complete_at)
SELECT v.*, CASE WHEN NOT v.behind THEN now() END FROM (VALUES (%s, %s, %s::jsonb, %s)) AS v (account, version, value, behind)
ON CONFLICT (account) DO UPDATE
SET version = excluded.version, value = excluded.value, behind = excluded.behind, updated_at = now(),
    complete_at = coalesce(excluded.complete_at, c.complete_at)

-- name: add_conversations
INSERT INTO triage.conversation (source, account, key)
SELECT v.* FROM (VALUES %s) AS v (source, account, key)
WHERE NOT EXISTS (SELECT FROM triage.thread t WHERE (t.source, t.account, t.key) = (v.source, v.account, v.key))
ON CONFLICT (source, account, key) DO NOTHING

-- name: lock_conversations
WITH head AS (
    SELECT * FROM unnest(%(sources)s::text[], %(accounts)s::text[], %(keys)s::text[]) AS head (source, account, key)
)
SELECT id FROM triage.conversation
WHERE id IN (
    SELECT c.id FROM triage.conversation c JOIN head USING (source, account, key)
    UNION
    SELECT t.conversation_id FROM triage.thread t JOIN head USING (source, account, key)
    UNION
    SELECT m.conversation_id FROM triage.message m
    JOIN triage.account a ON a.name = m.account AND a.source = m.source
    WHERE m.account = %(account)s AND m.native_id = ANY (%(native_ids)s::text[])
    UNION
    SELECT unnest(%(ids)s::bigint[])
)
ORDER BY id FOR NO KEY UPDATE

-- name: resolve
SELECT h.source, h.account, h.key, coalesce(t.conversation_id, c.id) AS id
FROM unnest(%(sources)s::text[], %(accounts)s::text[], %(keys)s::text[]) AS h (source, account, key)
LEFT JOIN triage.thread t USING (source, account, key)
LEFT JOIN triage.conversation c USING (source, account, key)

-- name: upsert_messages
-- As one document: written and read in two thirds of the time that a list of VALUES takes.
INSERT INTO triage.message (source, account, native_id, conversation_id, direction, author, author_name, sent_at,
    fetched_at, subject, text, lang, url, labels, reply_to, global_id, automatic_reason, bare_thanks, extra)
SELECT * FROM json_to_recordset(%s::json) AS m (source text, account text, native_id text, conversation_id bigint,
    direction triage.direction, author text, author_name text, sent_at timestamptz, fetched_at timestamptz, subject text,
    text text, lang text, url text, labels text[], reply_to text, global_id text, automatic_reason text,
    bare_thanks boolean, extra jsonb)
ON CONFLICT (source, account, native_id) DO NOTHING
RETURNING id, conversation_id

-- name: leave_quarantine
DELETE FROM triage.quarantine q USING (VALUES %s) AS v (source, account, native_id)
WHERE (q.source, q.account, q.native_id) = (v.source, v.account, v.native_id)

-- name: quarantine
INSERT INTO triage.quarantine AS q (source, account, native_id, reason, raw) VALUES %s
ON CONFLICT (source, account, native_id) DO UPDATE
SET reason = excluded.reason, last_seen = now(), attempts = q.attempts + 1

-- name: mark_deleted
UPDATE triage.message m SET deleted_at = %(at)s
FROM triage.account a
WHERE a.name = m.account AND a.source = m.source
  AND m.account = %(account)s AND m.native_id = ANY (%(native_ids)s) AND m.deleted_at IS NULL
RETURNING m.conversation_id

-- name: mark_restored
UPDATE triage.message m SET deleted_at = NULL
FROM triage.account a
WHERE a.name = m.account AND a.source = m.source
  AND m.account = %(account)s AND m.native_id = ANY (%(native_ids)s) AND m.deleted_at IS NOT NULL
RETURNING m.conversation_id

-- name: known_ids
SELECT m.native_id FROM triage.message m
JOIN triage.account a ON a.name = m.account AND a.source = m.source
WHERE m.account = %s AND m.native_id = ANY (%s)

-- name: grave
SELECT c.key FROM triage.conversation c
JOIN triage.account a ON a.name = c.account AND a.source = c.source
JOIN triage.unanswered_queue q ON q.conversation_id = c.id
WHERE c.account = %(account)s AND c.key = ANY (%(keys)s) AND q.priority <= 2
UNION
SELECT t.key FROM triage.thread t
JOIN triage.unanswered_queue q USING (conversation_id)
WHERE t.account = %(account)s AND t.key = ANY (%(keys)s) AND q.priority <= 2

-- name: watched_until
SELECT watched_until FROM triage.account WHERE name = %s

-- name: note_watch
UPDATE triage.account SET watched_until = %s WHERE name = %s
