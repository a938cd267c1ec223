-- Who takes which shards of devices. Leases only spread load: what is stored once is so because of
-- the locked row of the device, whoever holds its shard. All times are those of this server.

-- Running ingest programs. One that has not renewed in time is dead or stands still, and its
-- sessions (application_name `milepost-ingest-<owner>`) are ended by the others.
CREATE TABLE collector (
    owner       text PRIMARY KEY,
    until       timestamptz NOT NULL,
    takes       boolean NOT NULL         -- no: it has no broker, or is about to end
) WITH (fillfactor = 50);

CREATE TABLE shard_lease (
    shard       smallint PRIMARY KEY CHECK (shard BETWEEN 0 AND 63),
    owner       text,                    -- NULL: nobody
    until       timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

INSERT INTO shard_lease (shard) SELECT generate_series(0, 63);
