-- Storm control: copies of one text wait behind their first, a flood from one sender is set aside.

ALTER TABLE triage.unanswered_queue
    ADD follower boolean NOT NULL DEFAULT false,
    ADD held boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN triage.unanswered_queue.cluster IS 'Rows whose open messages are near copies of one text share it; NULL: nobody else wrote this.';
COMMENT ON COLUMN triage.unanswered_queue.follower IS 'Another row of its cluster comes first; when that one leaves, the next in order does. It waits and is due all the same.';
COMMENT ON COLUMN triage.unanswered_queue.held IS 'Part of a flood from one sender: set aside, still waiting, until somebody releases it. Neither leads a cluster nor follows.';

-- What a claim chooses from: heads and singles; then, when nothing else is left, followers.
DROP INDEX triage.unanswered_queue_free;
CREATE INDEX unanswered_queue_free ON triage.unanswered_queue (priority, due_at, conversation_id)
    WHERE lease_until IS NULL AND NOT follower AND NOT held;
CREATE INDEX unanswered_queue_followers ON triage.unanswered_queue (priority, due_at, conversation_id)
    WHERE lease_until IS NULL AND follower;
CREATE INDEX unanswered_queue_held ON triage.unanswered_queue (priority, due_at, conversation_id) WHERE held;
-- Who comes first in a cluster, and who does now: triage.lead.
CREATE INDEX unanswered_queue_next ON triage.unanswered_queue
    (cluster, (snoozed_until IS NOT NULL), priority, due_at, conversation_id) WHERE cluster IS NOT NULL AND NOT held;
CREATE INDEX unanswered_queue_heads ON triage.unanswered_queue (cluster) WHERE cluster IS NOT NULL AND NOT held AND NOT follower;
-- The function has one parameter more now: the old one must not stand beside it.
DROP FUNCTION IF EXISTS triage.claim(integer, text, text, interval);

ALTER TABLE triage.cluster ADD signature bytea;
COMMENT ON COLUMN triage.cluster.signature IS 'MinHash of the first message: what later ones are compared with. NULL: forgotten, nothing joins any more.';
CREATE INDEX cluster_live ON triage.cluster (created_at) WHERE signature IS NOT NULL;
-- Only the first message of a cluster has bands: copies of it add none, and what is looked up does not grow with them.
DROP TABLE triage.cluster_band;
CREATE TABLE triage.cluster_band (
    band       bigint NOT NULL,
    cluster_id bigint NOT NULL,
    PRIMARY KEY (band, cluster_id)
);
COMMENT ON TABLE triage.cluster_band IS 'Locality-sensitive hashes of signatures: two texts that share a band are compared. Written and removed with the signature.';

CREATE TABLE triage.flood (
    account         text NOT NULL REFERENCES triage.account,
    author          text NOT NULL,
    started_at      timestamptz NOT NULL,
    ended_at        timestamptz NOT NULL CHECK (ended_at >= started_at),
    conversation_id bigint NOT NULL REFERENCES triage.conversation,
    released_at     timestamptz,
    released_by     text,
    PRIMARY KEY (account, author, started_at),
    CHECK ((released_at IS NULL) = (released_by IS NULL))
);
COMMENT ON TABLE triage.flood IS 'One sender wrote more to one account than triage.yaml allows; what came between these times is held.';
COMMENT ON COLUMN triage.flood.conversation_id IS 'Its first conversation stays in the queue: one row of everybody is always seen.';
CREATE INDEX message_author ON triage.message (account, author, sent_at, id) WHERE direction = 'inbound';
