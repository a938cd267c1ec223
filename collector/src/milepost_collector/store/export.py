"""Reading stored fixes out, for people and other programs: as rows of text, or as fixes.

Rows of text are written by the server itself, as they were numbered and quarantined ones among
them; fixes are for drawing, and those at impossible times cannot be drawn. Both come one at a time,
by device, stream and number.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from milepost_collector.store.connection import Database
from milepost_schemas.exported.drawn import Devices
from milepost_schemas.fix import Fix, KeptFix

# Rows of which the server sends so many at a time.
_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which fixes.

    Attributes:
        device: Of this device; None: of all.
        begin: From this GPS time on; None: from the first.
        end: Until before this GPS time; None: to the last.
    """

    device: str | None = None
    begin: datetime | None = None
    end: datetime | None = None

    def values(self) -> dict[str, object]:
        """Return it as the values of a query."""
        return {"device": self.device, "begin": self.begin, "end": self.end}


_MEASURED = (
    "lat_e6, lon_e6, altitude_dm, speed_dmps, course_deg, hdop_tenths, satellites, kind, error_dm"
)
_CHOSEN = """
    (%(device)s::text IS NULL OR device = (SELECT no FROM device WHERE device.device = %(device)s))
    AND (%(begin)s::timestamptz IS NULL OR time >= %(begin)s)
    AND (%(end)s::timestamptz IS NULL OR time < %(end)s)
"""

# The columns are those of `milepost_schemas.exported.rows`, written as there.
_ROWS = f"""
WITH stored AS (
    SELECT device, stream, seq, time, {_MEASURED}, date_repaired, stands_for, hole
    FROM fix WHERE {_CHOSEN}
    UNION ALL
    SELECT device, stream, seq, time, {_MEASURED}, date_repaired, stands_for, hole
    FROM fix_quarantine WHERE {_CHOSEN}
)
SELECT device.device,
       encode(stream.stream, 'hex'),
       stored.seq,
       to_char(stored.time, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       {_MEASURED.replace("lat_e6", "stored.lat_e6").replace(", ", ", stored.")},
       stored.date_repaired::integer,
       stored.stands_for,
       stored.hole::integer
FROM stored
JOIN device ON device.no = stored.device
JOIN stream ON stream.no = stored.stream
ORDER BY device.device, stored.stream, stored.seq
"""  # noqa: S608 - put together from constants

_FIXES = f"""
WITH stored AS (
    SELECT device, stream, seq, (extract(epoch FROM time) * 1000)::bigint AS time_ms, {_MEASURED},
           date_repaired, stands_for, hole
    FROM fix WHERE {_CHOSEN}
)
SELECT device.device, stream.stream, stored.seq, stored.time_ms,
       {_MEASURED.replace("lat_e6", "stored.lat_e6").replace(", ", ", stored.")},
       stored.date_repaired, stored.stands_for, stored.hole
FROM stored
JOIN device ON device.no = stored.device
JOIN stream ON stream.no = stored.stream
ORDER BY device.device, stored.stream, stored.seq
"""  # noqa: S608 - put together from constants

_EXPECTED = f"""
WITH sums AS (SELECT device, hour AS time, fixes FROM fix_hour)
SELECT coalesce(sum(fixes), 0)::bigint FROM sums WHERE {_CHOSEN}
"""  # noqa: S608 - put together from constants


def rows(connection: Database, chosen: Chosen) -> Iterator[bytes]:
    """Yield stored and quarantined fixes, each as a line of text: the columns of an export."""
    _wait_for_readers(connection)
    copied = f"COPY ({_ROWS}) TO STDOUT (FORMAT csv)"
    with connection.cursor() as cursor, cursor.copy(copied.encode(), chosen.values()) as copy:
        for line in copy:
            yield bytes(line)


def drawable(connection: Database, chosen: Chosen) -> Devices:
    """Yield devices with their streams with their stored fixes; each is read as it is asked for."""
    _wait_for_readers(connection)
    with connection.cursor(name="export") as cursor:
        cursor.itersize = _AT_ONCE
        cursor.execute(_FIXES.encode(), chosen.values())
        for device, of_device in groupby(cursor, key=itemgetter(0)):
            streams = groupby(of_device, key=itemgetter(1))
            yield device, ((bytes(stream), map(_kept, fixes)) for stream, fixes in streams)


def expected(connection: Database, chosen: Chosen) -> int:
    """Return about how many fixes these are, without counting them."""
    row = connection.execute(_EXPECTED.encode(), chosen.values()).fetchone()
    return row[0] if row else 0


def _wait_for_readers(connection: Database) -> None:
    """Let whoever reads pause: collectors do not wait for it, a migration and retention do."""
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")


def _kept(row: tuple[Any, ...]) -> KeptFix:
    _, _, seq, time_ms, *measured, stands_for, hole = row
    return KeptFix(seq, Fix.of(time_ms, measured), stands_for, hole)
