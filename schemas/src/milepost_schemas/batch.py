"""The batch: what a device says on `up`, and the ack that answers it.

`schemas/wire.md` describes both byte by byte; `schemas/vectors/` holds golden bytes.

Invariants of a batch:
- It speaks for the numbers `after + 1` to `upto` of one stream: each is either one of its fixes,
  or inside one of its gaps, or was thinned.
- Its stream and number can be read when nothing else can, so that a refusal can name them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import chain

from milepost_schemas.bits import BitReader, fold, golomb, packed, plain, unfold
from milepost_schemas.columns import Rows, decode_columns, encode_columns
from milepost_schemas.fix import Fix, KeptFix
from milepost_schemas.layout import MAX_FIXES
from milepost_schemas.message import (
    MAX_COUNT,
    STREAM_BYTES,
    MessageError,
    check_version,
    open_message,
    seal_message,
    whole,
)

VERSION = 1
MAX_GAPS = 64

# No number takes more.
_NUMBER_BYTES = 16

# Orders of the exp-Golomb codes of the envelope.
NUMBER_ORDER = 10
AFTER_ORDER = 4
FIXES_ORDER = 2
PLAIN_ORDER = 0
STORED_ORDER = 12
GAP_DISTANCE_ORDER, GAP_LENGTH_ORDER, GAP_REASON_BITS = 2, 3, 3


class GapReason(IntEnum):
    """Why numbers of a stream will never arrive."""

    CUT = 1  # the buffer was full and the oldest unsent fixes were given up
    REFUSED = 2  # the server refused this fix three times
    RELEASED = 3  # it was acknowledged, its row was freed, and then the server was restored
    DAMAGED = 4  # the buffer was damaged and the row could not be read


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers that will never arrive.

    Attributes:
        first: First missing number; 1 or more.
        last: Last missing number, inclusive.
        reason: Why.
    """

    first: int
    last: int
    reason: GapReason


@dataclass(frozen=True, slots=True)
class Previous:
    """The stream before this one, and the number in it that the device believes is stored."""

    stream: bytes
    stored: int


@dataclass(frozen=True, slots=True)
class Envelope:
    """Everything of a batch but its columns.

    Attributes:
        stream: 8 random bytes: one run of the agent.
        batch: Number of this message in the run that sends it; from 1.
        after: The number that the device believes is stored; 0 or more.
        upto: The last number that this batch speaks for; `after` or more.
        newest: Newest committed number of the stream; `upto` or more.
        gaps: Ascending, inside `after + 1` to `upto`.
        live: The newest fix of the device, for the map only.
        previous: Only while `after` is 0.
        volatile: The stream is held in memory only; a power cut loses what is not yet stored.
    """

    stream: bytes
    batch: int
    after: int
    upto: int
    newest: int
    gaps: tuple[Gap, ...] = ()
    live: Fix | None = None
    previous: Previous | None = None
    volatile: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """An envelope and its fixes, ascending, with numbers in `after + 1` to `upto`."""

    envelope: Envelope
    fixes: tuple[KeptFix, ...] = ()


def encode_batch(batch: Batch) -> bytes:
    """Write a batch."""
    envelope = batch.envelope
    count = len(batch.fixes)
    skipped = envelope.upto - envelope.after - count
    parts = [
        golomb(envelope.batch - 1, NUMBER_ORDER),
        golomb(fold(envelope.after - envelope.batch + 1), AFTER_ORDER),
        golomb(count, FIXES_ORDER),
        golomb(skipped, PLAIN_ORDER),
        golomb(envelope.newest - envelope.upto, PLAIN_ORDER),
    ]
    if count:
        parts += encode_columns(batch.fixes, envelope.after, skipped)
    more = chain.from_iterable(_more(envelope))
    return seal_message(VERSION, envelope.stream, packed([*parts, *more]))


