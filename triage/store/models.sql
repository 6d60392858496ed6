-- name: add
INSERT INTO triage.model (digest, base, parent, corrections, last_correction, figures, content)
VALUES (%(digest)s, %(base)s, %(parent)s, %(corrections)s, %(last_correction)s, %(figures)s, %(content)s)
RETURNING id

-- name: judge
UPDATE triage.model SET status = %(status)s, reasons = reasons || %(reason)s::text[] WHERE id = %(id)s

-- name: retire
UPDATE triage.model SET status = 'retired', reasons = reasons || %s::text[] WHERE status = 'promoted'

-- name: one
SELECT id, digest, base, parent, status, last_correction, content IS NOT NULL AS kept FROM triage.model WHERE id = %s

-- name: promoted
SELECT id, digest, base, parent, status, last_correction, content IS NOT NULL AS kept FROM triage.model
WHERE status = 'promoted' AND base = %s

-- name: latest
SELECT last_correction FROM triage.model WHERE status <> 'candidate' AND base = %s ORDER BY id DESC LIMIT 1

-- name: content
SELECT content FROM triage.model WHERE id = %s

-- name: listing
SELECT id, status, trained_at, base, digest, parent, corrections, last_correction, figures, reasons,
       content IS NOT NULL AS kept
FROM triage.model ORDER BY id DESC

-- name: forget_old
UPDATE triage.model SET content = NULL
WHERE content IS NOT NULL AND status <> 'promoted'
  AND id NOT IN (SELECT id FROM triage.model WHERE content IS NOT NULL ORDER BY id DESC LIMIT %(keep)s)
  AND id NOT IN (SELECT parent FROM triage.model WHERE status = 'promoted' AND parent IS NOT NULL)

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('triage.model', 0))
