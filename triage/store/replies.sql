-- name: lock_account
SELECT pg_try_advisory_lock(hashtextextended('triage.reply:' || %s, 0)) AS locked

-- name: unlock_account
SELECT pg_advisory_unlock(hashtextextended('triage.reply:' || %s, 0))

-- name: next
SELECT r.id, r.key, r.text, r.lang, r.wanted_at, r.bulk, r.attempts, m.native_id AS answers
FROM triage.reply r LEFT JOIN triage.message m ON m.id = r.to_message
WHERE r.account = %s AND r.state = 'wanted' AND r.not_before <= clock_timestamp()
ORDER BY r.bulk, r.attempts, r.id LIMIT 1

-- name: in_doubt
SELECT r.id, r.key, r.text, r.lang, r.wanted_at, r.bulk, r.attempts, m.native_id AS answers,
       clock_timestamp() - r.changed_at AS age
FROM triage.reply r LEFT JOIN triage.message m ON m.id = r.to_message
WHERE r.account = %s AND r.state = 'sending' ORDER BY r.id

-- name: start
SELECT triage.start_reply(%s, %s) AS state

-- name: sent
SELECT triage.reply_sent(%s, %s, %s)

-- name: failed
SELECT triage.reply_failed(%s, %s, %s)

-- name: rest
UPDATE triage.reply SET not_before = clock_timestamp() + %(patience)s, error = %(why)s
WHERE account = %(account)s AND state = 'wanted' AND not_before < clock_timestamp() + %(patience)s

-- name: waiting
SELECT (SELECT max(id) FROM triage.reply
        WHERE account = %(account)s AND state = 'wanted' AND not_before <= clock_timestamp()) AS newest,
       (SELECT count(*) FROM triage.reply
        WHERE account = %(account)s AND (state = 'wanted' AND not_before <= clock_timestamp()
                                         OR state = 'sending' AND changed_at < clock_timestamp() - interval '60 seconds')) AS count

-- name: left_lying
-- Sending goes on as long as some reply of the account changes.
SELECT r.account, count(*) AS count, min(r.wanted_at) AS since FROM triage.reply r
WHERE r.state IN ('wanted', 'sending') AND greatest(r.wanted_at, r.changed_at, r.not_before) < clock_timestamp() - %(after)s
  AND NOT EXISTS (SELECT FROM triage.reply s
                  WHERE s.account = r.account AND s.state <> 'wanted' AND s.changed_at > clock_timestamp() - %(after)s)
GROUP BY r.account ORDER BY r.account

-- name: write
SELECT triage.reply(%s, %s, coalesce(%s, gen_random_uuid()::text)) AS id

-- name: withdraw
SELECT triage.withdraw(%s)

-- name: resend
SELECT triage.resend(%s)

-- name: about
SELECT id, conversation_id, source, account, text, lang, by, state, url, error, not_before, attempts, wanted_at, changed_at
FROM triage.replies WHERE conversation_id = %s ORDER BY id
