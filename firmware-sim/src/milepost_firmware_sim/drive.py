"""A delivery drive through a town: from the depot over its stops and back, second by second.

Pure: the same town, seed and wishes give the same drive. What comes out is the truth; what a
receiver makes of it stands in `receiver`.
"""

from dataclasses import dataclass
from random import Random

from milepost_firmware_sim.motion import Motion, State
from milepost_firmware_sim.plane import LonLat, Point
from milepost_firmware_sim.route import Router
from milepost_firmware_sim.town import Town

LOADING_S = 60.0
_DWELL_S = (60.0, 240.0)
_USUAL_STOPS = 8
_MOST_STOPS = 1000


@dataclass(frozen=True, slots=True)
class Visit:
    """One stop of a drive.

    Attributes:
        name: The address.
        place: (longitude, latitude) in degrees.
        arrived_s: When the van came to stand, in seconds after the drive's begin.
        left_s: When it went on.
    """

    name: str
    place: LonLat
    arrived_s: float
    left_s: float


@dataclass(frozen=True, slots=True)
class Drive:
    """What really happened.

    Attributes:
        states: The van once a second, beginning at 0 s.
        visits: Its stops in their order.
    """

    states: tuple[State, ...]
    visits: tuple[Visit, ...]


class DriveError(ValueError):
    """A wish for a drive that cannot be one."""


def drive_through(
    town: Town, seed: int, *, stops: int | None = None, minutes: float | None = None
) -> Drive:
    """Drive from the depot over random addresses and back.

    Args:
        town: Where to drive.
        seed: Chooses addresses and dwell times.
        stops: How many stops; with `minutes` at most so many. 8 with neither.
        minutes: Length of the drive. The van turns home before a stop that would make it late, and
            stands at the depot for what is left.

    Raises:
        DriveError: Fewer than 0 stops, or a length that is not above 0 or above a day.
    """
    if stops is not None and not 0 <= stops <= _MOST_STOPS:
        raise DriveError(f"--stops {stops}: must be 0 to {_MOST_STOPS}")
    if minutes is not None and not 0.0 < minutes <= 1440.0:
        raise DriveError(f"--minutes {minutes:g}: must be above 0 and at most 1440")
    if stops is None:
        stops = _USUAL_STOPS if minutes is None else _MOST_STOPS
    tour = _Tour(town, Random(seed))  # noqa: S311 - a drawing, not a secret
    for _ in range(stops):
        if not tour.visit(None if minutes is None else minutes * 60.0):
            break
    tour.go_home()
    return tour.finished(None if minutes is None else minutes * 60.0)


class _Tour:
    """A drive while it is laid out."""

    def __init__(self, town: Town, random: Random) -> None:
        self._random = random
        self._projection = town.projection
        self._router = Router(town)
        self._here: Point = self._router.gate
        self._ahead: Point = self._router.gate
        # From the gate, where a drive begins, to itself there is no way that it could hold for.
        self._limit_mps = 0.0
        self._parts: list[tuple[float, Motion]] = []
        self._visits: list[Visit] = []
        self._now_s = LOADING_S

    def visit(self, until_s: float | None) -> bool:
        """Drive to one more address and stand there; False where it would end after `until_s`."""
        address = self._router.address(self._random)
        dwell_s = self._random.uniform(*_DWELL_S)
        path = self._router.way(self._here, self._ahead, address, limit_mps=self._limit_mps)
        if not path.limits_mps:
            return True
        motion = Motion(path)
        arrived_s = self._now_s + motion.duration_s
        left_s = arrived_s + dwell_s
        if until_s is not None:
            limit_mps = path.limits_mps[-1]
            home = self._router.way(address.point, path.ahead, None, limit_mps=limit_mps)
            if left_s + Motion(home).duration_s > until_s:
                return False
        self._parts.append((self._now_s, motion))
        place = self._projection.to_degrees(address.point)
        self._visits.append(Visit(address.name, place, arrived_s, left_s))
        self._here, self._ahead, self._now_s = address.point, path.ahead, left_s
        self._limit_mps = path.limits_mps[-1]
        return True

    def go_home(self) -> None:
        """Drive back to the depot."""
        path = self._router.way(self._here, self._ahead, None, limit_mps=self._limit_mps)
        if path.limits_mps:
            motion = Motion(path)
            self._parts.append((self._now_s, motion))
            self._now_s += motion.duration_s

    def finished(self, length_s: float | None) -> Drive:
        """Return the drive second by second, as long as asked, else a minute past the return."""
        end_s = self._now_s + LOADING_S if length_s is None else length_s
        states: list[State] = []
        part = 0
        for second in range(int(end_s) + 1):
            while part + 1 < len(self._parts) and self._parts[part + 1][0] <= second:
                part += 1
            states.append(self._state(part, second))
        return Drive(tuple(states), tuple(self._visits))

    def _state(self, part: int, second: int) -> State:
        if not self._parts:
            return State(self._here, 0.0, 0.0, 0.0)
        begin_s, motion = self._parts[part]
        return motion.at(min(max(second - begin_s, 0.0), motion.duration_s))
