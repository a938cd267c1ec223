-- The agent's buffer. A stream is one run of the agent; a number in it means one fix for ever.

CREATE TABLE stream (
    no      INTEGER PRIMARY KEY,          -- order in which the runs began
    stream  BLOB NOT NULL UNIQUE,         -- 8 random bytes
    stored  INTEGER NOT NULL DEFAULT 0,   -- the server said it has everything up to this number
    newest  INTEGER NOT NULL DEFAULT 0    -- newest number given
) STRICT;

CREATE TABLE fix (
    stream       INTEGER NOT NULL REFERENCES stream (no),
    seq          INTEGER NOT NULL,
    time_ms      INTEGER NOT NULL,
    lat_e6       INTEGER NOT NULL,
    lon_e6       INTEGER NOT NULL,
    altitude_dm  INTEGER,
    speed_dmps   INTEGER,
    course_deg   INTEGER,
    hdop_tenths  INTEGER,
    satellites   INTEGER,
    kind         INTEGER NOT NULL,
    error_dm     INTEGER,
    date_repaired INTEGER NOT NULL,
    stands_for   INTEGER NOT NULL,
    hole         INTEGER NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

-- Numbers that will never arrive, and why (milepost_schemas.batch.GapReason).
CREATE TABLE gap (
    stream     INTEGER NOT NULL REFERENCES stream (no),
    first_seq  INTEGER NOT NULL,
    last_seq   INTEGER NOT NULL,
    reason     INTEGER NOT NULL,
    PRIMARY KEY (stream, first_seq)
) STRICT, WITHOUT ROWID;

-- Fixes that the server refused three times, kept for people to look at.
CREATE TABLE set_aside (
    stream   BLOB NOT NULL,
    seq      INTEGER NOT NULL,
    fix      TEXT NOT NULL,               -- JSON array of the row
    reason   TEXT NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
