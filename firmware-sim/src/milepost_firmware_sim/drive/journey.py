"""A drive between places of a town, along its streets.

In flow a town and places, out flows an itinerary.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from milepost_firmware_sim.drive.delivery_round import DWELL_S
from milepost_firmware_sim.drive.drive import DriveError
from milepost_firmware_sim.drive.itinerary import READY_S, Itinerary, Leg
from milepost_firmware_sim.drive.wishes import Wish
from milepost_firmware_sim.path import Path
from milepost_firmware_sim.town.addresses import Address, AddressBook
from milepost_firmware_sim.town.places import find_place
from milepost_firmware_sim.town.router import Router
from milepost_firmware_sim.town.town import Town, TownError
from milepost_firmware_sim.town.traffic import Traffic


def journey(town: Town, seed: int, wishes: Sequence[Wish]) -> Itinerary:
    """Plan the quickest way over places, in their order.

    Args:
        town: Where to drive.
        seed: Draws red lights, and how long to stand at stops that do not say it.
        wishes: The begin, stops and places to pass, and the end.

    Raises:
        DriveError: A place is not in the town, or there is no way to go.
    """
    book = AddressBook(town)
    places = [_found(book, wish) for wish in wishes]
    random = Random(f"journey {seed}")  # noqa: S311 - a drawing, not a secret
    planner = _Planner(town, random, places[0])
    first, *stops, last = wishes
    for wish, place in zip(stops, places[1:-1], strict=True):
        planner.go(wish, place)
        drawn_s = random.uniform(*DWELL_S)
        dwell_s = drawn_s if wish.dwell_s is None else wish.dwell_s
        if dwell_s > 0.0:
            planner.stop(dwell_s)
    planner.go(last, places[-1])
    planner.stop(READY_S if last.dwell_s is None else last.dwell_s)
    ready_s = READY_S if first.dwell_s is None else first.dwell_s
    return Itinerary(town.projection, places[0].name, ready_s, tuple(planner.legs))


class _Planner:
    """An itinerary while it is planned."""

    def __init__(self, town: Town, random: Random, start: Address) -> None:
        self._router, self._traffic = Router(town), Traffic(town)
        self._random = random
        self._here = start
        self._turned = True
        self._open: list[Path] = []
        self.legs: list[Leg] = []

    def go(self, wish: Wish, place: Address) -> None:
        """Lead the way on to a place."""
        way = self._router.way(self._here, place, turned=self._turned)
        if way is None:
            raise DriveError(f"{wish.option} {wish.place}: the van is there already")
        self._open.append(way.path)
        self._here, self._turned = way.arrival, False

    def stop(self, dwell_s: float) -> None:
        """End a leg where the way has led."""
        path = self._traffic.with_halts(_joined(self._open), self._random)
        self.legs.append(Leg(path, self._here.name, dwell_s))
        self._open = []


def _joined(paths: Sequence[Path]) -> Path:
    """Drive one path after the other without a stop."""
    whole = paths[0]
    for path in paths[1:]:
        whole = replace(
            whole,
            points=whole.points + path.points[1:],
            stretches=whole.stretches + path.stretches,
            altitudes_m=whole.altitudes_m + path.altitudes_m[1:],
        )
    return whole


def _found(book: AddressBook, wish: Wish) -> Address:
    try:
        return find_place(book, wish.place)
    except TownError as error:
        raise wish.told(error) from None
