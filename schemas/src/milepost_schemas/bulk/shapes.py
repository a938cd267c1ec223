"""`milepost_schemas.shapes` over many messages in step."""

import numpy as np

from milepost_schemas.bulk.bits import BitTable, Segments
from milepost_schemas.bulk.rows import Flags, Integers
from milepost_schemas.shapes import COUNT_ORDER, ORDER_BITS, SHAPE_BITS, SOME_MISSING, SPARSE


def read_shaped(bits: BitTable, along: Segments, shapes: Integers | None = None) -> Integers:
    """Read the numbers of one column, flat, message by message.

    Args:
        bits: Where from.
        along: How many numbers each message has; of one that has none, nothing is read.
        shapes: Of each message, where they have been read.
    """
    filled = along.counts > 0
    if shapes is None:
        shapes = bits.plain(SHAPE_BITS, filled)
    bits.spoil(filled & (shapes == SOME_MISSING))
    values = np.zeros(along.total, np.int64)
    dense = filled & (shapes > 0) & (shapes < SPARSE)
    if dense.any():
        numbers = bits.run(along.counts * dense, np.where(dense, shapes - 1, 0))
        if len(numbers) == along.total:
            values = numbers
        else:
            values[along.spread(dense)] = numbers
    sparse = filled & (shapes == SPARSE)
    if sparse.any():
        told = _bounded(bits, bits.golomb(COUNT_ORDER, sparse), along.counts)
        rows = _places(bits, told, along)
        values[rows] = read_ordered(bits, told) + 1
    return values


def read_ordered(bits: BitTable, counts: Integers) -> Integers:
    """Read runs that say their order."""
    orders = bits.plain(ORDER_BITS, counts > 0)
    return bits.run(counts, orders)


def read_missing(bits: BitTable, among: Flags, along: Segments) -> Flags:
    """Read which rows have no value, in those messages that say so; flat, message by message."""
    first = bits.plain(1, among)
    changes = _bounded(bits, bits.golomb(COUNT_ORDER, among), np.maximum(along.counts - 1, 0))
    turns = np.zeros(along.total, np.int64)
    # The lengths that are told lie before the changes, so the first one stands behind its row.
    turns[_places(bits, changes, along, offset=1)] = 1
    gone = ((along.spread(first) + along.sums(turns)) & 1).astype(np.bool_)
    bits.spoil(among & (along.totals(gone.astype(np.int64)) == along.counts))
    return gone


def _places(bits: BitTable, counts: Integers, along: Segments, offset: int = 0) -> Integers:
    """Read runs of distances, and return where in the flat array they lead."""
    told = Segments(counts)
    rows = told.sums(read_ordered(bits, counts) + 1) - 1 + offset
    beyond = (rows >= told.spread(along.counts)) | (rows < 0)
    if beyond.any():
        bits.spoil(told.totals(beyond.astype(np.int64)) > 0)
        rows[beyond] = 0
    return rows + told.spread(along.starts)


def _bounded(bits: BitTable, counts: Integers, most: Integers) -> Integers:
    bits.spoil(counts > most)
    return np.minimum(counts, most)
