-- Where each answered conversation was answered: the reply itself, wherever it was written, or what a responder told.
-- Not granted to anybody: the views below choose the reader's accounts. No barrier here, so that theirs says which
-- conversations are looked at.
CREATE OR REPLACE VIEW triage.answered_anywhere AS
SELECT c.id AS conversation_id, c.source, c.account, c.key AS conversation, c.topic,
       coalesce(r.sent_at, told.at) AS answered_at,
       coalesce(nullif(r.author_name, ''), r.author, told.by) AS answered_by,
       CASE WHEN r.id IS NULL AND told.verb <> 'sent' THEN 'told' ELSE 'reply' END AS how,
       coalesce(r.url, told.url, '') AS link,  -- sent from here: known before it is collected
       CASE WHEN r.id IS NULL THEN told.reason END AS told
FROM triage.conversation c
LEFT JOIN LATERAL (
    SELECT m.id, m.sent_at, m.author, m.author_name, m.url FROM triage.message m
    WHERE m.conversation_id = c.id AND m.direction = 'outbound'
      AND m.sent_at > ALL (SELECT q.sent_at FROM triage.message q
                           WHERE q.conversation_id = c.id AND q.direction = 'inbound')
    ORDER BY m.sent_at DESC, m.id DESC LIMIT 1
) r ON true
LEFT JOIN LATERAL (
    SELECT a.at, a.by, a.reason, a.verb, a.detail ->> 'url' AS url FROM triage.message m JOIN triage.audit a ON a.id = m.covered_by
    WHERE m.conversation_id = c.id AND m.covered_as = 'answered'
    ORDER BY a.id DESC LIMIT 1
) told ON true
WHERE c.state = 'answered';

-- A barrier: no function of the reader's sees a row before the reader's accounts are chosen.
CREATE OR REPLACE VIEW triage.answered WITH (security_barrier) AS
SELECT * FROM triage.answered_anywhere WHERE account = ANY ((SELECT triage.my_accounts())::text[]);
COMMENT ON VIEW triage.answered IS 'One row per answered conversation. how: reply (link leads to it) or told (a responder said where).';

-- Begun with what was sent and told today, which indexes know: the other answers are not looked at.
CREATE OR REPLACE VIEW triage.answered_today WITH (security_barrier) AS
SELECT a.* FROM triage.answered_anywhere a
WHERE a.conversation_id IN (
          SELECT m.conversation_id FROM triage.message m
          WHERE m.direction = 'outbound' AND m.account = ANY ((SELECT triage.my_accounts())::text[])
            AND m.sent_at >= date_trunc('day', now())
          UNION ALL
          SELECT t.conversation_id FROM triage.audit t
          WHERE t.verb IN ('answer', 'sent') AND t.at >= date_trunc('day', now()))
  AND a.answered_at >= date_trunc('day', now()) AND a.account = ANY ((SELECT triage.my_accounts())::text[]);
