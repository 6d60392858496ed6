-- Texts and addresses of old, settled messages go after the time that triage.yaml gives them.

-- Message ids follow the order of collecting: how far the walk is says what is done, and no index is needed for it.
CREATE TABLE triage.retention (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    passed bigint NOT NULL DEFAULT 0
);
INSERT INTO triage.retention DEFAULT VALUES;
COMMENT ON COLUMN triage.retention.passed IS 'Messages up to this id were looked at: they are emptied, or their conversation is in retention_left.';
CREATE TABLE triage.retention_left (
    conversation_id bigint PRIMARY KEY
);
COMMENT ON TABLE triage.retention_left IS 'Conversations that still waited, or were being worked on, when the walk passed a message of theirs.';
