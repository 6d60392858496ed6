-- Replying from here: a person may take a reply back, a sender waits its turn, and what it cost is known beforehand.

ALTER TABLE triage.reply DROP CONSTRAINT reply_state_check;
ALTER TABLE triage.reply ADD CHECK (state IN ('wanted', 'sending', 'sent', 'refused', 'unknown', 'withdrawn'));
COMMENT ON COLUMN triage.reply.state IS 'withdrawn: never sent, because the conversation was settled meanwhile or a person took it back; error says which.';

-- The outbox also carries posts that answer nobody (statements): those have no conversation.
ALTER TABLE triage.reply ADD account text REFERENCES triage.account;
UPDATE triage.reply r SET account = m.account FROM triage.message m WHERE m.id = r.to_message;
ALTER TABLE triage.reply ALTER account SET NOT NULL;
ALTER TABLE triage.reply ALTER conversation_id DROP NOT NULL, ALTER to_message DROP NOT NULL;
ALTER TABLE triage.reply ADD CHECK ((conversation_id IS NULL) = (to_message IS NULL));

ALTER TABLE triage.reply ADD bulk boolean NOT NULL DEFAULT false;
ALTER TABLE triage.reply ADD lang text NOT NULL DEFAULT '';
ALTER TABLE triage.reply ADD url text NOT NULL DEFAULT '';
ALTER TABLE triage.reply ADD not_before timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE triage.reply ADD attempts integer NOT NULL DEFAULT 0;
ALTER TABLE triage.reply ADD units bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN triage.reply.account IS 'The account it is sent from: the one the message was written to.';
COMMENT ON COLUMN triage.reply.bulk IS 'One of many of the same: sent after those that people wrote one by one.';
COMMENT ON COLUMN triage.reply.not_before IS 'The platform, the quota or the daily cap asks for patience until then.';
COMMENT ON COLUMN triage.reply.attempts IS 'How often it was handed to the platform. From the second on we look first whether it is there.';
COMMENT ON COLUMN triage.reply.units IS 'What quota_use has for it: entered before it goes out, given back when it did not.';

-- One conversation, one reply under way: two people never answer the same one.
CREATE UNIQUE INDEX reply_under_way ON triage.reply (conversation_id) WHERE state IN ('wanted', 'sending', 'unknown');
DROP INDEX triage.reply_open;
CREATE INDEX reply_open ON triage.reply (account, id) WHERE state IN ('wanted', 'sending');
CREATE INDEX reply_changed ON triage.reply (account, changed_at);
