"""Queclink: the compressed batch of the HEX form of @Track, `+RSP` message type 100.

The maker's public papers (GV300CAN, GV500 "@Track Air Interface Protocol", chapter on HEX messages)
describe frame, header and checksum, but not this message. Its points are known from the decoder of
the Traccar project only (`Gl200BinaryProtocolDecoder`), which is described here and not copied:

- An absolute point is 11 bytes: tag 1 (2 bits), fix type (1), speed in 0.1 km/h (12), course (9),
  longitude and latitude (32 each, millionths of a degree); the first one has the Unix second (32)
  behind it.
- A point near the last one is 5 bytes: tag 2, fix type, and signed differences of speed (7 bits),
  course (7), longitude (12) and latitude (11).
- A byte with tag 0 is a second without a point. Each point or such byte is a second later.

Satellites are told once a message. It cannot carry altitude, HDOP, the kind of fix, fractions of a
second, numbers, `stands_for` or holes; unknown speed and course are 0. Steps of time that it cannot
say are counted in its favour: fixes within a second stand as if they were a second apart, and a
step of more than 40 s or back begins a new message.
"""

import struct
from collections.abc import Iterator

from milepost_schemas.batch import Batch
from milepost_schemas.fix import Fix

_COMPRESSED = 100
# Each bit says that a field of the header is there.
_MASK = 0x0000FFC0
_FIXED = 1
_ABSOLUTE, _NEAR, _NOTHING = 1, 2, b"\0"
# Beyond it empty seconds cost more than a new message.
_LONGEST_STEP_S = 40
_MOST_KMH_TENTHS = 2**12 - 1
# Bits of the signed differences: speed, course, longitude, latitude.
_NEAR_BITS = (7, 7, 12, 11)


def frames(batch: Batch) -> list[bytes]:
    """Write a batch as frames; most often one."""
    return [_frame(fixes) for fixes in _runs([kept.fix for kept in batch.fixes])]


def crc16(data: bytes) -> int:
    """Return the CRC-16/CCITT-FALSE: polynomial 1021, begun with FFFF."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def _runs(fixes: list[Fix]) -> Iterator[list[Fix]]:
    """Cut fixes where the time goes back, or so far on that empty seconds cost more."""
    begin = 0
    for number in range(1, len(fixes) + 1):
        if number == len(fixes) or not 0 <= _step_s(fixes, number) <= _LONGEST_STEP_S:
            yield fixes[begin:number]
            begin = number


def _step_s(fixes: list[Fix], number: int) -> int:
    return fixes[number].time_ms // 1000 - fixes[number - 1].time_ms // 1000


def _frame(fixes: list[Fix]) -> bytes:
    points, last = [], None
    for number, fix in enumerate(fixes):
        values = _values(fix)
        if last is None:
            points.append(_absolute(values) + struct.pack(">I", fix.time_ms // 1000))
        else:
            points += [_NOTHING] * (_step_s(fixes, number) - 1)
            points.append(_near(last, values) or _absolute(values))
        last = values
    header = struct.pack(
        ">BHH8sBHBBH",
        0x25,
        0x0100,
        0x0100,
        bytes(8),
        0,
        0,
        0,
        fixes[-1].satellites or 0,
        len(points),
    )
    # Message type, mask, length of the whole frame; behind it number, checksum, line end.
    length = 4 + 7 + len(header) + sum(map(len, points)) + 2 + 2 + 2
    body = struct.pack(">BIH", _COMPRESSED, _MASK, length) + header + b"".join(points) + bytes(2)
    return b"+RSP" + body + struct.pack(">H", crc16(body)) + b"\r\n"


def _values(fix: Fix) -> tuple[int, int, int, int]:
    kmh_tenths = min(_MOST_KMH_TENTHS, round((fix.speed_mps or 0) * 36))
    return kmh_tenths, fix.course_deg or 0, fix.lon_e6, fix.lat_e6


def _absolute(values: tuple[int, int, int, int]) -> bytes:
    speed, course, lon, lat = values
    head = (_ABSOLUTE << 1 | _FIXED) << 21 | speed << 9 | course
    return head.to_bytes(3, "big") + struct.pack(">ii", lon, lat)


def _near(last: tuple[int, ...], values: tuple[int, ...]) -> bytes | None:
    packed = _NEAR << 1 | _FIXED
    for one, other, bits in zip(last, values, _NEAR_BITS, strict=True):
        step = other - one
        if not -(1 << bits - 1) <= step < 1 << bits - 1:
            return None
        packed = packed << bits | step & (1 << bits) - 1
    return packed.to_bytes(5, "big")
