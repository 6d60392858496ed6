-- In PL/pgSQL, which plans once for a connection: these are asked for every row that is refreshed and every list.

-- Opening seconds before a moment; NULL where there is no calendar.
CREATE OR REPLACE FUNCTION triage.open_seconds(moment timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE AS $$ BEGIN
    RETURN CASE WHEN EXISTS (SELECT FROM triage.open_hours) THEN coalesce((
        SELECT h.before + extract(epoch FROM least(moment, h.closes) - h.opens)
        FROM triage.open_hours h WHERE h.opens <= moment ORDER BY h.opens DESC LIMIT 1
    ), 0) END;
END $$;

-- Opening hours between two moments; the time itself where there is no calendar.
CREATE OR REPLACE FUNCTION triage.open_between(since timestamptz, until timestamptz) RETURNS interval
LANGUAGE sql STABLE AS $$
    SELECT coalesce(make_interval(secs => (triage.open_seconds(until) - triage.open_seconds(since))::double precision),
                    until - since)
$$;

-- When a target has passed that began after so many opening seconds: a look-up that becomes part of the query it is asked
-- in, for lists that ask it of many targets. Around the clock where there is no calendar (`opened` is NULL), or where it
-- is not laid out that far.
CREATE OR REPLACE FUNCTION triage.due_after(opened numeric, since timestamptz, target interval) RETURNS SETOF timestamptz
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT coalesce((
        SELECT CASE WHEN moment <= closes THEN moment END
        FROM (
            SELECT h.closes, h.opens + make_interval(secs => (opened + extract(epoch FROM target) - h.before)::double precision) AS moment
            FROM triage.open_hours h WHERE h.before < opened + extract(epoch FROM target) ORDER BY h.before DESC LIMIT 1
        ) AS span
    ), since + target)
$$;

-- When a target of opening hours has passed since a moment: core/hours.py as a look-up.
CREATE OR REPLACE FUNCTION triage.due(since timestamptz, target interval) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
    opened numeric := triage.open_seconds(since);
BEGIN
    RETURN (SELECT passed FROM triage.due_after(opened, since, target) AS passed);
END $$;
