-- Incidents: what people say about them. What detect does is in triage/store/incidents.sql; both take the same lock.

-- Whoever changes an incident's state holds this until the end of the transaction, and every refresh waits for that:
-- so a row of the queue is written either before the change, and told of it, or after, and sees it.
CREATE OR REPLACE FUNCTION triage.lock_incidents() RETURNS void
LANGUAGE sql AS $$ SELECT pg_advisory_xact_lock(hashtextextended('triage.incident', 0)) $$;

-- Whether a topic's messages are read first now.
CREATE OR REPLACE FUNCTION triage.in_incident(of_topic text, of_account text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM triage.incident i
                   WHERE i.state = 'open' AND i.topic = of_topic AND (i.account IS NULL OR i.account = of_account))
$$;

-- An incident the actor may act on, locked; says plainly why not.
CREATE OR REPLACE FUNCTION triage.hold_incident(id bigint) RETURNS triage.incident
LANGUAGE plpgsql AS $$
DECLARE
    held triage.incident;
BEGIN
    PERFORM triage.lock_incidents();
    SELECT * INTO held FROM triage.incident i
    WHERE i.id = hold_incident.id AND (i.account IS NULL OR i.account = ANY (triage.my_accounts())) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no incident %; take the number from incident_board', id USING ERRCODE = 'TR002';
    END IF;
    RETURN held;
END $$;

