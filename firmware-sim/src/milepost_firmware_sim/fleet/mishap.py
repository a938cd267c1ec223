"""Who restarts, who loses the link, and when: drawn before the run, the same for a seed. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from random import Random

_DOWN_S = (1.0, 4.0)
# An outage begins and lasts between these shares of the run.
_BEGINS = (0.1, 0.5)
_LASTS = (0.1, 0.4)


class Kind(Enum):
    """What happens to a vehicle."""

    CRASH = "the agent is killed and starts again"
    OUTAGE = "the link is cut and comes back"


@dataclass(frozen=True, slots=True)
class Mishap:
    """One mishap of one vehicle.

    Attributes:
        vehicle: Its place in the fleet, from 0.
        begin_s: Seconds after the begin of the run.
        end_s: When all is well again; within the run.
    """

    vehicle: int
    kind: Kind
    begin_s: float
    end_s: float


def draw_mishaps(
    seed: int, vehicles: int, seconds: float, *, offline_share: float, crashes_per_hour: float
) -> list[Mishap]:
    """Draw the mishaps of a run.

    Args:
        seed: Chooses them.
        vehicles: How many there are.
        seconds: How long the run is.
        offline_share: This share of the vehicles loses its link once; 0 to 1.
        crashes_per_hour: Of each vehicle, on average; 0 or more.
    """
    chance = Random(f"mishaps {seed}")  # noqa: S311 - a drawing, not a secret
    outages = chance.sample(range(vehicles), round(offline_share * vehicles))
    mishaps = [_outage(vehicle, seconds, chance) for vehicle in outages]
    if crashes_per_hour > 0:
        for vehicle in range(vehicles):
            mishaps += _crashes(vehicle, seconds, crashes_per_hour / 3600, chance)
    return mishaps


def _outage(vehicle: int, seconds: float, chance: Random) -> Mishap:
    begin_s = seconds * chance.uniform(*_BEGINS)
    return Mishap(vehicle, Kind.OUTAGE, begin_s, begin_s + seconds * chance.uniform(*_LASTS))


def _crashes(vehicle: int, seconds: float, per_s: float, chance: Random) -> Iterator[Mishap]:
    """Crashes are as likely at one moment as at any other: a Poisson process."""
    begin_s = chance.expovariate(per_s)
    while (end_s := begin_s + chance.uniform(*_DOWN_S)) < seconds:
        yield Mishap(vehicle, Kind.CRASH, begin_s, end_s)
        begin_s = end_s + chance.expovariate(per_s)
