"""A delivery round through a town: from the depot over its stops and back.

In flow a town, a seed and wishes, out flows a drive.
"""

from collections.abc import Sequence
from random import Random

from milepost_firmware_sim.drive.drive import Drive, DriveError, Layout
from milepost_firmware_sim.drive.motion import Motion
from milepost_firmware_sim.drive.parking import Parking, parked_at
from milepost_firmware_sim.town.addresses import Address, AddressBook
from milepost_firmware_sim.town.router import GROUND_M, Router
from milepost_firmware_sim.town.town import Town
from milepost_firmware_sim.town.traffic import Traffic

LOADING_S = 60.0
DWELL_S = (60.0, 240.0)
_USUAL_STOPS = 8
_MOST_STOPS = 1000


def drive_through(
    town: Town,
    seed: int,
    *,
    stops: int | None = None,
    minutes: float | None = None,
    parkings: Sequence[Parking] = (),
) -> Drive:
    """Drive from the depot over random addresses and back.

    Args:
        town: Where to drive.
        seed: Chooses addresses, dwell times, and red lights.
        stops: How many stops; with `minutes` at most so many. 8 with neither.
        minutes: Length of the drive, without parking. The van turns home before a stop that would
            make it late, and stands at the depot for what is left.
        parkings: Where it stands longer, with its engine off.

    Raises:
        DriveError: Fewer than 0 stops, or a length that is not above 0 or above a day.
    """
    if stops is not None and not 0 <= stops <= _MOST_STOPS:
        raise DriveError(f"--stops {stops}: must be 0 to {_MOST_STOPS}")
    if minutes is not None and not 0.0 < minutes <= 1440.0:
        raise DriveError(f"--minutes {minutes:g}: must be above 0 and at most 1440")
    if stops is None:
        stops = _USUAL_STOPS if minutes is None else _MOST_STOPS
    tour = _Tour(town, seed, parkings)
    for _ in range(stops):
        if not tour.visit(None if minutes is None else minutes * 60.0):
            break
    return tour.finished(None if minutes is None else minutes * 60.0)


class _Tour:
    """A round while it is laid out."""

    def __init__(self, town: Town, seed: int, parkings: Sequence[Parking]) -> None:
        self._random = Random(seed)  # noqa: S311 - a drawing, not a secret
        self._seed = seed
        self._parkings = parkings
        self._book = AddressBook(town)
        self._router = Router(town)
        self._traffic = Traffic(town)
        self._here = self._book.depot
        self._layout = Layout(town.projection, self._here.name, self._here.point, GROUND_M)
        self._stops = 0
        self._parked_s = 0.0
        self._home: tuple[Motion, Address] | None = None
        self._layout.stand(LOADING_S)
        self._park("begin")

    def visit(self, until_s: float | None) -> bool:
        """Drive to one more address and stand there; False where it would end after `until_s`."""
        address = self._book.draw(self._random)
        dwell_s = self._random.uniform(*DWELL_S)
        leg = self._leg(self._here, address, "there")
        if leg is None:
            return True
        motion, arrival = leg
        home = None
        if until_s is not None:
            home = self._leg(arrival, self._book.depot, "home")
            spent_s = motion.duration_s + dwell_s + (home[0].duration_s if home else 0.0)
            if self._layout.now_s - self._parked_s + spent_s > until_s:
                return False
        self._layout.drive(motion, arrival.name, arrival.point)
        self._layout.stand(dwell_s)
        self._here, self._home = arrival, home
        self._stops += 1
        self._park(self._stops)
        return True

    def finished(self, length_s: float | None) -> Drive:
        """Drive back to the depot, and stand there for what is left, or a minute."""
        home = self._home or self._leg(self._here, self._book.depot, "home")
        if home is not None:
            self._layout.drive(home[0], home[1].name, home[1].point)
        driven_s = self._layout.now_s - self._parked_s
        self._layout.stand(LOADING_S if length_s is None else length_s - driven_s)
        self._park("end")
        for parking in self._parkings:
            parking.check(self._stops)
        return self._layout.finished()

    def _leg(self, start: Address, goal: Address, kind: str) -> tuple[Motion, Address] | None:
        way = self._router.way(start, goal, turned=False)
        if way is None:
            return None
        # Of its own random numbers, so that the way home is the same whenever it is asked for.
        name = f"{kind} {self._seed} {self._stops} {goal.name}"
        path = self._traffic.with_halts(way.path, Random(name))  # noqa: S311 - a drawing
        return Motion(path), way.arrival

    def _park(self, where: str | int) -> None:
        seconds = parked_at(self._parkings, where)
        if seconds > 0.0:
            self._layout.park(seconds)
            self._parked_s += seconds
