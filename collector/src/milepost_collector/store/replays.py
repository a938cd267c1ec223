"""What a replay reads of the database: devices, their fixes in order, and the events recorded.

All of one replay is read in one transaction, so that fixes and events fit one another while
collectors go on writing. Fixes come in the binary form of COPY, some thousand at a time, so that
memory is bounded and a fix costs about a microsecond here.

Source of the form: PostgreSQL's documentation of COPY, "Binary Format": 11 bytes of signature and 8
of flags, then of each row the number of its columns (2 bytes) and each value behind its length (4
bytes), at the end -1 as the number of columns; all big-endian.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

import numpy as np
from psycopg import IsolationLevel

from milepost_collector.engine import Doubt
from milepost_collector.store.arrays import EPOCH_MS
from milepost_collector.store.connection import Database, connect
from milepost_schemas.bulk import MISSING, FixRows
from milepost_schemas.event import Event
from milepost_schemas.fix import instant, milliseconds

# Rows that are read and run at a time.
_AT_ONCE = 20_000

# Of FixRows in their order, without `batch`; each is sent as a number of eight bytes.
_COLUMNS = (
    "seq", "time", "lat_e6", "lon_e6",
    *(f"coalesce({name}, {MISSING})" for name in (
        "altitude_dm", "speed_dmps", "course_deg", "hdop_tenths", "satellites", "kind", "error_dm",
    )),
    "date_repaired::integer", "stands_for", "hole::integer",
)  # fmt: skip
_SENT = ", ".join(each if each == "time" else f"({each})::bigint" for each in _COLUMNS)
_TIME = _COLUMNS.index("time")
_ROW = np.dtype([("columns", ">i2"), ("values", [("bytes", ">i4"), ("value", ">i8")], 14)])
_HEADER_BYTES = 19

# Fixes that came late were passed over by the engine, and are marked; all others came in the order
# of time. The first fix at or after the end is read too: it decides what has happened before it.
_FIXES = f"""
COPY (
    SELECT {_SENT} FROM fix
    WHERE device = %(device)s AND time <= coalesce(
        (SELECT min(time) FROM fix WHERE device = %(device)s AND time >= %(end)s), 'infinity'
    ) AND NOT EXISTS (
        SELECT FROM doubted_fix
        WHERE (doubted_fix.stream, doubted_fix.seq) = (fix.stream, fix.seq) AND doubt = %(late)s
    )
    ORDER BY time, stream, seq
) TO STDOUT (FORMAT binary)
"""  # noqa: S608 - put together from constants

_RECORDED = """
SELECT id, type, device, subject, time, data FROM event
WHERE time >= %(begin)s AND time < %(end)s AND (%(device)s::text IS NULL OR device = %(device)s)
ORDER BY device COLLATE "C", time, entry
"""


@dataclass(frozen=True, slots=True)
class ReplayedDevice:
    """A device.

    Attributes:
        no: Its row's number.
        device: Its id.
        first_ms: GPS time of the first fix that is stored of it; None: none is.
    """

    no: int
    device: str
    first_ms: int | None


@contextmanager
def opened(dsn: str) -> Iterator[Database]:
    """Open a connection that sees the database as it is now, however long it is used.

    Raises:
        OperationalError: The server cannot be reached.
    """
    with connect(dsn) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            yield connection


def devices(connection: Database, device: str | None) -> list[ReplayedDevice]:
    """Return the devices in the order of their ids, or the one that is named."""
    rows = connection.execute(
        "SELECT no, device, (SELECT min(time) FROM fix WHERE fix.device = device.no) FROM device "
        'WHERE %s::text IS NULL OR device = %s ORDER BY device COLLATE "C"',
        (device, device),
    ).fetchall()
    return [
        ReplayedDevice(no, name, None if first is None else milliseconds(first))
        for no, name, first in rows
    ]


def fixes_until(connection: Database, device: ReplayedDevice, end: datetime) -> Iterator[FixRows]:
    """Yield a device's fixes as the engine took them, up to the first one at or after `end`."""
    values = {"device": device.no, "end": end, "late": int(Doubt.LATE)}
    with connection.cursor() as cursor, cursor.copy(_FIXES.encode(), values) as copy:
        waiting: list[bytes] = []
        header = _HEADER_BYTES
        for data in copy:
            row = bytes(data)[header:]
            header = 0
            if len(row) == _ROW.itemsize:  # else the end
                waiting.append(row)
            if len(waiting) == _AT_ONCE:
                yield _rows(waiting)
                waiting = []
        if waiting:
            yield _rows(waiting)


def _rows(data: list[bytes]) -> FixRows:
    values = np.frombuffer(b"".join(data), _ROW)["values"]["value"].astype(np.int64)
    values[:, _TIME] = values[:, _TIME] // 1000 + EPOCH_MS
    columns = np.ascontiguousarray(values.T)
    return FixRows(np.zeros(len(values), np.int64), *columns)


def recorded(
    connection: Database, device: str | None, begin: datetime, end: datetime
) -> Iterator[tuple[str, list[Event]]]:
    """Yield devices in the order of their ids, each with its events of a time.

    Args:
        connection: As `opened`; others may read with it meanwhile.
        device: Only this one; None: all.
        begin: From this GPS time on.
        end: Until before this one.
    """
    with connection.cursor(name="recorded") as cursor:
        cursor.itersize = _AT_ONCE
        cursor.execute(_RECORDED, {"device": device, "begin": begin, "end": end})
        events = (
            Event(told, kind, whose, subject, milliseconds(time), data)
            for told, kind, whose, subject, time, data in cursor
        )
        for name, its in groupby(events, key=attrgetter("device")):
            yield name, list(its)


def expected(connection: Database, device: str | None, end_ms: int) -> int:
    """Return about how many fixes there are until before a time, without counting them."""
    row = connection.execute(
        "SELECT coalesce(sum(fixes), 0)::bigint FROM fix_day WHERE day < %s AND "
        "(%s::text IS NULL OR device = (SELECT no FROM device WHERE device.device = %s))",
        (instant(end_ms), device, device),
    ).fetchone()
    return row[0] if row else 0
