-- Data as of schema 0010, above that of 0009: new rules, fences as before.
INSERT INTO definitions (effective_at, digest, fences, rules) VALUES
    ('2026-01-05T08:00Z', '\x03', '{"type": "FeatureCollection", "features": []}', '{"stop_s": 90}');
