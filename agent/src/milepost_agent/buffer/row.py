"""The rows of the buffer: what stands in them, and the CRC-32 that each carries; pure.

In and out flow tuples in the order of the table's columns, the key first, as SQLite or a page gives
them. A row that was not written exactly so by us reads as None.

The CRC covers the kind of the row, the stream's 8 bytes, the number, and every value. Only the
upper half of the key (the stream's place among the streams) is left out: the 8 bytes say it better.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from milepost_schemas.batch import Gap, GapReason
from milepost_schemas.fix import Fix, KeptFix
from milepost_schemas.message import STREAM_BYTES

Row = Sequence[Any]

_SEQ_BITS = 32
MAX_SEQ = 2**_SEQ_BITS - 2  # at ten fixes a second one run lasts 13 years

FIX_COLUMNS = 18

# What stands in the packed bytes for a value that is missing; no value is so low.
_MISSING = -(2**31)

_FIX = struct.Struct("<c8sqq10iqqq")
_STREAM = struct.Struct("<c8sqqqq")
_GAP = struct.Struct("<c8sqqq")


@dataclass(frozen=True, slots=True)
class HeldFix:
    """A fix as it is held.

    Attributes:
        stream: The 8 bytes of its stream.
        place: Its number; of an open end, the number behind the newest one when it was written.
        is_open: The sampler's open end, which has no number.
        fix: What was measured.
        stands_for: Raw fixes since the kept one before, this one included.
        hole: The receiver was silent or without a fix before it.
        thinned: So many numbers just before its own were thinned into it.
    """

    stream: bytes
    place: int
    is_open: bool
    fix: Fix
    stands_for: int = 1
    hole: bool = False
    thinned: int = 0

    @property
    def first(self) -> int:
        """The first number that it speaks for."""
        return self.place - self.thinned

    def kept(self) -> KeptFix:
        """Return it as it is sent."""
        return KeptFix(self.place, self.fix, self.stands_for, self.hole)


@dataclass(frozen=True, slots=True)
class Measured:
    """A fix that is to be held; the attributes are those of `HeldFix`."""

    fix: Fix
    stands_for: int = 1
    hole: bool = False

    def held(self, stream: bytes, place: int, *, is_open: bool = False) -> HeldFix:
        """Return it as it is held at a place of a stream."""
        return HeldFix(stream, place, is_open, self.fix, self.stands_for, self.hole)


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A stream's row: see `schema.sql`."""

    no: int
    stream: bytes
    stored: int
    newest: int | None
    thinned: int


@dataclass(frozen=True, slots=True)
class Memo:
    """A small value under a name."""

    name: str
    value: bytes


def key_of(no: int, seq: int) -> int:
    """Return the key of a number of the stream `no`."""
    return no << _SEQ_BITS | seq


def split_key(key: int) -> tuple[int, int]:
    """Return the stream's `no` and the number of a key."""
    return key >> _SEQ_BITS, key & (2**_SEQ_BITS - 1)


def fix_row(no: int, held: HeldFix) -> tuple[Any, ...]:
    """Return the row of a fix."""
    said = (held.fix.time_ms, *held.fix.measured(), held.stands_for, held.hole, held.thinned)
    crc = _fix_crc(held.stream, held.place, held.is_open, said)
    seq = None if held.is_open else held.place
    return (key_of(no, held.place), held.stream, seq, *said, crc)


def is_fix(row: Row) -> bool:
    """Say whether a row is that of a fix, numbered or open, as it was written."""
    if len(row) != FIX_COLUMNS:
        return False
    key, stream, seq, *said, crc = row
    _, place = split_key(key)
    try:
        return seq in (None, place) and bool(crc == _fix_crc(stream, place, seq is None, said))
    except struct.error:
        return False


def read_fix(row: Row) -> HeldFix | None:
    """Read the row of a fix."""
    if not is_fix(row):
        return None
    key, stream, seq, time_ms, *measured, stands_for, hole, thinned, _ = row
    try:
        fix = Fix.of(time_ms, measured)
    except ValueError:
        return None
    return HeldFix(stream, split_key(key)[1], seq is None, fix, stands_for, bool(hole), thinned)


