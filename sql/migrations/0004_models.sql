-- Models that were taught here by corrections, and what was asked of a second opinion.

-- candidate -> being judged
-- promoted  -> decides; at most one. None: the shipped model decides
-- rejected  -> the gate said no, for the reasons given
-- retired   -> was promoted, until another one was or a person rolled it back
CREATE TABLE triage.model (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest          text NOT NULL,
    base            text NOT NULL,
    parent          bigint REFERENCES triage.model,
    trained_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    corrections     integer NOT NULL,
    last_correction bigint NOT NULL REFERENCES triage.correction,
    figures         jsonb NOT NULL,
    status          text NOT NULL DEFAULT 'candidate' CHECK (status IN ('candidate', 'promoted', 'rejected', 'retired')),
    reasons         text[] NOT NULL DEFAULT '{}',
    content         bytea
);
CREATE UNIQUE INDEX model_promoted ON triage.model ((true)) WHERE status = 'promoted';
ALTER TABLE triage.model ALTER content SET STORAGE EXTERNAL;
COMMENT ON COLUMN triage.model.digest IS 'SHA-256 of content; workers keep the unpacked model under this name.';
COMMENT ON COLUMN triage.model.base IS 'The shipped model it was taught on. With another one shipped it no longer decides, until learn teaches that one.';
COMMENT ON COLUMN triage.model.parent IS 'The one that decided when this was trained; NULL: the shipped one. Rolling back leads there.';
COMMENT ON COLUMN triage.model.last_correction IS 'The newest correction it was taught with.';
COMMENT ON COLUMN triage.model.reasons IS 'Why it got its status: what the gate measured, and what people did.';
COMMENT ON COLUMN triage.model.content IS 'The model''s folder as a zip, so that every worker has it. NULL: too old to keep.';
