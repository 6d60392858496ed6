-- The whole product lives in one schema. Responders touch unanswered_queue, the views and the functions;
-- every other table is private to the pipeline.

CREATE TABLE triage.topic (
    key       text PRIMARY KEY,
    label_en  text NOT NULL,
    label_fr  text NOT NULL,
    severity  smallint NOT NULL CHECK (severity BETWEEN 1 AND 4),
    target    interval NOT NULL
);
COMMENT ON TABLE triage.topic IS 'config/topics.yaml as the database sees it; written by every run. severity 4: none.';
-- What nobody has read yet is queued as unsure, before any run has shown topics.yaml to the database.
INSERT INTO triage.topic VALUES ('unsure', 'Unsure, please read', 'Incertain, à lire', 2, '60 minutes');

CREATE TABLE triage.account (
    name       text PRIMARY KEY,
    source     text NOT NULL,
    labels     boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN triage.account.labels IS 'Messages of this account can carry labels (Gmail).';

CREATE TABLE triage.cursor (
    account    text PRIMARY KEY REFERENCES triage.account,
    version    integer NOT NULL,
    value      jsonb NOT NULL,
    behind     boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN triage.cursor.behind IS 'There is more to read than the quota allowed so far.';
COMMENT ON TABLE triage.cursor IS 'Where each account stands; written in the transaction that stores the page. updated_at also moves on an empty page: the stall alarm reads it.';

-- waiting   -> a person waits for us; exactly these have a row in unanswered_queue
-- answered  -> the last inbound message is answered by a later human reply, or by a responder who said so
-- dismissed -> a responder gave a reason and a name, or every open message was deleted at the source
-- nobody    -> no person ever asked (lists, bounces, our own posts); outside the ledger
CREATE TYPE triage.conversation_state AS ENUM ('waiting', 'answered', 'dismissed', 'nobody');
CREATE TYPE triage.direction AS ENUM ('inbound', 'outbound', 'automatic');

CREATE TABLE triage.conversation (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source        text NOT NULL,
    account       text NOT NULL REFERENCES triage.account,
    key           text NOT NULL,
    state         triage.conversation_state NOT NULL DEFAULT 'nobody',
    kind          text CHECK (kind IN ('reply', 'check')),
    waiting_since timestamptz,
    topic         text REFERENCES triage.topic,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source, account, key),
    CHECK ((state = 'waiting') = (waiting_since IS NOT NULL)),
    CHECK ((state = 'waiting') = (kind IS NOT NULL))
);
COMMENT ON TABLE triage.conversation IS 'The unit that waits: a Gmail thread, or one author inside one social conversation.';

CREATE TABLE triage.audit (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id bigint NOT NULL REFERENCES triage.conversation,
    verb            text NOT NULL,
    by              text NOT NULL,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason          text,
    detail          jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_conversation ON triage.audit (conversation_id, id);
COMMENT ON TABLE triage.audit IS 'Who did what to a conversation, append-only. by: session_user, or the name the page or mailbox gives.';

CREATE TABLE triage.message (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source           text NOT NULL,
    account          text NOT NULL REFERENCES triage.account,
    native_id        text NOT NULL,
    conversation_id  bigint NOT NULL REFERENCES triage.conversation,
    direction        triage.direction NOT NULL,
    author           text NOT NULL,
    author_name      text NOT NULL DEFAULT '',
    sent_at          timestamptz NOT NULL,
    fetched_at       timestamptz NOT NULL,
    subject          text NOT NULL DEFAULT '',
    text             text NOT NULL,
    lang             text NOT NULL DEFAULT '',
    url              text NOT NULL DEFAULT '',
    labels           text[] NOT NULL DEFAULT '{}',
    reply_to         text,
    automatic_reason text NOT NULL DEFAULT '',
    bare_thanks      boolean NOT NULL DEFAULT false,
    extra            jsonb NOT NULL DEFAULT '{}',
    deleted_at       timestamptz,
    covered_as       triage.conversation_state CHECK (covered_as IN ('answered', 'dismissed')),
    covered_by       bigint REFERENCES triage.audit,
    decision_id      bigint,
    UNIQUE (source, account, native_id),
    CHECK ((covered_as IS NULL) = (covered_by IS NULL))
);
COMMENT ON COLUMN triage.message.deleted_at IS 'Gone at the source; kept here. It no longer waits.';
COMMENT ON COLUMN triage.message.covered_as IS 'A responder settled the conversation when this message was in it; later ones wait anew.';
COMMENT ON COLUMN triage.message.decision_id IS 'The classification in force; NULL: not read yet.';
CREATE INDEX message_conversation ON triage.message (conversation_id, sent_at);
CREATE INDEX message_undecided ON triage.message (id) WHERE decision_id IS NULL AND direction = 'inbound';
CREATE INDEX message_asked ON triage.message (conversation_id) WHERE direction = 'inbound';

CREATE TABLE triage.classification (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id bigint NOT NULL REFERENCES triage.message,
    topic      text NOT NULL REFERENCES triage.topic,
    topics     jsonb NOT NULL,
    intent     text NOT NULL,
    abstained  boolean NOT NULL,
    evidence   jsonb NOT NULL,
    decided_by text NOT NULL CHECK (decided_by IN ('model', 'rule', 'human')),
    decider    text NOT NULL DEFAULT '',
    stage      text NOT NULL,
    lang       text NOT NULL DEFAULT '',
    model      text NOT NULL,
    taxonomy   text NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX classification_once ON triage.classification (message_id, model, taxonomy)
    WHERE decided_by <> 'human';
COMMENT ON TABLE triage.classification IS 'Append-only. The newest human decision wins, else the newest. One machine decision per message, model and taxonomy: replays add nothing.';
ALTER TABLE triage.message ADD FOREIGN KEY (decision_id) REFERENCES triage.classification;

CREATE TABLE triage.unanswered_queue (
    conversation_id bigint PRIMARY KEY REFERENCES triage.conversation,
    source          text NOT NULL,
    account         text NOT NULL,
    conversation    text NOT NULL,
    topic           text NOT NULL,
    severity        smallint NOT NULL,
    priority        smallint NOT NULL,
    kind            text NOT NULL,
    intent          text NOT NULL,
    waiting_since   timestamptz NOT NULL,
    due_at          timestamptz NOT NULL,
    author          text NOT NULL,
    author_name     text NOT NULL,
    subject         text NOT NULL,
    excerpt         text NOT NULL,
    url             text NOT NULL,
    lang            text NOT NULL,
    messages        integer NOT NULL,
    cluster         bigint,
    claimed_by      text,
    lease_until     timestamptz,
    snoozed_until   timestamptz,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((claimed_by IS NULL) = (lease_until IS NULL))
);
COMMENT ON TABLE triage.unanswered_queue IS 'One row per conversation in which somebody still waits for us. Read it by (priority, due_at, conversation_id). priority: 1 now … 5 look and close.';
CREATE INDEX unanswered_queue_order ON triage.unanswered_queue (priority, due_at, conversation_id);
CREATE INDEX unanswered_queue_topic ON triage.unanswered_queue (topic, priority, due_at);

-- wanted is what the rules ask for, applied what the source confirmed. A row is pending while they differ, so
-- an add and a remove that meet before anything was sent cancel out, and a resend changes nothing.
CREATE TABLE triage.label_outbox (
    message_id bigint NOT NULL REFERENCES triage.message,
    label      text NOT NULL,
    account    text NOT NULL,
    native_id  text NOT NULL,
    wanted     boolean NOT NULL,
    applied    boolean NOT NULL DEFAULT false,
    gone       boolean NOT NULL DEFAULT false,
    error      text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, label)
);
COMMENT ON COLUMN triage.label_outbox.label IS 'unanswered, or a topic key; names are chosen when it is sent.';
COMMENT ON COLUMN triage.label_outbox.gone IS 'The message is no longer there: nothing to send.';
CREATE INDEX label_outbox_pending ON triage.label_outbox (account, message_id) WHERE wanted <> applied AND NOT gone;

CREATE TABLE triage.quarantine (
    source     text NOT NULL,
    account    text NOT NULL REFERENCES triage.account,
    native_id  text NOT NULL,
    reason     text NOT NULL,
    raw        text NOT NULL DEFAULT '',
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen  timestamptz NOT NULL DEFAULT now(),
    attempts   integer NOT NULL DEFAULT 1,
    PRIMARY KEY (source, account, native_id)
);
COMMENT ON TABLE triage.quarantine IS 'Items that could not be read: kept, shown, replayable. A later successful read removes the row.';

CREATE TABLE triage.quota_use (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL REFERENCES triage.account,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    method  text NOT NULL,
    units   bigint NOT NULL
);
CREATE INDEX quota_use_recent ON triage.quota_use (account, at);
COMMENT ON TABLE triage.quota_use IS 'What each account spent, in its own units: Gmail quota units, X millionths of a dollar.';
