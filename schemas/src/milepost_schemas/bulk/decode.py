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
from milepost_schemas.columns import MAX_FIXES
from milepost_schemas.fix import KeptFix
from milepost_schemas.message import MAX_COUNT, MAX_MESSAGE_BYTES, STREAM_BYTES, MessageError

# msgpack: how long the content of an extension value is, by its first byte; -1: the next byte says
# it, -2: the next two, 0: it is another value, or one that no writer of ours makes.
_LENGTHS = np.zeros(256, np.int64)
_LENGTHS[[0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xC7, 0xC8]] = [1, 2, 4, 8, 16, -1, -2]
_PADDING = bytes(4)


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
    return _Heads(messages).counts


def decode_batches(messages: Sequence[bytes]) -> Batches:
    """Read messages.

    Args:
        messages: Together they must not say that they have more fixes (`count_fixes`) than there is
            memory for, some 500 bytes each.
    """
    heads = _Heads(messages)
    bits = heads.bits
    rows = ColumnReader(bits, heads.counts).read(heads.after, heads.skipped)
    rests = bits.at
    more = bits.plain(1) > 0
    bits.close(~more)
    envelopes = heads.envelopes()
    for place in np.flatnonzero(more & ~bits.broken).tolist():
        envelopes[place] = _completed(heads, place, envelopes[place], rows, int(rests[place]))
    unread = [place for place, each in enumerate(envelopes) if each is None]
    unread += np.flatnonzero(bits.broken & heads.readable).tolist()
    return _judged(messages, envelopes, rows, sorted(unread))


class _Heads:
    """What stands before the columns of each message."""

    def __init__(self, messages: Sequence[bytes]) -> None:
        data = b"".join(messages)
        sizes = np.fromiter(map(len, messages), np.int64, len(messages))
        starts = np.cumsum(sizes) - sizes
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
        begins = contents + STREAM_BYTES
        ends = np.where(self.readable, starts + sizes, begins)
        self.bits = BitTable(data, begins * 8, ends * 8)
        self._streams = [data[at : at + STREAM_BYTES] for at in contents.tolist()]
        self.contents = [data[a:b] for a, b in zip(begins.tolist(), ends.tolist(), strict=True)]
        self.begins = begins * 8
        self._read()

    def _read(self) -> None:
        bits = self.bits
        self.number = 1 + bits.golomb(NUMBER_ORDER)
        self.after = self.number - 1 + unfold(bits.golomb(AFTER_ORDER))
        self.counts = bits.golomb(FIXES_ORDER)
        self.skipped = bits.golomb(PLAIN_ORDER)
        self.upto = self.after + self.counts + self.skipped
        self.newest = self.upto + bits.golomb(PLAIN_ORDER)
        self.readable &= ~bits.broken & (self.after >= 0) & (self.counts <= MAX_FIXES)
        self.readable &= (self.number <= MAX_COUNT) & (self.newest <= MAX_COUNT)
        self.counts = self.counts * self.readable
        bits.spoil(~self.readable)

    def envelopes(self) -> list[Envelope | None]:
        """Return the envelopes without what few of them say; None where they cannot be read."""
        columns = (self.number, self.after, self.upto, self.newest)
        readable = self.readable.tolist()
        told = zip(readable, self._streams, *(each.tolist() for each in columns), strict=True)
        return [Envelope(*each) if good else None for good, *each in told]


def _completed(
    heads: _Heads, place: int, envelope: Envelope | None, rows: FixRows, at: int
) -> Envelope | None:
    """Return an envelope with what few of them say; None where that cannot be read."""
    reader = BitReader(heads.contents[place], "batch", at=at - int(heads.begins[place]))
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
        rows = FixRows.joined([rows.where(~lost[rows.batch]), FixRows.of(saved)])
        rows = rows.where(np.argsort(rows.batch, kind="stable"))
    counts = np.bincount(rows.batch, minlength=len(messages))
    done = [each for each in judged if each is not None]
    return Batches(done, rows, np.cumsum(counts) - counts, counts)
