-- Fixes that the engine does not believe, and why: they stay where they are, and make no events.
CREATE TABLE doubted_fix (
    device  integer NOT NULL REFERENCES device (no),
    stream  integer NOT NULL,
    seq     bigint NOT NULL,
    time    timestamptz NOT NULL,        -- GPS time of the fix
    doubt   smallint NOT NULL,           -- milepost_collector.engine.Doubt
    PRIMARY KEY (stream, seq)
);

CREATE INDEX doubted_fix_device_time ON doubted_fix (device, time);

-- The engine of this release remembers other things: it begins anew.
UPDATE device SET engine_state = NULL, engine_parked = NULL;
