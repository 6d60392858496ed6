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

-- When a target of opening hours has passed since a moment: core/hours.py as a look-up. Around the clock where there
-- is no calendar, or where it is not laid out that far.
CREATE OR REPLACE FUNCTION triage.due(since timestamptz, target interval) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
    goal numeric := triage.open_seconds(since) + extract(epoch FROM target);
BEGIN
    RETURN coalesce((
        SELECT CASE WHEN moment <= closes THEN moment END
        FROM (
            SELECT h.closes, h.opens + make_interval(secs => (goal - h.before)::double precision) AS moment
            FROM triage.open_hours h WHERE h.before < goal ORDER BY h.before DESC LIMIT 1
        ) AS span
    ), since + target);
END $$;
