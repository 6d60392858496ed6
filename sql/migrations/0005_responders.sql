-- What responders need: who serves which account, opening hours, clusters, replies sent from here.

CREATE TABLE triage.access (
    account text NOT NULL REFERENCES triage.account,
    role    name NOT NULL,
    PRIMARY KEY (account, role)
);
COMMENT ON TABLE triage.access IS 'Which database roles serve an account. An account without rows is served by every responder and reader.';

CREATE TABLE triage.open_hours (
    opens  timestamptz PRIMARY KEY,
    closes timestamptz NOT NULL CHECK (closes > opens),
    before bigint NOT NULL
);
CREATE INDEX open_hours_before ON triage.open_hours (before);
COMMENT ON TABLE triage.open_hours IS 'The calendar of triage.yaml, laid out some months around today. Empty: open around the clock.';
COMMENT ON COLUMN triage.open_hours.before IS 'Seconds of opening hours before this span: what makes triage.due a look-up.';

-- Nearly the same text is one cluster. The queue shows it once, with its count; each conversation still waits for itself.
CREATE TABLE triage.cluster (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id bigint NOT NULL UNIQUE REFERENCES triage.message,
    members    integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN triage.cluster.message_id IS 'The first message of the cluster: what the queue shows of it.';
ALTER TABLE triage.message ADD cluster_id bigint REFERENCES triage.cluster;
CREATE INDEX message_cluster ON triage.message (cluster_id) WHERE cluster_id IS NOT NULL;
CREATE TABLE triage.cluster_band (
    band       bigint NOT NULL,
    message_id bigint NOT NULL REFERENCES triage.message,
    cluster_id bigint NOT NULL REFERENCES triage.cluster,
    PRIMARY KEY (band, message_id)
);
COMMENT ON TABLE triage.cluster_band IS 'Locality-sensitive hashes of texts: two texts that share a band are compared.';

-- A reply written here. wanted -> sending -> sent, or refused (the platform said no, in its words), or unknown
-- (we cannot know whether it went out: a person looks before anybody sends it again).
CREATE TABLE triage.reply (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id bigint NOT NULL REFERENCES triage.conversation,
    to_message      bigint NOT NULL REFERENCES triage.message,
    key             text NOT NULL UNIQUE,
    text            text NOT NULL CHECK (btrim(text) <> ''),
    by              text NOT NULL,
    state           text NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'sending', 'sent', 'refused', 'unknown')),
    native_id       text,
    error           text,
    wanted_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN triage.reply.key IS 'Idempotency key: the same answer asked for twice is one row.';
CREATE INDEX reply_open ON triage.reply (id) WHERE state IN ('wanted', 'sending');
CREATE INDEX reply_conversation ON triage.reply (conversation_id);

ALTER TABLE triage.unanswered_queue ENABLE ROW LEVEL SECURITY;
-- What a claim chooses from, and what is out on a lease: a claim moves a row from one to the other, and walks past nothing
-- that is taken.
CREATE INDEX unanswered_queue_free ON triage.unanswered_queue (priority, due_at, conversation_id) WHERE lease_until IS NULL;
CREATE INDEX unanswered_queue_leased ON triage.unanswered_queue (lease_until) WHERE lease_until IS NOT NULL;
DROP INDEX triage.unanswered_queue_topic;
CREATE INDEX unanswered_queue_topic ON triage.unanswered_queue (topic, priority, due_at, conversation_id);
-- What the queue is looked at by, each in its order.
CREATE INDEX unanswered_queue_lang ON triage.unanswered_queue (lang, priority, due_at, conversation_id);
CREATE INDEX unanswered_queue_source ON triage.unanswered_queue (source, priority, due_at, conversation_id);
CREATE INDEX unanswered_queue_cluster ON triage.unanswered_queue (cluster, priority, due_at, conversation_id)
    WHERE cluster IS NOT NULL;
CREATE INDEX unanswered_queue_snoozed ON triage.unanswered_queue (priority, due_at, conversation_id)
    WHERE snoozed_until IS NOT NULL;

-- Checking each line's conversation costs more than writing it, and every writer has that conversation locked.
ALTER TABLE triage.audit DROP CONSTRAINT audit_conversation_id_fkey;
