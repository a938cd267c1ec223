-- Data as of schema 0001: devices that were heard of, streams without fixes, gaps, dead letters.
INSERT INTO device (device, shard, position_time, lat_e6, lon_e6, speed_dmps, kind, date_repaired,
                    heard_at, status)
VALUES ('old-1', 7, '2026-01-05T08:00:00Z', 48137154, 11576124, 139, 2, false,
        '2026-01-05T08:00:01Z', '{"online": true}'),
       ('old-2', 63, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO stream (device, stream, last_seq, newest, thinned, missing, volatile)
SELECT no, '\x0001020304050607', 10, 10, 6, 4, true FROM device WHERE device = 'old-1';

INSERT INTO gap (stream, first_seq, last_seq, reason, recorded_at)
SELECT no, 2, 5, 1, '2026-01-05T08:00:01Z' FROM stream;

INSERT INTO dead_letter (digest, topic, reason, detail, payload, first_at, last_at)
VALUES ('\xff', 'milepost/v1/7/old-1/up', 'form', 'not a batch', '\x00', '2026-01-05T08:00:01Z',
        '2026-01-05T08:00:02Z');
