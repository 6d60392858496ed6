-- name: accounts
INSERT INTO triage.account (name, source, labels) VALUES ('care', 'gmail', true), ('brand', 'x', false)

-- name: fast
SET session_replication_role = replica; SET synchronous_commit = off; SET maintenance_work_mem = '1GB'

-- name: topics
INSERT INTO triage.topic SELECT 't' || n, 'Topic', 'Sujet', 1 + n % 3, '1 hour' FROM generate_series(1, 17) AS n

-- name: conversations
INSERT INTO triage.conversation (source, account, key, state, kind, waiting_since, topic)
SELECT CASE n %% 5 WHEN 0 THEN 'x' ELSE 'gmail' END, CASE n %% 5 WHEN 0 THEN 'brand' ELSE 'care' END, 'c' || n, 'waiting',
       'reply', now() - random() * interval '3 days', 't' || 1 + n %% 17
FROM generate_series(1, %(rows)s) AS n

-- name: indexes
SELECT indexdef, format('DROP INDEX triage.%I', indexname) AS gone FROM pg_indexes i
WHERE schemaname = 'triage' AND tablename = 'message'
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = i.indexname)

-- name: messages
INSERT INTO triage.message (source, account, native_id, conversation_id, direction, author, author_name, sent_at, fetched_at,
                            subject, text, lang)
SELECT c.source, c.account, c.id || '-' || j, c.id, (CASE WHEN j < %(each)s AND j %% 2 = 0 THEN 'outbound' ELSE 'inbound' END)::triage.direction,
       'person' || c.id %% 100000 || '@post.example', 'Person ' || c.id %% 100000, c.waiting_since - (%(each)s - j) * interval '1 hour',
       now(), 'About order ' || c.id, 'My order ' || c.id || ' ' || repeat('has not come, please help. ', 6), 'en'
FROM triage.conversation c, generate_series(1, %(each)s) AS j
WHERE c.id BETWEEN %(first)s AND %(last)s

-- name: queue
INSERT INTO triage.unanswered_queue (conversation_id, source, account, conversation, topic, severity, priority, kind, intent,
    waiting_since, due_at, author, author_name, subject, excerpt, url, lang, messages, cluster, claimed_by, lease_until, snoozed_until)
SELECT c.id, c.source, c.account, c.key, c.topic, 1 + c.id % 3, 1 + c.id % 5, 'reply', 'question', c.waiting_since,
       c.waiting_since + random() * interval '4 days', 'person' || c.id % 100000 || '@post.example', 'Person ' || c.id % 100000,
       'About order ' || c.id, 'My order ' || c.id || ' ' || repeat('has not come, please help. ', 6), '',
       CASE WHEN c.id % 1000 = 0 THEN 'de' WHEN c.id % 5 < 2 THEN 'fr' ELSE 'en' END, 1,
       CASE WHEN c.id % 10 = 0 THEN c.id / 100 END,
       CASE WHEN c.id % 500 = 7 THEN 'responder' || c.id % 50 END, CASE WHEN c.id % 500 = 7 THEN now() + interval '1 hour' END,
       CASE WHEN c.id % 200 = 3 THEN now() + interval '1 day' END
FROM triage.conversation c

-- name: logins
CREATE ROLE bench_pipeline LOGIN PASSWORD 'bench' IN ROLE triage_pipeline;
CREATE ROLE bench_responder LOGIN PASSWORD 'bench' IN ROLE triage_responder
