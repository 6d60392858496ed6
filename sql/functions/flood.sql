-- A flood from one sender was set aside; let it go, in all accounts that the actor serves or in one. How many rows come
-- back. What the sender writes in the same flood is not held again; a new flood is. Locks: flood, conversations, queue.
CREATE OR REPLACE FUNCTION triage.release_flood(of_author text, of_account text DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
DECLARE
    served CONSTANT text[] := triage.my_accounts();
    let_go bigint[];
BEGIN
    UPDATE triage.flood f SET released_at = clock_timestamp(), released_by = triage.actor()
    WHERE (f.account, f.author, f.started_at) IN (
        SELECT o.account, o.author, o.started_at FROM triage.flood o
        WHERE o.author = of_author AND o.released_at IS NULL AND o.account = ANY (served)
          AND (of_account IS NULL OR o.account = of_account)
        ORDER BY o.account, o.author, o.started_at FOR UPDATE);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no flood from % is held; take the author from triage.floods', of_author USING ERRCODE = 'TR002';
    END IF;
    let_go := ARRAY(
        SELECT q.conversation_id FROM triage.unanswered_queue q
        WHERE q.held AND q.author = of_author AND q.account = ANY (served)
          AND (of_account IS NULL OR q.account = of_account));
    PERFORM triage.refresh(let_go);
    INSERT INTO triage.audit (conversation_id, verb, by)
    SELECT q.conversation_id, 'unhold', triage.actor() FROM triage.unanswered_queue q
    WHERE q.conversation_id = ANY (let_go) AND NOT q.held;
    RETURN cardinality(let_go);
END $$;
