-- One approved text for many who ask the same: a fan-out. Each person gets it once, by the outbox of replies.

CREATE TABLE triage.fanout (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint REFERENCES triage.incident,
    cluster_id  bigint REFERENCES triage.cluster,
    topic       text REFERENCES triage.topic,
    since       timestamptz,
    texts       jsonb NOT NULL,
    state       text NOT NULL DEFAULT 'drafted' CHECK (state IN ('drafted', 'approved', 'stopped', 'done')),
    drafted_by  text NOT NULL,
    drafted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    approved_by text,
    approved_at timestamptz,
    CHECK (num_nonnulls(cluster_id, topic) = 1),
    CHECK ((state = 'drafted') <= (approved_by IS NULL))
);
COMMENT ON TABLE triage.fanout IS 'Who is written to: those who wait in a cluster, or on a topic since a moment (an incident''s onset).';
COMMENT ON COLUMN triage.fanout.state IS 'drafted: nobody is written to. approved: sent as quota and spend allow. stopped: by hand; what went out went out. done: everybody has it, or a reason why not.';
COMMENT ON COLUMN triage.fanout.texts IS 'By language: {"en": {"long": for mail, "short": for posts}}. {name} becomes the name, or goes.';

CREATE TABLE triage.fanout_recipient (
    fanout_id       bigint NOT NULL REFERENCES triage.fanout,
    conversation_id bigint NOT NULL REFERENCES triage.conversation,
    person          text NOT NULL,
    text            text NOT NULL DEFAULT '',
    lang            text NOT NULL DEFAULT '',
    excluded        text,
    reply_id        bigint REFERENCES triage.reply,
    PRIMARY KEY (fanout_id, conversation_id)
);
COMMENT ON COLUMN triage.fanout_recipient.excluded IS 'Why this conversation is left to a human. NULL: it is written to; reply_id says how far that is.';
-- Nobody gets two.
CREATE UNIQUE INDEX fanout_recipient_once ON triage.fanout_recipient (fanout_id, person) WHERE excluded IS NULL;
CREATE INDEX fanout_recipient_person ON triage.fanout_recipient (person) WHERE reply_id IS NOT NULL;
CREATE INDEX fanout_recipient_to_come ON triage.fanout_recipient (fanout_id, conversation_id)
    WHERE reply_id IS NULL AND excluded IS NULL;
