-- name: latest
SELECT DISTINCT ON (account) account, counts FROM triage.mix WHERE account = ANY (%s) ORDER BY account, id DESC

-- name: append
INSERT INTO triage.mix (account, counts, times) VALUES (%s, %s, %s) RETURNING id
