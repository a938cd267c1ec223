"""What a fleet has learned: rows of sums by kind, place, hour and weekday.

Learning adds to rows, books merge row by row, age halves all weights every so many days. A book is
its rows and nothing else: storing them stores it. Places are cells of the grid of degrees, so that
a row says where a van stood to some 100 m, and not who lives there.
"""

import math
from collections.abc import Iterable, Iterator

from milepost_collector.delivery.eta.route import Degrees
from milepost_collector.delivery.eta.sums import Key, Sums

WEEK_H = 168
# What is older counts half; of errors of forecasts sooner, since forecasts get better.
HALF_LIFE_DAYS = 60.0
ERRORS_HALF_LIFE_DAYS = 30.0
# Kinds of rows that hold errors of forecasts.
SCORE, PACE, MEAN, HABIT = "score", "pace.", "mean.", "habit."

_HOUR_MS = 3_600_000
# Sides of cells in degrees of latitude; in longitude likewise, so narrower away from the equator.
_PLACE_DEG = 0.001
_AREA_DEG = 0.02
# 1970 began on a Thursday.
_FIRST_WEEKDAY = 3

_Row = tuple[str, str, int, int, float, float, float, float]


class Book:
    """Rows by key."""

    def __init__(self, rows: Iterable[tuple[Key, Sums]] = ()) -> None:
        self._rows: dict[Key, Sums] = {}
        for key, sums in rows:
            self.merge_row(key, sums)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[Key, Sums]]:
        """Yield all rows."""
        return iter(self._rows.items())

    def of_kind(self, kind: str) -> list[tuple[Key, Sums]]:
        """Return the rows of one kind."""
        return [(key, sums) for key, sums in self._rows.items() if key.kind == kind]

    def add(self, key: Key, value: float, size: float = 0.0, weight: float = 1.0) -> None:
        """Add one value to a row."""
        self.merge_row(key, Sums(weight, value, 0.0, size))

    def merge_row(self, key: Key, sums: Sums) -> None:
        """Add a row's sums to those of the same key."""
        self._rows[key] = self._rows.get(key, Sums()).merged(sums)

    def merge(self, other: "Book") -> None:
        """Take in all that another book has learned."""
        for key, sums in other:
            self.merge_row(key, sums)

    def age(self, days: float) -> None:
        """Let all that was learned count less.

        Args:
            days: How much time has passed; 0 or more.
        """
        usual, errors = (0.5 ** (days / half) for half in (HALF_LIFE_DAYS, ERRORS_HALF_LIFE_DAYS))
        self._rows = {
            key: sums.aged(errors if key.kind.startswith((SCORE, PACE, MEAN, HABIT)) else usual)
            for key, sums in self._rows.items()
        }

    def to_rows(self) -> list[_Row]:
        """Return all rows as plain values, in a fixed order: kind, place, hour, weekday, sums."""
        return [
            (*key, sums.weight, sums.mean, sums.squares, sums.size)
            for key, sums in sorted(self._rows.items())
        ]

    @staticmethod
    def from_rows(rows: Iterable[_Row]) -> "Book":
        """Return the book of rows as `to_rows` gives them."""
        return Book((Key(*row[:4]), Sums(*row[4:])) for row in rows)


def hour_of_week(time_ms: float, offset_s: float) -> float:
    """Return the local hour of the week, 0 (Monday, midnight) to below 168.

    Args:
        time_ms: UTC.
        offset_s: Local time minus UTC.
    """
    return (time_ms / _HOUR_MS + offset_s / 3600.0 + 24.0 * _FIRST_WEEKDAY) % WEEK_H


def timed(kind: str, place: str, time_ms: float, offset_s: float) -> Key:
    """Return the key of a row for an instant."""
    weekday, hour = divmod(int(hour_of_week(time_ms, offset_s)), 24)
    return Key(kind, place, hour, weekday)


def untimed(kind: str, place: str = "") -> Key:
    """Return the key of a row for which the hour does not matter."""
    return Key(kind, place, 0, 0)


def area_cell(place: Degrees) -> str:
    """Return the name of the area, some 2 km, in which a place lies."""
    return _cell(place, _AREA_DEG)


def place_cell(place: Degrees) -> str:
    """Return the name of the cell, some 100 m, in which a place lies."""
    return _cell(place, _PLACE_DEG)


def _cell(place: Degrees, side_deg: float) -> str:
    return f"{math.floor(place[0] / side_deg)},{math.floor(place[1] / side_deg)}"
