-- What one responder holds is looked at every few seconds: found by name, not among all that is leased.
CREATE INDEX unanswered_queue_claimed ON triage.unanswered_queue (claimed_by) WHERE claimed_by IS NOT NULL;
