-- Data as of schema 0003, above that of 0002: definitions, and events with and without a number.
INSERT INTO definitions (effective_at, digest, fences)
VALUES ('2026-01-01T00:00:00Z', '\xaa', '{"type": "FeatureCollection", "features": []}');

INSERT INTO event (time, id, type, device, subject, data, recorded_at, number)
VALUES ('2026-01-04T22:00:00Z', '00000000-0000-5000-8000-000000000001', 'fence.entered', 'old-2',
        'old-2', '{"fence": "yard"}', '2026-01-04T22:00:01Z', 1),
       ('2026-01-04T23:00:00Z', '00000000-0000-5000-8000-000000000002', 'fence.exited', 'old-2',
        'old-2', '{"fence": "yard"}', '2026-01-04T23:00:01Z', NULL);

UPDATE feed SET last_number = 1;
