-- A person is erased as the owner of the tables: nobody else may rewrite audit and incident_log. `theirs`: messages the
-- person wrote; `touched`: the conversations these are in; `alone`: those in which nobody else ever asked; `pattern`
-- matches the person's address and names wherever others wrote them.

-- name: as_owner
SET LOCAL ROLE triage_owner

-- name: found
SELECT m.id, m.conversation_id, m.source, m.author, m.author_name FROM triage.message m
WHERE lower(m.author) = lower(%(author)s) AND m.direction <> 'outbound' AND (%(source)s::text IS NULL OR m.source = %(source)s)

-- name: lock
SELECT c.id, NOT EXISTS (SELECT FROM triage.message m WHERE m.conversation_id = c.id AND m.direction <> 'outbound'
                         AND m.id <> ALL (%(theirs)s)) AS alone
FROM triage.conversation c WHERE c.id = ANY (%(touched)s) ORDER BY c.id FOR NO KEY UPDATE

-- name: on_their_way
SELECT r.id FROM triage.reply r
WHERE r.state = 'sending' AND (r.conversation_id = ANY (%(alone)s) OR r.to_message = ANY (%(theirs)s))

-- name: settle
-- Written down for every conversation; what of theirs still waited is dismissed by that line.
WITH open AS (
    SELECT j.conversation_id, m.id FROM triage.judge(%(touched)s) j JOIN triage.message m ON m.id = ANY (j.open)
    WHERE m.id = ANY (%(theirs)s)
),
told AS (
    INSERT INTO triage.audit (conversation_id, verb, by, reason)
    SELECT unnest(%(touched)s::bigint[]), 'erase', %(by)s, %(reason)s RETURNING id, conversation_id
),
covered AS (
    UPDATE triage.message m SET covered_as = 'dismissed', covered_by = t.id
    FROM open o JOIN told t USING (conversation_id) WHERE m.id = o.id
    RETURNING m.conversation_id
)
SELECT count(DISTINCT conversation_id) AS dismissed FROM covered

-- name: messages
UPDATE triage.message
SET author = %(as)s, author_name = '', subject = '', text = '', url = '', extra = '{}', global_id = NULL,
    reply_to = CASE WHEN reply_to !~* %(pattern)s THEN reply_to END
WHERE id = ANY (%(theirs)s)

-- name: beside
-- Our answers where nobody else asked go too; elsewhere the address and the names go.
UPDATE triage.message m
SET subject = CASE WHEN alone THEN '' ELSE regexp_replace(m.subject, %(pattern)s, '[erased]', 'gi') END,
    text = CASE WHEN alone THEN '' ELSE regexp_replace(m.text, %(pattern)s, '[erased]', 'gi') END,
    url = CASE WHEN alone OR m.url ~* %(pattern)s THEN '' ELSE m.url END,
    extra = CASE WHEN alone OR m.extra::text ~* %(pattern)s THEN '{}' ELSE m.extra END,
    global_id = CASE WHEN m.global_id !~* %(pattern)s THEN m.global_id END,
    reply_to = CASE WHEN m.reply_to !~* %(pattern)s THEN m.reply_to END
FROM (SELECT id, id = ANY (%(alone)s) AS alone FROM unnest(%(touched)s::bigint[]) AS id) c
WHERE m.conversation_id = c.id AND m.id <> ALL (%(theirs)s)

-- name: evidence
UPDATE triage.classification d SET evidence = '[]'
FROM triage.message m
WHERE m.id = d.message_id AND m.conversation_id = ANY (%(touched)s) AND d.evidence <> '[]'
  AND (m.id = ANY (%(theirs)s) OR d.evidence::text ~* %(pattern)s)

-- name: keys
-- On social networks a conversation is named by its author too.
UPDATE triage.conversation SET key = left(key, -length(%(author)s)) || %(as)s
WHERE id = ANY (%(touched)s) AND lower(right(key, length(%(author)s) + 1)) = '/' || lower(%(author)s)

