"""Fixes as rows of comma-separated text: every number at the resolution that travels.

In flow fixes, out flow texts, and back. A stream is written as hexadecimal digits, a time as RFC
3339 in UTC with milliseconds, yes as 1; what is unknown is empty. An agent's file has no column for
the device: it is the only one.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from milepost_schemas.event import rfc3339
from milepost_schemas.fix import Fix, KeptFix, milliseconds
from milepost_schemas.layout import (
    ALTITUDE,
    COURSE,
    ERROR,
    HDOP,
    KIND,
    LAT,
    LON,
    MAX_TIME_MS,
    SATELLITES,
    SPEED,
    STANDS_MAX,
)
from milepost_schemas.tracks.track import TrackError

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

_MEASURED = (LAT, LON, ALTITUDE, SPEED, COURSE, HDOP, SATELLITES, KIND, ERROR)
_FLAGS = {"0": False, "1": True}


@dataclass(frozen=True, slots=True)
class ExportedStream:
    """Rows of one stream that stand behind one another in a file.

    Attributes:
        device: Whose; empty where the file does not say.
        stream: As the file writes it.
        fixes: In the order of the file, with the numbers that they have there.
        left_out: Rows that are none.
    """

    device: str
    stream: str
    fixes: tuple[KeptFix, ...]
    left_out: int


def row_of(stream: bytes, kept: KeptFix) -> tuple[str, ...]:
    """Write a fix as the columns behind the device."""
    values = (*kept.fix.measured(), kept.stands_for, kept.hole)
    return (
        stream.hex(),
        str(kept.seq),
        rfc3339(kept.fix.time_ms),
        *("" if value is None else str(int(value)) for value in values),
    )


def is_exported(data: bytes) -> bool:
    """Say whether the first line of a file is a head of these columns, with or without a device."""
    head = tuple(data.partition(b"\n")[0].decode("ascii", "replace").strip().split(","))
    return head in (COLUMNS, COLUMNS[1:])


def read_exported(data: bytes) -> list[ExportedStream]:
    """Read a file whose head `is_exported` knows; rows that are none are counted.

    Raises:
        TrackError: Its text is damaged, or no row of it is one.
    """
    reader = csv.reader(io.StringIO(data.decode("utf-8", "replace"), newline=""))
    try:
        unnamed = [""] * (len(COLUMNS) - len(next(reader)))
        rows = (unnamed + row for row in reader if row)
        named = (row for row in rows if len(row) > 1)
        found = [
            _stream(device, stream, group)
            for (device, stream), group in groupby(named, key=itemgetter(0, 1))
        ]
    except csv.Error as error:
        raise TrackError(f"damaged table: {error}") from None
    if not any(each.fixes for each in found):
        told = sum(each.left_out for each in found)
        raise TrackError(f"exported table of {told} rows, none of them a fix")
    return found


def _stream(device: str, stream: str, rows: Iterable[list[str]]) -> ExportedStream:
    fixes = [_kept(row) for row in rows]
    kept = tuple(each for each in fixes if each is not None)
    return ExportedStream(device, stream, kept, len(fixes) - len(kept))


def _kept(row: list[str]) -> KeptFix | None:
    """Read a row; None where a value is none, or outside of what travels."""
    if len(row) != len(COLUMNS):
        return None
    _, _, seq, time, *measured, repaired, stands_for, hole = row
    try:
        numbers = [int(text) if text else None for text in measured]
        time_ms, standing, number = (
            milliseconds(datetime.fromisoformat(time)),
            int(stands_for),
            int(seq),
        )
        flags = _FLAGS[repaired], _FLAGS[hole]
    except (ValueError, KeyError):
        return None
    for value, column in zip(numbers, _MEASURED, strict=True):
        if not (column.optional if value is None else column.low <= value <= column.high):
            return None
    if not (0 <= time_ms <= MAX_TIME_MS and 1 <= standing <= STANDS_MAX):
        return None
    return KeptFix(number, Fix.of(time_ms, [*numbers, flags[0]]), standing, flags[1])
