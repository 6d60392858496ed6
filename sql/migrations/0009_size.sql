-- The queue page at a million rows: every list is the beginning of some index, alone or of a few parts merged.

-- What is listed: heads and singles. 17 topics, a handful of accounts and languages and 5 priorities make up the facets;
-- a list by several of them merges the beginnings of those that match. What a filter asks for is in the index, so that
-- rows are fetched only once they are chosen.
DROP INDEX triage.unanswered_queue_order;
DROP INDEX triage.unanswered_queue_topic;
DROP INDEX triage.unanswered_queue_lang;
DROP INDEX triage.unanswered_queue_source;
-- Every severity is above 0. A claim does not ask for that, and so keeps to the rows that are free: this index begins
-- with those that are taken.
CREATE INDEX unanswered_queue_order ON triage.unanswered_queue (priority, due_at, conversation_id)
    INCLUDE (account, snoozed_until) WHERE NOT follower AND NOT held AND severity > 0;
CREATE INDEX unanswered_queue_topic ON triage.unanswered_queue (topic, priority, due_at, conversation_id)
    INCLUDE (account, waiting_since, snoozed_until) WHERE NOT follower AND NOT held;
CREATE INDEX unanswered_queue_lang ON triage.unanswered_queue (lang, priority, due_at, conversation_id)
    INCLUDE (account, snoozed_until) WHERE NOT follower AND NOT held;
CREATE INDEX unanswered_queue_account ON triage.unanswered_queue (account, priority, due_at, conversation_id)
    INCLUDE (snoozed_until) WHERE NOT follower AND NOT held;
CREATE INDEX unanswered_queue_facets ON triage.unanswered_queue (topic, account, lang, priority, due_at, conversation_id)
    INCLUDE (waiting_since, snoozed_until) WHERE NOT follower AND NOT held;
-- The copies of a text are counted here, also for those who may not see them all.
DROP INDEX triage.unanswered_queue_cluster;
CREATE INDEX unanswered_queue_cluster ON triage.unanswered_queue (cluster, priority, due_at, conversation_id)
    INCLUDE (account, held) WHERE cluster IS NOT NULL;

-- What is set aside is little beside the rest: one index each, with all that a filter asks for in it.
DROP INDEX triage.unanswered_queue_held;
CREATE INDEX unanswered_queue_held ON triage.unanswered_queue (priority, due_at, conversation_id)
    INCLUDE (topic, lang, source, account, waiting_since, snoozed_until) WHERE held;
DROP INDEX triage.unanswered_queue_snoozed;
CREATE INDEX unanswered_queue_snoozed ON triage.unanswered_queue (priority, due_at, conversation_id)
    INCLUDE (topic, lang, source, account, waiting_since, snoozed_until, follower, held) WHERE snoozed_until IS NOT NULL;

-- What was sent and told today, without a walk through all that was ever done.
DROP INDEX triage.message_ours;
CREATE INDEX message_ours ON triage.message (account, sent_at) INCLUDE (conversation_id) WHERE direction = 'outbound';
CREATE INDEX audit_answered ON triage.audit (at) WHERE verb IN ('answer', 'sent');
