-- What readers of the feed ask for: events by type and vehicle, from a time, and after a restore.

-- Filters are answered from the index alone, a range of numbers at a time.
DROP INDEX event_number;
CREATE UNIQUE INDEX event_number ON event (number) INCLUDE (type, subject)
    WHERE number IS NOT NULL;

-- The place of a time: numbers do not follow recorded_at strictly, a late commit comes behind.
CREATE INDEX event_recorded ON event (recorded_at) INCLUDE (number) WHERE number IS NOT NULL;

-- A dump that is loaded again into the same server, or a copy that is made there, has the same
-- system and timeline, but is another database or at least another table.
ALTER TABLE feed ADD COLUMN database oid, ADD COLUMN relation oid;
UPDATE feed SET relation = 'feed'::regclass,
    database = (SELECT oid FROM pg_database WHERE datname = current_database());
ALTER TABLE feed ALTER COLUMN database SET NOT NULL, ALTER COLUMN relation SET NOT NULL;

-- An image of the disk that is put back shows in nothing but smaller numbers. Whoever notices knows
-- that up to the last number of when the server started all was as before.
ALTER TABLE feed ADD COLUMN server_started timestamptz, ADD COLUMN started_number bigint;

-- The ids that this feed had before it was restored, and how far it goes with each: up to there
-- events and numbers are the same, so that holders of old cursors can be told where to go on.
CREATE TABLE feed_past (
    id           uuid PRIMARY KEY,
    last_number  bigint NOT NULL
);
