"""Faults on the way between receiver and reader that lose, repeat, move or add whole lines."""

import re
from datetime import UTC, datetime
from itertools import zip_longest

from milepost_firmware_sim.faults.fix_faults import moved_place
from milepost_firmware_sim.faults.stage import Stage
from milepost_firmware_sim.sentence import find_sentence, position_of
from milepost_firmware_sim.sentence_sets import Measured, epoch_sentences

_NEIGHBOUR_M = 30.0
_NEIGHBOUR_DEG = 90.0
_CHECKSUM = re.compile(rb"\*[0-9A-Fa-f]{2}(?=[\r\n]*\Z)")
_UBX_SYNC = b"\xb5\x62"
# Classes and messages that receivers send unasked, with the length of their payloads:
# NAV-PVT, NAV-STATUS, NAV-SAT of four satellites, MON-HW, RXM-SFRBX.
_UBX_MESSAGES = ((0x01, 0x07, 92), (0x01, 0x03, 16), (0x01, 0x35, 56), (0x0A, 0x09, 60),
                 (0x02, 0x13, 48))  # fmt: skip


class Drop(Stage):
    """Lines are lost."""

    def hit(self, _time_s: float, lines: list[bytes]) -> list[bytes]:
        """Leave some out."""
        return [line for line in lines if not self.strikes_line(line)]


class Duplicate(Stage):
    """Lines come twice."""

    def hit(self, _time_s: float, lines: list[bytes]) -> list[bytes]:
        """Repeat some."""
        return [one for line in lines for one in [line] * (2 if self.strikes_line(line) else 1)]


class NoChecksum(Stage):
    """Lines come without their checksum."""

    def hit(self, _time_s: float, lines: list[bytes]) -> list[bytes]:
        """Take it off."""
        return [_CHECKSUM.sub(b"", line) if self.strikes_line(line) else line for line in lines]


class Swap(Stage):
    """A line comes after the one behind it, be that in the next epoch."""

    _held: bytes | None = None

    def hit(self, _time_s: float, lines: list[bytes]) -> list[bytes]:
        """Hold some lines back for the length of one."""
        passed: list[bytes] = []
        for line in lines:
            if self._held is not None:
                passed += [line, self._held]
                self._held = None
            elif self.strikes_line(line):
                self._held = line
            else:
                passed.append(line)
        return passed

    def spare(self, lines: list[bytes]) -> list[bytes]:
        """Let go what is held."""
        if self._held is None or not lines:
            return lines
        held, self._held = self._held, None
        return [lines[0], held, *lines[1:]]

    def finish(self) -> list[bytes]:
        """Let go what is held."""
        return [] if self._held is None else [self._held]


class Binary(Stage):
    """Frames of u-blox's binary protocol (UBX) between the lines, with right checksums."""

    def hit(self, _time_s: float, lines: list[bytes]) -> list[bytes]:
        """Put a frame behind some lines."""
        mixed: list[bytes] = []
        for line in lines:
            mixed.append(line)
            if self.strikes_line(line):
                mixed.append(self._frame())
        return mixed

    def _frame(self) -> bytes:
        group, message, size = self.random.choice(_UBX_MESSAGES)
        body = bytes((group, message)) + size.to_bytes(2, "little") + self.random.randbytes(size)
        one = other = 0
        for byte in body:
            one = (one + byte) & 0xFF
            other = (other + one) & 0xFF
        return _UBX_SYNC + body + bytes((one, other))


class SecondReceiver(Stage):
    """Another receiver's sentences between ours, as where two lines meet in one."""

    def hit(self, time_s: float, lines: list[bytes]) -> list[bytes]:
        """Mix the lines, one by one."""
        other = self._sentences(time_s, lines)
        self.hits += bool(other)
        return [line for pair in zip_longest(lines, other) for line in pair if line is not None]

    def _sentences(self, time_s: float, lines: list[bytes]) -> list[bytes]:
        """Return what the neighbour says of the epoch; nothing where ours has no fix."""
        found = (find_sentence(line) for line in lines)
        place = next((at for one in found if one and (at := position_of(one))), None)
        if place is None:
            return []
        lat_deg, lon_deg = moved_place(
            place.lat_deg,
            place.lon_deg,
            _NEIGHBOUR_M if self.fault.distance_m is None else self.fault.distance_m,
            _NEIGHBOUR_DEG if self.fault.direction_deg is None else self.fault.direction_deg,
        )
        measured = Measured(
            time=datetime.fromtimestamp(round(self.times.first_fix_s + time_s, 3), UTC),
            lon_deg=lon_deg,
            lat_deg=lat_deg,
            altitude_m=None,
            speed_mps=None,
            course_deg=None,
            satellites=None,
            hdop=None,
        )
        return epoch_sentences(measured, self.fault.receiver).splitlines(keepends=True)
