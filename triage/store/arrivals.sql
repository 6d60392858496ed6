-- name: waiting
SELECT coalesce((SELECT behind FROM triage.cursor WHERE account = %(account)s), false) AS unread,
       (SELECT id FROM triage.message
        WHERE decision_id IS NULL AND direction = 'inbound' AND account = %(account)s
        ORDER BY id LIMIT 1) AS undecided,
       (SELECT message_id FROM triage.label_outbox
        WHERE account = %(account)s AND wanted <> applied AND NOT gone AND NOT held AND error IS NULL
        ORDER BY message_id LIMIT 1) AS unlabelled

-- name: add
INSERT INTO triage.volume AS v (account, feed, bin_start, count)
SELECT %(account)s, 'arrivals', bin, share FROM (
    SELECT bin, (%(count)s * place / bins - %(count)s * (place - 1) / bins)::int AS share
    FROM (SELECT bin, row_number() OVER (ORDER BY bin) AS place, count(*) OVER () AS bins
          FROM generate_series(date_trunc('minute', least(%(since)s, %(until)s)), %(until)s, interval '1 minute') AS bin) AS m
) AS s
WHERE share > 0
ON CONFLICT (account, feed, bin_start) DO UPDATE SET count = v.count + excluded.count
