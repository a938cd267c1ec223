-- Devices, their streams, and what is known of numbers that never arrive.

-- One row a device. It is locked for the whole of a transaction that takes its fixes, so that
-- nothing of one device is ever written by two transactions at a time: this is the fence that
-- makes a fix stored once.
CREATE TABLE device (
    no              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device          text NOT NULL UNIQUE CHECK (device ~ '^[A-Za-z0-9_-]{1,32}$'),
    shard           smallint NOT NULL CHECK (shard BETWEEN 0 AND 63),
    engine_state    bytea,               -- what the engine remembers; NULL: nothing yet
    engine_parked   text,                -- why the engine stands still for this device; NULL: it runs
    -- The newest position, for the map: from a stored fix or from a batch's `live`.
    position_time   timestamptz,
    lat_e6          integer,
    lon_e6          integer,
    altitude_dm     integer,
    speed_dmps      smallint,
    course_deg      smallint,
    hdop_tenths     smallint,
    satellites      smallint,
    kind            smallint,
    error_dm        integer,
    date_repaired   boolean,
    heard_at        timestamptz,         -- our time of the newest batch
    status          jsonb                -- the unit's own words, newest connection
);

CREATE TABLE stream (
    no          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device      integer NOT NULL REFERENCES device (no),
    stream      bytea NOT NULL CHECK (octet_length(stream) = 8),
    last_seq    bigint NOT NULL DEFAULT 0,   -- every number up to here is stored or accounted for
    newest      bigint NOT NULL DEFAULT 0,   -- newest committed number that the unit told of
    fixes       bigint NOT NULL DEFAULT 0,   -- numbers that came as fixes, quarantined ones included
    thinned     bigint NOT NULL DEFAULT 0,   -- numbers that the sampler or a full buffer thinned
    missing     bigint NOT NULL DEFAULT 0,   -- numbers inside gaps
    volatile    boolean NOT NULL DEFAULT false,
    UNIQUE (device, stream)
);

CREATE TABLE gap (
    stream      integer NOT NULL REFERENCES stream (no),
    first_seq   bigint NOT NULL,
    last_seq    bigint NOT NULL,
    reason      smallint NOT NULL,       -- milepost_schemas.batch.GapReason
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (stream, first_seq)
);

-- What is missing, for people. A run that its unit has left unfinished (it delivers a later one now)
-- was lost with the unit's buffer: at least what the unit had told of, and what it had not yet told.
CREATE VIEW missing AS
SELECT device.device, stream.stream, gap.first_seq, gap.last_seq, gap.reason, false AS at_least
FROM gap
JOIN stream ON stream.no = gap.stream
JOIN device ON device.no = stream.device
UNION ALL
SELECT device.device, stream.stream, stream.last_seq + 1, stream.newest, 4, true
FROM stream
JOIN device ON device.no = stream.device
WHERE stream.newest > stream.last_seq
  AND EXISTS (
      SELECT FROM stream AS later
      WHERE later.device = stream.device AND later.no > stream.no AND later.last_seq > 0
  );

-- Messages that can never be applied, once a digest.
CREATE TABLE dead_letter (
    digest      bytea PRIMARY KEY,       -- SHA-256 of the payload
    topic       text NOT NULL,
    reason      text NOT NULL,
    detail      text NOT NULL,
    payload     bytea NOT NULL,
    count       bigint NOT NULL DEFAULT 1,
    first_at    timestamptz NOT NULL,
    last_at     timestamptz NOT NULL
);
