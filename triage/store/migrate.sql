-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('triage.migrate', 0))

-- name: patience
SET LOCAL lock_timeout = %s

-- name: bootstrap
DO $$ BEGIN
    IF to_regnamespace('triage') IS NULL THEN  -- IF NOT EXISTS would want the right to create even if it is there
        CREATE SCHEMA triage;
    END IF;
END $$;
CREATE TABLE IF NOT EXISTS triage.migration (
    name       text PRIMARY KEY,
    digest     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS triage.replaced (
    what       text PRIMARY KEY,
    digest     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE triage.migration IS 'Which files of sql/migrations have run.';
COMMENT ON TABLE triage.replaced IS 'The text of functions, views and grants that is in force.'

-- name: applied
SELECT name, digest FROM triage.migration

-- name: record
INSERT INTO triage.migration (name, digest) VALUES (%s, %s)

-- name: replaced
SELECT digest FROM triage.replaced WHERE what = %s

-- name: record_replaced
INSERT INTO triage.replaced (what, digest) VALUES (%s, %s)
ON CONFLICT (what) DO UPDATE SET digest = excluded.digest, applied_at = now()
