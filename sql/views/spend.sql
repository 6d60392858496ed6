-- Dollars of the accounts that are paid in dollars (X: units are millionths). A forecast goes on at the rate of the
-- last six hours that have anything to say; it is NULL while there is less than one hour of record.
CREATE OR REPLACE VIEW triage.spend AS
WITH clock AS (
    SELECT now() AS at, (now() AT TIME ZONE 'UTC')::date AS today,
           date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 day' AS day_ends,
           date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 month' AS month_ends
),
total AS (
    SELECT a.name AS account,
           coalesce(sum(s.units) FILTER (WHERE s.day = c.today), 0) / 1e6 AS today,
           coalesce(sum(s.units) FILTER (WHERE s.day >= date_trunc('month', c.today)), 0) / 1e6 AS this_month
    FROM clock c CROSS JOIN triage.account a LEFT JOIN triage.spend_day s ON s.account = a.name
    WHERE a.source = 'x'
    GROUP BY a.name
),
recent AS (
    SELECT a.name AS account,
           least(extract(epoch FROM c.at - greatest(a.created_at, c.at - interval '6 hours')) / 3600, 6) AS hours,
           (SELECT coalesce(sum(q.units), 0) / 1e6 FROM triage.quota_use q
            WHERE q.account = a.name AND q.at > c.at - interval '6 hours' AND NOT q.reserved) AS dollars
    FROM clock c CROSS JOIN triage.account a
    WHERE a.source = 'x'
),
rate AS (
    SELECT account, hours, CASE WHEN hours >= 1 THEN dollars / hours END AS an_hour FROM recent
)
SELECT t.account, round(t.today, 6) AS today, round(t.this_month, 6) AS this_month,
       round(r.an_hour::numeric, 6) AS an_hour, round(r.hours::numeric, 1) AS hours_of_record,
       round((t.today + r.an_hour * extract(epoch FROM c.day_ends - c.at) / 3600)::numeric, 2) AS day_forecast,
       round((t.this_month + r.an_hour * extract(epoch FROM c.month_ends - c.at) / 3600)::numeric, 2) AS month_forecast,
       p.reason AS paused, p.since AS paused_since
FROM clock c CROSS JOIN total t JOIN rate r USING (account) LEFT JOIN triage.pause p USING (account);
COMMENT ON VIEW triage.spend IS 'Dollars by account: today and this month (UTC), and where they will be at the rate of the last hours, with how many hours of record that rate has. No forecast from less than one.';
