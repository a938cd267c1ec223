"""Reading a stream with distrust: each number is a row that is what it was written as, or missing.

In flow rows by number, out flow fixes, and which numbers have neither row nor explanation; pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from milepost_agent.buffer.gaps import uncovered
from milepost_agent.buffer.row import read_fix, split_key
from milepost_agent.buffer.stream import HeldStream
from milepost_schemas.fix import KeptFix


@dataclass(slots=True)
class Reading:
    """What was read of a stream.

    Attributes:
        fixes: The fixes, by number.
        damaged: Runs of numbers without a sound row, each with the count of unsound rows in it.
        is_incomplete: More numbers are missing than the unsound rows can have stood for: there are
            rows that SQLite does not come to.
    """

    fixes: list[KeptFix] = field(default_factory=list)
    damaged: list[tuple[int, int, int]] = field(default_factory=list)
    is_incomplete: bool = False


def read_rows(rows: Iterable[Sequence[Any]], held: HeldStream, after: int, limit: int) -> Reading:
    """Read rows until there are enough fixes.

    Args:
        rows: The stream's rows with numbers above `after`, by number.
        held: How the stream stands.
        after: The number after which to read.
        limit: At most so many fixes; below 0: all.
    """
    reading = Reading()
    expected = after + 1
    unsound: list[Sequence[Any]] = []
    for row in rows:
        if len(reading.fixes) == limit:
            return reading
        fix = read_fix(row)
        _, place = split_key(row[0])
        if held.gaps and not uncovered(held.gaps, place, place):
            continue
        if fix is None or fix.is_open or fix.stream != held.stream:
            unsound.append(row)
            continue
        if fix.first > expected:
            _missed(reading, held, expected, fix.first - 1, unsound)
        unsound = []
        expected = place + 1
        reading.fixes.append(fix.kept())
    if len(reading.fixes) != limit:
        _missed(reading, held, expected, held.newest, unsound)
    return reading


def _missed(
    reading: Reading, held: HeldStream, first: int, last: int, unsound: list[Sequence[Any]]
) -> None:
    runs = uncovered(held.gaps, first, last)
    missing = sum(high - low + 1 for low, high in runs)
    if missing != sum(map(_claimed, unsound)):
        reading.is_incomplete = True
    rows = len(unsound)
    for low, high in runs:
        reading.damaged.append((low, high, min(rows, high - low + 1)))
        rows -= reading.damaged[-1][2]


def _claimed(row: Sequence[Any]) -> int:
    """Return how many numbers an unsound row says that it stands for."""
    thinned = row[-2]
    return 1 + thinned if isinstance(thinned, int) else 1
