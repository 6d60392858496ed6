-- name: fast
SET session_replication_role = replica; SET synchronous_commit = off; SET maintenance_work_mem = '1GB'

-- name: accounts
INSERT INTO triage.account (name, source, labels) VALUES
    ('care', 'gmail', true), ('newsroom', 'gmail', true), ('brand_x', 'x', false), ('brand_sky', 'bluesky', false),
    ('brand_toot', 'mastodon', false)
ON CONFLICT DO NOTHING

-- name: has_logins
SELECT 1 FROM pg_roles WHERE rolname = 'bench_responder'

-- name: answered_today
SELECT * FROM triage.answered_today

-- name: logins
CREATE ROLE bench_pipeline LOGIN PASSWORD 'bench' IN ROLE triage_pipeline;
CREATE ROLE bench_responder LOGIN PASSWORD 'bench' IN ROLE triage_responder

-- name: sentences
CREATE TABLE public.sentence (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, lang text, topic text, text text);
CREATE TABLE public.name (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, first text, last text);
INSERT INTO public.name (first, last)
SELECT f, l FROM unnest('{Ana,Bruno,Chloé,Dana,Émile,Fatou,Georg,Hélène,Igor,Jane,Karim,Léa,Maëlle,Noor,Omar,Paula,Quentin,Rosa,Sam,Tom}'::text[]) f,
     unnest('{Adeyemi,Brandt,Costa,Dubois,Eriksen,Faure,Garcia,Haddad,Ivanov,Jansen,Kovacs,Lefèvre,Moreau,Novak,Okafor,Petit,Quinn,Rossi,Schmidt,Tanaka}'::text[]) l

-- name: add_sentences
INSERT INTO public.sentence (lang, topic, text) VALUES %s

-- name: conversations
-- One in four waits, the storm's topics above all and most of them since today; 27 of 30 of the others were answered.
INSERT INTO triage.conversation (id, source, account, key, state, kind, waiting_since, topic, updated_at)
OVERRIDING SYSTEM VALUE
SELECT n, a.source, a.name, 'c' || lpad(n::text, 9, '0'), s.state, CASE s.state WHEN 'waiting' THEN w.kind END,
       CASE s.state WHEN 'waiting' THEN w.at END, w.topic, w.at
FROM generate_series(%(first)s::bigint, %(last)s) AS n
CROSS JOIN LATERAL (SELECT random() AS r, random() AS r2, random() AS r3 WHERE n > 0) AS d
JOIN triage.account a ON a.name = CASE WHEN d.r < 0.30 THEN 'care' WHEN d.r < 0.33 THEN 'newsroom' WHEN d.r < 0.80 THEN 'brand_x'
                                       WHEN d.r < 0.96 THEN 'brand_sky' ELSE 'brand_toot' END
CROSS JOIN LATERAL (SELECT (CASE WHEN n %% 4 = 0 THEN 'waiting' WHEN n %% 120 < 108 THEN 'answered' WHEN n %% 120 < 118 THEN 'dismissed'
                                 ELSE 'nobody' END)::triage.conversation_state AS state) AS s
CROSS JOIN LATERAL (
    SELECT CASE WHEN n %% 200 = 4 THEN 'check' ELSE 'reply' END AS kind,
           CASE WHEN d.r2 < 0.34 THEN 'product_defect' WHEN d.r2 < 0.40 THEN 'safety_injury' WHEN d.r2 < 0.52 THEN 'delivery'
                WHEN d.r2 < 0.64 THEN 'customer_service' WHEN d.r2 < 0.70 THEN 'billing' WHEN d.r2 < 0.78 THEN 'unsure'
                WHEN d.r2 < 0.84 THEN 'boycott' WHEN d.r2 < 0.9999 THEN 'not_crisis' ELSE 'tampering' END AS topic,
           now() - CASE s.state WHEN 'waiting' THEN interval '5 days' * power(d.r3, 3) ELSE interval '45 days' * d.r3 END AS at
) AS w

-- name: indexes
SELECT indexdef, format('DROP INDEX triage.%I', indexname) AS gone FROM pg_indexes i
WHERE schemaname = 'triage' AND tablename IN ('message', 'classification', 'unanswered_queue')
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = i.indexname)

-- name: messages
-- Between one and four of each conversation, by turns; the last one is ours where it was answered. 500 in a few.
INSERT INTO triage.message (id, source, account, native_id, conversation_id, direction, author, author_name, sent_at, fetched_at,
                            subject, text, lang, url, covered_as, covered_by, decision_id)
OVERRIDING SYSTEM VALUE
SELECT c.id * 1000 + j, c.source, c.account, lpad(c.id::text, 9, '0') || '-' || lpad(j::text, 3, '0'), c.id, d.direction,
       CASE d.direction WHEN 'inbound' THEN lower(p.first || '.' || p.last) || c.id %% 100000 || '@post.example' ELSE 'care@volmera.example' END,
       CASE d.direction WHEN 'inbound' THEN p.first || ' ' || p.last ELSE 'Volmera Care' END,
       coalesce(c.waiting_since, c.updated_at) - (k.many - j) * interval '1 hour', now(), left(s.text, 40), s.text, s.lang,
       'https://post.example/' || c.id, o.told, CASE WHEN o.told IS NOT NULL THEN c.id END,
       CASE d.direction WHEN 'inbound' THEN c.id * 1000 + j END
