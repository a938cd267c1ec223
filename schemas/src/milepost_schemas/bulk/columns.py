"""`milepost_schemas.columns` over many messages in step."""

from collections.abc import Callable

import numpy as np

from milepost_schemas import layout
from milepost_schemas.bulk.bits import BitTable, Segments, unfold
from milepost_schemas.bulk.rows import MISSING, FixRows, Flags, Integers
from milepost_schemas.bulk.shapes import read_missing, read_shaped
from milepost_schemas.layout import COURSE, TIME_ORDERS, TIME_UNITS_MS, Column
from milepost_schemas.message import MAX_COUNT
from milepost_schemas.prediction import (
    MAX_PERIOD_MS,
    MAX_TURN_DEG,
    MIN_TURN_DEG,
    TURN_DEG,
    USUAL_PERIOD_MS,
)
from milepost_schemas.shapes import SHAPE_BITS, SOME_MISSING

_PLACE_BITS = len(TIME_UNITS_MS) - 1


class ColumnReader:
    """Reads the columns of many messages.

    Args:
        bits: Where from.
        counts: How many fixes each message has.
    """

    def __init__(self, bits: BitTable, counts: Integers) -> None:
        self._bits = bits
        self._rows = Segments(counts)
        self._filled = counts > 0
        self._later = Segments(np.maximum(counts - 1, 0))
        self._is_later = np.ones(self._rows.total, np.bool_)
        self._is_later[self._rows.starts[self._filled]] = False

    def read(self, after: Integers, skipped: Integers) -> FixRows:
        """Read all columns; `after` and `skipped` are the envelopes'."""
        time_ms = self._times()
        lat, lon = self._straight(layout.LAT), self._straight(layout.LON)
        altitude, speed = self._steady(layout.ALTITUDE), self._steady(layout.SPEED)
        course, hdop = self._steady(COURSE), self._steady(layout.HDOP)
        satellites, kind = self._steady(layout.SATELLITES), self._steady(layout.KIND)
        seq = self._seqs(after, skipped)
        more = self._bits.plain(1, self._filled) > 0
        stands = self._told(more, 1, lambda told: self._standing(told, time_ms))
        hole = self._told(more, 0, self._flags)
        error = self._steady(layout.ERROR, more)
        repaired = self._told(more, 0, self._flags)
        return FixRows(
            batch=self._rows.spread(np.arange(len(self._filled))),
            seq=seq,
            time_ms=time_ms,
            lat_e6=lat,
            lon_e6=lon,
            altitude_dm=altitude,
            speed_dmps=speed,
            course_deg=course,
            hdop_tenths=hdop,
            satellites=satellites,
            kind=kind,
            error_dm=error,
            date_repaired=repaired,
            stands_for=stands,
            hole=hole,
        )

    def _times(self) -> Integers:
        bits, filled = self._bits, self._filled
        start = bits.at
        peeked = bits.plain(_PLACE_BITS, filled)
        # 1.. is the first unit, 01. the second, 001 the third, 000 the last.
        place = np.array([3, 2, 1, 1, 0, 0, 0, 0])[peeked]
        bits.at = start + np.minimum(place + 1, _PLACE_BITS) * filled
        firsts = bits.golomb(np.array(TIME_ORDERS, np.int64)[place], filled)
        counted = self._bent(firsts, read_shaped(bits, self._later))
        # A count beyond all times, times a unit, would leave the 64 bits and might come back legal.
        self._checked(counted, 0, layout.MAX_TIME_MS)
        times = counted * self._rows.spread(np.array(TIME_UNITS_MS, np.int64)[place])
        return self._checked(times, 0, layout.MAX_TIME_MS)

    def _straight(self, column: Column) -> Integers:
        firsts = self._firsts(column, self._filled)
        values = self._bent(firsts, read_shaped(self._bits, self._later))
        return self._checked(values, column.low, column.high)

    def _bent(self, firsts: Integers, bends: Integers) -> Integers:
        full = np.zeros(self._rows.total, np.int64)
        full[self._is_later] = unfold(bends)
        return self._rows.spread(firsts) + self._rows.sums(self._rows.sums(full))

    def _steady(self, column: Column, among: Flags | None = None) -> Integers:
        bits, rows = self._bits, self._rows
        told = self._filled if among is None else among
        if column.optional:
            told = bits.plain(1, told) > 0
        firsts = self._firsts(column, told)
        counts = rows.counts * told
        shapes = bits.plain(SHAPE_BITS, counts > 1)
        some = (shapes == SOME_MISSING) & column.optional
        gone = np.repeat(~told, rows.counts)
        if some.any():
            gone |= read_missing(bits, some, rows) & rows.spread(some)
            counts = rows.totals((~gone).astype(np.int64))
            again = bits.plain(SHAPE_BITS, some & (counts > 1))
            shapes = np.where(some, again, shapes)
        known = Segments(counts)
        later = Segments(np.maximum(counts - 1, 0))
        full = np.zeros(known.total, np.int64)
        is_later = np.ones(known.total, np.bool_)
        is_later[known.starts[counts > 0]] = False
        full[is_later] = unfold(read_shaped(bits, later, shapes))
        if column is COURSE:
            self._checked(full, MIN_TURN_DEG, MAX_TURN_DEG, known)
        values = known.spread(firsts) + known.sums(full)
        if column is COURSE:
            values %= TURN_DEG
            # The scalar reader finds a first course that is none before it is turned.
            bits.spoil(told & (firsts > column.high))
        self._checked(values, column.low, column.high, known)
        if known.total == rows.total:
            return values
        whole = np.full(rows.total, MISSING, np.int64)
        whole[~gone] = values
        return whole

    def _firsts(self, column: Column, among: Flags) -> Integers:
        if column.first_bits:
            return column.low + self._bits.plain(column.first_bits, among)
        off = self._bits.golomb(column.first_order, among)
        return column.usual + (unfold(off) if column.folded else off)

    def _seqs(self, after: Integers, skipped: Integers) -> Integers:
        rows = self._rows
        gapped = self._filled & (skipped > 0)
        left_out = np.zeros(rows.total, np.int64)
        if gapped.any():
            some = Segments(rows.counts * gapped)
            left_out[rows.spread(gapped)] = read_shaped(self._bits, some)
        seqs = rows.spread(after) + rows.sums(left_out + 1)
        upto = np.minimum(after + rows.counts + skipped, MAX_COUNT)
        self._bits.spoil(
            rows.totals(((seqs < 1) | (seqs > rows.spread(upto))).astype(np.int64)) > 0
        )
        return seqs

    def _told(self, more: Flags, usual: int, read: Callable[[Flags], Integers]) -> Integers:
        """Read a column that few messages have; in the others all rows are `usual`."""
        if not more.any():
            return np.full(self._rows.total, usual, np.int64)
        told = self._bits.plain(1, more) > 0
        values = np.full(self._rows.total, usual, np.int64)
        if told.any():
            values[self._rows.spread(told)] = read(told)
        return values

    def _flags(self, told: Flags) -> Integers:
        some = Segments(self._rows.counts * told)
        return self._checked(read_shaped(self._bits, some), 0, 1, some)

    def _standing(self, told: Flags, time_ms: Integers) -> Integers:
        bits, rows = self._bits, self._rows
        some, later = Segments(rows.counts * told), Segments(self._later.counts * told)
        firsts = 1 + bits.golomb(layout.STANDS_ORDER, told)
        several = told & (rows.counts > 1)
        usual = bits.plain(1, several) > 0
        stated = bits.golomb(layout.PERIOD_ORDER, several & ~usual)
        period = np.where(usual | ~several, USUAL_PERIOD_MS, stated)
        bits.spoil((period < 1) | (period > MAX_PERIOD_MS))
        period = np.clip(period, 1, MAX_PERIOD_MS)
        offs = unfold(read_shaped(bits, later))
        steps = np.diff(time_ms, prepend=0)[self._is_later & rows.spread(told)]
        each = later.spread(period)
        stands = some.spread(firsts)
        is_later = np.ones(some.total, np.bool_)
        is_later[some.starts[told]] = False
        stands[is_later] = np.maximum(1, (steps + each // 2) // each) + offs
        return self._checked(stands, 1, layout.STANDS_MAX, some)

    def _checked(
        self, values: Integers, low: int, high: int, along: Segments | None = None
    ) -> Integers:
        if len(values) and (values.min() < low or values.max() > high):
            wrong = ((values < low) | (values > high)).astype(np.int64)
            self._bits.spoil((along or self._rows).totals(wrong) > 0)
        return values
