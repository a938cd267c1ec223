"""Writing stored fixes out, as they were numbered, for people and other programs."""

from collections.abc import Iterator

from milepost_collector.store.connection import Database

COLUMNS = (
    "device",
    "stream",
    "seq",
    "time",
    "lat_e6",
    "lon_e6",
    "altitude_dm",
    "speed_dmps",
    "course_deg",
    "hdop_tenths",
    "satellites",
    "kind",
    "error_dm",
    "date_repaired",
    "stands_for",
    "hole",
)


_MEASURED = (
    "lat_e6, lon_e6, altitude_dm, speed_dmps, course_deg, hdop_tenths, satellites, kind, "
    "error_dm, date_repaired, stands_for, hole"
)

_FIXES = f"""
WITH stored AS (
    SELECT device, stream, seq, time, {_MEASURED} FROM fix
    UNION ALL
    SELECT device, stream, seq, time, {_MEASURED} FROM fix_quarantine
)
SELECT device.device,
       encode(stream.stream, 'hex'),
       stored.seq,
       to_char(stored.time, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       stored.lat_e6,
       stored.lon_e6,
       stored.altitude_dm,
       stored.speed_dmps,
       stored.course_deg,
       stored.hdop_tenths,
       stored.satellites,
       stored.kind,
       stored.error_dm,
       stored.date_repaired::integer,
       stored.stands_for,
       stored.hole::integer
FROM stored
JOIN device ON device.no = stored.device
JOIN stream ON stream.no = stored.stream
WHERE %(device)s::text IS NULL OR device.device = %(device)s
ORDER BY device.device, stored.stream, stored.seq
"""  # noqa: S608 - put together from constants


def fixes(connection: Database, device: str | None) -> Iterator[tuple[object, ...]]:
    """Yield stored and quarantined fixes of a device (or of all) as rows of `COLUMNS`.

    A stream is written as hexadecimal digits, a time as RFC 3339 with milliseconds.
    """
    # Whoever reads may pause, and holds no lock that anybody waits for.
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    with connection.cursor(name="export") as cursor:
        cursor.execute(_FIXES.encode(), {"device": device})
        yield from cursor