FROM triage.conversation c
CROSS JOIN LATERAL (SELECT CASE WHEN c.id %% 400000 = 1 THEN 500 ELSE 1 + (c.id / 4) %% 4 END AS many) AS k
CROSS JOIN LATERAL generate_series(1, k.many) AS j
CROSS JOIN LATERAL (
    SELECT (CASE WHEN c.state = 'nobody' THEN 'automatic'
                 WHEN ((k.many - j) %% 2 = 0) = (c.state = 'answered' AND k.many > 1) THEN 'outbound'
                 ELSE 'inbound' END)::triage.direction AS direction
) AS d
CROSS JOIN LATERAL (
    SELECT CASE WHEN d.direction <> 'inbound' THEN NULL WHEN c.state = 'dismissed' THEN 'dismissed'
                WHEN c.state = 'answered' AND k.many = 1 THEN 'answered' END::triage.conversation_state AS told
) AS o
JOIN public.sentence s ON s.id = 1 + (hashint8(c.id * 1000 + j) & 4095)
JOIN public.name p ON p.id = 1 + (c.id %% 400)
WHERE c.id BETWEEN %(first)s AND %(last)s

-- name: decisions
INSERT INTO triage.classification (id, message_id, topic, topics, intent, abstained, evidence, decided_by, stage, lang, model, taxonomy)
OVERRIDING SYSTEM VALUE
SELECT m.id, m.id, c.topic, '[]', CASE m.id / 1000 %% 32 WHEN 1 THEN 'urgent_help' WHEN 2 THEN 'press' ELSE 'complaint' END,
       c.topic = 'unsure', '[{"start": 0, "end": 4, "text": "word", "weight": 1.5}]', 'model', 'fast', m.lang, 'm', 't'
FROM triage.message m JOIN triage.conversation c ON c.id = m.conversation_id
WHERE m.id BETWEEN %(first)s::bigint * 1000 AND %(last)s::bigint * 1000 + 999 AND m.direction = 'inbound'

-- name: deeds
INSERT INTO triage.audit (id, conversation_id, verb, by, at, reason) OVERRIDING SYSTEM VALUE
SELECT c.id, c.id, CASE c.state WHEN 'answered' THEN 'answer' ELSE 'dismiss' END, 'responder' || c.id %% 50, c.updated_at, 'by phone'
FROM triage.conversation c
WHERE c.id BETWEEN %(first)s AND %(last)s AND (c.state = 'dismissed' OR c.state = 'answered' AND (c.id / 4) %% 4 = 0)

-- name: queue
-- Three in ten say what others say: one storm of a tenth of all, a hundred of a thousandth, many tens. One in a hundred is held.
INSERT INTO triage.unanswered_queue (conversation_id, source, account, conversation, topic, severity, priority, kind, intent,
    waiting_since, due_at, author, author_name, subject, excerpt, url, lang, messages, cluster, follower, held, claimed_by, lease_until, snoozed_until)
SELECT c.id, c.source, c.account, c.key, c.topic, t.severity, triage.priority(t.severity, d.intent, c.kind), c.kind, d.intent,
       c.waiting_since, c.waiting_since + t.target, m.author, m.author_name, m.subject,
       left(m.text || ' ' || s.text || ' ' || r.text, 240), m.url,
       CASE WHEN c.source = 'mastodon' AND m.lang = 'fr' AND c.id %% 500 <> 0 THEN 'en'
            WHEN c.id %% 1000 = 0 THEN 'de' WHEN c.id %% 77 = 0 THEN '' ELSE m.lang END, 1,
       CASE (c.id / 4) %% 10 WHEN 1 THEN 1 WHEN 2 THEN 2 + (c.id / 40) %% 100 WHEN 3 THEN 1000 + c.id / 400 END,
       (c.id / 4) %% 10 IN (1, 2, 3), (c.id / 4) %% 100 = 0,
       CASE WHEN (c.id / 4) %% 500 = 7 THEN 'responder' || (c.id / 4 / 500) %% 50 END,
       CASE WHEN (c.id / 4) %% 500 = 7 THEN now() + interval '1 hour' END,
       CASE WHEN (c.id / 4) %% 200 = 3 THEN now() + interval '1 day' END
FROM triage.conversation c
JOIN triage.message m ON m.id = c.id * 1000 + CASE WHEN c.id %% 400000 = 1 THEN 500 ELSE 1 + (c.id / 4) %% 4 END
JOIN triage.classification d ON d.id = m.decision_id
JOIN triage.topic t ON t.key = c.topic
JOIN public.sentence s ON s.id = 1 + (hashint8(c.id * 7) & 4095)
JOIN public.sentence r ON r.id = 1 + (hashint8(c.id * 13) & 4095)
WHERE c.state = 'waiting' AND c.id BETWEEN %(first)s AND %(last)s

-- name: heads
UPDATE triage.unanswered_queue q SET follower = false
FROM (SELECT DISTINCT ON (o.cluster) o.conversation_id FROM triage.unanswered_queue o WHERE o.cluster IS NOT NULL
      ORDER BY o.cluster, o.priority, o.due_at, o.conversation_id) AS first
WHERE q.conversation_id = first.conversation_id

-- name: sequences
SELECT setval(pg_get_serial_sequence('triage.conversation', 'id'), (SELECT max(id) FROM triage.conversation)),
       setval(pg_get_serial_sequence('triage.message', 'id'), (SELECT max(id) FROM triage.message)),
       setval(pg_get_serial_sequence('triage.classification', 'id'), (SELECT max(id) FROM triage.classification)),
       setval(pg_get_serial_sequence('triage.audit', 'id'), (SELECT max(id) FROM triage.audit))
