"""Opening a message from strangers: one bounded decoder and one error type for every message.

A message is one msgpack extension value: its type is the version, its content begins with the
stream, then come bits. The length is checked before anything is allocated, and nothing can nest.
"""

import msgpack

MAX_MESSAGE_BYTES = 65_536
STREAM_BYTES = 8
MAX_COUNT = 2**53 - 1
MAX_VERSION = 127


class MessageError(ValueError):
    """A message cannot be read; `reason` is a word for counting, the text says what and where.

    Attributes:
        reason: `version`, `size`, `malformed` or `range`.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def seal_message(version: int, stream: bytes, bits: bytes) -> bytes:
    """Put a message together.

    Args:
        version: 1 to 127.
        stream: 8 bytes.
        bits: What the version makes of it.
    """
    return bytes(msgpack.packb(msgpack.ExtType(version, stream + bits)))


def open_message(data: bytes, *, what: str) -> tuple[int, bytes, bytes]:
    """Take a message apart: its version, its stream, and its bits.

    Args:
        data: The bytes; at most `MAX_MESSAGE_BYTES`.
        what: What is being read, for the error.

    Raises:
        MessageError: Too long, not one msgpack extension value, or too short for a stream.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise MessageError("size", f"{what} has {len(data)} bytes, above {MAX_MESSAGE_BYTES}")
    try:
        value = msgpack.unpackb(
            data,
            max_array_len=0,
            max_map_len=0,
            max_str_len=0,
            max_bin_len=0,
            max_ext_len=MAX_MESSAGE_BYTES,
        )
    except ValueError as error:  # also a wrong length, a cut message, or nesting
        raise MessageError("malformed", f"{what} is not msgpack: {error}") from None
    if not isinstance(value, msgpack.ExtType) or not 0 < value.code <= MAX_VERSION:
        raise MessageError("malformed", f"{what} is not an extension value of a type above 0")
    if len(value.data) < STREAM_BYTES:
        raise MessageError("malformed", f"{what} is too short for a stream")
    return value.code, value.data[:STREAM_BYTES], value.data[STREAM_BYTES:]


def check_version(version: int, known: int, *, what: str) -> None:
    """Check that a message is of the version that this reader knows.

    Raises:
        MessageError: It is of another one.
    """
    if version != known:
        raise MessageError("version", f"{what} has version {version}, this reader knows {known}")


def whole(value: int, low: int, high: int, *, what: str) -> int:
    """Check that a number is within `low` to `high`.

    Raises:
        MessageError: It is not.
    """
    if not low <= value <= high:
        raise MessageError("range", f"{what} {value} is not in {low} to {high}")
    return value
