-- Who sent more than triage.yaml allows, newest first; `held`: rows of the queue that are set aside for it now.
CREATE OR REPLACE VIEW triage.floods WITH (security_barrier) AS
SELECT f.account, f.author, f.started_at, f.ended_at, f.conversation_id AS shown, f.released_at, f.released_by,
       (SELECT count(*) FROM triage.unanswered_queue q
        WHERE q.held AND q.account = f.account AND q.author = f.author
          AND q.waiting_since BETWEEN f.started_at AND f.ended_at) AS held
FROM triage.flood f
WHERE f.account = ANY ((SELECT triage.my_accounts())::text[])
ORDER BY f.started_at DESC;
COMMENT ON COLUMN triage.floods.shown IS 'The first conversation of the flood, which stays in the queue.';
