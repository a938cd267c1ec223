"""Listening: which language a line of bytes speaks, and at which rate to hear it. Pure.

In flow bytes in which no NMEA sentence was found; out flows what they are instead, as soon as it
can be told. A wrong rate is told by bytes that are no text; right binary by its own checksums.
"""

import re
from collections.abc import Callable
from enum import StrEnum

# Likely rates first: the default of most receivers, then of u-blox M10 and newer, then the rest.
BAUDS = (9600, 115200, 38400, 4800, 57600, 19200, 230400, 460800, 921600)

# A receiver of 1 Hz says all it has to say in a second.
TRY_S = 1.2
# Each vain round listens longer at each rate, for receivers that speak seldom.
_TRY_GROWS = 1.5
_LONGEST_TRY_S = 6.0

_ENOUGH_BYTES = 128
# What is worth judging at once: the longest frame of any of these languages, and some more.
HEARD_BYTES = 2048
_TEXT_SHARE = 0.8
_TEXT = bytes(range(0x20, 0x7F)) + b"\r\n\t"

_UNCHECKED = re.compile(rb"\$[A-Z]{2}[A-Z]{3},[ -)+-~]*\r?\n")
_UNCHECKED_LINES = 2
_GPSD = re.compile(rb'\{"class": ?"[A-Z]+"')
_LONGEST_PAYLOAD = 1023


class Speech(StrEnum):
    """What bytes are that are not NMEA sentences."""

    GPSD = "gpsd"
    UBX = "UBX binary"
    SIRF = "SiRF binary"
    RTCM = "RTCM corrections"
    UNCHECKED = "NMEA without checksums"
    GARBAGE = "garbage"


def judge(data: bytes) -> Speech | None:
    """Return what bytes are; None while it cannot be told.

    Args:
        data: What came at one rate, without a pause in reading; holds no NMEA sentence.
    """
    if _GPSD.search(data):
        return Speech.GPSD
    may_be_frame = False
    for lead, is_frame, speech in _FRAMES:
        at = data.find(lead)
        while at >= 0:
            verdict = is_frame(data, at)
            if verdict:
                return speech
            may_be_frame = may_be_frame or verdict is None
            at = data.find(lead, at + 1)
    if len(_UNCHECKED.findall(data)) >= _UNCHECKED_LINES:
        return Speech.UNCHECKED
    if len(data) < _ENOUGH_BYTES or (may_be_frame and len(data) < HEARD_BYTES):
        return None
    text_share = 1 - len(data.translate(None, _TEXT)) / len(data)
    if text_share >= _TEXT_SHARE and len(data) < HEARD_BYTES:
        return None
    # Text alone is no binary, as far as one can tell: also a wrong rate may look like it.
    return Speech.GARBAGE


# Each checks a frame at a place of the data; None: its end has not come.


def _is_ubx(data: bytes, at: int) -> bool | None:
    """Check a frame of u-blox (u-blox M8 receiver description, 32.2 and 32.4)."""
    size = int.from_bytes(data[at + 4 : at + 6], "little")
    body, written = data[at + 2 : at + 6 + size], data[at + 6 + size : at + 8 + size]
    if len(written) < 2:
        return None if size <= _LONGEST_PAYLOAD else False
    first = second = 0
    for byte in body:
        first = (first + byte) & 0xFF
        second = (second + first) & 0xFF
    return written == bytes((first, second))


def _is_sirf(data: bytes, at: int) -> bool | None:
    """Check a frame of SiRF (SiRF Binary Protocol Reference Manual, chapter 2)."""
    size = int.from_bytes(data[at + 2 : at + 4], "big")
    payload, tail = data[at + 4 : at + 4 + size], data[at + 4 + size : at + 8 + size]
    if size > _LONGEST_PAYLOAD:
        return False
    if len(tail) < 4:
        return None
    return tail == (sum(payload) & 0x7FFF).to_bytes(2, "big") + b"\xb0\xb3"


def _is_rtcm(data: bytes, at: int) -> bool | None:
    """Check a frame of RTCM 3 (RTCM 10403.3, section 4, with the CRC-24Q of Qualcomm)."""
    size = int.from_bytes(data[at + 1 : at + 3], "big")
    frame, written = data[at : at + 3 + size], data[at + 3 + size : at + 6 + size]
    if size > _LONGEST_PAYLOAD:
        return False
    if len(written) < 3:
        return None
    crc = 0
    for byte in frame:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return written == crc.to_bytes(3, "big")


_FRAMES: tuple[tuple[bytes, Callable[[bytes, int], bool | None], Speech], ...] = (
    (b"\xb5\x62", _is_ubx, Speech.UBX),
    (b"\xa0\xa2", _is_sirf, Speech.SIRF),
    (b"\xd3", _is_rtcm, Speech.RTCM),
)


class RateSearch:
    """Which rate to listen at.

    Args:
        bauds: The rates to try in turn, one or more; the last good one will be the first.

    Attributes:
        baud: The rate to listen at now.
        is_over: There is nothing to search: the rate is known to be good, or the only one.
    """

    def __init__(self, bauds: tuple[int, ...]) -> None:
        self._bauds = bauds
        self._index = 0
        self.baud = bauds[0]
        self.try_s = TRY_S
        self.is_over = self.is_fixed

    @property
    def is_fixed(self) -> bool:
        """Whether there is one rate only."""
        return len(self._bauds) == 1

    def next(self) -> bool:
        """Go to the next rate; return whether all have been tried, and a new round begins."""
        self.is_over = self.is_fixed
        self._index = (self._index + 1) % len(self._bauds)
        self.baud = self._bauds[self._index]
        if self._index == 0:
            self.try_s = min(self.try_s * _TRY_GROWS, _LONGEST_TRY_S)
        return self._index == 0

    def found(self) -> None:
        """Take that the rate is right."""
        self.is_over = True
        self.try_s = TRY_S
        self._bauds = (self.baud, *(baud for baud in self._bauds if baud != self.baud))
        self._index = 0
