"""A drive: where a van is at any instant, where it stood, and when it was below the ground.

What is here is the truth; what a receiver makes of it stands in `receiver`. Pure: the same town,
seed and wishes give the same drive.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass

from milepost_firmware_sim.drive.motion import Motion, State
from milepost_firmware_sim.path import Stretch, Surroundings
from milepost_firmware_sim.plane import LonLat, Point, Projection


class DriveError(ValueError):
    """A wish for a drive that cannot be one."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A place where the van stood on purpose.

    Attributes:
        name: The address, or latitude and longitude.
        place: (longitude, latitude) in degrees.
        arrived_s: When it came to stand, seconds after the drive's begin; None where the drive
            begins.
        left_s: When it went on; None where the drive ends.
        parked: From when to when its engine was off; None where it was running all the time.
    """

    name: str
    place: LonLat
    arrived_s: float | None
    left_s: float | None
    parked: tuple[float, float] | None = None

    def holds(self, time_s: float) -> bool:
        """Say whether the van stands here at a time of the drive."""
        return (self.arrived_s or 0.0) <= time_s and (self.left_s is None or time_s <= self.left_s)


@dataclass(frozen=True, slots=True)
class Drive:
    """What really happened.

    Attributes:
        legs: What was driven, in order, and when each leg began.
        stays: Where it stood on purpose: where the drive began, the stops, where it ended.
        duration_s: How long it lasted.
        rest: The van before its first leg.
        underground: When it had no sky, wherever it was: (begin, end) in seconds.
    """

    legs: tuple[tuple[float, Motion], ...]
    stays: tuple[Visit, ...]
    duration_s: float
    rest: State
    underground: tuple[tuple[float, float], ...] = ()

    @property
    def visits(self) -> tuple[Visit, ...]:
        """Return the stops between the begin and the end."""
        return self.stays[1:-1]

    @property
    def length_m(self) -> float:
        """Return how far was driven."""
        return math.fsum(motion.length_m for _, motion in self.legs)

    @property
    def states(self) -> tuple[State, ...]:
        """Return the van once a second, beginning at 0 s."""
        return tuple(self.at(float(second)) for second in range(math.floor(self.duration_s) + 1))

    def at(self, time_s: float) -> State:
        """Return the van at a time, in seconds after the begin."""
        number = bisect_right(self.legs, time_s, key=lambda leg: leg[0]) - 1
        if number < 0:
            return self.rest
        begin_s, motion = self.legs[number]
        return motion.at(time_s - begin_s)

    def stay(self, time_s: float) -> Visit | None:
        """Return where it stands on purpose at a time; None on the way, and at a red light."""
        number = bisect_right(self.stays, time_s, key=lambda stay: stay.arrived_s or 0.0) - 1
        return self.stays[number] if self.stays[number].holds(time_s) else None

    def in_tunnel(self, state: State, time_s: float) -> bool:
        """Say whether there is no sky above the van."""
        if state.stretch.surroundings is Surroundings.TUNNEL:
            return True
        return any(begin_s <= time_s < end_s for begin_s, end_s in self.underground)


class Layout:
    """A drive while it is laid out: it stands, drives a leg, stands again.

    Attributes:
        now_s: The end of what is laid out.
    """

    def __init__(self, projection: Projection, name: str, start: Point, altitude_m: float) -> None:
        self._projection = projection
        self._legs: list[tuple[float, Motion]] = []
        self._stays: list[Visit] = []
        self._arrived_s: float | None = None
        self._parked: tuple[float, float] | None = None
        self._name, self._point, self._altitude_m = name, start, altitude_m
        self.now_s = 0.0

    def stand(self, seconds: float) -> None:
        """Stand where the van is, with its engine idling."""
        self.now_s += seconds

    def park(self, seconds: float) -> None:
        """Stand where the van is, with its engine off."""
        begin_s = self.now_s if self._parked is None else self._parked[0]
        self.now_s += seconds
        self._parked = begin_s, self.now_s

    def drive(self, motion: Motion, name: str, end: Point) -> None:
        """Drive a leg to the next place."""
        self._stays.append(self._stay(self.now_s))
        self._legs.append((self.now_s, motion))
        self.now_s += motion.duration_s
        self._arrived_s, self._parked = self.now_s, None
        self._name, self._point = name, end

    def finished(self) -> Drive:
        """Return the drive."""
        if self._legs:
            rest = self._legs[0][1].at(0.0)
        else:
            rest = State(self._point, 0.0, 0.0, self._altitude_m, Stretch(0.0))
        return Drive(tuple(self._legs), (*self._stays, self._stay(None)), self.now_s, rest)

    def _stay(self, left_s: float | None) -> Visit:
        place = self._projection.to_degrees(self._point)
        return Visit(self._name, place, self._arrived_s, left_s, self._parked)
