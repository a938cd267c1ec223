"""A leg of a round, driven: its way, the traffic on it, and what holds the van up.

In flow where the van stands, where it goes and when, out flow its motion and what is to be told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import fsum
from random import Random

from milepost_firmware_sim.day.congestion import Congestion
from milepost_firmware_sim.day.crossing import passes_s
from milepost_firmware_sim.day.driven import Happened
from milepost_firmware_sim.day.hindrances import jammed, way_around, with_break
from milepost_firmware_sim.day.mishaps import Mishap
from milepost_firmware_sim.day.roads import Roads
from milepost_firmware_sim.drive.motion import Motion
from milepost_firmware_sim.path import Path
from milepost_firmware_sim.town.addresses import Address
from milepost_firmware_sim.town.router import Way

BREAK = "break"


@dataclass(frozen=True, slots=True)
class Errand:
    """What a leg is to do, and what is to happen on it.

    Attributes:
        here: Where the van stands.
        way: Where it goes.
        goal: Id of the stop there.
        leaves: When, in the town's own time.
        van: Who drives.
        chance: Gives random numbers for a purpose: the same ones each time.
        delay: There is a jam.
        detour: A street is closed, if there is a way around one.
        rests: The driver takes a break.
    """

    here: Address
    way: Way
    goal: str
    leaves: datetime
    van: str
    chance: Callable[[str], Random]
    delay: bool = False
    detour: bool = False
    rests: bool = False


@dataclass(frozen=True, slots=True)
class Ride:
    """A leg as it is driven.

    Attributes:
        detoured: It led around a closed street.
        happened: Its times are seconds of the leg.
    """

    motion: Motion
    arrival: Address
    lights_s: float
    delay_s: float
    break_s: float
    detoured: bool
    happened: tuple[Happened, ...]


def ride(roads: Roads, congestion: Congestion, errand: Errand) -> Ride:
    """Drive a leg."""
    detour = None
    if errand.detour:
        detour = way_around(roads.town, errand.here, errand.way, errand.chance("closed"))
    way = errand.way if detour is None else detour.way
    calm = path = _slowed(congestion, errand, way)
    jam = jammed(calm, errand.chance("jam")) if errand.delay else None
    if jam is not None:
        path = jam.path
    rest = with_break(path, errand.chance("break")) if errand.rests else None
    if rest is not None:
        path = rest.path
    motion = Motion(path)
    told = list[Happened]()
    if detour is not None:
        direct = _slowed(congestion, errand, errand.way)
        lost_s = _longer_s(calm, direct)
        whole = 0.0, motion.duration_s
        told.append(_told(Mishap.DETOUR.value, errand, whole, lost_s, detour.street))
    delay_s = 0.0
    if jam is not None:
        delay_s = _longer_s(jam.path, calm)
        begin_s, end_s = (passes_s(motion, calm.points[at]) for at in (jam.first, jam.last))
        told.append(_told(Mishap.DELAY.value, errand, (begin_s, end_s), delay_s, jam.street))
    if rest is not None:
        begin_s = passes_s(motion, rest.place)
        between = begin_s, begin_s + rest.seconds
        told.append(_told(BREAK, errand, between, rest.seconds, rest.street))
    lights_s = fsum(wait_s for _, wait_s in calm.halts)
    break_s = 0.0 if rest is None else rest.seconds
    detoured = detour is not None
    return Ride(motion, way.arrival, lights_s, delay_s, break_s, detoured, tuple(told))


def _slowed(congestion: Congestion, errand: Errand, way: Way) -> Path:
    return congestion.slowed(way.path, errand.leaves, errand.van, errand.chance("traffic"))


def _longer_s(path: Path, other: Path) -> float:
    return Motion(path).duration_s - Motion(other).duration_s


def _told(
    kind: str, errand: Errand, between: tuple[float, float], lost_s: float, street: str
) -> Happened:
    return Happened(kind, *between, stop=errand.goal, lost_s=lost_s, street=street)
