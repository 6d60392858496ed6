-- Incidents: what detect notices, what is said about it, and to whom.

-- Each stream of counts has one detector: `topic:<key>` over all accounts, `account:<name>` whatever it is about,
-- `feed:<account>:<term>` counted but not read, and `all`.
CREATE TABLE triage.detector (
    stream     text PRIMARY KEY,
    closed_to  timestamptz NOT NULL,
    state      jsonb NOT NULL,
    held_since timestamptz
);
COMMENT ON COLUMN triage.detector.closed_to IS 'Everything sent before this moment was judged; who is found later than ten minutes after is attached, but judged no more.';
COMMENT ON COLUMN triage.detector.held_since IS 'Since when a bin could not be closed because an account is not read up to it.';
CREATE TABLE triage.detector_bin (
    stream     text NOT NULL,
    started_at timestamptz NOT NULL,
    count      integer NOT NULL,
    expected   real NOT NULL,
    score      real NOT NULL,
    PRIMARY KEY (stream, started_at)
);
COMMENT ON TABLE triage.detector_bin IS 'What each minute brought, and what was expected of it. Kept for ten days, and around incidents for good.';
CREATE INDEX message_sent ON triage.message (sent_at) WHERE direction = 'inbound';

ALTER TABLE triage.cursor ADD complete_at timestamptz;
COMMENT ON COLUMN triage.cursor.complete_at IS 'When the account was last read to its end: later messages may be missing.';

-- open    -> a surge, or a person's word: its topic is read first, and clocks run around the clock
-- watched -> closed by rule or by hand; until watched_until a lower threshold opens it again
-- closed  -> watched long enough, or closed for good: the next alarm on the topic is another incident
CREATE TABLE triage.incident (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic          text REFERENCES triage.topic,
    account        text REFERENCES triage.account,
    stream         text NOT NULL,
    onset          timestamptz NOT NULL,
    alarmed_at     timestamptz NOT NULL,
    observed       integer NOT NULL,
    expected       real NOT NULL,
    peak           integer NOT NULL,
    severity       smallint NOT NULL CHECK (severity BETWEEN 1 AND 3),
    state          text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'watched', 'closed')),
    opened_by      text NOT NULL,
    named_at       timestamptz,
    surge_ended_at timestamptz,
    closed_at      timestamptz,
    closed_by      text,
    closed_reason  text,
    watched_until  timestamptz,
    queue_told     boolean NOT NULL DEFAULT false,
    respond_run    text,
    terms          jsonb NOT NULL DEFAULT '[]',
    CHECK ((state = 'open') = (closed_at IS NULL)),
    CHECK ((closed_at IS NULL) = (closed_by IS NULL) AND (closed_at IS NULL) = (closed_reason IS NULL)),
    CHECK (state <> 'watched' OR watched_until IS NOT NULL),
    CHECK ((topic IS NULL) = (named_at IS NULL))
);
CREATE UNIQUE INDEX incident_active ON triage.incident (coalesce(topic, ''), coalesce(account, '')) WHERE state <> 'closed';
COMMENT ON COLUMN triage.incident.topic IS 'NULL: more arrives than usual, and too little of it is read to say what about.';
COMMENT ON COLUMN triage.incident.account IS 'NULL: wherever people write.';
COMMENT ON COLUMN triage.incident.stream IS 'The stream whose detector says when the surge is over.';
COMMENT ON COLUMN triage.incident.severity IS 'The graver of the topic''s and the surge''s; 1 is the gravest.';
COMMENT ON COLUMN triage.incident.queue_told IS 'The queue''s priorities and due times follow the state.';
COMMENT ON COLUMN triage.incident.respond_run IS 'The run of the DAG respond that took it; one at most.';
COMMENT ON COLUMN triage.incident.terms IS 'What distinguishes its messages: terms with their weight, strongest first.';

CREATE TABLE triage.incident_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES triage.incident,
    verb        text NOT NULL,
    by          text NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason      text,
    detail      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX incident_log_incident ON triage.incident_log (incident_id, id);
COMMENT ON TABLE triage.incident_log IS 'What happened in an incident and who did it, append-only; a note is a line of it.';

-- What we say in public, one row per channel and language; number 1 is the first statement, then come the updates.
-- draft     -> filled from the plan, may be edited
-- waiting   -> shown to whoever must approve
-- approved  -> to be published in the order of place: on the hub at once, elsewhere by a row of triage.reply that answers
--              nobody, and what becomes of that (sent, refused, unknown) is what becomes of this
-- withdrawn -> whoever had to approve it did not, or it was taken back before it went out
CREATE TABLE triage.statement (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES triage.incident,
    number      integer NOT NULL DEFAULT 1,
    place       integer NOT NULL,
    channel     text NOT NULL,
    lang        text NOT NULL CHECK (lang IN ('en', 'fr')),
    text        text NOT NULL CHECK (btrim(text) <> ''),
    state       text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'waiting', 'approved', 'withdrawn')),
    drafted_by  text NOT NULL,
    drafted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    approved_by text,
    approved_at timestamptz,
    reply_id    bigint UNIQUE REFERENCES triage.reply,
    UNIQUE (incident_id, number, channel, lang),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
    CHECK (state <> 'approved' OR approved_by IS NOT NULL),
    CHECK (reply_id IS NULL OR state = 'approved')
);
COMMENT ON COLUMN triage.statement.channel IS 'The account that posts it, or hub.';
COMMENT ON COLUMN triage.statement.place IS 'Where the crisis began comes first.';

-- Questions and answers of the hub. Only what was approved is shown.
CREATE TABLE triage.question (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES triage.incident,
    lang        text NOT NULL CHECK (lang IN ('en', 'fr')),
    question    text NOT NULL CHECK (btrim(question) <> ''),
    answer      text NOT NULL DEFAULT '',
    cluster_id  bigint REFERENCES triage.cluster,
    asked       integer NOT NULL DEFAULT 0,
    drafted_by  text NOT NULL,
    approved_by text,
    approved_at timestamptz,
    withdrawn   boolean NOT NULL DEFAULT false,
    CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
    CHECK (approved_by IS NULL OR btrim(answer) <> '')
);
CREATE INDEX question_incident ON triage.question (incident_id);
CREATE UNIQUE INDEX question_once ON triage.question (incident_id, lang, question) WHERE NOT withdrawn;
COMMENT ON COLUMN triage.question.asked IS 'How many asked it, where it was drafted from a cluster.';

-- The function has one parameter more now: the old one must not stand beside it.
DROP FUNCTION IF EXISTS triage.priority(smallint, text, text);
