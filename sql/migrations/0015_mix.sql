-- What an inbox was about when its messages were decided: chances are weighed by it (triage/classify/mix.py).

CREATE TABLE triage.mix (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL REFERENCES triage.account (name),
    counts  jsonb NOT NULL,
    times   jsonb NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX mix_account ON triage.mix (account, id);
COMMENT ON TABLE triage.mix IS 'One row for each batch of an account that was decided; the last one is where the next begins.';
COMMENT ON COLUMN triage.mix.counts IS 'How many of the latest messages were about each topic, by the sum of their chances.';
COMMENT ON COLUMN triage.mix.times IS 'What chances of each topic were multiplied by in this batch: the same again gives the same decisions.';

-- No reference: looking for one in millions of rows would hold up every writer.
ALTER TABLE triage.classification ADD COLUMN mix_id bigint;
COMMENT ON COLUMN triage.classification.mix_id IS 'The mix that weighed its chances; NULL where none did.';
