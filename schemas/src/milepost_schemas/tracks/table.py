"""CSV with a header: bytes to tracks.

Commas, semicolons or tabs; columns by their usual names (`columns`); rows of several vehicles or
trips are told apart by the columns that name them. What a row says that cannot be (a latitude of
91, a time that is none) leaves the row out, counted.
"""

import csv
import io
import math
from collections.abc import Sequence
from itertools import pairwise

from milepost_schemas.tracks.columns import Column, Field, columns_of
from milepost_schemas.tracks.table_times import read_times
from milepost_schemas.tracks.track import (
    Timing,
    Track,
    TrackError,
    TrackPoint,
    believable,
)

_DELIMITERS = ",;\t"
# More values than this, nearly all of them changing from row to row, are courses and not names.
_MOST_TURNS = 0.5
_FEWEST_COURSES = 30


def is_table(data: bytes) -> bool:
    """Say whether the first line is a header that names a latitude and a longitude."""
    columns, _ = _header(data[:4096])
    return {Field.LAT, Field.LON} <= {column.field for column in columns}


def read_table(data: bytes) -> list[Track]:
    """Read all tracks of a table, in the order in which they begin.

    Raises:
        TrackError: No column for latitude or longitude, no row with a position, or a time column
            that holds no times.
    """
    columns, delimiter = _header(data)
    fields = {column.field for column in columns}
    for needed in (Field.LAT, Field.LON):
        if needed not in fields:
            raise TrackError(f"table without a column for {needed.value}")
    text = io.StringIO(data.decode("utf-8-sig", errors="replace"), newline="")
    try:
        rows = [row for row in csv.reader(text, delimiter=delimiter) if any(row)][1:]
    except csv.Error as error:
        raise TrackError(f"damaged table: {error}") from None
    table = _Table(columns, rows, decimal_comma=delimiter != ",")
    tracks = table.tracks()
    if not tracks:
        raise TrackError(f"table of {len(rows)} rows, none with a position")
    return tracks


def _header(data: bytes) -> tuple[list[Column], str]:
    first = data.lstrip(b"\xef\xbb\xbf").partition(b"\n")[0].decode("utf-8", errors="replace")
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        names = next(csv.reader([first.strip()], delimiter=delimiter), [])
    except csv.Error:
        names = []
    return columns_of(names), delimiter


class _Table:
    """The rows of a table, and which column of them holds what."""

    def __init__(
        self, columns: list[Column], rows: list[list[str]], *, decimal_comma: bool
    ) -> None:
        self._rows = rows
        self._decimal_comma = decimal_comma
        self._columns: dict[Field, Column] = {
            one.field: one for one in columns if one.field is not Field.IDENTITY
        }
        named = [one for one in columns if one.field is Field.IDENTITY]
        course = next((one for one in named if self._holds_courses(one)), None)
        if course is not None:
            self._columns[Field.COURSE] = course
        self._identity = [one for one in named if one is not course and self._repeats(one)]

    def tracks(self) -> list[Track]:
        """Return the rows of each vehicle or trip as a track."""
        groups: dict[str, list[list[str]]] = {}
        for row in self._rows:
            name = "/".join(_cell(row, one) for one in self._identity)
            groups.setdefault(name, []).append(row)
        tracks = [self._track(name or "table", rows) for name, rows in groups.items()]
        return [track for track in tracks if track.points]

    def _track(self, name: str, rows: list[list[str]]) -> Track:
        times, timing = self._times(rows)
        kept = [
            point
            for row, time_s in zip(rows, times, strict=True)
            if time_s is not None and (point := self._point(row, time_s)) is not None
        ]
        return Track(name, tuple(kept), timing, len(rows) - len(kept))

    def _times(self, rows: list[list[str]]) -> tuple[Sequence[float | None], Timing]:
        if Field.TIME in self._columns:
            clock, date = self._columns[Field.TIME], self._columns.get(Field.DATE)
            told = [f"{_cell(row, date)} {_cell(row, clock)}".strip() for row in rows]
            times, timing = read_times(told, scale=clock.scale)
            if timing is not Timing.NONE:
                return times, timing
        return [float(number) for number in range(len(rows))], Timing.NONE

    def _point(self, row: list[str], time_s: float) -> TrackPoint | None:
        lat_deg, lon_deg = self._number(row, Field.LAT), self._number(row, Field.LON)
        if not believable(lat_deg, lon_deg):
            return None
        speed_mps, course_deg = self._number(row, Field.SPEED), self._number(row, Field.COURSE)
        satellites = self._number(row, Field.SATELLITES)
        return TrackPoint(
            time_s=time_s,
            lat_deg=lat_deg,
            lon_deg=lon_deg,
            altitude_m=self._number(row, Field.ALTITUDE),
            speed_mps=speed_mps if speed_mps is not None and speed_mps >= 0.0 else None,
            course_deg=None if course_deg is None else course_deg % 360.0,
            hdop=self._number(row, Field.HDOP),
            satellites=None if satellites is None else int(satellites),
        )

    def _number(self, row: list[str], field: Field) -> float | None:
        column = self._columns.get(field)
        if column is None:
            return None
        value = self._value(_cell(row, column))
        return None if value is None else value * column.scale

    def _value(self, text: str) -> float | None:
        try:
            value = float(text.replace(",", ".") if self._decimal_comma else text)
        except ValueError:
            return None
        return value if math.isfinite(value) else None

    def _holds_courses(self, column: Column) -> bool:
        """Say whether a column `track` holds courses, as gpsd calls them, and not names."""
        if column.header.lower() != "track" or Field.COURSE in self._columns:
            return False
        texts = [text for row in self._rows if (text := _cell(row, column))]
        values = [self._value(text) for text in texts]
        if not values or any(value is None or not 0.0 <= value <= 360.0 for value in values):
            return False
        turns = sum(one != other for one, other in pairwise(texts))
        broken = any("." in text for text in texts)
        return broken or (len(set(texts)) >= _FEWEST_COURSES and turns > _MOST_TURNS * len(texts))

    def _repeats(self, column: Column) -> bool:
        """Say whether a column names something that has several rows, and not each row."""
        names = {_cell(row, column) for row in self._rows}
        return len(names) <= max(1, len(self._rows) // 2)


def _cell(row: list[str], column: Column | None) -> str:
    return row[column.index].strip() if column is not None and column.index < len(row) else ""
