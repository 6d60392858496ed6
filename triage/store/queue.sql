-- name: act_for
SELECT set_config('triage.acting_for', %s, true)

-- name: top
SELECT * FROM triage.unanswered_queue
WHERE %(topic)s::text IS NULL OR topic = %(topic)s
ORDER BY priority, due_at, conversation_id LIMIT %(limit)s

-- name: claim
SELECT * FROM triage.claim(%s, %s, %s)

-- name: release
SELECT triage.release(%s)

-- name: answer
SELECT triage.answer(%s, %s)

-- name: dismiss
SELECT triage.dismiss(%s, %s)

-- name: relabel
SELECT triage.relabel(%s, %s)
