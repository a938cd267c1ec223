-- What is kept of fixes and for how long: a smaller index, columnstore compression where the server
-- has it, hour and day rows, and the account of what retention has dropped.

-- Each device's rows come in the order of time. In an ascending index they are put behind one
-- another and leave full pages behind (PostgreSQL's nbtree splits such a page at the new row); a
-- descending one splits each page in the middle and never fills the halves: 52 bytes a fix against
-- 34, measured in batches of 60. It is read backwards as fast, for the newest fixes.
DROP INDEX fix_device_time;
CREATE INDEX fix_device_time ON fix (device, time) WITH (fillfactor = 100);

-- Few fixes have a hole before them, and lines are drawn up to them only.
CREATE INDEX fix_device_hole ON fix (device, time) WHERE hole;

-- Weeks, or chunks, of fixes: `part` is the table, which holds first_time <= time < end_time.
-- A function and no view: an update of the extension drops the views that this reads, and fails
-- where a view stands on them.
CREATE FUNCTION fix_parts()
RETURNS TABLE (part regclass, first_time timestamptz, end_time timestamptz)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'fix'::regclass) = 'p' THEN
        RETURN QUERY
        SELECT partition.oid::regclass,
               (regexp_match(bounds, 'FROM \(''([^'']+)''\)'))[1]::timestamptz,
               (regexp_match(bounds, 'TO \(''([^'']+)''\)'))[1]::timestamptz
        FROM (
            SELECT pg_class.oid, pg_get_expr(relpartbound, pg_class.oid) AS bounds
            FROM pg_inherits
            JOIN pg_class ON pg_class.oid = inhrelid
            WHERE inhparent = 'fix'::regclass
        ) AS partition;
    ELSE
        RETURN QUERY
        SELECT format('%I.%I', chunk_schema, chunk_name)::regclass, range_start, range_end
        FROM timescaledb_information.chunks
        WHERE hypertable_schema = current_schema() AND hypertable_name = 'fix';
    END IF;
END
$$;

-- The columnstore belongs to TimescaleDB's community edition; without it chunks stay rows.
DO $$
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'fix'::regclass) <> 'p'
       AND current_setting('timescaledb.license') = 'timescale' THEN
        ALTER TABLE fix SET (
            timescaledb.enable_columnstore,
            timescaledb.segmentby = 'device',
            timescaledb.orderby = 'time'
        );
    END IF;
END
$$;

-- What a device's fixes of an hour and of a day (both UTC) come to. The transaction that stores
-- fixes adds to them, so they are right for late fixes too; every figure can be added to. What was
-- refused or quarantined has no trustworthy GPS time: it is counted in `gap` and `fix_quarantine`.
CREATE TABLE fix_hour (
    device          integer NOT NULL REFERENCES device (no),
    hour            timestamptz NOT NULL,    -- its beginning
    first_time      timestamptz NOT NULL,
    last_time       timestamptz NOT NULL,
    measured        bigint NOT NULL,         -- raw fixes that the stored ones stand for
    fixes           integer NOT NULL,
    holes           integer NOT NULL,        -- fixes before which the receiver was silent or void
    late            integer,                 -- stored over two minutes after their GPS time;
                                             -- NULL: in an hour from before this was counted
    max_speed_dmps  smallint,
    PRIMARY KEY (device, hour)
) WITH (fillfactor = 50);                    -- room to update a row on its page, without the index

CREATE TABLE fix_day (
    device          integer NOT NULL REFERENCES device (no),
    day             timestamptz NOT NULL,
    first_time      timestamptz NOT NULL,
    last_time       timestamptz NOT NULL,
    measured        bigint NOT NULL,
    fixes           integer NOT NULL,
    holes           integer NOT NULL,
    late            integer,
    max_speed_dmps  smallint,
    PRIMARY KEY (device, day)
) WITH (fillfactor = 50);

INSERT INTO fix_hour
SELECT device, date_trunc('hour', time, 'UTC'), min(time), max(time), sum(stands_for), count(*),
       count(*) FILTER (WHERE hole), NULL, max(speed_dmps)
FROM fix
GROUP BY device, date_trunc('hour', time, 'UTC');

INSERT INTO fix_day
SELECT device, date_trunc('day', hour, 'UTC'), min(first_time), max(last_time), sum(measured),
       sum(fixes), sum(holes), NULL, max(max_speed_dmps)
FROM fix_hour
GROUP BY device, date_trunc('day', hour, 'UTC');

-- How many numbers of a stream were dropped with the weeks that held them. A row of its own beside
-- the stream's, so that dropping never waits for a transaction that stores fixes, nor it for us.
CREATE TABLE expired (
    stream      integer PRIMARY KEY REFERENCES stream (no),
    fixes       bigint NOT NULL
);

-- Drop a part, and account for it in the same transaction; return how many fixes it held. Nobody
-- can add to it while it is counted. The caller sets lock_timeout: dropping locks out the readers
-- of `fix` for a moment, and whoever comes while that lock is waited for waits too.
CREATE FUNCTION drop_fix_part(doomed regclass) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    bounds record;
    dropped bigint;
BEGIN
    SELECT first_time, end_time INTO STRICT bounds FROM fix_parts() WHERE part = doomed;
    EXECUTE format('LOCK TABLE %s IN SHARE MODE', doomed);
    EXECUTE format(
        'WITH gone AS (SELECT stream, count(*) AS fixes FROM %s GROUP BY stream), '
        'told AS (INSERT INTO expired SELECT stream, fixes FROM gone '
        'ON CONFLICT (stream) DO UPDATE SET fixes = expired.fixes + excluded.fixes) '
        'SELECT coalesce(sum(fixes), 0) FROM gone',
        doomed
    ) INTO dropped;
    IF (SELECT relkind FROM pg_class WHERE oid = 'fix'::regclass) = 'p' THEN
        EXECUTE format('DROP TABLE %s', doomed);
    ELSE
        PERFORM drop_chunks(
            'fix', older_than => bounds.end_time, newer_than => bounds.first_time
        );
    END IF;
    RETURN dropped;
END
$$;

-- Have TimescaleDB pack chunks into columns so many days after their end (0: never); does nothing
-- where there is no columnstore. The extension's own job does it, and packs again what came later.
CREATE FUNCTION pack_fixes_after(days integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    wanted interval := make_interval(days => nullif(days, 0));
    present interval;
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'fix'::regclass) = 'p' THEN
        RETURN;
    END IF;
    IF NOT (
        SELECT compression_enabled
        FROM timescaledb_information.hypertables
        WHERE hypertable_schema = current_schema() AND hypertable_name = 'fix'
    ) THEN
        RETURN;
    END IF;
    SELECT (config ->> 'compress_after')::interval INTO present
    FROM timescaledb_information.jobs
    WHERE proc_name = 'policy_compression'
      AND hypertable_schema = current_schema() AND hypertable_name = 'fix';
    IF present IS NOT DISTINCT FROM wanted THEN
        RETURN;
    END IF;
    CALL remove_columnstore_policy('fix', if_exists => true);
    IF wanted IS NOT NULL THEN
        CALL add_columnstore_policy('fix', after => wanted);
    END IF;
END
$$;
