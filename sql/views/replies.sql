-- Replies written here, for those who serve the account.
CREATE OR REPLACE VIEW triage.replies WITH (security_barrier) AS
SELECT r.id, r.conversation_id, a.source, r.account, r.key, r.text, r.lang, r.by, r.state, r.url, r.error,
       nullif(r.not_before, '-infinity') AS not_before, r.attempts, r.wanted_at, r.changed_at
FROM triage.reply r JOIN triage.account a ON a.name = r.account
WHERE r.account = ANY ((SELECT triage.my_accounts())::text[]);
COMMENT ON VIEW triage.replies IS 'state: wanted, sending, sent (url leads to it), refused (error: the platform''s words), unknown (it may have gone out: look, then resend or withdraw), withdrawn.';
