"""Where a van is parked, and how long: what people type, read."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from milepost_firmware_sim.drive.drive import DriveError

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|min|h)?")
_UNIT_S = {None: 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_LONGEST_S = 7 * 86_400.0
_BEGIN, _END = "begin", "end"


@dataclass(frozen=True, slots=True)
class Parking:
    """A time of standing with the engine off.

    Attributes:
        seconds: How long.
        where: `begin`, `end`, or the number of a stop, from 1.
    """

    seconds: float
    where: str | int

    def check(self, stops: int) -> None:
        """Refuse a stop that the drive does not have.

        Raises:
            DriveError: It has only `stops`.
        """
        if isinstance(self.where, int) and not 1 <= self.where <= stops:
            raise DriveError(f"--park {self.seconds:g}s@{self.where}: the drive has {stops} stops")


def parse_parking(text: str) -> Parking:
    """Read `600s`, `8h@begin`, `30m@2` (after the dwell at the second stop).

    Raises:
        DriveError: It is something else.
    """
    duration, _, where = text.partition("@")
    seconds = parse_duration(duration)
    if seconds is None:
        raise DriveError(f"--park {text}: not a time such as 600s, 30m or 8h, at most 7 days")
    if where in ("", _END, _BEGIN):
        return Parking(seconds, where or _END)
    if not (where.isascii() and where.isdigit()):
        raise DriveError(f"--park {text}: after @ comes begin, end or the number of a stop")
    return Parking(seconds, int(where))


def parse_duration(text: str) -> float | None:
    """Read `90`, `90s`, `1.5m` or `8h` as seconds, up to 7 days; None where it is no time."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    seconds = float(match[1]) * _UNIT_S[match[2]]
    return seconds if seconds <= _LONGEST_S else None


def parked_at(parkings: Iterable[Parking], where: str | int) -> float:
    """Return how many seconds a van is parked at the begin, the end or a stop."""
    return math.fsum(one.seconds for one in parkings if one.where == where)
