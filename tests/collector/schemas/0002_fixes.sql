-- Data as of schema 0002, above that of 0001: fixes of two weeks, over midnight and a Monday, with
-- and without what a receiver may leave out, and one whose time cannot be.
INSERT INTO stream (device, stream, last_seq, newest, fixes)
SELECT no, '\x1011121314151617', 601, 601, 601 FROM device WHERE device = 'old-2';

SELECT make_fix_partition('2026-01-04T12:00:00Z'), make_fix_partition('2026-01-05T12:00:00Z');

INSERT INTO fix (time, seq, device, stream, lat_e6, lon_e6, altitude_dm, stands_for, speed_dmps,
                 course_deg, hdop_tenths, satellites, kind, error_dm, date_repaired, hole)
SELECT '2026-01-04T21:30:00Z'::timestamptz + n * interval '20 seconds', n, stream.device, no,
       -33000000 - n, 179999000 + n, nullif(n % 5, 0) - 9, 1 + n % 3, nullif(n % 7, 0) * 10,
       nullif(n % 360, 0), 9, 11, 2, NULL, false, n % 100 = 1
FROM stream, generate_series(1, 600) AS n
WHERE stream = '\x1011121314151617';

INSERT INTO fix_quarantine (time, seq, device, stream, lat_e6, lon_e6, stands_for, kind,
                            date_repaired, hole, quarantined_at)
SELECT '2006-05-21T00:00:00Z', 601, stream.device, no, 1, 2, 1, 0, true, false,
       '2026-01-05T08:00:01Z'
FROM stream WHERE stream = '\x1011121314151617';
