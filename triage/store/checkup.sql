-- name: server
SELECT current_setting('server_version') AS version, current_setting('server_version_num')::integer AS number,
       current_setting('server_encoding') AS encoding, clock_timestamp() AS now, current_user::text AS login,
       r.rolsuper AS superuser
FROM pg_roles r WHERE r.rolname = current_user

-- name: tables
SELECT to_regclass('triage.migration') IS NOT NULL AS there,
       coalesce(has_table_privilege(to_regclass('triage.migration'), 'SELECT'), false) AS readable

-- name: roles
SELECT wanted AS name, r.oid IS NOT NULL AS there, coalesce(pg_has_role(r.oid, 'MEMBER'), false) AS member
FROM unnest(%s::text[]) AS wanted
LEFT JOIN pg_roles r ON r.rolname = wanted

-- name: account
SELECT c.account IS NOT NULL AS collected, coalesce(c.behind, false) AS behind, c.updated_at,
       clock_timestamp() - c.updated_at AS age
FROM triage.account a
LEFT JOIN triage.cursor c ON c.account = a.name
WHERE a.name = %s
