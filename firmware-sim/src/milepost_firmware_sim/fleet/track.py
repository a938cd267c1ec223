"""Where vehicles are: a few drives through a drawn town, driven by all at other times and places.

In flow a seed and times, out flow fixes. A fix is a function of its track and its time and of
nothing else: whoever asks twice gets the same one.
"""

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

from milepost_firmware_sim.drive.delivery_round import drive_through
from milepost_firmware_sim.receiver.receiver import Epoch, measure
from milepost_firmware_sim.sentence_sets import FixKind as ReceiverKind
from milepost_firmware_sim.town.generator import generate_town
from milepost_schemas.fix import Fix, FixKind

# Of 2,000 vehicles some 90 share a drive, each at its own place and time of it. Drawing one takes
# 0.3 s.
_MOST_ROUNDS = 24
_STOPS = 3
_FIRST_DAY = datetime(2026, 1, 5, 8, tzinfo=UTC)
# Towns of neighbours lie so far apart, some 500 m; of 20,000 vehicles none is above 0.4 degrees
# from the middle, where a degree of longitude is 0.8 % shorter or longer than in the town.
_SPACING_E6 = 5_000
# What is unknown, in the columns that are never negative: course, HDOP, satellites.
_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Beat:
    """When receivers have fixes: at all whole multiples of a time since 1970.

    Attributes:
        rate_hz: Fixes a second; above 0.
    """

    rate_hz: float

    def instant(self, unix_s: float) -> int:
        """Return the number of the last instant at or before a time."""
        return math.floor(unix_s * self.rate_hz)

    def time_ms(self, instant: int) -> int:
        """Return the time of an instant, Unix milliseconds."""
        return round(instant * 1000 / self.rate_hz)


class Round:
    """One drive as a receiver measured it, once a second, packed.

    In tunnels, where it measured nothing, the place is the true one and the fix an estimated one:
    here it is deliveries that are tested, and every instant has a fix.

    Attributes:
        seconds: Its length.
    """

    def __init__(self, epochs: Iterable[Epoch]) -> None:
        columns = zip(*(_packed(epoch) for epoch in epochs), strict=True)
        self._columns = tuple(array("i", column) for column in columns)
        self.seconds = len(self._columns[0])

    def at(self, second: int) -> list[int]:
        """Return what was measured in a second of the drive, as `_packed` packs it."""
        return [column[second] for column in self._columns]


@dataclass(frozen=True, slots=True)
class Track:
    """The way of one vehicle: a round, again and again.

    Attributes:
        round: The drive.
        phase_ms: How far into it the vehicle is at the beginning of 1970.
        north_e6: How far north of the round it is driven, millionths of a degree.
        east_e6: How far east.
    """

    round: Round
    phase_ms: int
    north_e6: int
    east_e6: int

    def fix(self, time_ms: int) -> Fix:
        """Return the fix at a time (Unix milliseconds); between two seconds it is interpolated."""
        total, rest_ms = divmod(time_ms + self.phase_ms, 1000)
        second = total % self.round.seconds
        values = self.round.at(second)
        if rest_ms:
            after = self.round.at((second + 1) % self.round.seconds)
            values[:4] = [
                one + (other - one) * rest_ms // 1000
                for one, other in zip(values[:4], after[:4], strict=True)
            ]
        lat_e6, lon_e6, altitude_dm, speed_dmps, course_deg, hdop_tenths, satellites, kind = values
        return Fix(
            time_ms=time_ms,
            lat_e6=lat_e6 + self.north_e6,
            lon_e6=lon_e6 + self.east_e6,
            altitude_dm=altitude_dm,
            speed_dmps=speed_dmps,
            course_deg=_known(course_deg),
            hdop_tenths=_known(hdop_tenths),
            satellites=_known(satellites),
            kind=FixKind(kind),
        )


def draw_tracks(seed: int, count: int) -> list[Track]:
    """Draw the ways of so many vehicles.

    The larger the fleet, the more of them share a drive; never are two at the same place of it.
    """
    town = generate_town(seed)
    drives = min(_MOST_ROUNDS, math.ceil(math.sqrt(count) / 2))
    rounds = []
    for number in range(seed, seed + drives):
        drive = drive_through(town, number, stops=_STOPS)
        rounds.append(Round(measure(drive, town.projection, _FIRST_DAY, number)))
    chance = Random(seed)  # noqa: S311 - a drawing, not a secret
    side = math.ceil(math.sqrt(count))
    tracks = []
    for number in range(count):
        row, column = divmod(number, side)
        shared = rounds[number % drives]
        tracks.append(
            Track(
                round=shared,
                phase_ms=1000 * chance.randrange(shared.seconds),
                north_e6=(row - side // 2) * _SPACING_E6,
                east_e6=(column - side // 2) * _SPACING_E6,
            )
        )
    return tracks


def _packed(epoch: Epoch) -> tuple[int, ...]:
    """Put an epoch into whole numbers, in the order and the units of `Fix`."""
    seen, kind = epoch.measured, FixKind.THREE_D
    if seen.kind is not ReceiverKind.SOLID:
        truth, kind = epoch.truth, FixKind.ESTIMATED
        seen = replace(
            seen,
            lat_deg=truth.lat_deg,
            lon_deg=truth.lon_deg,
            altitude_m=truth.altitude_m,
            speed_mps=truth.speed_mps,
            course_deg=truth.course_deg,
            hdop=None,
        )
    return (
        _whole(seen.lat_deg, 1e6),
        _whole(seen.lon_deg, 1e6),
        _whole(seen.altitude_m, 10),
        _whole(seen.speed_mps, 10),
        _UNKNOWN if seen.course_deg is None else round(seen.course_deg) % 360,
        _whole(seen.hdop, 10),
        _whole(seen.satellites, 1),
        kind,
    )


def _whole(value: float | None, steps: float) -> int:
    return _UNKNOWN if value is None else round(value * steps)


def _known(value: int) -> int | None:
    return None if value == _UNKNOWN else value
