"""The batch: what a device says on `up`, and the ack that answers it.

`schemas/wire.md` describes both byte by byte; `schemas/vectors/` holds golden bytes.

Invariants of a batch:
- It speaks for the numbers `after + 1` to `upto` of one stream: each is either one of its fixes,
  or inside one of its gaps, or was thinned.
- Its envelope can be read when its columns can not, so that a refusal can name stream and batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import msgpack

from milepost_schemas.columns import decode_columns, encode_columns
from milepost_schemas.fix import Fix, KeptFix
from milepost_schemas.message import (
    MAX_COUNT,
    MessageError,
    check_version,
    stream_id,
    unpack_array,
    whole,
)

VERSION = 1
MAX_GAPS = 64

_REQUIRED_ELEMENTS = 6
_MAX_ELEMENTS = 11


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
    """Pack a batch."""
    envelope = batch.envelope
    live = envelope.live
    previous = envelope.previous
    message: list[Any] = [
        VERSION,
        envelope.stream,
        envelope.batch,
        envelope.after,
        envelope.upto - envelope.after,
        envelope.newest - envelope.upto,
        encode_columns(batch.fixes, envelope.after) if batch.fixes else None,
        encode_columns([KeptFix(1, live)], 0) if live else None,
        [previous.stream, previous.stored] if previous else None,
        list(_flattened(envelope)) or None,
        True if envelope.volatile else None,
    ]
    while message[-1] is None:
        message.pop()
    return bytes(msgpack.packb(message))


def decode_batch(data: bytes) -> tuple[Envelope, bytes | None]:
    """Unpack a batch's envelope, and leave its columns packed (None where it has no fixes).

    Raises:
        MessageError: The envelope cannot be read.
    """
    message = unpack_array(data, what="batch", max_items=MAX_GAPS * 3)
    check_version(message, VERSION, what="batch")
    if not _REQUIRED_ELEMENTS <= len(message) <= _MAX_ELEMENTS:
        raise MessageError(
            "malformed",
            f"batch has {len(message)} elements, not {_REQUIRED_ELEMENTS} to {_MAX_ELEMENTS}",
        )
    message += [None] * (_MAX_ELEMENTS - len(message))
    _, stream, number, after, advance, ahead, columns, live, previous, gaps, volatile = message
    after = whole(after, 0, MAX_COUNT, what="batch: after")
    upto = after + whole(advance, 0, MAX_COUNT - after, what="batch: upto - after")
    envelope = Envelope(
        stream=stream_id(stream, what="batch: stream"),
        batch=whole(number, 1, MAX_COUNT, what="batch: number"),
        after=after,
        upto=upto,
        newest=upto + whole(ahead, 0, MAX_COUNT - upto, what="batch: newest - upto"),
        gaps=tuple(_gaps(gaps, after, upto)),
        live=_live(live),
        previous=_previous(previous, after),
        volatile=_flag(volatile),
    )
    if columns is not None and not isinstance(columns, bytes):
        raise MessageError("malformed", "batch: columns are not bytes")
    return envelope, columns


def addressed(data: bytes) -> tuple[bytes, int] | None:
    """Return stream and number of a batch that may be otherwise unreadable, or None.

    Every version of the batch begins with version, stream and number, so that a reader can refuse
    what it cannot read.
    """
    try:
        message = unpack_array(data, what="batch", max_items=MAX_GAPS * 3)
        return (
            stream_id(message[1], what="batch: stream"),
            whole(message[2], 1, MAX_COUNT, what="batch: number"),
        )
    except (MessageError, IndexError):
        return None


def decode_fixes(envelope: Envelope, columns: bytes | None) -> tuple[KeptFix, ...]:
    """Unpack the fixes of a batch whose envelope has been read.

    Raises:
        MessageError: The columns cannot be read, or hold numbers that the envelope does not
            speak for or that it calls missing.
    """
    if columns is None:
        return ()
    fixes = decode_columns(columns, envelope.after)
    if fixes[-1].seq > envelope.upto:
        raise MessageError("malformed", f"batch: fix {fixes[-1].seq} is above upto {envelope.upto}")
    for gap in envelope.gaps:
        inside = next((kept.seq for kept in fixes if gap.first <= kept.seq <= gap.last), None)
        if inside is not None:
            raise MessageError("malformed", f"batch: fix {inside} is inside a gap")
    return fixes


def _flattened(envelope: Envelope) -> Iterator[int]:
    last = envelope.after
    for gap in envelope.gaps:
        yield gap.first - last
        yield gap.last - gap.first
        yield gap.reason
        last = gap.last


def _gaps(packed: object, after: int, upto: int) -> Iterator[Gap]:
    if packed is None:
        return
    if not isinstance(packed, list) or len(packed) % 3:
        raise MessageError("malformed", "batch: gaps are not triples")
    last = after
    for index in range(0, len(packed), 3):
        distance, length, reason = packed[index : index + 3]
        first = last + whole(distance, 1, MAX_COUNT, what="batch: gap")
        last = first + whole(length, 0, MAX_COUNT, what="batch: gap's length")
        if last > upto:
            raise MessageError("malformed", f"batch: gap to {last} is above upto {upto}")
        code = whole(reason, 1, max(GapReason), what="batch: gap's reason")
        yield Gap(first, last, GapReason(code))


def _live(packed: object) -> Fix | None:
    if packed is None:
        return None
    if not isinstance(packed, bytes):
        raise MessageError("malformed", "batch: live is not bytes")
    fixes = decode_columns(packed, 0)
    if len(fixes) != 1:
        raise MessageError("malformed", f"batch: live holds {len(fixes)} fixes")
    return fixes[0].fix


def _previous(packed: object, after: int) -> Previous | None:
    if packed is None:
        return None
    if after or not isinstance(packed, list) or len(packed) != 2:
        raise MessageError("malformed", "batch: previous is not a pair beside after 0")
    return Previous(
        stream_id(packed[0], what="batch: previous stream"),
        whole(packed[1], 0, MAX_COUNT, what="batch: previous stored"),
    )


def _flag(packed: object) -> bool:
    if packed is not None and packed is not True:
        raise MessageError("malformed", "batch: volatile is neither nil nor true")
    return packed is True