def stream_row(held: StreamRow) -> tuple[Any, ...]:
    """Return the row of a stream."""
    said = (held.stream, held.stored, held.newest, held.thinned)
    return (held.no, *said, _stream_crc(held.no, *said))


def read_stream(row: Row) -> StreamRow | None:
    """Read the row of a stream."""
    if len(row) != 6:
        return None
    no, stream, stored, newest, thinned, crc = row
    try:
        if _stream_crc(no, stream, stored, newest, thinned) != crc:
            return None
    except struct.error:
        return None
    return StreamRow(no, stream, stored, newest, thinned)


def gap_row(no: int, stream: bytes, gap: Gap) -> tuple[Any, ...]:
    """Return the row of a gap."""
    said = (stream, gap.first, gap.last, int(gap.reason))
    return (key_of(no, gap.first), *said, crc32(_GAP.pack(b"g", *said)))


def read_gap(row: Row) -> tuple[bytes, Gap] | None:
    """Read the row of a gap: its stream, and itself."""
    if len(row) != 6:
        return None
    key, stream, first, last, reason, crc = row
    try:
        if (
            split_key(key)[1] != first
            or crc32(_packed(_GAP, b"g", stream, first, last, reason)) != crc
        ):
            return None
        return stream, Gap(first, last, GapReason(reason))
    except (struct.error, ValueError):
        return None


def set_aside_row(no: int, held: HeldFix, reason: str) -> tuple[Any, ...]:
    """Return the row of a fix that the server refused."""
    names = (*Fix.__slots__, "stands_for", "hole")
    values = (held.fix.time_ms, *held.fix.measured(), held.stands_for, held.hole)
    text = json.dumps(dict(zip(names, values, strict=True)), separators=(",", ":"))
    said = (held.stream, held.place, text, reason)
    return (key_of(no, held.place), *said, _set_aside_crc(*said))


def is_set_aside(row: Row) -> bool:
    """Say whether a row is that of a refused fix."""
    if len(row) != 6:
        return False
    _, stream, seq, text, reason, crc = row
    if not (isinstance(text, str) and isinstance(reason, str) and isinstance(seq, int)):
        return False
    return isinstance(stream, bytes) and _set_aside_crc(stream, seq, text, reason) == crc


def memo_row(memo: Memo) -> tuple[Any, ...]:
    """Return the row of a memo, its key left to SQLite."""
    return (None, memo.name, memo.value, _memo_crc(memo.name, memo.value))


def read_memo(row: Row) -> Memo | None:
    """Read the row of a memo."""
    if len(row) != 4:
        return None
    _, name, value, crc = row
    if not (isinstance(name, str) and isinstance(value, bytes)) or _memo_crc(name, value) != crc:
        return None
    return Memo(name, value)


def _packed(form: struct.Struct, kind: bytes, stream: bytes, *values: int | None) -> bytes:
    if not isinstance(stream, bytes) or len(stream) != STREAM_BYTES:
        raise struct.error("a stream is 8 bytes")
    return form.pack(kind, stream, *[_MISSING if value is None else value for value in values])


def _fix_crc(stream: bytes, place: int, is_open: bool, said: Sequence[int | None]) -> int:
    return crc32(_packed(_FIX, b"o" if is_open else b"f", stream, place, *said))


def _stream_crc(no: int, stream: bytes, stored: int, newest: int | None, thinned: int) -> int:
    return crc32(_packed(_STREAM, b"s", stream, no, stored, newest, thinned))


def _set_aside_crc(stream: bytes, seq: int, text: str, reason: str) -> int:
    return crc32(b"r%b%d\0%b\0%b" % (stream, seq, text.encode(), reason.encode()))


def _memo_crc(name: str, value: bytes) -> int:
    return crc32(b"m%b\0%b" % (name.encode(), value))
