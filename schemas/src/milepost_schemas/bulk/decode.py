"""Messages to batches: the envelopes in step, and what few of them say one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from milepost_schemas.batch import (
    AFTER_ORDER,
    FIXES_ORDER,
    NUMBER_ORDER,
    PLAIN_ORDER,
    VERSION,
    Envelope,
    decode_batch,
    read_more,
)
from milepost_schemas.bits import BitReader
from milepost_schemas.bulk.bits import BitTable, unfold
from milepost_schemas.bulk.columns import ColumnReader
from milepost_schemas.bulk.rows import FixRows, Flags, Integers
from milepost_schemas.fix import KeptFix
from milepost_schemas.layout import MAX_FIXES
from milepost_schemas.message import MAX_COUNT, MAX_MESSAGE_BYTES, STREAM_BYTES, MessageError

# msgpack: how long the content of an extension value is, by its first byte; -1: the next byte says
# it, -2: the next two, 0: it is another value, or one that no writer of ours makes.
_LENGTHS = np.zeros(256, np.int64)
_LENGTHS[[0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xC7, 0xC8]] = [1, 2, 4, 8, 16, -1, -2]
_PADDING = bytes(4)

# A message with fewer bits than fixes, or with far more than so many fixes usually fill, is judged
# alone: what is merely claimed must not cost the memory of what is said.
_MOST_BITS, _MOST_BITS_A_FIX = 20_000, 64

# Wrapper, stream and five numbers are not longer: of each, 57 bits and its zeros.
_HEAD_BYTES = 4 + STREAM_BYTES + 5 * 15


@dataclass(frozen=True, slots=True)
class Batches:
    """What was read.

    Attributes:
        envelopes: Of each message, in the order in which they were given; or why it is refused.
        rows: The fixes of all that could be read, in the order of the messages and their numbers.
        starts: Where the rows of each message begin.
        counts: How many rows each message has; 0 where it is refused.
    """

    envelopes: list[Envelope | MessageError]
    rows: FixRows
    starts: Integers
    counts: Integers


def count_fixes(messages: Sequence[bytes]) -> Integers:
    """Return how many fixes each message says it has, from its head alone; 0 if it has none."""
    return _Heads(messages).claimed


def decode_batches(messages: Sequence[bytes]) -> Batches:
    """Read messages.

    Args:
        messages: Together they must not say that they have more fixes (`count_fixes`) than there is
            memory for, some 500 bytes each.
    """
    heads = _Heads(messages)
    bits = heads.table(messages)
    rows = ColumnReader(bits, heads.counts).read(heads.after, heads.skipped)
    rests = bits.at
    more = bits.plain(1) > 0
    bits.close(~more)
    envelopes = heads.envelopes()
    for place in np.flatnonzero(more & ~bits.broken).tolist():
        reader = BitReader(messages[place], "batch", at=int(rests[place] - bits.begins[place]))
        envelopes[place] = _completed(reader, envelopes[place], rows, place)
    unread = [place for place, each in enumerate(envelopes) if each is None]
    unread += np.flatnonzero(bits.broken & heads.readable).tolist()
    return _judged(messages, envelopes, rows, sorted(unread))


class _Heads:
    """What stands before the columns of each message, read from its first bytes alone."""

    def __init__(self, messages: Sequence[bytes]) -> None:
        sizes = np.fromiter(map(len, messages), np.int64, len(messages))
        data = b"".join([message[:_HEAD_BYTES] for message in messages])
        begun = np.minimum(sizes, _HEAD_BYTES)
        starts = np.cumsum(begun) - begun
        octets = np.frombuffer(data + _PADDING, np.uint8).astype(np.int64)
        length = _LENGTHS[octets[starts]]
        before = 2 + (length == -1) + 2 * (length == -2)
        short, long = octets[starts + 1], octets[starts + 1] << 8 | octets[starts + 2]
        length = np.where(length == -1, short, np.where(length == -2, long, length))
        self.readable: Flags = (
            (length >= STREAM_BYTES)
            & (before + length == sizes)
            & (sizes <= MAX_MESSAGE_BYTES)
            & (octets[starts + before - 1] == VERSION)
        )
        contents = np.where(self.readable, starts + before, 0)
        ends = np.where(self.readable, starts + begun, contents + STREAM_BYTES)
        self._streams = [data[at : at + STREAM_BYTES] for at in contents.tolist()]
        bits = BitTable(data, (contents + STREAM_BYTES) * 8, ends * 8)
        self._read(bits, (length - STREAM_BYTES) * 8)
        self._behind = bits.at - starts * 8

    def table(self, messages: Sequence[bytes]) -> BitTable:
        """Return the bits of the messages that are readable so far, from behind their heads on."""
        readable = self.readable.tolist()
        sound = [m if good else b"" for m, good in zip(messages, readable, strict=True)]
        sizes = np.fromiter(map(len, sound), np.int64, len(sound))
        begins = (np.cumsum(sizes) - sizes) * 8
        table = BitTable(b"".join(sound), begins, begins + sizes * 8)
        table.at = np.where(self.readable, begins + self._behind, begins)
        table.spoil(~self.readable)
        return table

    def _read(self, bits: BitTable, size_bits: Integers) -> None:
        self.number = 1 + bits.golomb(NUMBER_ORDER)
        self.after = self.number - 1 + unfold(bits.golomb(AFTER_ORDER))
        counts = bits.golomb(FIXES_ORDER)
        self.skipped = bits.golomb(PLAIN_ORDER)
        self.upto = self.after + counts + self.skipped
        self.newest = self.upto + bits.golomb(PLAIN_ORDER)
        self.readable &= ~bits.broken & (self.after >= 0) & (counts <= MAX_FIXES)
        self.readable &= (self.number <= MAX_COUNT) & (self.newest <= MAX_COUNT)
        self.claimed = counts * self.readable
        self.readable &= counts <= size_bits
        self.readable &= size_bits <= _MOST_BITS + _MOST_BITS_A_FIX * counts
        self.counts = counts * self.readable

    def envelopes(self) -> list[Envelope | None]:
        """Return the envelopes without what few of them say; None where they cannot be read."""
        columns = (self.number, self.after, self.upto, self.newest)
        readable = self.readable.tolist()
        told = zip(readable, self._streams, *(each.tolist() for each in columns), strict=True)
        return [Envelope(*each) if good else None for good, *each in told]


def _completed(
    reader: BitReader, envelope: Envelope | None, rows: FixRows, place: int
) -> Envelope | None:
    """Return an envelope with what few of them say; None where that cannot be read."""
    if envelope is None:
        return None
    try:
        completed = read_more(reader, envelope)
        reader.close()
    except MessageError:
        return None
    seqs = rows.seq[rows.batch == place] if completed.gaps else np.zeros(0)
    inside = any(((gap.first <= seqs) & (seqs <= gap.last)).any() for gap in completed.gaps)
    return None if inside else completed


def _judged(
    messages: Sequence[bytes],
    envelopes: list[Envelope | None],
    rows: FixRows,
    unread: list[int],
) -> Batches:
    """Let the reader of single messages judge those that could not be read in step."""
    judged: list[Envelope | MessageError | None] = list(envelopes)
    saved: list[tuple[int, Sequence[KeptFix]]] = []
    for place in unread:
        try:
            batch = decode_batch(messages[place])
            judged[place] = batch.envelope
            saved.append((place, batch.fixes))
        except MessageError as error:
            judged[place] = error
    if unread:
        lost = np.zeros(len(messages), np.bool_)
        lost[unread] = True
        is_lost = lost[rows.batch]
        if is_lost.any():
            rows = rows.where(~is_lost)
        if saved:
            rows = FixRows.joined([rows, FixRows.of(saved)])
            rows = rows.where(np.argsort(rows.batch, kind="stable"))
    counts = np.bincount(rows.batch, minlength=len(messages))
    done = [each for each in judged if each is not None]
    return Batches(done, rows, np.cumsum(counts) - counts, counts)
