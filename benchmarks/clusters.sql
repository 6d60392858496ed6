-- name: trigram
SELECT similarity(a, b) AS likeness FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS pair (a, b, n) ORDER BY n

-- name: account
INSERT INTO triage.account (name, source, labels) VALUES ('care', 'gmail', true)

-- name: peers
CREATE EXTENSION IF NOT EXISTS pg_trgm;
-- Its upkeep comes when we say so: in the background it would be charged to whoever is measured.
CREATE TABLE public.stored (id bigint GENERATED ALWAYS AS IDENTITY, text text NOT NULL, simhash bit(64) NOT NULL)
WITH (autovacuum_enabled = off);
CREATE INDEX ON public.stored USING gin (text gin_trgm_ops)

-- name: store
WITH made AS (
    INSERT INTO triage.conversation (source, account, key)
    SELECT 'gmail', 'care', 'c' || n FROM generate_series(%(first)s, %(first)s + cardinality(%(texts)s) - 1) AS n
    RETURNING id, key
)
INSERT INTO triage.message (source, account, native_id, conversation_id, direction, author, sent_at, fetched_at, text, lang)
SELECT 'gmail', 'care', m.key, m.id, 'inbound', m.key || '@post.example', now(), now(), (%(texts)s)[n], 'en'
FROM generate_series(1, cardinality(%(texts)s)) AS n JOIN made m ON m.key = 'c' || n + %(first)s - 1
RETURNING id, conversation_id, account, text, true AS may_copy

-- name: store_peers
INSERT INTO public.stored (text, simhash) SELECT * FROM unnest(%s::text[], %s::bit(64)[])

-- name: upkeep
ANALYZE;
SELECT gin_clean_pending_list('public.stored_text_idx')

-- name: rows
SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint AS rows
FROM pg_stat_xact_user_tables WHERE schemaname = 'triage'

-- name: ask_trigram
SELECT id FROM public.stored WHERE text %% %s ORDER BY similarity(text, %s) DESC LIMIT 1

-- name: ask_simhash
SELECT id FROM public.stored WHERE bit_count(simhash # %s::bit(64)) <= %s LIMIT 1

-- name: threshold
SET LOCAL pg_trgm.similarity_threshold = 0.5
