"""Faults of the line itself: bytes that are lost or changed. They come after all others."""

import math
from random import Random

from milepost_firmware_sim.faults.language import Fault
from milepost_firmware_sim.faults.stage import PlayTimes, Stage
from milepost_firmware_sim.faults.uart import heard


class Cut(Stage):
    """The rest of a line is lost; its line end stays."""

    def hit(self, _time_s: float, lines: list[bytes]) -> list[bytes]:
        """Cut some lines at a place of the seed's choice."""
        return [self._cut(line) if self.strikes_line(line) else line for line in lines]

    def _cut(self, line: bytes) -> bytes:
        body = line.rstrip(b"\r\n")
        return body[: self.random.randrange(max(1, len(body)))] + line[len(body) :]


class Glue(Stage):
    """Line ends are lost, so that lines stick together."""

    def hit(self, _time_s: float, lines: list[bytes]) -> list[bytes]:
        """Take the ends off some lines."""
        return [line.rstrip(b"\r\n") if self.strikes_line(line) else line for line in lines]


class Flip(Stage):
    """Single bytes have one bit changed. The share is that of the bytes."""

    def __init__(self, fault: Fault, random: Random, times: PlayTimes) -> None:
        super().__init__(fault, random, times)
        self._spared = self._next()

    def hit(self, _time_s: float, lines: list[bytes]) -> list[bytes]:
        """Flip a bit here and there."""
        return [self._flipped(line) if self._names(line) else line for line in lines]

    def _flipped(self, line: bytes) -> bytes:
        if self._spared >= len(line):
            self._spared -= len(line)
            return line
        changed = bytearray(line)
        while self._spared < len(changed):
            changed[self._spared] ^= 1 << self.random.randrange(8)
            self.hits += 1
            self._spared += 1 + self._next()
        self._spared -= len(changed)
        return bytes(changed)

    def _next(self) -> int:
        """Draw how many bytes are spared before the next one is hit (geometric)."""
        share = self.fault.share
        if share >= 1.0:
            return 0
        if share <= 0.0:
            return 2**62
        return int(math.log(1.0 - self.random.random()) / math.log1p(-share))


class Baud(Stage):
    """The reader listens at another rate than the receiver sends at."""

    def hit(self, _time_s: float, lines: list[bytes]) -> list[bytes]:
        """Return what it hears."""
        self.hits += 1
        return [heard(b"".join(lines), self.fault.sent_baud, self.fault.baud)]
