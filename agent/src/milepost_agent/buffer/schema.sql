-- The agent's buffer. Every row that is sent, or that decides what is sent, names its stream by the
-- 8 bytes and carries a CRC-32 over all that it says (row.py): SQLite checks nothing, a flipped bit
-- must never become a fix, and a page must tell what it holds when all other pages are gone.
--
-- Only tables with a plain integer key and without an index: rows are then appended to one leaf
-- page, so that a commit touches few pages, and every page can be read on its own (pages.py). No
-- row is longer than a page. The statements are short because the file keeps their text.

-- A stream is one run of the agent. `no` is the order in which the runs began; `stored`: the
-- server said that it has everything up to this number; `newest`: newest number given, null while
-- the run goes on; `thinned`: numbers that a kept fix of the same stream stands for.
CREATE TABLE stream (no INTEGER PRIMARY KEY, stream BLOB NOT NULL, stored INTEGER NOT NULL,
newest INTEGER, thinned INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT;

-- `key` is the stream's `no` << 32 | the fix's place. A number in a stream means one fix for ever.
-- The row without a seq is the sampler's open end, at the place behind the newest number; it is
-- overwritten by what comes next. `thinned`: so many numbers just before this one were thinned.
CREATE TABLE fix (key INTEGER PRIMARY KEY, stream BLOB NOT NULL, seq INTEGER,
time_ms INTEGER NOT NULL, lat_e6 INTEGER NOT NULL, lon_e6 INTEGER NOT NULL, altitude_dm INTEGER,
speed_dmps INTEGER, course_deg INTEGER, hdop_tenths INTEGER, satellites INTEGER,
kind INTEGER NOT NULL, error_dm INTEGER, date_repaired INTEGER NOT NULL,
stands_for INTEGER NOT NULL, hole INTEGER NOT NULL, thinned INTEGER NOT NULL,
crc INTEGER NOT NULL) STRICT;

-- Numbers that will never arrive, and why (milepost_schemas.batch.GapReason).
-- `key` is the stream's `no` << 32 | first_seq.
CREATE TABLE gap (key INTEGER PRIMARY KEY, stream BLOB NOT NULL, first_seq INTEGER NOT NULL,
last_seq INTEGER NOT NULL, reason INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT;

-- Fixes that the server refused three times, kept for people; `fix` is a JSON object.
CREATE TABLE set_aside (key INTEGER PRIMARY KEY, stream BLOB NOT NULL, seq INTEGER NOT NULL,
fix TEXT NOT NULL, reason TEXT NOT NULL, crc INTEGER NOT NULL) STRICT;

-- Small values under a name: the unit's, and the buffer's own.
CREATE TABLE memo (no INTEGER PRIMARY KEY, name TEXT NOT NULL, value BLOB NOT NULL,
crc INTEGER NOT NULL) STRICT;
