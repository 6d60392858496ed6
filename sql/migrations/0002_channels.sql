-- What the sources need to be trusted with a company's inbox.

-- One mail to two of our mailboxes is one conversation with two deliveries: a thread of any account leads to it.
CREATE TABLE triage.thread (
    source          text NOT NULL,
    account         text NOT NULL REFERENCES triage.account,
    key             text NOT NULL,
    conversation_id bigint NOT NULL REFERENCES triage.conversation,
    PRIMARY KEY (source, account, key)
);
CREATE INDEX thread_conversation ON triage.thread (conversation_id);
COMMENT ON TABLE triage.thread IS 'Threads that lead to a conversation begun in another of our mailboxes. Others are the conversation of their own key.';

ALTER TABLE triage.message ADD global_id text;
COMMENT ON COLUMN triage.message.global_id IS 'The Message-ID of a mail: the same in every mailbox it was delivered to.';
UPDATE triage.message SET global_id = nullif(extra ->> 'message_id', '') WHERE extra ? 'message_id';
CREATE INDEX message_global ON triage.message (global_id) WHERE global_id IS NOT NULL;

-- Labels as the mailbox knows them. A person may rename one: it stays ours by its id.
CREATE TABLE triage.label (
    account   text NOT NULL REFERENCES triage.account,
    key       text NOT NULL,
    native_id text NOT NULL,
    name      text NOT NULL,
    seen_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, key)
);
COMMENT ON COLUMN triage.label.key IS 'unanswered, or a topic key, as in label_outbox.';
COMMENT ON COLUMN triage.label.name IS 'The name we gave it last; another name in the mailbox is a person''s choice and stays.';
COMMENT ON COLUMN triage.label.seen_at IS 'When the mailbox was last seen to have it: looked after once a day.';

ALTER TABLE triage.label_outbox ADD held boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN triage.label_outbox.held IS 'A person took this label off or put it on by hand: we leave it as they left it.';
DROP INDEX triage.label_outbox_pending;
CREATE INDEX label_outbox_pending ON triage.label_outbox (account, message_id)
    WHERE wanted <> applied AND NOT gone AND NOT held;
ALTER TABLE triage.label_outbox ADD sent_at timestamptz;
COMMENT ON COLUMN triage.label_outbox.sent_at IS 'Since when a change has been on its way that the mailbox has not confirmed; what it shows meanwhile may be our doing.';
CREATE INDEX label_outbox_sent ON triage.label_outbox (account) WHERE sent_at IS NOT NULL;

-- A person's word on a topic, wherever it was given. to_topic NULL: not this one, and they did not say which.
CREATE TABLE triage.correction (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id      bigint NOT NULL REFERENCES triage.message,
    from_topic      text,
    to_topic        text REFERENCES triage.topic,
    origin          text NOT NULL CHECK (origin IN ('queue', 'mailbox', 'file')),
    by              text NOT NULL,
    at              timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX correction_message ON triage.correction (message_id, id);
COMMENT ON TABLE triage.correction IS 'Append-only: what the classifier learns from.';

ALTER TABLE triage.account ADD watched_until timestamptz;
COMMENT ON COLUMN triage.account.watched_until IS 'Until when Gmail tells our Pub/Sub topic of changes; renewed daily. NULL: never asked for.';

-- Units are taken before they are spent, so that two tasks never spend the same ones; what was not used is given back.
ALTER TABLE triage.quota_use ADD reserved boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN triage.quota_use.reserved IS 'Taken by a task at work; replaced by what it really spent.';
