"""Protocol Buffers: columns as packed `repeated sint64` differences.

Source: protobuf.dev, "Encoding": varints, ZigZag, packed repeated fields. The message would be

    message Batch {
      bytes stream = 1; uint64 batch = 2; uint64 after = 3; uint64 upto = 4; uint64 newest = 5;
      repeated sint64 time_ms = 6;       // and so on: a field for each column
      repeated uint64 time_ms_missing = 22;  // rows without a value, as differences
    }

All values of a fix are carried. Packed fields know no missing value, so each column has a second
field that lists its empty rows. What is 0 or empty is left out, as proto3 does.
"""

from collections.abc import Iterable

from milepost_firmware_sim.wire.peers.rows import columns_of, differences, header_of, rows_of
from milepost_schemas.batch import Batch

_VARINT, _BYTES = 0, 2
_FIRST_COLUMN = 6
_FIRST_MISSING = 22


def columns(batch: Batch) -> list[bytes]:
    """Write a batch as one message."""
    stream, *numbers = header_of(batch)
    message = _field(1, stream)
    for field, number in enumerate(numbers, 2):
        message += _tag(field, _VARINT) + varint(number) if number else b""
    for place, values in enumerate(columns_of(rows_of(batch))):
        if values is None:
            continue
        steps = differences(values)
        known = (varint(zigzag(step)) for step in steps if step is not None)
        message += _field(_FIRST_COLUMN + place, b"".join(known))
        message += _field(_FIRST_MISSING + place, b"".join(map(varint, _missing(steps))))
    return [message]


def varint(value: int) -> bytes:
    """Write a number of 0 or more, seven bits a byte, the lowest first."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def zigzag(value: int) -> int:
    """Fold a signed number: 0, -1, 1, -2 ... become 0, 1, 2, 3 ..."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def _field(number: int, content: bytes) -> bytes:
    return _tag(number, _BYTES) + varint(len(content)) + content if content else b""


def _tag(number: int, kind: int) -> bytes:
    return varint(number << 3 | kind)


def _missing(steps: Iterable[int | None]) -> Iterable[int]:
    last = 0
    for row, step in enumerate(steps):
        if step is None:
            yield row - last
            last = row