def decode_batch(data: bytes) -> Batch:
    """Read a batch.

    Raises:
        MessageError: It cannot be read, or speaks for numbers that it must not.
    """
    version, stream, content = open_message(data, what="batch")
    check_version(version, VERSION, what="batch")
    bits = BitReader(content, "batch")
    number = _number(bits)
    off = unfold(bits.golomb(AFTER_ORDER))
    after = whole(number - 1 + off, 0, MAX_COUNT, what="batch: after")
    count = whole(bits.golomb(FIXES_ORDER), 0, MAX_FIXES, what="batch: fixes")
    skipped = bits.golomb(PLAIN_ORDER)
    upto = whole(after + count + skipped, 0, MAX_COUNT, what="batch: upto")
    newest = whole(upto + bits.golomb(PLAIN_ORDER), 0, MAX_COUNT, what="batch: newest")
    rows = decode_columns(bits, count, after, skipped) if count else Rows([], ())
    envelope = read_more(bits, Envelope(stream, number, after, upto, newest))
    bits.close()
    for gap in envelope.gaps:
        if bisect_left(rows.seqs, gap.first) < bisect_right(rows.seqs, gap.last):
            raise MessageError("malformed", f"batch: a fix is in the gap from {gap.first}")
    return Batch(envelope, rows.fixes())


def addressed(data: bytes) -> tuple[bytes, int] | None:
    """Return stream and number of a batch that may be otherwise unreadable, or None.

    Every version of the batch begins with them, so that a reader can refuse what it cannot read.
    """
    try:
        _, stream, content = open_message(data, what="batch")
        return stream, _number(BitReader(content[:_NUMBER_BYTES], "batch"))
    except MessageError:
        return None


def _number(bits: BitReader) -> int:
    return whole(1 + bits.golomb(NUMBER_ORDER), 1, MAX_COUNT, what="batch: number")


def _more(envelope: Envelope) -> Iterator[list[str]]:
    """Write what most batches do not say: one bit where this one does not, either."""
    live, previous, gaps = envelope.live, envelope.previous, envelope.gaps
    if not (envelope.volatile or live or previous or gaps):
        yield ["0"]
        return
    yield ["1", str(int(envelope.volatile))]
    yield ["1", *encode_columns([KeptFix(1, live)], 0, 0)] if live else ["0"]
    if previous:
        stream = plain(int.from_bytes(previous.stream, "big"), STREAM_BYTES * 8)
        yield ["1", stream, golomb(previous.stored, STORED_ORDER)]
    else:
        yield ["0"]
    yield [golomb(len(gaps), PLAIN_ORDER)]
    last = envelope.after
    for gap in gaps:
        yield [golomb(gap.first - last - 1, GAP_DISTANCE_ORDER)]
        yield [golomb(gap.last - gap.first, GAP_LENGTH_ORDER)]
        yield [plain(gap.reason - 1, GAP_REASON_BITS)]
        last = gap.last


def read_more(bits: BitReader, envelope: Envelope) -> Envelope:
    """Read what stands behind the columns, and return the envelope with it.

    Raises:
        MessageError: It cannot be read.
    """
    if not bits.plain(1):
        return envelope
    volatile = bool(bits.plain(1))
    live = decode_columns(bits, 1, 0, 0).fixes()[0].fix if bits.plain(1) else None
    previous = _read_previous(bits) if bits.plain(1) else None
    if previous is not None and envelope.after:
        raise MessageError("malformed", "batch: previous beside an after above 0")
    count = whole(bits.golomb(PLAIN_ORDER), 0, MAX_GAPS, what="batch: gaps")
    gaps = tuple(_read_gaps(bits, count, envelope))
    return replace(envelope, volatile=volatile, live=live, previous=previous, gaps=gaps)


def _read_previous(bits: BitReader) -> Previous:
    stream = bits.plain(STREAM_BYTES * 8).to_bytes(STREAM_BYTES, "big")
    stored = bits.golomb(STORED_ORDER)
    return Previous(stream, whole(stored, 0, MAX_COUNT, what="batch: previous stored"))


def _read_gaps(bits: BitReader, count: int, envelope: Envelope) -> Iterator[Gap]:
    last = envelope.after
    for _ in range(count):
        first = last + 1 + bits.golomb(GAP_DISTANCE_ORDER)
        last = first + bits.golomb(GAP_LENGTH_ORDER)
        if last > envelope.upto:
            raise MessageError("malformed", f"batch: gap to {last} is above {envelope.upto}")
        code = whole(1 + bits.plain(GAP_REASON_BITS), 1, max(GapReason), what="batch: gap's reason")
        yield Gap(first, last, GapReason(code))
