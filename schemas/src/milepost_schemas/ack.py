"""The ack: what the collector answers on `ack`, after its transaction has committed.

It is never retained. `schemas/wire.md` describes it byte by byte.
"""

from dataclasses import dataclass
from typing import Any

import msgpack

from milepost_schemas.message import (
    MAX_COUNT,
    MessageError,
    check_version,
    stream_id,
    unpack_array,
    whole,
)

VERSION = 1
MAX_TIME_MS = 2**47

# A refusal with this reason keeps everything on the unit until the server speaks its version.
REFUSED_VERSION = "version"

_MIN_ELEMENTS, _MAX_ELEMENTS = 5, 6
_MAX_REASON_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to one batch.

    Attributes:
        stream: The batch's stream; 8 bytes.
        batch: The batch's number.
        last_seq: The last number of the stream that is stored or accounted for; None when the
            database is older than the batch supposes.
        server_time_ms: The server's time, milliseconds since 1970.
        refused: Why the batch can never be applied, or None; `version` or another word.
    """

    stream: bytes
    batch: int
    last_seq: int | None
    server_time_ms: int
    refused: str | None = None


def encode_ack(ack: Ack) -> bytes:
    """Pack an ack."""
    message: list[Any] = [VERSION, ack.stream, ack.batch, ack.last_seq, ack.server_time_ms]
    if ack.refused is not None:
        message.append(ack.refused[:_MAX_REASON_CHARACTERS])
    return bytes(msgpack.packb(message))


def decode_ack(data: bytes) -> Ack:
    """Unpack an ack.

    Raises:
        MessageError: It cannot be read.
    """
    message = unpack_array(data, what="ack", max_items=_MAX_ELEMENTS)
    check_version(message, VERSION, what="ack")
    if not _MIN_ELEMENTS <= len(message) <= _MAX_ELEMENTS:
        raise MessageError("malformed", f"ack has {len(message)} elements")
    _, stream, batch, last_seq, server_time_ms, *rest = message
    refused = rest[0] if rest else None
    if refused is not None and not (isinstance(refused, str) and refused):
        raise MessageError("malformed", "ack: refused is not a word")
    return Ack(
        stream_id(stream, what="ack: stream"),
        whole(batch, 1, MAX_COUNT, what="ack: batch"),
        None if last_seq is None else whole(last_seq, 0, MAX_COUNT, what="ack: last_seq"),
        whole(server_time_ms, 0, MAX_TIME_MS, what="ack: server_time_ms"),
        refused,
    )
