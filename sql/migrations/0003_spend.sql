-- What money was spent, and why an account rests.

CREATE TABLE triage.spend_day (
    account text NOT NULL REFERENCES triage.account,
    day     date NOT NULL,
    method  text NOT NULL,
    units   bigint NOT NULL,
    PRIMARY KEY (account, day, method)
);
COMMENT ON TABLE triage.spend_day IS 'quota_use by UTC day, kept by a trigger in the transaction that spends: quota_use itself may be pruned.';
INSERT INTO triage.spend_day
SELECT account, (at AT TIME ZONE 'UTC')::date, method, sum(units) FROM triage.quota_use
WHERE NOT reserved GROUP BY 1, 2, 3;

-- X bills a post or a user once a UTC day, however often it returns it.
CREATE TABLE triage.billed (
    account  text NOT NULL REFERENCES triage.account,
    day      date NOT NULL,
    resource text NOT NULL,
    id       text NOT NULL,
    PRIMARY KEY (account, day, resource, id)
);
COMMENT ON TABLE triage.billed IS 'What was paid for on a day; of use on that day only, then pruned.';

CREATE TABLE triage.pause (
    account text PRIMARY KEY REFERENCES triage.account,
    reason  text NOT NULL,
    since   timestamptz NOT NULL
);
COMMENT ON TABLE triage.pause IS 'Accounts whose last page stopped early, and why (cap: credits: budget: quota: gap:); the next full one removes the row.';

CREATE TABLE triage.volume (
    account   text NOT NULL REFERENCES triage.account,
    feed      text NOT NULL,
    bin_start timestamptz NOT NULL,
    count     integer NOT NULL,
    PRIMARY KEY (account, feed, bin_start)
);
COMMENT ON TABLE triage.volume IS 'Posts a minute that were counted, not read: what a surge is seen by where reading everything costs too much.';

CREATE INDEX message_ours ON triage.message (account, sent_at) WHERE direction = 'outbound';