-- Say that there is a crisis before any machine does. It closes by hand only.
CREATE OR REPLACE FUNCTION triage.open_incident(of_topic text, reason text, of_account text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
DECLARE
    known triage.incident;
    made bigint;
BEGIN
    PERFORM triage.said(reason, 'an incident needs a reason, such as: the factory called');
    IF NOT EXISTS (SELECT FROM triage.topic t WHERE t.key = of_topic AND t.key <> 'not_crisis') THEN
        RAISE EXCEPTION 'there is no topic % that a crisis can be about; choose one of %', of_topic,
            (SELECT string_agg(t.key, ', ' ORDER BY t.key) FROM triage.topic t WHERE t.key <> 'not_crisis')
            USING ERRCODE = 'TR004';
    END IF;
    IF NOT coalesce(of_account = ANY (triage.my_accounts()), true) THEN
        RAISE EXCEPTION 'there is no account % that you serve', of_account USING ERRCODE = 'TR002';
    END IF;
    PERFORM triage.lock_incidents();
    SELECT * INTO known FROM triage.incident i
    WHERE i.topic = of_topic AND i.account IS NOT DISTINCT FROM of_account AND i.state <> 'closed';
    IF FOUND THEN
        RAISE EXCEPTION 'incident % on % is % already; %', known.id, of_topic, known.state,
            CASE known.state WHEN 'open' THEN 'add a note to it' ELSE 'reopen it' END USING ERRCODE = 'TR001';
    END IF;
    INSERT INTO triage.incident (topic, account, stream, onset, alarmed_at, observed, expected, peak, severity, opened_by,
                                 named_at)
    SELECT t.key, of_account, 'topic:' || t.key, now(), now(), 0, 0, 0, least(t.severity, 3), triage.actor(), now()
    FROM triage.topic t WHERE t.key = of_topic RETURNING incident.id INTO made;
    INSERT INTO triage.incident_log (incident_id, verb, by, reason) VALUES (made, 'open', triage.actor(), reason);
    RETURN made;
END $$;

-- Over, for a reason. It is watched for some days and opens again by a lower threshold; 0 days: it is closed for good.
CREATE OR REPLACE FUNCTION triage.close_incident(id bigint, reason text, days integer DEFAULT 14) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
BEGIN
    PERFORM triage.said(reason, 'closing needs a reason, such as: everybody is answered');
    PERFORM triage.days(days);
    IF (triage.hold_incident(id)).state <> 'open' THEN
        RAISE EXCEPTION 'incident % is not open; look at it in incident_board', id USING ERRCODE = 'TR001';
    END IF;
    UPDATE triage.incident i
    SET state = CASE WHEN days > 0 THEN 'watched' ELSE 'closed' END, closed_at = clock_timestamp(),
        closed_by = triage.actor(), closed_reason = reason,
        watched_until = clock_timestamp() + make_interval(days => days), queue_told = false
    WHERE i.id = close_incident.id;
    INSERT INTO triage.incident_log (incident_id, verb, by, reason, detail)
    VALUES (id, 'close', triage.actor(), reason, jsonb_build_object('days', days));
END $$;

-- Watch it for so many days from now, whether it is watched already or not any more; 0 ends the watch.
CREATE OR REPLACE FUNCTION triage.watch_incident(id bigint, days integer DEFAULT 14) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
DECLARE
    held CONSTANT triage.incident := triage.hold_incident(id);
BEGIN
    PERFORM triage.days(days);
    IF held.state = 'open' THEN
        RAISE EXCEPTION 'incident % is open; close it, and it is watched', id USING ERRCODE = 'TR001';
    END IF;
    PERFORM triage.alone(held);
    UPDATE triage.incident i
    SET state = CASE WHEN days > 0 THEN 'watched' ELSE 'closed' END,
        watched_until = clock_timestamp() + make_interval(days => days)
    WHERE i.id = watch_incident.id;
    INSERT INTO triage.incident_log (incident_id, verb, by, detail)
    VALUES (id, 'watch', triage.actor(), jsonb_build_object('days', days));
END $$;

CREATE OR REPLACE FUNCTION triage.reopen_incident(id bigint, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
DECLARE
    held CONSTANT triage.incident := triage.hold_incident(id);
BEGIN
    PERFORM triage.said(reason, 'reopening needs a reason, such as: it goes on');
    IF held.state = 'open' THEN
        RAISE EXCEPTION 'incident % is open already', id USING ERRCODE = 'TR001';
    END IF;
    PERFORM triage.alone(held);
    UPDATE triage.incident i
    SET state = 'open', closed_at = NULL, closed_by = NULL, closed_reason = NULL, watched_until = NULL,
        surge_ended_at = NULL, queue_told = false
    WHERE i.id = reopen_incident.id;
    INSERT INTO triage.incident_log (incident_id, verb, by, reason) VALUES (id, 'reopen', triage.actor(), reason);
END $$;

CREATE OR REPLACE FUNCTION triage.note_incident(id bigint, text text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = triage, pg_temp AS $$
BEGIN
    PERFORM triage.said(text, 'a note needs words');
    INSERT INTO triage.incident_log (incident_id, verb, by, reason)
    VALUES ((triage.hold_incident(id)).id, 'note', triage.actor(), text);
END $$;

-- What happened in an incident, in order, for whoever serves it.
CREATE OR REPLACE FUNCTION triage.incident_history(id bigint)
RETURNS TABLE (at timestamptz, verb text, by text, reason text, detail jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = triage, pg_temp AS $$
    SELECT l.at, l.verb, l.by, l.reason, l.detail
    FROM triage.incident i JOIN triage.incident_log l ON l.incident_id = i.id
    WHERE i.id = incident_history.id AND (i.account IS NULL OR i.account = ANY ((SELECT triage.my_accounts())::text[]))
    ORDER BY l.id
$$;

-- No two incidents on the same thing are open or watched at once.
CREATE OR REPLACE FUNCTION triage.alone(held triage.incident) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    other CONSTANT bigint := (
        SELECT i.id FROM triage.incident i
        WHERE i.id <> held.id AND i.state <> 'closed' AND i.topic IS NOT DISTINCT FROM held.topic
          AND i.account IS NOT DISTINCT FROM held.account
    );
BEGIN
    IF other IS NOT NULL THEN
        RAISE EXCEPTION 'incident % is about the same and goes on; use that one', other USING ERRCODE = 'TR001';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION triage.said(words text, otherwise text) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF coalesce(btrim(words), '') = '' THEN
        RAISE EXCEPTION '%', otherwise USING ERRCODE = 'TR004';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION triage.days(days integer) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF coalesce(days NOT BETWEEN 0 AND 366, true) THEN
        RAISE EXCEPTION 'watch for 0 to 366 days, not %', days USING ERRCODE = 'TR004';
    END IF;
END $$;
