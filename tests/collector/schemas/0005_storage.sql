-- Data as of schema 0005, above that of 0003: sums by hour and by day of the fixes that are stored.
INSERT INTO fix_hour (device, hour, first_time, last_time, measured, fixes, holes, late,
                      max_speed_dmps)
SELECT device, date_trunc('hour', time, 'UTC') AS begin, min(time), max(time), sum(stands_for),
       count(*), count(*) FILTER (WHERE hole), 3, max(speed_dmps)
FROM fix
GROUP BY device, begin;

INSERT INTO fix_day (device, day, first_time, last_time, measured, fixes, holes, late,
                     max_speed_dmps)
SELECT device, date_trunc('day', time, 'UTC') AS begin, min(time), max(time), sum(stands_for),
       count(*), count(*) FILTER (WHERE hole), NULL, max(speed_dmps)
FROM fix
GROUP BY device, begin;
