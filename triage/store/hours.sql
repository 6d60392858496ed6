-- name: kept
SELECT opens, closes, before FROM triage.open_hours ORDER BY opens

-- name: clear
DELETE FROM triage.open_hours

-- name: lay_out
INSERT INTO triage.open_hours (opens, closes, before) VALUES %s
