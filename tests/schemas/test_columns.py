"""Columns: every shape of every column comes back, and takes the bits that it should."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_schemas.batch import Batch, Envelope, decode_batch, encode_batch
from milepost_schemas.bits import BitReader, packed
from milepost_schemas.fix import Fix, FixKind, KeptFix
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
    Column,
)
from milepost_schemas.prediction import expected_stands, likely_period_ms
from milepost_schemas.shapes import SPARSE, missing, read_missing, read_shaped, shaped

COLUMNS = (LAT, LON, ALTITUDE, SPEED, COURSE, HDOP, SATELLITES, KIND, ERROR)
STREAM = bytes(range(8))


@st.composite
def walks(draw: st.DrawFn, low: int, high: int, count: int) -> list[int]:
    """Values as they come: mostly the same, in small or large steps, or anywhere."""
    span = high - low
    steps = draw(st.sampled_from([0, 1, 3, 40, span]))
    rest = draw(st.booleans())
    values = [draw(st.integers(low, high))]
    for _ in range(count - 1):
        step = draw(st.integers(-min(steps, span), min(steps, span)))
        step = 0 if rest and draw(st.integers(0, 9)) else step
        values.append(min(high, max(low, values[-1] + step)))
    return values


@st.composite
def with_holes(draw: st.DrawFn, column: Column, count: int) -> list[int | None]:
    """Values of a column, some of them missing where that may be."""
    values: list[int | None] = list(draw(walks(column.low, column.high, count)))
    if not column.optional:
        return values
    gone = draw(st.sampled_from(["none", "all", "runs", "any"]))
    at = sorted(draw(st.lists(st.integers(0, count), min_size=2, max_size=2)))
    for row in range(count):
        if (
            gone == "all"
            or (gone == "runs" and at[0] <= row < at[1])
            or (gone == "any" and draw(st.booleans()))
        ):
            values[row] = None
    return values


@st.composite
def drives(draw: st.DrawFn) -> tuple[KeptFix, ...]:
    """Fixes whose columns look like those of drives, or like nothing that drives."""
    count = draw(st.integers(1, 24))
    unit = draw(st.sampled_from([1, 10, 100, 1000]))
    times = [unit * each for each in draw(walks(0, MAX_TIME_MS // unit, count))]
    columns = {column.name: draw(with_holes(column, count)) for column in COLUMNS}
    stands = draw(st.just([1] * count) | walks(1, 60, count) | walks(1, STANDS_MAX, count))
    flags = st.lists(st.booleans(), min_size=count, max_size=count) | st.just([False] * count)
    holes, repaired = draw(flags), draw(flags)
    kinds = [FixKind(kind or 0) for kind in columns.pop("kind")]
    made = []
    for row in range(count):
        said: dict[str, Any] = {name: values[row] for name, values in columns.items()}
        fix = Fix(times[row], **said, kind=kinds[row], date_repaired=repaired[row])
        made.append(KeptFix(row + 1, fix, stands[row], holes[row]))
    return tuple(made)


def packed_batch(fixes: Sequence[KeptFix]) -> bytes:
    """Return the batch of fixes whose numbers follow one another from 1 on."""
    count = len(fixes)
    return encode_batch(Batch(Envelope(STREAM, 1, 0, count, count), tuple(fixes)))


@given(drives())
@settings(max_examples=200, deadline=None)
def test_columns_of_every_shape_come_back(fixes: tuple[KeptFix, ...]) -> None:
    """Whatever the columns look like, what is read is what was written."""
    assert decode_batch(packed_batch(fixes)).fixes == fixes


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        *(([0], 0), ([0] * 4096, 0), ([1], 2), ([0, 1], 1), ([7, 8, 6], 4)),
        *(([2**20] * 3, 13), ([0] * 60 + [9], SPARSE), ([9] + [0] * 60 + [3], SPARSE)),
    ],
)
def test_list_takes_the_shape_that_suits_it(values: list[int], shape: int) -> None:
    """Zeros take none, few others are told one by one, the rest are a run of a fitting order."""
    bits = shaped(values)
    assert int(bits[:4], 2) == shape
    assert read_shaped(BitReader(packed([bits]), "test"), len(values)) == values


@given(st.lists(st.integers(0, 3) | st.just(0) | st.integers(0, 2**50), min_size=1, max_size=200))
@settings(max_examples=300, deadline=None)
def test_list_of_any_numbers_comes_back(values: list[int]) -> None:
    """A list is read as it was written, and nothing is left behind it."""
    reader = BitReader(packed([shaped(values)]), "test")
    assert read_shaped(reader, len(values)) == values
    reader.close()


@given(st.lists(st.booleans(), min_size=2, max_size=200).filter(lambda absent: not all(absent)))
def test_missing_rows_come_back(absent: list[bool]) -> None:
    """Which rows have no value is read as it was written."""
    reader = BitReader(packed([missing(absent)]), "test")
    assert read_missing(reader, len(absent), "test") == absent
    reader.close()


def test_absent_columns_cost_a_bit_each() -> None:
    """A column without a value costs one bit, however many rows there are."""
    bare = [KeptFix(n, Fix(5000 * n, 90 * n, 120 * n)) for n in range(1, 501)]
    told = [replace(kept, fix=replace(kept.fix, hdop_tenths=9)) for kept in bare]
    # 2 bits of head, 4 + 4 of the first value, 4 of the shape
    assert 0 <= len(packed_batch(told)) - len(packed_batch(bare)) <= 2
    # time, two positions: a shape of few; five columns and `rare` a bit each
    assert len(packed_batch(bare)) <= 64


def with_value(column: Column, value: int) -> Fix:
    """Return a fix that has a value in one column."""
    said: dict[str, Any] = {column.name: FixKind(value) if column is KIND else value}
    return replace(Fix(0, 0, 0), **said)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_whole_range_of_a_column_travels(column: Column) -> None:
    """From the least to the greatest value and back, alone and beside others."""
    for values in ([column.low], [column.high], [column.low, column.high, column.low]):
        fixes = tuple(KeptFix(seq, with_value(column, each)) for seq, each in enumerate(values, 1))
        assert decode_batch(packed_batch(fixes)).fixes == fixes


@pytest.mark.parametrize("unit_ms", [1, 10, 100, 1000])
def test_times_are_counted_in_the_longest_unit(unit_ms: int) -> None:
    """Finer times cost more bits, and only where they are finer."""
    first = 1_700_000_000_000
    steady = tuple(KeptFix(n, Fix(first + unit_ms * n, 0, 0)) for n in range(1, 31))
    data = packed_batch(steady)
    assert decode_batch(data).fixes == steady
    assert len(data) <= 44


@pytest.mark.parametrize("period_ms", [100, 200, 1000, 5000, 10_000, 3_600_000])
def test_period_of_raw_fixes_is_found(period_ms: int) -> None:
    """The time between raw fixes is worked out from steps and numbers, whatever it is."""
    stands = [1, 5, 2, 60, 1, 1, 7]
    steps = [period_ms * count for count in stands]
    assert likely_period_ms(steps, stands) == period_ms
    assert expected_stands(steps, period_ms) == stands


def test_expected_number_of_raw_fixes_is_rounded_half_up() -> None:
    """As the description says, also where time goes back."""
    assert expected_stands([0, 499, 500, 1499, 1500, -1, -10_000], 1000) == [1, 1, 1, 1, 2, 1, 1]


def test_period_of_a_step_that_is_too_long_is_not_written() -> None:
    """Days between fixes are no period that a batch can name."""
    assert likely_period_ms([86_400_000], [1]) == 1000
    assert likely_period_ms([], []) == 1000
