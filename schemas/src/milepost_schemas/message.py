"""Reading msgpack from strangers: one bounded decoder and one error type for every message.

Lengths are limited before anything is allocated, so that a length bomb, deep nesting or a
megabyte of empty containers costs less than a millisecond and less than a megabyte.
"""

from typing import Any

import msgpack

MAX_MESSAGE_BYTES = 65_536
STREAM_BYTES = 8
MAX_COUNT = 2**53 - 1


class MessageError(ValueError):
    """A message cannot be read; `reason` is a word for counting, the text says what and where.

    Attributes:
        reason: `version`, `size`, `malformed` or `range`.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def unpack_array(data: bytes, *, what: str, max_items: int) -> list[Any]:
    """Read one msgpack array and nothing behind it.

    Args:
        data: The bytes; at most `MAX_MESSAGE_BYTES`.
        what: What is being read, for the error.
        max_items: Longest array that is legal anywhere inside.

    Raises:
        MessageError: Too long, not msgpack, not an array, or a length beyond `max_items`.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise MessageError("size", f"{what} has {len(data)} bytes, above {MAX_MESSAGE_BYTES}")
    try:
        value = msgpack.unpackb(
            data,
            max_array_len=max_items,
            max_map_len=0,
            max_str_len=256,
            max_bin_len=MAX_MESSAGE_BYTES,
            max_ext_len=0,
        )
    except ValueError as error:  # also a wrong length, a cut message, or nesting beyond the limit
        raise MessageError("malformed", f"{what} is not msgpack: {error}") from None
    if not isinstance(value, list):
        raise MessageError("malformed", f"{what} is not an array")
    return value


def whole(value: object, low: int, high: int, *, what: str) -> int:
    """Check that a decoded value is an integer (not a bool) within `low` to `high`.

    Raises:
        MessageError: It is not.
    """
    if type(value) is not int:
        raise MessageError("malformed", f"{what} is {type(value).__name__}, not an integer")
    if not low <= value <= high:
        raise MessageError("range", f"{what} {value} is not in {low} to {high}")
    return value


def stream_id(value: object, *, what: str) -> bytes:
    """Check that a decoded value is a stream's 8 bytes.

    Raises:
        MessageError: It is not.
    """
    if not isinstance(value, bytes) or len(value) != STREAM_BYTES:
        raise MessageError("malformed", f"{what} is not {STREAM_BYTES} bytes")
    return value


def check_version(items: list[Any], version: int, *, what: str) -> None:
    """Check that a message's first element is the version that this reader knows.

    Raises:
        MessageError: It is missing or another version.
    """
    if not items:
        raise MessageError("malformed", f"{what} is empty")
    if whole(items[0], 0, 2**31, what=f"{what} version") != version:
        raise MessageError("version", f"{what} has version {items[0]}, this reader knows {version}")
