"""Parked on the edge of a fence: noise as receivers make it, for tests and for a table of rates."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from milepost_schemas.fix import KeptFix
from tests.collector.engine_tracks import at, place, square, track
from tests.collector.fences import circle, corridor, polygon

EDGE_M = 100.0
HOUR_S = 3600

# Fences whose edge lies 100 m east of the origin.
FENCES: dict[str, Callable[[], dict[str, Any]]] = {
    "circle": lambda: circle("fence", at(0, 0), EDGE_M),
    "polygon": lambda: polygon("fence", square(EDGE_M)),
    "corridor": lambda: corridor("fence", [place(0, -900), place(0, 900)], 2 * EDGE_M),
}


@dataclass(frozen=True, slots=True)
class Noise:
    """How a receiver errs, in each of both directions.

    Attributes:
        sigma_m: Of a Gaussian error.
        within_m: Of a uniform error to both sides, instead.
        lasts_s: Over so long the correlation of the errors (a Gauss-Markov process) falls to 1/e;
            0: those of one second and the next have nothing to do with one another.
    """

    sigma_m: float = 0.0
    within_m: float = 0.0
    lasts_s: float = 0.0

    def errors_m(self, chances: random.Random) -> Iterator[float]:
        """Make one error a second."""
        last = chances.gauss(0, 1)
        keeps = math.exp(-1 / self.lasts_s) if self.lasts_s else 0.0
        while True:
            if self.within_m:
                yield chances.uniform(-self.within_m, self.within_m)
            else:
                last = keeps * last + math.sqrt(1 - keeps * keeps) * chances.gauss(0, 1)
                yield last * self.sigma_m


NOISES = {
    "uniform 15": Noise(within_m=15),
    "gauss 7.5": Noise(sigma_m=7.5),
    "gauss 15": Noise(sigma_m=15),
    "gauss 7.5, 60 s": Noise(sigma_m=7.5, lasts_s=60),
    "gauss 15, 60 s": Noise(sigma_m=15, lasts_s=60),
}


@dataclass(frozen=True, slots=True)
class Parking:
    """An hour in one place.

    Attributes:
        beyond_m: How far outside the edge; negative: inside.
        noise: How the receiver errs.
        hdop_tenths: What it says of its dilution; None: nothing.
        says_speed: It says that it hardly moves; else no speed.
        arrives: It comes from afar and leaves again, instead of being there at first and at last.
    """

    beyond_m: float
    noise: Noise
    hdop_tenths: int | None = None
    says_speed: bool = True
    arrives: bool = True

    def fixes(self, seed: int) -> list[KeptFix]:
        """Make the fixes, one a second."""
        chances = random.Random(seed)
        east, north = (self.noise.errors_m(chances) for _ in range(2))
        middle_m = EDGE_M + self.beyond_m
        made = []
        way_s = 40 if self.arrives else 0
        for second in range(-way_s, HOUR_S + way_s):
            driven_s = max(-second, second - HOUR_S, 0)
            x_m = middle_m + 10 * driven_s
            speed = 100 if driven_s else chances.choice([0, 0, 0, 1, 2, 4])
            measured = {
                "hdop_tenths": self.hdop_tenths,
                "speed_dmps": speed if self.says_speed else None,
            }
            made.append(at(second + way_s, x_m + next(east), next(north), **measured))
        return track(*made)
