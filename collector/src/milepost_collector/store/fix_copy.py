"""Fixes into their table: arrays in, PostgreSQL's binary COPY out.

A row's columns stand in the order of `_COLUMNS`. A column without a value has a length of -1 and
nothing behind it, so rows that lack the same columns have the same form, and are written together
from one array of records.

Source: PostgreSQL's documentation of COPY, "Binary Format".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from milepost_collector.store.arrays import EPOCH_MS
from milepost_collector.store.connection import AsyncDatabase
from milepost_schemas.bulk.rows import MISSING, FixRows, Flags, Integers

# Name, form, and whether a row may lack it.
_COLUMNS = (
    ("time", ">i8", False),
    ("seq", ">i8", False),
    ("device", ">i4", False),
    ("stream", ">i4", False),
    ("lat_e6", ">i4", False),
    ("lon_e6", ">i4", False),
    ("altitude_dm", ">i4", True),
    ("stands_for", ">i4", False),
    ("speed_dmps", ">i2", True),
    ("course_deg", ">i2", True),
    ("hdop_tenths", ">i2", True),
    ("satellites", ">i2", True),
    ("kind", ">i2", False),
    ("error_dm", ">i4", True),
    ("date_repaired", "?", False),
    ("hole", "?", False),
)
_QUARANTINED = ("quarantined_at", ">i8", False)
_NULLABLE = tuple(name for name, _, nullable in _COLUMNS if nullable)

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"


@dataclass(frozen=True, slots=True)
class OwnedRows:
    """Fixes and whose they are; arrays of one length.

    Attributes:
        rows: The fixes.
        device: The row number of each one's device.
        stream: The row number of each one's stream.
    """

    rows: FixRows
    device: Integers
    stream: Integers

    def __len__(self) -> int:
        """Return how many fixes there are."""
        return len(self.rows)

    def where(self, rows: Flags) -> "OwnedRows":
        """Return some of them."""
        return OwnedRows(self.rows.where(rows), self.device[rows], self.stream[rows])


async def copy_fixes(connection: AsyncDatabase, owned: OwnedRows) -> None:
    """Put fixes into `fix`; the caller commits.

    Raises:
        DataError, IntegrityError: A value cannot be stored.
        OperationalError: The server is lost or too busy.
    """
    await _copy(connection, "fix", owned, None)


async def copy_quarantined(connection: AsyncDatabase, owned: OwnedRows, now_ms: int) -> None:
    """Put fixes into `fix_quarantine`; as `copy_fixes`.

    Args:
        connection: In a transaction.
        owned: The fixes.
        now_ms: Our time, milliseconds since 1970.
    """
    await _copy(connection, "fix_quarantine", owned, now_ms)


async def _copy(
    connection: AsyncDatabase, table: str, owned: OwnedRows, quarantined_ms: int | None
) -> None:
    if not len(owned):
        return
    columns = _COLUMNS if quarantined_ms is None else (*_COLUMNS, _QUARANTINED)
    names = ", ".join(name for name, _, _ in columns)
    statement = f"COPY {table} ({names}) FROM STDIN (FORMAT binary)"
    async with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        await copy.write(_SIGNATURE)
        for records in _written(owned, quarantined_ms):
            await copy.write(records)
        await copy.write(_END)


def _written(owned: OwnedRows, quarantined_ms: int | None) -> Iterator[bytes]:
    lacking = np.zeros(len(owned), np.int64)
    for place, name in enumerate(_NULLABLE):
        lacking |= (getattr(owned.rows, name) == MISSING).astype(np.int64) << place
    patterns = np.unique(lacking).tolist()
    for pattern in patterns:
        alike = owned if len(patterns) == 1 else owned.where(lacking == pattern)
        yield _records(alike, pattern, quarantined_ms)


def _records(owned: OwnedRows, pattern: int, quarantined_ms: int | None) -> bytes:
    """Write rows that lack the same columns, those of the bits of `pattern`."""
    template = _template(pattern, quarantined_ms is not None)
    records = np.repeat(template, len(owned))
    for name in template.dtype.names or ():
        if name == "time":
            records[name] = (owned.rows.time_ms - EPOCH_MS) * 1000
        elif name in ("device", "stream"):
            records[name] = getattr(owned, name)
        elif name == "quarantined_at":
            records[name] = ((quarantined_ms or 0) - EPOCH_MS) * 1000
        elif not name.startswith("#"):
            records[name] = getattr(owned.rows, name)
    return records.tobytes()


@cache
def _template(pattern: int, quarantined: bool) -> np.ndarray[Any, Any]:
    """Return one record whose lengths are filled in; names of lengths begin with #."""
    columns = (*_COLUMNS, _QUARANTINED) if quarantined else _COLUMNS
    lacking = {name for place, name in enumerate(_NULLABLE) if pattern >> place & 1}
    form: list[tuple[str, str]] = [("#", ">i2")]
    for name, kind, _ in columns:
        form.append((f"#{name}", ">i4"))
        if name not in lacking:
            form.append((name, kind))
    record = np.zeros(1, np.dtype(form))
    record["#"] = len(columns)
    for name, kind, _ in columns:
        record[f"#{name}"] = -1 if name in lacking else np.dtype(kind).itemsize
    return record
