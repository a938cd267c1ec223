"""`milepost_schemas.bits` over many messages in step.

A place is a bit's number in all the messages put one behind the other. Reading never fails and
never leaves the bytes: a message that ends early or holds no number where one must begin is marked
in `broken`, and what is read of it from then on means nothing.
"""

from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from milepost_schemas.bits import MAX_TAIL_BITS
from milepost_schemas.bulk.rows import Flags, Integers

_WINDOW_BITS = 64
# So many bits of a window can be told exactly by a float.
_EXACT_BITS = 53
_PADDING = bytes(16)

_Kind = TypeVar("_Kind", np.int64, np.bool_)


def unfold(values: Integers) -> Integers:
    """Undo `milepost_schemas.bits.fold`."""
    return (values >> 1) ^ -(values & 1)


class Segments:
    """Consecutive stretches of a flat array, one for each message.

    Args:
        counts: How long each stretch is.
    """

    def __init__(self, counts: Integers) -> None:
        self.counts = counts
        ends = np.cumsum(counts)
        self.total = int(ends[-1]) if len(ends) else 0
        self.starts = ends - counts
        self._filled = counts > 0

    def spread(self, values: NDArray[_Kind]) -> NDArray[_Kind]:
        """Repeat each message's value along its stretch."""
        repeated: NDArray[_Kind] = np.repeat(values, self.counts)
        return repeated

    def sums(self, values: Integers) -> Integers:
        """Return running sums that begin anew in each stretch."""
        running: Integers = np.cumsum(values)
        bases = np.zeros(len(self.counts), np.int64)
        starts = self.starts[self._filled]
        bases[self._filled] = running[starts] - values[starts]
        return running - self.spread(bases)

    def totals(self, values: Integers) -> Integers:
        """Return the sum of each stretch."""
        running: Integers = np.concatenate((np.zeros(1, np.int64), np.cumsum(values)))
        totals: Integers = running[self.starts + self.counts] - running[self.starts]
        return totals


class BitTable:
    """The bits of many messages, and how far each has been read.

    Args:
        data: All messages, one behind the other.
        begins: The place at which each one's bits begin.
        ends: The place behind the last bit of each.

    Attributes:
        at: The next bit of each.
        begins: The first one.
        broken: What cannot be read.
    """

    def __init__(self, data: bytes, begins: Integers, ends: Integers) -> None:
        padded = np.frombuffer(data + _PADDING, np.uint8)
        self._windows = np.ndarray((len(data) + 9,), ">u8", padded, strides=(1,))
        self._octets = padded[: len(data)]
        self._last = len(data) * 8
        self.at = begins.copy()
        self.begins = begins
        self._ends = ends
        self.broken: Flags = np.zeros(len(begins), np.bool_)

    @cached_property
    def _ones(self) -> Integers:
        """The places of all bits that are one."""
        ones = np.flatnonzero(np.unpackbits(self._octets))
        return ones if len(ones) else np.zeros(1, np.int64)

    def spoil(self, messages: Flags) -> None:
        """Mark messages as unreadable."""
        self.broken |= messages

    def plain(self, width: int, among: Flags | None = None) -> Integers:
        """Read a number of `width` bits (at most 56) of each message, or of some; 0 of others."""
        values = self._bits(self.at, np.int64(width))
        step = np.int64(width) if among is None else width * among
        self._advance(step)
        return values if among is None else values * among

    def golomb(self, order: int | Integers, among: Flags | None = None) -> Integers:
        """Read a number in exp-Golomb code of each message, or of some; 0 of others."""
        window = self._window(self.at) >> np.uint64(_WINDOW_BITS - _EXACT_BITS)
        exponents = np.frexp(window.astype(np.float64))[1]
        zeros = (_EXACT_BITS - exponents).astype(np.int64)
        wrong = (window == 0) | (zeros + order > MAX_TAIL_BITS)
        width = np.where(wrong, order, zeros + order)
        tails = self._bits(self.at + zeros + 1, width)
        values = (np.int64(1) << width) - (np.int64(1) << np.int64(order)) + tails
        step = zeros + 1 + width
        if among is not None:
            wrong, step, values = wrong & among, step * among, values * among
        self.broken |= wrong
        self._advance(step)
        return values

    def run(self, counts: Integers, orders: Integers) -> Integers:
        """Read a run of each message: `counts` numbers of its order; flat, message by message."""
        along = Segments(counts)
        if not along.total:
            return np.zeros(0, np.int64)
        filled = counts > 0
        firsts = np.searchsorted(self._ones, self.at)
        index = along.spread(firsts - along.starts) + np.arange(along.total)
        np.minimum(index, len(self._ones) - 1, out=index)
        ones = self._ones[index]
        before = np.empty_like(ones)
        before[1:] = ones[:-1]
        before[along.starts[filled]] = self.at[filled] - 1
        zeros = ones - before - 1
        widths = zeros + along.spread(orders)
        # Behind the last one of all messages there is none: the same is met again.
        wrong = (widths > MAX_TAIL_BITS) | (zeros < 0)
        if wrong.any():
            self.broken |= along.totals(wrong.astype(np.int64)) > 0
            widths[wrong] = 0
        tails_at = self.at.copy()
        tails_at[filled] = ones[along.starts[filled] + counts[filled] - 1] + 1
        running = along.sums(widths)
        tails = self._bits(along.spread(tails_at) + running - widths, widths)
        self.at = tails_at
        self._advance(along.totals(widths))
        return (np.int64(1) << widths) - along.spread(np.int64(1) << orders) + tails

    def close(self, among: Flags) -> None:
        """Mark those of some messages that hold more than the zeros that fill their last byte."""
        left = self._ends - self.at
        rest = self._bits(self.at, np.clip(left, 0, 7))
        self.broken |= among & ((left < 0) | (left > 7) | (rest != 0))

    def _advance(self, step: Integers | np.int64) -> None:
        self.at = self.at + step
        self.broken |= self.at > self._ends
        np.minimum(self.at, self._last, out=self.at)

    def _window(self, at: Integers) -> NDArray[np.uint64]:
        at = np.minimum(at, self._last)
        window: NDArray[np.uint64] = self._windows[at >> 3].astype(np.uint64)
        return window << (at & 7).astype(np.uint64)

    def _bits(self, at: Integers, width: Integers | np.int64) -> Integers:
        """Return the bits from a place on as a number; at most 56."""
        shift = (_WINDOW_BITS - 1 - width).astype(np.uint64)
        return ((self._window(at) >> np.uint64(1)) >> shift).astype(np.int64)
