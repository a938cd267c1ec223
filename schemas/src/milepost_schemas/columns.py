"""The fixes of a batch as columns: one msgpack array, a column an element.

    [count, seq, time_ms, lat_e6, lon_e6, altitude_dm, speed_dmps, course_deg, hdop_tenths,
     satellites, kind, stands_for, hole, error_dm, date_repaired]

A column is an array of `count` integers, each the difference from the last known value before it
in that column (from 0 at the first); a value that is missing is nil. A column is nil as a whole
where every value is its default: seq the one after the last (from `after` on), a measurement
missing, kind 0, stands_for 1, hole 0, date_repaired 0. The last two columns are left out while
they are nil.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

from milepost_schemas.fix import Fix, FixKind, KeptFix
from milepost_schemas.message import MAX_COUNT, MessageError, unpack_array, whole

MAX_FIXES = 4096

# Far below what 64 bits hold, far above what any receiver writes: year 6429.
MAX_TIME_MS = 2**47


@dataclass(frozen=True, slots=True)
class _Column:
    """One measurement's column: its name, its legal range, and whether it may be missing."""

    name: str
    low: int
    high: int
    default: int | None


_SEQ = _Column("seq", 1, MAX_COUNT, None)
_MEASURED = (
    _Column("time_ms", 0, MAX_TIME_MS, None),
    _Column("lat_e6", -90_000_000, 90_000_000, None),
    _Column("lon_e6", -180_000_000, 180_000_000, None),
    _Column("altitude_dm", -20_000, 1_000_000, None),
    _Column("speed_dmps", 0, 10_000, None),
    _Column("course_deg", 0, 359, None),
    _Column("hdop_tenths", 0, 999, None),
    _Column("satellites", 0, 255, None),
    _Column("kind", 0, max(FixKind), 0),
)
_STANDS_FOR = _Column("stands_for", 1, 2**31 - 1, 1)
_HOLE = _Column("hole", 0, 1, 0)
_ERROR = _Column("error_dm", 0, 65_535, None)
_REPAIRED = _Column("date_repaired", 0, 1, 0)
_REQUIRED = {"time_ms", "lat_e6", "lon_e6"}
_LEAST_ELEMENTS = 1 + 1 + len(_MEASURED) + 2
_MOST_ELEMENTS = _LEAST_ELEMENTS + 2


def encode_columns(fixes: Sequence[KeptFix], after: int) -> bytes:
    """Pack fixes, in the order of their numbers, that follow number `after`."""
    message: list[Any] = [len(fixes)]
    seqs = [kept.seq for kept in fixes]
    contiguous = seqs == list(range(after + 1, after + 1 + len(seqs)))
    message.append(None if contiguous else _differences(seqs))
    for column in _MEASURED:
        values = [getattr(kept.fix, column.name) for kept in fixes]
        message.append(_packed(column, values))
    message.append(_packed(_STANDS_FOR, [kept.stands_for for kept in fixes]))
    message.append(_packed(_HOLE, [int(kept.hole) for kept in fixes]))
    message.append(_packed(_ERROR, [kept.fix.error_dm for kept in fixes]))
    message.append(_packed(_REPAIRED, [int(kept.fix.date_repaired) for kept in fixes]))
    while len(message) > _LEAST_ELEMENTS and message[-1] is None:
        message.pop()
    return bytes(msgpack.packb(message))


def decode_columns(data: bytes, after: int) -> tuple[KeptFix, ...]:
    """Unpack the fixes that follow number `after`.

    Raises:
        MessageError: Malformed, or a value outside its range; the text names column and row.
    """
    message = unpack_array(data, what="columns", max_items=MAX_FIXES)
    if not _LEAST_ELEMENTS <= len(message) <= _MOST_ELEMENTS:
        span = f"{_LEAST_ELEMENTS} to {_MOST_ELEMENTS}"
        raise MessageError("malformed", f"columns: {len(message)} elements, not {span}")
    message += [None] * (_MOST_ELEMENTS - len(message))
    count = whole(message[0], 1, MAX_FIXES, what="columns: count")
    seqs = _numbers(message[1], count, after)
    measured = [
        list(_values(column, packed, count))
        for column, packed in zip(_MEASURED, message[2:-4], strict=True)
    ]
    stands_for = _values(_STANDS_FOR, message[-4], count)
    holes = _values(_HOLE, message[-3], count)
    errors = _values(_ERROR, message[-2], count)
    repaired = _values(_REPAIRED, message[-1], count)
    return tuple(
        KeptFix(seq, Fix.of(row[0], (*row[1:], error_dm, mended)), stands, bool(hole))
        for seq, row, stands, hole, error_dm, mended in zip(
            seqs, zip(*measured, strict=True), stands_for, holes, errors, repaired, strict=True
        )
    )


def _packed(column: _Column, values: list[int | None]) -> list[int | None] | None:
    if all(value == column.default for value in values):
        return None
    return _differences(values)


def _differences(values: Sequence[int | None]) -> list[int | None]:
    differences: list[int | None] = []
    last = 0
    for value in values:
        if value is None:
            differences.append(None)
        else:
            differences.append(value - last)
            last = value
    return differences


def _numbers(packed: object, count: int, after: int) -> list[int]:
    if packed is None:
        return list(range(after + 1, after + 1 + count))
    seqs = [number for number in _values(_SEQ, packed, count) if number is not None]
    ascending = all(a < b for a, b in zip([after, *seqs], seqs, strict=False))
    if len(seqs) != count or not ascending:
        raise MessageError("malformed", f"columns: seq does not rise from {after} row by row")
    return seqs


def _values(column: _Column, packed: object, count: int) -> Iterator[Any]:
    if packed is None:
        if column.name in _REQUIRED:
            raise MessageError("malformed", f"columns: {column.name} is missing")
        packed = [None] * count if column.default is None else [column.default] + [0] * (count - 1)
    if not isinstance(packed, list) or len(packed) != count:
        raise MessageError("malformed", f"columns: {column.name} does not hold {count} values")
    value = 0
    for row, difference in enumerate(packed):
        if difference is None and column.name not in _REQUIRED and column.default is None:
            yield None
            continue
        what = f"columns: {column.name} of row {row}"
        value += whole(difference, -(2**63), 2**63, what=what)
        yield whole(value, column.low, column.high, what=what)
