-- In a backlog a cursor holds thousands of ids (200 kB) and is written with every page. Ids do not compress, and to try
-- it took half of the time of writing them.
ALTER TABLE triage.cursor ALTER COLUMN value SET STORAGE EXTERNAL;
