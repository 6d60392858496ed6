-- name: near
-- The newest clusters under each of these bands, a few of each: a band that many share makes nothing slower.
SELECT wanted.band, found.cluster_id
FROM unnest(%(bands)s::bigint[]) AS wanted (band)
CROSS JOIN LATERAL (
    SELECT b.cluster_id FROM triage.cluster_band b WHERE b.band = wanted.band
    ORDER BY b.cluster_id DESC LIMIT %(each)s
) AS found

-- name: heads
SELECT c.id, c.members, c.signature, m.conversation_id
FROM triage.cluster c JOIN triage.message m ON m.id = c.message_id
WHERE c.id = ANY (%s) AND c.signature IS NOT NULL

-- name: lock_conversations
SELECT id FROM triage.conversation WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE

-- name: loose
-- Those of the messages that are in no cluster still.
SELECT id FROM triage.message WHERE id = ANY (%s) AND cluster_id IS NULL

-- name: lock
SELECT id FROM triage.cluster
WHERE id = ANY (%(clusters)s || ARRAY(
    SELECT DISTINCT m.cluster_id FROM triage.message m
    WHERE m.conversation_id = ANY (%(conversations)s) AND m.cluster_id IS NOT NULL))
ORDER BY id FOR NO KEY UPDATE

-- name: add
INSERT INTO triage.cluster (message_id, members, signature)
SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::bytea[]) RETURNING id, message_id

-- name: add_bands
INSERT INTO triage.cluster_band (band, cluster_id) SELECT * FROM unnest(%s::bigint[], %s::bigint[]) ON CONFLICT DO NOTHING

-- name: grow
UPDATE triage.cluster c SET members = c.members + g.more
FROM unnest(%s::bigint[], %s::integer[]) AS g (id, more) WHERE c.id = g.id

-- name: join
UPDATE triage.message m SET cluster_id = j.cluster_id
FROM unnest(%s::bigint[], %s::bigint[]) AS j (id, cluster_id) WHERE m.id = j.id

-- name: forget
WITH old AS (
    SELECT c.id, c.signature, m.account
    FROM triage.cluster c JOIN triage.message m ON m.id = c.message_id
    WHERE c.signature IS NOT NULL AND c.created_at < now() - %(after)s::interval
    ORDER BY c.created_at LIMIT %(limit)s FOR NO KEY UPDATE OF c SKIP LOCKED
)
UPDATE triage.cluster c SET signature = NULL FROM old WHERE c.id = old.id
RETURNING old.id, old.signature, old.account

-- name: remove_bands
DELETE FROM triage.cluster_band b USING unnest(%s::bigint[], %s::bigint[]) AS gone (band, cluster_id)
WHERE b.band = gone.band AND b.cluster_id = gone.cluster_id
