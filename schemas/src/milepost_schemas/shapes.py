"""The shapes of a column's differences: the form for each batch that takes the fewest bits.

A shape is four bits and what follows: 0: every difference is 0. 1 to 13: a run of order shape - 1.
14: only the differences that are not 0, and how many zeros stand before each. 15: some rows have no
value; which, is said first, and then the shape of the others.
"""

from collections.abc import Sequence
from itertools import pairwise

from milepost_schemas.bits import BitReader, golomb, plain, run, shortest_order
from milepost_schemas.message import MessageError

SPARSE, SOME_MISSING = 14, 15
MAX_ORDER = 12
SHAPE_BITS = 4

# Of counts: how many differences are not 0, how often rows turn from known to missing and back.
COUNT_ORDER = 3

# The order of a run that no shape names stands before it.
ORDER_BITS = 4


def shaped(values: Sequence[int]) -> str:
    """Write numbers of 0 or more in the shape that takes the fewest bits; at least one."""
    count = len(values)
    zeros = values.count(0)
    if zeros == count:
        return plain(0, SHAPE_BITS)
    order, bits = shortest_order(values, MAX_ORDER)
    if 2 * zeros > count:
        told = [(row, value) for row, value in enumerate(values) if value]
        gaps = [row - last - 1 for last, row in pairwise([-1, *[row for row, _ in told]])]
        sparse = (
            golomb(len(told), COUNT_ORDER) + _ordered(gaps) + _ordered([v - 1 for _, v in told])
        )
        if len(sparse) < bits:
            return plain(SPARSE, SHAPE_BITS) + sparse
    return plain(1 + order, SHAPE_BITS) + run(values, order)


def read_shaped(bits: BitReader, count: int, shape: int | None = None) -> list[int]:
    """Read what `shaped` wrote.

    Args:
        bits: Where from.
        count: How many numbers.
        shape: The shape, where it has been read.

    Raises:
        MessageError: Malformed, or a shape with missing rows.
    """
    if shape is None:
        shape = bits.plain(SHAPE_BITS)
    if shape == 0:
        return [0] * count
    if shape == SOME_MISSING:
        raise MessageError("malformed", "columns: rows are missing where none may be")
    if shape != SPARSE:
        return bits.run(count, shape - 1)
    told = _at_most(bits.golomb(COUNT_ORDER), count, "differences")
    gaps = _read_ordered(bits, told)
    values, row = [0] * count, -1
    for gap, value in zip(gaps, _read_ordered(bits, told), strict=True):
        row += _at_most(gap, count - row - 2, "differences") + 1
        values[row] = value + 1
    return values


def _ordered(values: list[int]) -> str:
    """Write a run with its order before it; nothing for no values."""
    if not values:
        return ""
    order, _ = shortest_order(values, (1 << ORDER_BITS) - 1)
    return plain(order, ORDER_BITS) + run(values, order)


def _read_ordered(bits: BitReader, count: int) -> list[int]:
    return bits.run(count, bits.plain(ORDER_BITS)) if count else []


def missing(absent: list[bool]) -> str:
    """Write which rows have no value: whether the first has none, and where that changes."""
    changes = [row for row in range(1, len(absent)) if absent[row] != absent[row - 1]]
    lengths = [later - row - 1 for row, later in pairwise([0, *changes])]
    return str(int(absent[0])) + golomb(len(lengths), COUNT_ORDER) + _ordered(lengths)


def read_missing(bits: BitReader, count: int, what: str) -> list[bool]:
    """Read what `missing` wrote, for `count` rows.

    Raises:
        MessageError: The changes go beyond the rows, or no row has a value.
    """
    gone = bool(bits.plain(1))
    lengths = _read_ordered(bits, _at_most(bits.golomb(COUNT_ORDER), count - 1, what))
    absent: list[bool] = []
    for length in lengths:
        absent += [gone] * (_at_most(length, count - len(absent) - 2, what) + 1)
        gone = not gone
    absent += [gone] * (count - len(absent))
    if all(absent):
        raise MessageError("malformed", f"columns: {what} is told, and missing in every row")
    return absent


def _at_most(value: int, most: int, what: str) -> int:
    if value > most:
        raise MessageError("malformed", f"columns: {what} go beyond the last row")
    return value
