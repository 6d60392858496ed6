-- What people are told: digests, overdue conversations, alarms, incidents.

-- wanted  -> not told yet; `error` says why the last try failed, `not_before` when the next one is due
-- sending -> a task is telling it now
-- sent    -> the mail server, Slack or Apprise took it
-- failed  -> given up, for the reason given
-- unknown -> the task died while it was telling: it may have gone out, and is not told again
CREATE TABLE triage.notice (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recipient  text NOT NULL,
    address    text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('digest', 'overdue', 'alarm', 'incident')),
    key        text NOT NULL,
    subject    text NOT NULL,
    text       text NOT NULL,
    state      text NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'sending', 'sent', 'failed', 'unknown')),
    attempts   smallint NOT NULL DEFAULT 0,
    error      text,
    not_before timestamptz NOT NULL,
    wanted_at  timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    UNIQUE (recipient, address, key)
);
COMMENT ON TABLE triage.notice IS 'Outbox of notices: at most one for each recipient, address and key.';
COMMENT ON COLUMN triage.notice.recipient IS 'An entry of notify in triage.yaml.';
COMMENT ON COLUMN triage.notice.address IS 'One of its addresses; empty: whatever its connection leads to.';
CREATE INDEX notice_open ON triage.notice (not_before, id) WHERE state IN ('wanted', 'sending');
CREATE INDEX notice_recent ON triage.notice (recipient, kind, wanted_at);

CREATE TABLE triage.overdue_told (
    recipient       text NOT NULL,
    conversation_id bigint NOT NULL,
    since           timestamptz NOT NULL,
    step            smallint NOT NULL,
    PRIMARY KEY (recipient, conversation_id, since)
);
COMMENT ON TABLE triage.overdue_told IS 'How far each recipient was told that a conversation is overdue; since: when that spell of waiting began. Written with the notice that tells it.';
