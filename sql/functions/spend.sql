-- The daily ledger follows every row of quota_use that is spent, whoever writes it; what is only taken is not spent.
CREATE OR REPLACE FUNCTION triage.spend_by_day() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO triage.spend_day AS s (account, day, method, units)
    SELECT account, (at AT TIME ZONE 'UTC')::date, method, sum(units) FROM spent
    WHERE NOT reserved GROUP BY 1, 2, 3
    ON CONFLICT (account, day, method) DO UPDATE SET units = s.units + excluded.units;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER spend_by_day AFTER INSERT ON triage.quota_use
    REFERENCING NEW TABLE AS spent FOR EACH STATEMENT EXECUTE FUNCTION triage.spend_by_day();
