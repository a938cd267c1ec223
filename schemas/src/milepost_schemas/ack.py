"""The ack: what the collector answers on `ack`, after its transaction has committed.

It is never retained. `schemas/wire.md` describes it bit by bit.
"""

from dataclasses import dataclass

from milepost_schemas.bits import BitReader, golomb, packed, plain
from milepost_schemas.message import (
    MAX_COUNT,
    MessageError,
    check_version,
    open_message,
    seal_message,
    whole,
)

VERSION = 1
MINUTE_MS = 60_000
MAX_TIME_MIN = 2**47 // MINUTE_MS

# A refusal with this reason keeps everything on the unit until the server speaks its version.
REFUSED_VERSION = "version"

NUMBER_ORDER = 10
LAST_SEQ_ORDER = 12
TIME_ORDER = 25
REASON_LENGTH_BITS = 6
MAX_REASON_BYTES = 2**REASON_LENGTH_BITS


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to one batch.

    Attributes:
        stream: The batch's stream; 8 bytes.
        batch: The batch's number.
        last_seq: The last number of the stream that is stored or accounted for; None when the
            database is older than the batch supposes.
        server_time_min: The server's time, whole minutes since 1970.
        refused: Why the batch can never be applied, or None; `version` or another word of at most
            64 bytes of UTF-8.
    """

    stream: bytes
    batch: int
    last_seq: int | None
    server_time_min: int
    refused: str | None = None


def encode_ack(ack: Ack) -> bytes:
    """Write an ack."""
    parts = [golomb(ack.batch - 1, NUMBER_ORDER), golomb(ack.server_time_min, TIME_ORDER)]
    if ack.refused is not None:
        reason = _cut(ack.refused)
        length = plain(len(reason) - 1, REASON_LENGTH_BITS)
        parts += ["01", length, *(plain(byte, 8) for byte in reason)]
    elif ack.last_seq is None:
        parts.append("00")
    else:
        parts += ["1", golomb(ack.last_seq, LAST_SEQ_ORDER)]
    return seal_message(VERSION, ack.stream, packed(parts))


def decode_ack(data: bytes) -> Ack:
    """Read an ack.

    Raises:
        MessageError: It cannot be read.
    """
    version, stream, content = open_message(data, what="ack")
    check_version(version, VERSION, what="ack")
    bits = BitReader(content, "ack")
    number = whole(1 + bits.golomb(NUMBER_ORDER), 1, MAX_COUNT, what="ack: batch")
    time_min = whole(bits.golomb(TIME_ORDER), 0, MAX_TIME_MIN, what="ack: server_time_min")
    last_seq = refused = None
    if bits.plain(1):
        last_seq = whole(bits.golomb(LAST_SEQ_ORDER), 0, MAX_COUNT, what="ack: last_seq")
    elif bits.plain(1):
        size = 1 + bits.plain(REASON_LENGTH_BITS)
        refused = _text(bytes(bits.plain(8) for _ in range(size)))
    bits.close()
    return Ack(stream, number, last_seq, time_min, refused)


def _text(reason: bytes) -> str:
    try:
        return reason.decode()
    except UnicodeDecodeError as error:
        raise MessageError("malformed", f"ack: refused is no UTF-8: {error}") from None


def _cut(reason: str) -> bytes:
    """Return as much of a reason as an ack holds, no character cut in two; never nothing."""
    whole_part = reason.encode()[:MAX_REASON_BYTES].decode("utf-8", "ignore")
    return whole_part.encode() or b"?"
