"""Teltonika Codec 8: records in a TCP packet.

Source: wiki.teltonika-gps.com, "Teltonika Data Sending Protocols", Codec 8, and the list of AVL
parameters (182: GNSS HDOP, tenths). A packet holds at most 255 records. Whole metres and km/h; an
unknown value is 0. It cannot carry the kind of fix, numbers, `stands_for`, holes or a stated error.
The IMEI is said once a connection and not counted.
"""

import struct

from milepost_schemas.batch import Batch
from milepost_schemas.fix import Fix

_CODEC_8 = 8
_MOST_RECORDS = 255
_LOW_PRIORITY = 0
_HDOP = 182
_REFLECTED_8005 = 0xA001


def packets(batch: Batch) -> list[bytes]:
    """Write a batch as packets."""
    records = [_record(kept.fix) for kept in batch.fixes]
    return [
        _packet(records[first : first + _MOST_RECORDS])
        for first in range(0, len(records), _MOST_RECORDS)
    ]


def crc16(data: bytes) -> int:
    """Return the CRC-16/ARC: polynomial 8005 reflected, begun with 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ _REFLECTED_8005 if crc & 1 else crc >> 1
    return crc


def _packet(records: list[bytes]) -> bytes:
    body = bytes([_CODEC_8, len(records)]) + b"".join(records) + bytes([len(records)])
    return struct.pack(">II", 0, len(body)) + body + struct.pack(">I", crc16(body))


def _record(fix: Fix) -> bytes:
    place = struct.pack(
        ">QBiihHBH",
        fix.time_ms,
        _LOW_PRIORITY,
        fix.lon_e6 * 10,
        fix.lat_e6 * 10,
        max(-(2**15), min(2**15 - 1, round(fix.altitude_m or 0))),
        fix.course_deg or 0,
        fix.satellites or 0,
        round((fix.speed_mps or 0) * 3.6),
    )
    if fix.hdop_tenths is None:
        return place + bytes(6)  # no event, no values of 1, 2, 4 or 8 bytes
    return place + bytes([0, 1, 0, 1, _HDOP]) + struct.pack(">H", fix.hdop_tenths) + bytes(2)
