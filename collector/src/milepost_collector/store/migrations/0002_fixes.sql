-- Fixes: a TimescaleDB hypertable where the server has the extension loaded, native partitions of
-- a week each where it has not. The columns, and every query over them, are the same.
--
-- There is no unique index: the locked device row makes duplicates impossible, and
-- `milepost-collector check` proves it.

CREATE TABLE fix_columns (
    time         timestamptz NOT NULL,   -- GPS time
    seq          bigint NOT NULL,
    device       integer NOT NULL,
    stream       integer NOT NULL,
    lat_e6       integer NOT NULL,
    lon_e6       integer NOT NULL,
    altitude_dm  integer,
    stands_for   integer NOT NULL,
    speed_dmps   smallint,
    course_deg   smallint,
    hdop_tenths  smallint,
    satellites   smallint,
    kind         smallint NOT NULL,
    error_dm     integer,                -- as the receiver states it, one sigma
    date_repaired boolean NOT NULL,      -- not the date that the receiver said
    hole         boolean NOT NULL
);

-- Fixes whose GPS time cannot be: acknowledged and counted, never used.
CREATE TABLE fix_quarantine (LIKE fix_columns, quarantined_at timestamptz NOT NULL);

DO $$
BEGIN
    IF current_setting('shared_preload_libraries') LIKE '%timescaledb%'
       AND current_setting('milepost.plain', true) IS DISTINCT FROM 'on'
       AND EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') THEN
        CREATE EXTENSION IF NOT EXISTS timescaledb;
        CREATE TABLE fix (LIKE fix_columns);
        PERFORM create_hypertable(
            'fix', 'time', chunk_time_interval => interval '1 week', create_default_indexes => false
        );
    ELSE
        CREATE TABLE fix (LIKE fix_columns) PARTITION BY RANGE (time);
    END IF;
END
$$;

DROP TABLE fix_columns;

CREATE INDEX fix_device_time ON fix (device, time DESC);

-- Make the weekly partition that holds an instant, where partitions are ours to make. It is made
-- beside `fix` and then attached: CREATE TABLE ... PARTITION OF waits for every reader of `fix` (an
-- export takes minutes) and holds up all who come after, ATTACH does neither.
CREATE FUNCTION make_fix_partition(instant timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    first_day date := date_trunc('week', instant AT TIME ZONE 'UTC')::date;
    name text := 'fix_' || to_char(first_day, 'YYYYMMDD');
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'fix'::regclass) <> 'p'
       OR to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    -- One at a time, so that two collectors do not make the same one. A table's lock also makes
    -- this session hear of what others have made; an advisory one would not.
    LOCK TABLE fix IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass(name) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE fix INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
        EXECUTE format(
            'ALTER TABLE fix ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            name,
            first_day::timestamp AT TIME ZONE 'UTC',
            (first_day + 7)::timestamp AT TIME ZONE 'UTC'
        );
    END IF;
END
$$;

-- Fixes as people read them.
CREATE VIEW position AS
SELECT fix.time,
       device.device,
       stream.stream,
       fix.seq,
       fix.lat_e6 / 1e6::float8 AS lat_deg,
       fix.lon_e6 / 1e6::float8 AS lon_deg,
       fix.altitude_dm / 10.0::float8 AS altitude_m,
       fix.speed_dmps / 10.0::float8 AS speed_mps,
       fix.course_deg,
       fix.hdop_tenths / 10.0::float8 AS hdop,
       fix.satellites,
       fix.kind,
       fix.error_dm / 10.0::float8 AS error_m,
       fix.date_repaired,
       fix.stands_for,
       fix.hole
FROM fix
JOIN device ON device.no = fix.device
JOIN stream ON stream.no = fix.stream;
