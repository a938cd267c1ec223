"""The fixes of a batch as columns of bits: how each column is predicted, and how it is written.

A column is its first value, and for each later row the difference (folded, `bits.fold`) from what
the rows before let expect. Time and position are expected to go on as they went; what else was
measured, to stay. `wire.md` describes it for a reader in any language.

    column = [told] first [shape differences]

- `told`: one bit, in columns that may be missing; 0 ends the column: no row has a value.
- `shape differences`: as `shapes` writes them; left out where there is one row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import gcd
from typing import Any

from milepost_schemas.bits import BitReader, fold, golomb, plain, unfold
from milepost_schemas.fix import Fix, KeptFix
from milepost_schemas.layout import (
    ALTITUDE,
    COURSE,
    ERROR,
    HDOP,
    KIND,
    LAT,
    LON,
    MAX_TIME_MS,
    PERIOD_ORDER,
    SATELLITES,
    SPEED,
    STANDS_MAX,
    STANDS_ORDER,
    TIME_ORDERS,
    TIME_UNITS_MS,
    Column,
)
from milepost_schemas.message import MAX_COUNT, MessageError
from milepost_schemas.prediction import (
    MAX_PERIOD_MS,
    MAX_TURN_DEG,
    MIN_TURN_DEG,
    TURN_DEG,
    USUAL_PERIOD_MS,
    bends,
    bent,
    expected_stands,
    likely_period_ms,
    steps_of,
    turns,
)
from milepost_schemas.shapes import (
    SHAPE_BITS,
    SOME_MISSING,
    missing,
    read_missing,
    read_shaped,
    shaped,
)


def encode_columns(fixes: Sequence[KeptFix], after: int, skipped: int) -> list[str]:
    """Write fixes, in the order of their numbers.

    Args:
        fixes: At least one.
        after: The number before the first one's, unless some were skipped.
        skipped: Numbers that the batch speaks for and that none of its fixes has.
    """
    rows = [kept.fix for kept in fixes]
    times = [fix.time_ms for fix in rows]
    parts = [
        _times(times),
        _straight(LAT, [fix.lat_e6 for fix in rows]),
        _straight(LON, [fix.lon_e6 for fix in rows]),
        _steady(ALTITUDE, [fix.altitude_dm for fix in rows]),
        _steady(SPEED, [fix.speed_dmps for fix in rows]),
        _steady(COURSE, [fix.course_deg for fix in rows], turns),
        _steady(HDOP, [fix.hdop_tenths for fix in rows]),
        _steady(SATELLITES, [fix.satellites for fix in rows]),
        _steady(KIND, [fix.kind for fix in rows]),
    ]
    if skipped:
        seqs = [after, *(kept.seq for kept in fixes)]
        parts.append(shaped([later - seq - 1 for seq, later in pairwise(seqs)]))
    return parts + _rare(fixes, times)


def _rare(fixes: Sequence[KeptFix], times: list[int]) -> list[str]:
    """Write the columns that few batches have: one bit where this one has none."""
    rows = [kept.fix for kept in fixes]
    stands = [kept.stands_for for kept in fixes]
    holes = [kept.hole for kept in fixes]
    errors = [fix.error_dm for fix in rows]
    repaired = [fix.date_repaired for fix in rows]
    if (
        max(stands) == 1
        and True not in holes
        and True not in repaired
        and errors.count(None) == len(rows)
    ):
        return ["0"]
    return [
        "1",
        "0" if max(stands) == 1 else "1" + _standing(stands, times),
        "0" if True not in holes else "1" + shaped(holes),
        _steady(ERROR, errors),
        "0" if True not in repaired else "1" + shaped(repaired),
    ]


@dataclass(frozen=True, slots=True)
class Rows:
    """What columns hold, before anything is made of it.

    Attributes:
        seqs: Of each row.
        others: The other columns: time, `stands_for`, `hole`, and all that was measured.
    """

    seqs: list[int]
    others: tuple[list[Any], ...]

    def fixes(self) -> tuple[KeptFix, ...]:
        """Make fixes of the rows."""
        return tuple(
            KeptFix(seq, Fix.of(time_ms, row), standing, bool(hole))
            for seq, time_ms, standing, hole, *row in zip(self.seqs, *self.others, strict=True)
        )


def decode_columns(bits: BitReader, count: int, after: int, skipped: int) -> Rows:
    """Read what `encode_columns` wrote.

    Raises:
        MessageError: Malformed, or a value outside its range; the text names column and row.
    """
    times = _read_times(bits, count)
    measured = [
        _read_straight(bits, LAT, count),
        _read_straight(bits, LON, count),
        _read_steady(bits, ALTITUDE, count),
        _read_steady(bits, SPEED, count),
        _read_steady(bits, COURSE, count),
        _read_steady(bits, HDOP, count),
        _read_steady(bits, SATELLITES, count),
        _read_steady(bits, KIND, count),
    ]
    seqs = _read_seqs(bits, count, after, skipped)
    stands, holes, errors, repaired = [1] * count, [0] * count, [None] * count, [0] * count
    if bits.plain(1):
        stands = _read_standing(bits, times) if bits.plain(1) else stands
        holes = _read_flags(bits, count, "hole") if bits.plain(1) else holes
        errors = _read_steady(bits, ERROR, count)
        repaired = _read_flags(bits, count, "date_repaired") if bits.plain(1) else repaired
    return Rows(seqs, (times, stands, holes, *measured, errors, repaired))


def _times(times: list[int]) -> str:
    common_ms = gcd(*times)
    place = next(i for i, unit in enumerate(TIME_UNITS_MS) if common_ms % unit == 0)
    unit = TIME_UNITS_MS[place]
    head = "0" * place + "1"[: len(TIME_UNITS_MS) - 1 - place]
    counts = [time_ms // unit for time_ms in times] if unit > 1 else times
    first = golomb(counts[0], TIME_ORDERS[place])
    return head + first + (shaped(bends(counts)) if len(counts) > 1 else "")


def _read_times(bits: BitReader, count: int) -> list[int]:
    place = 0
    while place < len(TIME_UNITS_MS) - 1 and not bits.plain(1):
        place += 1
    counts = [bits.golomb(TIME_ORDERS[place])]
    if count > 1:
        bent(counts, read_shaped(bits, count - 1))
    times = [each * TIME_UNITS_MS[place] for each in counts]
    return _checked(times, "time_ms", 0, MAX_TIME_MS)


def _straight(column: Column, values: list[int]) -> str:
    first = plain(values[0] - column.low, column.first_bits)
    return first + (shaped(bends(values)) if len(values) > 1 else "")


def _read_straight(bits: BitReader, column: Column, count: int) -> list[int]:
    # The first is looked at by itself, since it is often all there is.
    values = _checked([_read_first(bits, column)], column.name, column.low, column.high)
    folded = read_shaped(bits, count - 1) if count > 1 else []
    bent(values, folded)
    return _checked(values, column.name, column.low, column.high) if any(folded) else values


def _steady(
    column: Column,
    values: Sequence[int | None],
    steps: Callable[[list[int]], list[int]] = steps_of,
) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "0"
    told = "1" if column.optional else ""
    text = told + _first(column, known[0])
    if len(values) == 1:
        return text
    if len(known) == len(values) == known.count(known[0]):
        return text + plain(0, SHAPE_BITS)
    if len(known) < len(values):
        text += plain(SOME_MISSING, SHAPE_BITS) + missing([value is None for value in values])
    return text + (shaped(steps(known)) if len(known) > 1 else "")


def _read_steady(bits: BitReader, column: Column, count: int) -> list[Any]:
    if column.optional and not bits.plain(1):
        return [None] * count
    values = [_read_first(bits, column)]
    if count == 1:
        return _checked(values, column.name, column.low, column.high)
    shape = bits.plain(SHAPE_BITS)
    absent: list[bool] = []
    if shape == SOME_MISSING and column.optional:
        absent = read_missing(bits, count, column.name)
        count -= sum(absent)
        shape = bits.plain(SHAPE_BITS) if count > 1 else 0
    folded = read_shaped(bits, count - 1, shape)
    steps = [unfold(step) for step in folded] if any(folded) else []
    if column is COURSE and steps:
        _checked(steps, "course_deg's turn", MIN_TURN_DEG, MAX_TURN_DEG)
    value = values[0]
    for step in steps:
        value += step
        if column is COURSE:
            value %= TURN_DEG
        values.append(value)
    _checked(values, column.name, column.low, column.high)
    values += [value] * (count - len(values))
    if not absent:
        return values
    known = iter(values)
    return [None if gone else next(known) for gone in absent]


def _first(column: Column, value: int) -> str:
    if column.first_bits:
        return plain(value - column.low, column.first_bits)
    off = value - column.usual
    return golomb(fold(off) if column.folded else off, column.first_order)


def _read_first(bits: BitReader, column: Column) -> int:
    if column.first_bits:
        return column.low + bits.plain(column.first_bits)
    off = bits.golomb(column.first_order)
    return column.usual + (unfold(off) if column.folded else off)


def _standing(stands: list[int], times: list[int]) -> str:
    """Write for how many raw fixes each stands, from the time since the one before."""
    text = golomb(stands[0] - 1, STANDS_ORDER)
    if len(stands) == 1:
        return text
    steps = [later - time_ms for time_ms, later in pairwise(times)]
    period_ms = likely_period_ms(steps, stands[1:])
    text += "1" if period_ms == USUAL_PERIOD_MS else "0" + golomb(period_ms, PERIOD_ORDER)
    expected = expected_stands(steps, period_ms)
    return text + shaped([fold(n - e) for n, e in zip(stands[1:], expected, strict=True)])


def _read_standing(bits: BitReader, times: list[int]) -> list[int]:
    stands = [1 + bits.golomb(STANDS_ORDER)]
    if len(times) > 1:
        period_ms = USUAL_PERIOD_MS if bits.plain(1) else bits.golomb(PERIOD_ORDER)
        _checked([period_ms], "stands_for's period", 1, MAX_PERIOD_MS)
        steps = [later - time_ms for time_ms, later in pairwise(times)]
        offs = read_shaped(bits, len(steps))
        expected = expected_stands(steps, period_ms)
        stands += [e + unfold(off) for e, off in zip(expected, offs, strict=True)]
    return _checked(stands, "stands_for", 1, STANDS_MAX)


def _read_flags(bits: BitReader, count: int, what: str) -> list[int]:
    return _checked(read_shaped(bits, count), what, 0, 1)


def _read_seqs(bits: BitReader, count: int, after: int, skipped: int) -> list[int]:
    if not skipped:
        return list(range(after + 1, after + 1 + count))
    seqs, seq = [], after
    for left_out in read_shaped(bits, count):
        seq += left_out + 1
        seqs.append(seq)
    return _checked(seqs, "seq", 1, min(MAX_COUNT, after + count + skipped))


def _checked(values: list[int], what: str, low: int, high: int) -> list[int]:
    if min(values) < low or max(values) > high:
        row = next(row for row, value in enumerate(values) if not low <= value <= high)
        text = f"columns: {what} of row {row} {values[row]} is not in {low} to {high}"
        raise MessageError("range", text)
    return values
