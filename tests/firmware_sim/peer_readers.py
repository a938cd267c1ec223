"""Readers of the formats that stand beside ours, written from their descriptions.

They share nothing with the writers, so that what a writer writes can be read by others.
"""

import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import Any


class Bits:
    """Numbers of any width, from the highest bit on."""

    def __init__(self, data: bytes) -> None:
        self._text = "".join(f"{byte:08b}" for byte in data)

    def unsigned(self, width: int) -> int:
        head, self._text = self._text[:width], self._text[width:]
        return int(head, 2)

    def signed(self, width: int) -> int:
        value = self.unsigned(width)
        return value - (1 << width) if value >> (width - 1) else value


def protobuf_fields(data: bytes) -> dict[int, int | bytes]:
    """Read a message as its fields by number; a packed field stays bytes."""
    fields: dict[int, int | bytes] = {}
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        value, place = _varint(data, place)
        if tag & 7 == 0:
            fields[tag >> 3] = value
        else:
            assert tag & 7 == 2, f"wire type {tag & 7}"
            fields[tag >> 3] = data[place : place + value]
            place += value
    return fields


def protobuf_packed(data: bytes) -> list[int]:
    """Read the varints of a packed field."""
    values, place = [], 0
    while place < len(data):
        value, place = _varint(data, place)
        values.append(value)
    return values


def unzigzag(value: int) -> int:
    """Unfold a signed number."""
    return value // 2 if value % 2 == 0 else -(value + 1) // 2


def codec8_records(packet: bytes) -> Iterator[dict[str, int]]:
    """Read the records of a packet of Teltonika's."""
    zeros, length, codec, count = struct.unpack(">IIBB", packet[:10])
    assert (zeros, length, codec) == (0, len(packet) - 12, 8)
    assert packet[-5] == count
    place = 10
    for _ in range(count):
        names = ("ms", "priority", "lon", "lat", "alt", "angle", "satellites", "kmh")
        record = dict(
            zip(names, struct.unpack(">QBiihHBH", packet[place : place + 24]), strict=True)
        )
        place += 24
        event, total = packet[place : place + 2]
        assert event == 0
        place += 2
        found = 0
        for size in (1, 2, 4, 8):
            elements = packet[place]
            place += 1
            for _ in range(elements):
                value = packet[place + 1 : place + 1 + size]
                record[f"io{packet[place]}"] = int.from_bytes(value, "big")
                place += 1 + size
                found += 1
        assert found == total
        yield record
    assert place == len(packet) - 5


def queclink_points(frame: bytes) -> list[tuple[int, int, int, int, int]]:
    """Read the points of a compressed report: Unix second, 0.1 km/h, course, 1e-6 degrees."""
    assert frame[:5] == b"+RSP\x64"
    assert frame[-2:] == b"\r\n"
    assert int.from_bytes(frame[9:11], "big") == len(frame)
    place, count = 31, int.from_bytes(frame[29:31], "big")
    points: list[tuple[int, int, int, int, int]] = []
    second = speed = course = lon = lat = 0
    for _ in range(count):
        second += 1 if second else 0
        tag = frame[place] >> 6
        if tag == 1:
            bits = Bits(frame[place : place + 11])
            bits.unsigned(3)
            speed, course = bits.unsigned(12), bits.unsigned(9)
            lon, lat = bits.signed(32), bits.signed(32)
            place += 11
            if not second:
                second = int.from_bytes(frame[place : place + 4], "big")
                place += 4
        elif tag == 2:
            bits = Bits(frame[place : place + 5])
            bits.unsigned(3)
            speed, course = speed + bits.signed(7), course + bits.signed(7)
            lon, lat = lon + bits.signed(12), lat + bits.signed(11)
            place += 5
        else:
            place += 1
            continue
        points.append((second, speed, course, lon, lat))
    assert place == len(frame) - 6
    return points


def cbor(data: bytes) -> Any:
    """Read one item of CBOR that is all of the data; decimal fractions as `Decimal`."""
    value, place = _cbor(data, 0)
    assert place == len(data)
    return value


def _cbor(data: bytes, place: int) -> tuple[Any, int]:
    major, count = data[place] >> 5, data[place] & 31
    place += 1
    if count >= 24:
        size = 1 << (count - 24)
        count = int.from_bytes(data[place : place + size], "big")
        place += size
    if major == 0:
        return count, place
    if major == 1:
        return -1 - count, place
    if major == 3:
        return data[place : place + count].decode(), place + count
    if major == 6:
        assert count == 4, f"tag {count}"
        (exponent, mantissa), place = _cbor(data, place)
        return Decimal(mantissa).scaleb(exponent), place
    assert major in (4, 5), f"major type {major}"
    items = []
    for _ in range(count * (2 if major == 5 else 1)):
        item, place = _cbor(data, place)
        items.append(item)
    return (dict(zip(items[::2], items[1::2], strict=True)) if major == 5 else items), place


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place
