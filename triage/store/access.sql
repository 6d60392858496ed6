-- name: role
SELECT r.rolname FROM pg_roles r WHERE r.rolname = %s

-- name: account
SELECT a.name FROM triage.account a WHERE a.name = %s

-- name: grant
INSERT INTO triage.access (account, role) VALUES (%s, %s) ON CONFLICT DO NOTHING

-- name: revoke
DELETE FROM triage.access WHERE account = %s AND role = %s

-- name: list
SELECT a.name AS account, x.role::text AS role,
       (SELECT count(*) FROM pg_roles u JOIN pg_roles r ON r.rolname = x.role
        WHERE u.rolcanlogin AND NOT u.rolsuper AND pg_has_role(u.oid, r.oid, 'MEMBER')) AS logins
FROM triage.account a LEFT JOIN triage.access x ON x.account = a.name
ORDER BY a.name, x.role
