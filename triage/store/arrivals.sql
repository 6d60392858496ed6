-- name: waiting
SELECT coalesce((SELECT behind FROM triage.cursor WHERE account = %(account)s), false) AS unread,
       (SELECT id FROM triage.message
        WHERE decision_id IS NULL AND direction = 'inbound' AND account = %(account)s
        ORDER BY id LIMIT 1) AS undecided,
       (SELECT message_id FROM triage.label_outbox
        WHERE account = %(account)s AND wanted <> applied AND NOT gone AND NOT held AND error IS NULL
        ORDER BY message_id LIMIT 1) AS unlabelled
