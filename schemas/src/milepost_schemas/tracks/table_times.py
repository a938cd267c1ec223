"""The times of a table's rows: RFC 3339 and its kin, Unix numbers, or seconds from somewhere.

One column has one form; which one, its values say.
"""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from milepost_schemas.tracks.track import Timing, TrackError

_DAY_S = 86_400.0
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}(?:[.,][0-9]+)?))?\Z")
_DATE_ONLY = re.compile(r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}\Z")
# Unix numbers by their size, from 1973 on: nano-, micro-, milliseconds, seconds.
_UNIX_SCALES = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3), (1e8, 1.0))


def read_times(texts: Sequence[str], *, scale: float = 1.0) -> tuple[list[float | None], Timing]:
    """Read a column of times.

    Args:
        texts: As they stand in the file; None comes back where one cannot be read.
        scale: Seconds of one unit, for numbers that are too small to be Unix times.

    Raises:
        TrackError: None of them can be read.
    """
    given = [text for text in texts if text]
    if not given or all(_DATE_ONLY.match(text) for text in given):
        return [None] * len(texts), Timing.NONE
    numbers = [_number(text) for text in texts]
    if any(number is not None for number in numbers):
        return _numbered(numbers, scale)
    clocks = [_clock_s(text) for text in texts]
    if any(clock is not None for clock in clocks):
        return _over_midnight(clocks), Timing.UNDATED
    instants = [_instant_s(text) for text in texts]
    if all(instant is None for instant in instants):
        raise TrackError(f"time {given[0]!r}: neither RFC 3339, hh:mm:ss nor a number")
    return instants, Timing.DATED


def _numbered(numbers: Sequence[float | None], scale: float) -> tuple[list[float | None], Timing]:
    sizes = sorted(abs(number) for number in numbers if number is not None)
    size = sizes[len(sizes) // 2]
    for least, unit in _UNIX_SCALES:
        if size >= least:
            return [None if one is None else one * unit for one in numbers], Timing.DATED
    return [None if one is None else one * scale for one in numbers], Timing.UNDATED


def _over_midnight(clocks: Sequence[float | None]) -> list[float | None]:
    """Let times of day go on upward: one that falls by more than half a day is of the next."""
    days = 0.0
    found = [clock for clock in clocks if clock is not None]
    shifts = {0: 0.0}
    for number, (one, other) in enumerate(pairwise(found), 1):
        days += _DAY_S * round((one - other) / _DAY_S)
        shifts[number] = days
    numbers = iter(range(len(found)))
    return [None if clock is None else clock + shifts[next(numbers)] for clock in clocks]


def _instant_s(text: str) -> float | None:
    plain = text.replace("/", "-").removesuffix("UTC").removesuffix("GMT").strip()
    try:
        instant = datetime.fromisoformat(plain)
    except ValueError:
        return None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()


def _clock_s(text: str) -> float | None:
    match = _CLOCK.match(text)
    if match is None:
        return None
    second = float((match[3] or "0").replace(",", "."))
    return int(match[1]) * 3600.0 + int(match[2]) * 60.0 + second


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
