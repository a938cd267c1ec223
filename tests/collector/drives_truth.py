"""Recorded drives of which the truth is known: when they were in which fence, where they stood."""

import gzip
import json
import math
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from milepost_collector.engine import Fence
from milepost_collector.engine.shape import Shape
from milepost_schemas.fix import Fix, KeptFix, milliseconds
from milepost_schemas.tracks.fixes import read_fixes
from tests.agent.line import RECORDED

# The mean radius of the Earth (IUGG); the truth was measured on this sphere.
_EARTH_M = 6_371_008.8

# A receiver that says less stands.
_STANDS_MPS = 0.5


@dataclass(frozen=True, slots=True)
class Visit:
    """A stay in a fence; each end lies between two instants, milliseconds since 1970.

    Attributes:
        enter: None at first: the recording begins inside.
        exit: None at last: it ends inside.
    """

    enter: tuple[int | None, int | None]
    exit: tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class KnownFence:
    """A circle and the stays in it; not clean: the track comes near its edge."""

    fence: Fence
    clean: bool
    visits: tuple[Visit, ...]

    def crossings(self) -> list[tuple[str, tuple[int | None, int | None]]]:
        """The crossings in order, each with its instants."""
        ends = [
            end
            for visit in self.visits
            for end in (("fence.entered", visit.enter), ("fence.exited", visit.exit))
        ]
        return [end for end in ends if end[1][1] is not None]


@dataclass(frozen=True, slots=True)
class Stop:
    """A time at one place."""

    start_ms: int
    end_ms: int
    lat_deg: float
    lon_deg: float


@dataclass(frozen=True, slots=True)
class Drive:
    """A recording and its truth."""

    name: str
    fixes: list[KeptFix]
    fences: tuple[KnownFence, ...]
    stops: tuple[Stop, ...]
    path_m: float

    def way_m(self) -> tuple[float, float]:
        """Least and most of what it drove.

        The path of the truth less the steps at stops at which the receiver itself says that it
        stands: jitter. Where the receiver says no speed, what is within stops may be either.
        """
        jitter_m, unknown_m = 0.0, 0.0
        for before, after in pairwise(each.fix for each in self.fixes):
            if not any(
                s.start_ms <= before.time_ms and after.time_ms <= s.end_ms for s in self.stops
            ):
                continue
            if after.speed_mps is None:
                unknown_m += apart_m(before, after)
            elif after.speed_mps < _STANDS_MPS:
                jitter_m += apart_m(before, after)
        return self.path_m - jitter_m - unknown_m, self.path_m - jitter_m


def apart_m(a: Fix | Stop, b: Fix | Stop) -> float:
    """How far two places are from one another on the sphere (haversine), metres."""
    lat_a, lon_a, lat_b, lon_b = map(math.radians, (a.lat_deg, a.lon_deg, b.lat_deg, b.lon_deg))
    chord = math.sin((lat_b - lat_a) / 2) ** 2
    chord += math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * _EARTH_M * math.asin(math.sqrt(chord))


def recorded(path: Path) -> list[KeptFix]:
    """Read the first track of a recorded file of any kind."""
    track = read_fixes(gzip.decompress(path.read_bytes()))[0]
    pairs = zip(track.fixes, track.holes, strict=True)
    return [KeptFix(seq, fix, hole=hole) for seq, (fix, hole) in enumerate(pairs, 1)]


def names() -> list[str]:
    """The drives that have a truth of fences; none where the data is absent."""
    found = (path.name.removesuffix(".json.gz") for path in RECORDED.glob("truth/*.json.gz"))
    return sorted(name for name in found if not name.endswith("_arrivals"))


@cache
def drive(name: str) -> Drive:
    """Read a recording and its truth."""
    truth = json.loads(gzip.decompress((RECORDED / f"truth/{name}.json.gz").read_bytes()))
    (path,) = (path for kind in ("drives", "gpx") for path in RECORDED.glob(f"{kind}/{name}.*"))
    return Drive(
        name,
        recorded(path),
        tuple(_fence(each) for each in truth["fences"]),
        tuple(_stop(each) for each in truth["stops"]),
        truth["path_m"],
    )


def _fence(told: dict[str, Any]) -> KnownFence:
    fence = Fence(told["id"], Shape.circle(told["lat"], told["lon"], told["radius_m"]))
    visits = tuple(Visit(_span(each["enter"]), _span(each["exit"])) for each in told["visits"])
    return KnownFence(fence, told["clean"], visits)


def _stop(told: dict[str, Any]) -> Stop:
    return Stop(time_ms(told["start"]), time_ms(told["end"]), told["lat"], told["lon"])


def _span(told: list[str | None]) -> tuple[int | None, int | None]:
    first, last = (None if each is None else time_ms(each) for each in told)
    return first, last


def time_ms(text: str) -> int:
    """Read RFC 3339."""
    return milliseconds(datetime.fromisoformat(text))
