-- Data as of schema 0008, above that of 0007: events are carried to MQTT and to a stream.
INSERT INTO consumer (name, feed, begun, number)
SELECT 'mqtt', id, 0, 1 FROM feed
UNION ALL
SELECT 'jetstream:MILEPOST', id, 1, 2 FROM feed;