-- name: threads
UPDATE triage.thread SET key = left(key, -length(%(author)s)) || %(as)s
WHERE conversation_id = ANY (%(touched)s) AND lower(right(key, length(%(author)s) + 1)) = '/' || lower(%(author)s)

-- name: floods
UPDATE triage.flood SET author = %(as)s WHERE lower(author) = lower(%(author)s)

-- name: replies
UPDATE triage.reply
SET text = '[erased]', url = '', error = CASE WHEN error IS NOT NULL OR state IN ('wanted', 'unknown') THEN '[erased]' END,
    state = CASE WHEN state IN ('wanted', 'unknown') THEN 'withdrawn' ELSE state END
WHERE conversation_id = ANY (%(alone)s) OR to_message = ANY (%(theirs)s)

-- name: fanouts
UPDATE triage.fanout_recipient
SET person = %(as)s, text = '', excluded = CASE WHEN reply_id IS NULL AND excluded IS NULL THEN 'erased' ELSE excluded END
WHERE conversation_id = ANY (%(touched)s) AND right(person, length(%(author)s) + 1) = ':' || lower(%(author)s)

-- name: audit
UPDATE triage.audit
SET reason = CASE WHEN reason IS NULL THEN NULL WHEN conversation_id = ANY (%(alone)s) THEN '[erased]'
                  ELSE regexp_replace(reason, %(pattern)s, '[erased]', 'gi') END,
    detail = CASE WHEN detail::text ~* %(pattern)s THEN '{}' ELSE detail END
WHERE conversation_id = ANY (%(touched)s) AND verb <> 'erase'

-- name: incident_log
UPDATE triage.incident_log
SET reason = regexp_replace(reason, %(pattern)s, '[erased]', 'gi'),
    detail = CASE WHEN detail::text ~* %(pattern)s THEN '{}' ELSE detail END
WHERE reason ~* %(pattern)s OR detail::text ~* %(pattern)s

-- name: incident_terms
UPDATE triage.incident SET terms = '[]' WHERE terms::text ~* %(pattern)s

-- name: questions
-- A draft that was made of their words goes; what a person approved keeps its words, but for the name.
UPDATE triage.question q
SET question = CASE WHEN o.draft THEN '[erased]' ELSE regexp_replace(q.question, %(pattern)s, '[erased]', 'gi') END,
    answer = regexp_replace(q.answer, %(pattern)s, '[erased]', 'gi'), withdrawn = q.withdrawn OR o.draft
FROM (SELECT p.id, p.approved_by IS NULL AND k.id IS NOT NULL AS draft FROM triage.question p
      LEFT JOIN triage.cluster k ON k.id = p.cluster_id AND k.message_id = ANY (%(theirs)s)) o
WHERE o.id = q.id AND (o.draft OR q.question ~* %(pattern)s OR q.answer ~* %(pattern)s)

-- name: bands
DELETE FROM triage.cluster_band b USING triage.cluster k WHERE k.id = b.cluster_id AND k.message_id = ANY (%(theirs)s)

-- name: signatures
UPDATE triage.cluster SET signature = NULL WHERE message_id = ANY (%(theirs)s)

-- name: excerpts
SELECT DISTINCT left(regexp_replace(text, '\s+', ' ', 'g'), 12) AS words FROM triage.message
WHERE id = ANY (%(theirs)s) AND length(text) >= 12

-- name: notices
UPDATE triage.notice SET text = '[erased]', error = CASE WHEN error ~* %(pattern)s THEN '[erased]' ELSE error END
WHERE text ~* %(pattern)s OR error ~* %(pattern)s
   OR EXISTS (SELECT FROM unnest(%(excerpts)s::text[]) AS said WHERE strpos(text, said) > 0)

-- name: quarantine
SELECT source, account, native_id, raw, reason FROM triage.quarantine WHERE %(source)s::text IS NULL OR source = %(source)s

-- name: forget_raw
UPDATE triage.quarantine q SET raw = '', reason = '[erased]'
FROM (VALUES %s) AS v (source, account, native_id)
WHERE (q.source, q.account, q.native_id) = (v.source, v.account, v.native_id)

-- name: billed
DELETE FROM triage.billed WHERE id = %(author)s
